//! The build script of both programs: leaves the index of unwinding tables out of what is released.

fn main() {
    println!("cargo::rerun-if-changed=../shared/linking.rs");
    let is = |name: &str, value: &str| std::env::var(name).is_ok_and(|own| own == value);
    if !(is("CARGO_CFG_TARGET_OS", "linux") && is("PROFILE", "release")) {
        return;
    }
    // A release aborts on a panic (Cargo.toml), so that nothing ever looks the tables up; the index alone has 116 KiB.
    let is_lld = std::env::var("RUSTC_LINKER").is_ok_and(|linker| linker.ends_with("lld"));
    let flag = "--no-eh-frame-hdr";
    match is_lld {
        true => println!("cargo::rustc-link-arg-bins={flag}"),
        false => println!("cargo::rustc-link-arg-bins=-Wl,{flag}"),
    }
}
