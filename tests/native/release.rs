//! What `.ci/release` makes: static programs, archives, wheels and an account of what is in them; the same each time.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, finish};
use aksbackup_tests::python::Python;
use serde_json::Value;

use crate::az::Az;

pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The processor as Go and krew call it.
pub(crate) fn processor() -> &'static str {
    match std::env::consts::ARCH {
        "aarch64" => "arm64",
        _ => "amd64",
    }
}

fn target() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Settings under which a release is built in a quarter of the time. What is tested here is how it is packed, linked and installed;
/// `tests/bench` and `install.sh` build and run optimized programs in every run of `.ci/run`.
const NOT_OPTIMIZED: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "256"),
];

/// Returns whether everything is asked for: `tests/run --all release`.
fn is_whole() -> bool {
    std::env::var("AKSBACKUP_RELEASE").is_ok_and(|extent| extent == "all")
}

fn release(arguments: &[&str]) -> Run {
    let mut command = Command::new(Path::new(ROOT).join(".ci/release"));
    command
        .args(arguments)
        .envs(Python::with("wheel").unwrap().environment());
    // What cargo tells a test is not for the cargo of a release.
    command.env_remove("CARGO_MANIFEST_DIR").env_remove("RUSTFLAGS");
    if !is_whole() {
        command.envs(NOT_OPTIMIZED);
    }
    finish(&mut command)
}

/// The folder of the programs and the wheel for this processor, built once.
pub(crate) fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| Path::new(ROOT).join(release(&["build", &target()]).ok().stdout.trim()))
}

/// A release of this processor, packed once.
pub(crate) fn packed() -> &'static Path {
    static PACKED: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = PACKED.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        pack(folder.path());
        folder
    });
    folder.path()
}

fn pack(folder: &Path) {
    release(&["pack", folder.to_str().unwrap(), built().to_str().unwrap()]).ok();
}

/// The archive of this processor.
pub(crate) fn archive() -> PathBuf {
    packed().join(format!("aksbackup-{VERSION}-linux-{}.tar.gz", processor()))
}

