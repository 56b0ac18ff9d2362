//! Files that a flag names for a result: what is never replaced, and what is never waited for.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::json;

use crate::part::Part;

const PLAN: [&str; 3] = ["prepare", "--dry-run", "--plan-out"];
const EXPORT: [&str; 2] = ["export", "--out"];
const REPORT: [&str; 3] = ["report", "--offline", "--out"];
const METRICS: [&str; 2] = ["verify", "--metrics"];

/// Links to the state file under names that every flag accepts.
fn names(stage: &Stage) -> Vec<PathBuf> {
    let at = |name: &str| stage.folder().join(name);
    fs::create_dir(at("sub")).unwrap();
    fs::hard_link(stage.state(), at("hard.prom")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(stage.state(), at("soft.prom")).unwrap();
    vec![
        stage.state(),
        at("aksbackup.toml.lock"),
        at("sub/../aksbackup.toml"),
        at("hard.prom"),
        at("soft.prom"),
    ]
}

fn into(stage: &Stage, command: &[&str], file: &Path) -> Run {
    stage.az("platform", &[command, &[file.to_str().unwrap(), "--yes"]].concat())
}

#[test]
fn no_result_is_written_over_the_state_file() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (before, mark) = (stage.state_text(), stage.mark());
    for name in names(&stage) {
        for command in [&PLAN[..], &EXPORT, &REPORT, &METRICS] {
            let is_metrics = name.extension().is_some_and(|end| end == "prom");
            if command == METRICS && !is_metrics {
                continue;
            }
            let run = into(&stage, command, &name).ends(Exit::Usage.code()).says("state file");
            assert_eq!(stage.state_text(), before, "{run}");
        }
    }
    assert_eq!(stage.since(mark).len(), 0, "refused before anything is read");
    let missing = stage.folder().join("other.toml");
    let name = missing.to_str().unwrap();
    stage
        .az(
            "platform",
            &["verify", "-g", "rg-aks", "-n", "aks-demo", "--state", name],
        )
        .ends(Exit::Pending.code());
    assert!(!missing.exists());
}

#[test]
fn a_plan_replaces_a_file_only_if_that_was_asked_for() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let file = stage.folder().join("plan.json");
    fs::write(&file, "precious").unwrap();
    let mark = stage.mark();
    let flags = [&PLAN[..], &["plan.json"]].concat();
    stage
        .az("platform", &flags)
        .ends(Exit::Usage.code())
        .says("plan.json")
        .says("--yes");
    assert_eq!(fs::read_to_string(&file).unwrap(), "precious");
    assert_eq!(stage.since(mark).len(), 0, "refused before anything is read");
    into(&stage, &PLAN, &file).ends(Exit::Pending.code());
    assert!(fs::read_to_string(&file).unwrap().contains("\"version\""));
}

#[cfg(unix)]
#[test]
fn a_pipe_without_a_reader_is_refused_and_not_waited_for() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let pipe = stage.folder().join("pipe.prom");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for command in [&PLAN[..], &EXPORT, &REPORT, &METRICS, &["list", "--metrics"]] {
        let begun = Instant::now();
        into(&stage, command, &pipe)
            .ends(Exit::Failed.code())
            .says("isn't a regular file");
        assert!(begun.elapsed() < Duration::from_secs(30), "{command:?}");
    }
    into(&stage, &EXPORT, stage.folder())
        .ends(Exit::Failed.code())
        .says("isn't a regular file");
    into(&stage, &EXPORT, Path::new("/dev/null")).ok();
}

#[test]
fn a_file_that_cannot_be_written_leaves_one_document() {
    let stage = Part::Backup.stage();
    for command in [&["verify"][..], &["list"]] {
        let flags = [command, &["--metrics", "/nonexistent/aks.prom", "-o", "json"]].concat();
        let run = stage.az("reader", &flags).ends(Exit::Failed.code());
        assert_eq!(run.json()["exit"], json!(Exit::Failed), "{run}");
        assert!(
            run.json()["error"].to_string().contains("/nonexistent/aks.prom"),
            "{run}"
        );
    }
}
