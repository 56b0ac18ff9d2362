//! `fleet`: a folder of state files, one for each cluster.

use std::collections::BTreeSet;
use std::path::PathBuf;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::fleet::{self, assorted};
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::log::Entry;
use serde_json::{Value, json};

mod apply;
mod asked;
mod figures;
mod hostile;
mod init;
mod look;
mod policies;

/// Resource Graph refuses, until further notice.
const REFUSED: &str = "fault=403/AuthorizationFailed@POST:Microsoft.ResourceGraph:99";

fn stage(switches: &[&str]) -> Stage {
    // Azure says so, and its definitions don't know it.
    let stage = Stage::with(switches).unwrap().accepting("BackupsSuspended");
    fleet::place(stage.sandbox.azure(), &assorted());
    // Its vault is in another subscription.
    stage.sandbox.azure().remove(&elsewhere());
    stage
}

fn elsewhere() -> String {
    format!("{}/backupInstances/aks-other-instance", fleet::vault())
}

fn queries(stage: &Stage, mark: usize) -> usize {
    let all = stage.since(mark).into_iter();
    all.filter(|entry: &Entry| entry.target.contains("Microsoft.ResourceGraph"))
        .count()
}

/// The state files of the folder, by name.
fn files(stage: &Stage) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(stage.folder().join("fleet")).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|end| end == "toml") && !path.ends_with("fleet.toml"));
    files.sort();
    files
}

/// The state file of a cluster.
fn file(stage: &Stage, cluster: &str) -> PathBuf {
    let mut all = files(stage).into_iter();
    let prefix = format!("{cluster}-");
    all.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(&prefix))
        .unwrap()
}

fn text(stage: &Stage, cluster: &str) -> String {
    std::fs::read_to_string(file(stage, cluster)).unwrap()
}

/// What a document says of each cluster, by the last part of its ID.
fn results(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let all = document["clusters"].as_array().unwrap().iter();
    let mut all: Vec<(String, String)> = all
        .map(|own| {
            let id = own["cluster"].as_str().unwrap();
            let name = id.rsplit('/').next().unwrap().to_owned();
            (name, own["result"].as_str().unwrap_or_default().to_owned())
        })
        .collect();
    all.sort();
    all
}

fn init(stage: &Stage, more: &[&str]) -> Run {
    stage.az(
        "consultant",
        &[&["fleet", "init", "fleet", "--all-subscriptions"], more].concat(),
    )
}
