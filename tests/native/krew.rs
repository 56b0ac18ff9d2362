//! krew's manifest, judged by krew itself: its validator, and an installation of the archive.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use aksbackup_tests::harness::{Run, finish};

use crate::release::{ROOT, archive, packed};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// krew and its validator, built once from the modules pinned in `tests/krew`.
fn programs() -> PathBuf {
    let module = Path::new(ROOT).join("tests/krew");
    let base = std::env::var_os("XDG_CACHE_HOME").filter(|base| !base.is_empty());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    let cache = base.map_or_else(home, PathBuf::from).join("aksbackup/krew");
    fs::create_dir_all(&cache).unwrap();
    let lock = File::create(cache.join(".lock")).unwrap();
    lock.lock().unwrap();
    let pinned = fs::read_to_string(module.join("go.sum")).unwrap();
    let folder = cache.join(uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, pinned.as_bytes()).to_string());
    if !folder.is_dir() {
        let unfinished = cache.join("unfinished");
        let mut go = Command::new("go");
        go.arg("-C").arg(module).args([
            "build",
            "-mod=readonly",
            "-buildvcs=false",
            "-trimpath",
            "-ldflags=-s -w",
            "-o",
        ]);
        go.arg(format!("{}/", unfinished.display()));
        go.args([
            "sigs.k8s.io/krew/cmd/krew",
            "sigs.k8s.io/krew/cmd/validate-krew-manifest",
        ]);
        finish(go.env("GOFLAGS", "").env("GOWORK", "off")).ok();
        fs::rename(unfinished, &folder).unwrap();
    }
    folder
}

fn krew(root: &Path, arguments: &[&str]) -> Run {
    let mut command = Command::new(programs().join("krew"));
    command
        .args(arguments)
        .env("KREW_ROOT", root)
        .env("HOME", root)
        .current_dir(root);
    finish(&mut command)
}

#[test]
fn krew_accepts_the_manifest_and_installs_the_archive_by_it() {
    let manifest = packed().join("aksbackup.yaml");
    let manifest = manifest.to_str().unwrap();
    let mut validate = Command::new(programs().join("validate-krew-manifest"));
    finish(validate.args(["-manifest", manifest, "-skip-install"])).ok();
    let (root, archive) = (tempfile::tempdir().unwrap(), archive());
    let install = [
        "install",
        "--manifest",
        manifest,
        "--archive",
        archive.to_str().unwrap(),
    ];
    krew(root.path(), &install).ok().says("Installed plugin: aksbackup");
    let store = root.path().join("store/aksbackup").join(format!("v{VERSION}"));
    for file in ["kubectl-aksbackup", "LICENSE", "LICENSE-MIT", "LICENSE-APACHE"] {
        assert!(store.join(file).is_file(), "{file}");
    }
    assert!(
        !store.join("az-aksbackup").exists(),
        "only what the plugin needs is kept"
    );
    let mut kubectl = Command::new("kubectl");
    let path = format!("{}:/usr/bin:/bin", root.path().join("bin").display());
    kubectl
        .args(["aksbackup", "version"])
        .env("PATH", path)
        .env("HOME", root.path());
    finish(&mut kubectl).ok().says(VERSION);
}

#[test]
fn krew_refuses_another_archive_than_the_released_one() {
    let root = tempfile::tempdir().unwrap();
    let other = root.path().join("other.tar.gz");
    let mut bytes = fs::read(archive()).unwrap();
    bytes.push(0);
    fs::write(&other, bytes).unwrap();
    let manifest = packed().join("aksbackup.yaml");
    let install = [
        "install",
        "--manifest",
        manifest.to_str().unwrap(),
        "--archive",
        other.to_str().unwrap(),
    ];
    let run = krew(root.path(), &install);
    assert!(run.code != 0 && run.stderr.contains("checksum"), "{run}");
}

#[test]
fn each_platform_is_named_by_its_archive() {
    let manifest = fs::read_to_string(packed().join("aksbackup.yaml")).unwrap();
    let sums = fs::read_to_string(packed().join("SHA256SUMS")).unwrap();
    let archives: Vec<(&str, &str)> = sums
        .lines()
        .filter_map(|line| line.split_once("  "))
        .filter(|(_, name)| name.ends_with(".tar.gz") || name.ends_with(".zip"))
        .collect();
    assert!(!archives.is_empty());
    for (sum, name) in archives {
        assert!(
            manifest.contains(&format!("/v{VERSION}/{name}\n      sha256: {sum}\n")),
            "{name}\n{manifest}"
        );
    }
    assert!(!manifest.contains("@VERSION@"), "a place was left open\n{manifest}");
}