fn names(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_release_packed_twice_is_the_same_to_the_byte() {
    let again = tempfile::tempdir().unwrap();
    // Later than the first one, and from files that were copied later.
    let copies = again.path().join("copies").join(target());
    fs::create_dir_all(&copies).unwrap();
    for name in names(built()) {
        fs::copy(built().join(&name), copies.join(&name)).unwrap();
    }
    let out = again.path().join("out");
    release(&["pack", out.to_str().unwrap(), copies.to_str().unwrap()]).ok();
    let sums = |folder: &Path| fs::read_to_string(folder.join("SHA256SUMS")).unwrap();
    assert_eq!(sums(packed()), sums(&out));
    let own = std::env::consts::ARCH;
    let expected = [
        "SHA256SUMS".to_owned(),
        format!("aksbackup-{VERSION}-linux-{}.tar.gz", processor()),
        format!("aksbackup-{VERSION}-py3-none-any.whl"),
        format!("aksbackup-{VERSION}-py3-none-manylinux_2_17_{own}.musllinux_1_1_{own}.whl"),
        "aksbackup.yaml".to_owned(),
        format!("az-aksbackup-{VERSION}.cdx.json"),
        format!("kubectl-aksbackup-{VERSION}.cdx.json"),
    ];
    assert_eq!(names(packed()), expected);
    let mut check = Command::new("sha256sum");
    check.args(["--check", "--strict", "SHA256SUMS"]).current_dir(packed());
    assert_eq!(finish(&mut check).ok().stdout.lines().count(), expected.len() - 1);
}

#[test]
fn the_programs_need_no_library_and_name_no_folder_of_their_maker() {
    let home = std::env::var("HOME").unwrap();
    let root = fs::canonicalize(ROOT).unwrap();
    for name in ["az-aksbackup", "kubectl-aksbackup"] {
        let bytes = fs::read(built().join(name)).unwrap();
        assert_eq!(interpreter(&bytes), None, "{name} is linked at run time");
        for folder in [root.to_str().unwrap(), &format!("{home}/.cargo")] {
            let found = bytes.windows(folder.len()).any(|part| part == folder.as_bytes());
            assert!(!found, "{name} names {folder}");
        }
    }
}

/// The simulator comes along, so that `install.sh --try` needs no compiler: it must not make a download of the programs a burden.
#[test]
fn the_archive_is_a_small_download() {
    const LIMIT: u64 = 10 << 20;
    let size = fs::metadata(archive()).unwrap().len();
    if !is_whole() {
        println!(
            "release: the archive's size: NOT TRIED, its programs aren't optimized; for that: tests/run --all release"
        );
        return;
    }
    println!(
        "release: {}: {} KiB",
        archive().file_name().unwrap().display(),
        size >> 10
    );
    assert!(size <= LIMIT, "{size} bytes");
}

/// Built for another processor, and run by an emulator of it. It takes as long as all else of this suite.
#[test]
fn the_programs_of_arm_are_built_on_x86_and_run() {
    const TARGET: &str = "aarch64-unknown-linux-musl";
    if !is_whole() || std::env::consts::ARCH != "x86_64" {
        println!("release: {TARGET}: NOT TRIED, it takes an x86-64 machine and: tests/run --all release");
        return;
    }
    let folder = Path::new(ROOT).join(release(&["build", TARGET]).ok().stdout.trim());
    for name in ["az-aksbackup", "kubectl-aksbackup"] {
        let program = folder.join(name);
        assert_eq!(
            interpreter(&fs::read(&program).unwrap()),
            None,
            "{name} is linked at run time"
        );
        let emulated = |arguments: &[&str]| finish(Command::new("qemu-aarch64").arg(&program).args(arguments));
        emulated(&["--version"]).ok().says(VERSION);
        emulated(&["doctor", "explain", "FIC-ISSUER"]).ok().says("AADSTS700211");
        emulated(&["schema"]).ok().says("State file of aksbackup");
        let elsewhere = tempfile::tempdir().unwrap();
        let state = elsewhere.path().join("none.toml");
        emulated(&["status", "--offline", "--state", state.to_str().unwrap()]).ends(Exit::Missing.code());
    }
    let wheel = names(&folder).into_iter().find(|name| name.ends_with(".whl")).unwrap();
    assert!(
        wheel.ends_with("manylinux_2_17_aarch64.musllinux_1_1_aarch64.whl"),
        "{wheel}"
    );
}

/// The segment of a 64-bit ELF file that names its run-time linker, by its offset.
fn interpreter(bytes: &[u8]) -> Option<usize> {
    const PT_INTERP: u64 = 3;
    let number = |at: usize, size: usize| {
        let bytes = bytes[at..at + size].iter().rev();
        bytes.fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    assert_eq!(&bytes[..5], b"\x7fELF\x02");
    let (table, size, count) = (number(32, 8), number(54, 2), number(56, 2));
    assert!(count > 0);
    let segments = (0..count).map(|at| usize::try_from(table + at * size).unwrap());
    segments.into_iter().find(|at| number(*at, 4) == PT_INTERP)
}

#[test]
fn an_sbom_holds_what_cargo_links_and_is_one_by_the_standard_s_own_schema() {
    let validator = "import sys\nfrom cyclonedx.schema import SchemaVersion\nfrom cyclonedx.validation.json import \
                     JsonStrictValidator\nprint(JsonStrictValidator(SchemaVersion.V1_5).validate_str(sys.stdin.read()))";
    for name in ["az-aksbackup", "kubectl-aksbackup"] {
        let path = packed().join(format!("{name}-{VERSION}.cdx.json"));
        let mut python = Python::with("sbom").unwrap().command();
        python.args(["-c", validator]).stdin(fs::File::open(&path).unwrap());
        assert_eq!(finish(&mut python).ok().stdout.trim(), "None", "{name}");
        let bill: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(bill["metadata"]["component"]["name"], name);
        let parts = bill["components"].as_array().unwrap();
        let has = |part: &str| parts.iter().any(|own| own["name"] == part);
        assert!(has("rustls") && has("ring") && has("tokio"), "{name}");
        assert_eq!(
            (has("kube"), has("azure_core")),
            (name != "az-aksbackup", name == "az-aksbackup")
        );
        assert!(!has("proptest"), "what only tests need is no part of it");
        let unproved: Vec<&Value> = parts
            .iter()
            .filter(|own| own["hashes"].is_null())
            .map(|own| &own["name"])
            .collect();
        assert_eq!(
            unproved,
            ["aksbackup-shared"],
            "all others have the checksum of the lock file"
        );
    }
}

#[test]
fn the_platform_wheel_brings_its_program_along() {
    let az = Az::bare(&[]);
    let mut wheels = names(packed()).into_iter().filter(|name| name.contains("manylinux"));
    let wheel = packed().join(wheels.next_back().unwrap());
    let add = ["extension", "add", "--yes", "--source", wheel.to_str().unwrap()];
    az.run("nobody", &add).ok();
    let version = |arguments: &[&str]| {
        let mut command = az.command("nobody", &[&["aksbackup", "version"], arguments].concat());
        command.env_remove("AKSBACKUP_BIN").env("PATH", "/usr/bin:/bin");
        finish(&mut command)
    };
    version(&["-o", "tsv"]).ok().says(VERSION);
    let debug = version(&["--debug"]).ok();
    let inside = az.folder().join("extensions/aksbackup/bin/az-aksbackup");
    assert!(debug.stderr.contains(inside.to_str().unwrap()), "{debug}");
    assert!(fs::read(&inside).unwrap() == fs::read(built().join("az-aksbackup")).unwrap());
    az.run("nobody", &["extension", "remove", "-n", "aksbackup"]).ok();
    assert!(!az.folder().join("extensions/aksbackup").exists());
}

#[test]
fn all_that_states_a_version_states_the_same() {
    let project = fs::read_to_string(Path::new(ROOT).join("az-aksbackup/pyproject.toml")).unwrap();
    let project: toml::Value = toml::from_str(&project).unwrap();
    assert_eq!(project["project"]["version"].as_str(), Some(VERSION));
}
