//! One handoff by programs of two versions: each side runs version 0.1.0 once, and this version otherwise.
//!
//! The older programs are built from the history, which takes minutes: only a whole run does it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage, finish};

/// The commit of version 0.1.0.
const RELEASED: &str = "681d721";

/// The folder of the older programs; `None` where this isn't a whole run, or the sources came without their history.
fn built() -> Option<PathBuf> {
    if std::env::var_os("AKSBACKUP_WHOLE").is_none() {
        eprintln!("older: NOT RUN, only --all builds the first release");
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folder = root.join("target/older");
    let (sources, programs, done) = (folder.join("src"), folder.join("target/debug"), folder.join(RELEASED));
    if done.is_file() {
        return Some(programs);
    }
    std::fs::create_dir_all(&sources).unwrap();
    let mut archive = Command::new("git")
        .args(["archive", RELEASED])
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let out = archive.stdout.take().unwrap();
    let unpacked = Command::new("tar")
        .arg("-x")
        .current_dir(&sources)
        .stdin(out)
        .status()
        .unwrap();
    if !archive.wait().unwrap().success() {
        eprintln!("older: NOT RUN, the history of the first release isn't here");
        return None;
    }
    assert!(unpacked.success(), "cannot unpack the first release");
    let cargo = Command::new("cargo")
        .args([
            "build",
            "--quiet",
            "--locked",
            "--bins",
            "--package",
            "az-aksbackup",
            "--package",
            "kubectl-aksbackup",
        ])
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .current_dir(&sources)
        .status()
        .unwrap();
    assert!(cargo.success(), "cannot build the first release");
    std::fs::write(done, "").unwrap();
    Some(programs)
}

/// The same command by the program of another folder.
fn by(folder: &Path, command: &Command) -> Run {
    let name = Path::new(command.get_program()).file_name().unwrap();
    let mut other = Command::new(folder.join(name));
    other.args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    for (key, value) in command.get_envs() {
        match value {
            Some(value) => other.env(key, value),
            None => other.env_remove(key),
        };
    }
    finish(&mut other)
}

fn ends_protected(stage: &Stage) {
    stage.az("platform", &["backup", "--yes"]).ok();
    stage.az("everything", &["verify"]).ok();
    stage.kubectl("cluster-admin", &["status", "--check"]).ok();
}

#[test]
fn a_handoff_is_finished_by_programs_of_either_version() {
    let Some(older) = built() else { return };
    // Begun by the first release, continued by this one, and the cluster's side by the first release again.
    let stage = Stage::new().unwrap();
    by(&older, &stage.az_command("platform", &INIT)).ok();
    by(&older, &stage.az_command("platform", &["prepare", "--yes"])).ok();
    stage.grant("owner").ok();
    // It had no flag for the client ID yet.
    by(&older, &stage.kubectl_command("cluster-admin", &["configure", "--yes"])).ok();
    let mut protect = stage.az_command("platform", &["protect", "--yes"]);
    finish(protect.args(stage.vouchers())).ok();
    ends_protected(&stage);
    // The other way round: the first release finishes what this version began, and keeps what it doesn't know.
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    let before: toml::Table = stage.state_text().parse().unwrap();
    by(&older, &stage.az_command("platform", &["protect", "--yes"])).ok();
    let after: toml::Table = stage.state_text().parse().unwrap();
    assert_eq!(after["target"], before["target"]);
    by(&older, &stage.az_command("platform", &["status", "--check"])).ends(Exit::Pending.code());
    ends_protected(&stage);
}
