//! The plugin as kubectl handles it: found, listed, completed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use aksbackup_tests::harness::{Run, Stage, binary, finish};

/// The folder of a plugin as it is installed: the program and its completion.
fn plugin(stage: &Stage) -> std::path::PathBuf {
    let folder = stage.folder().join("bin");
    fs::create_dir_all(&folder).unwrap();
    fs::copy(binary("kubectl-aksbackup"), folder.join("kubectl-aksbackup")).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubectl-aksbackup/kubectl_complete-aksbackup");
    fs::copy(script, folder.join("kubectl_complete-aksbackup")).unwrap();
    folder
}

fn kubectl(stage: &Stage, arguments: &[&str]) -> Run {
    let kubectl = which("kubectl");
    let folder = plugin(stage);
    let mut command = Command::new(kubectl);
    command
        .args(arguments)
        .env_clear()
        .env("PATH", format!("{}:/usr/bin:/bin", folder.display()))
        .env("HOME", stage.folder())
        .env("KUBECONFIG", stage.folder().join("kubeconfig"))
        .current_dir(stage.folder());
    finish(&mut command)
}

fn which(program: &str) -> std::path::PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file());
    assert!(found.is_some(), "this suite needs {program} on PATH");
    found.unwrap()
}

#[test]
fn kubectl_finds_the_plugin_and_has_nothing_to_warn_of() {
    let stage = Stage::new().unwrap();
    let list = kubectl(&stage, &["plugin", "list"]);
    assert!(list.stdout.contains("kubectl-aksbackup"), "{list}");
    let own = list.stderr.lines().filter(|line| line.contains("aksbackup"));
    assert_eq!(own.count(), 0, "{list}");
    kubectl(&stage, &["aksbackup", "--help"])
        .ok()
        .says("Usage: kubectl aksbackup");
    kubectl(&stage, &["aksbackup", "version"])
        .ok()
        .says(env!("CARGO_PKG_VERSION"));
}

#[test]
fn kubectl_completes_through_the_plugin() {
    let stage = Stage::new().unwrap();
    let complete = |line: &[&str]| {
        let run = kubectl(&stage, &[&["__complete", "aksbackup"], line].concat()).ok();
        let words = run
            .stdout
            .lines()
            .map(|line| line.split('\t').next().unwrap_or_default().to_owned());
        words.collect::<Vec<_>>()
    };
    assert!(complete(&["conf"]).contains(&"configure".to_owned()));
    assert!(complete(&["verify", "--req"]).contains(&"--request-timeout".to_owned()));
    assert!(complete(&["verify", "--context", ""]).contains(&"other-cluster".to_owned()));
    assert!(complete(&["verify", "-n", "kube-"]).contains(&"kube-system".to_owned()));
    fs::write(stage.folder().join("team.toml"), "").unwrap();
    assert!(complete(&["status", "--state", "te"]).contains(&"team.toml".to_owned()));
}

#[test]
fn the_script_of_completion_can_be_run_as_it_is_installed() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../kubectl-aksbackup/kubectl_complete-aksbackup");
    let mode = fs::metadata(script).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0o111, "{mode:o}");
}
