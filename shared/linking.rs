//! The build script of both programs: leaves the tables for unwinding the stack out of what is released for Linux.
//!
//! A release aborts on a panic (Cargo.toml), so that nothing reads these tables: they are an eighth of the program, and the index of
//! them (`.eh_frame_hdr`) is another 116 KiB. What is lost is the stack in a debugger, of a program without symbols.

use std::path::PathBuf;
use std::process::Command;

/// Leaves out all tables but those of the C runtime's own start and end, which name each other. GNU ld and lld know the form.
const SCRIPT: &str =
    "SECTIONS { /DISCARD/ : { *(EXCLUDE_FILE(*crtbegin*.o *crtend*.o) .eh_frame) } } INSERT AFTER .text;\n";

fn main() {
    println!("cargo::rerun-if-changed=../shared/linking.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|own| own == value);
    if !(is("CARGO_CFG_TARGET_OS", "linux") && is("PROFILE", "release")) {
        return;
    }
    let linker = std::env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let is_lld = linker.ends_with("lld");
    let flag = "--no-eh-frame-hdr";
    match is_lld {
        true => println!("cargo::rustc-link-arg-bins={flag}"),
        false => println!("cargo::rustc-link-arg-bins=-Wl,{flag}"),
    }
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let script = out.join("without-tables.ld");
    if std::fs::write(&script, SCRIPT).is_ok() {
        let flag = format!("-T{}", script.display());
        if is_lld || links(&linker, &flag, &out) {
            println!("cargo::rustc-link-arg-bins={flag}");
        }
    }
}

/// Returns whether the linker of this build takes the flag: gold and mold, which a user can choose, don't read such a script.
fn links(linker: &str, flag: &str, out: &std::path::Path) -> bool {
    let flags = std::env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    let chosen = flags
        .split('\x1f')
        .filter_map(|flag| flag.trim_start_matches("-C").trim_start().strip_prefix("link-arg="));
    Command::new(linker)
        .args(["-shared", "-nostdlib", "-x", "c", "/dev/null", flag, "-o"])
        .arg(out.join("probe"))
        .args(chosen)
        .output()
        .is_ok_and(|done| done.status.success())
}
