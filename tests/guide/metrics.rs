//! `--metrics`: what Prometheus is told, and whether the alerts and the dashboard ask for what there is.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::fleet::{self, assorted};
use aksbackup_tests::harness::Stage;

use crate::part::Part;

const RULES: &str = include_str!("../../deploy/prometheus/aksbackup.rules.yaml");
const DASHBOARD: &str = include_str!("../../deploy/grafana/aksbackup.json");
const PAGE: &str = include_str!("../../docs/watch.md");

/// The names of the metrics that a text has.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words
        .filter(|word| word.starts_with("aksbackup_"))
        .map(str::to_owned)
        .collect()
}

fn promtool(arguments: &[&str], input: Option<&Path>) {
    let mut command = Command::new("promtool");
    command.args(arguments).current_dir("..");
    if let Some(input) = input {
        command.stdin(std::fs::File::open(input).unwrap());
    }
    match command.output() {
        Ok(done) => assert!(done.status.success(), "{arguments:?}: {done:?}"),
        Err(error) => assert!(std::env::var_os("CI").is_none(), "promtool is missing: {error}"),
    }
}

#[test]
fn list_and_verify_tell_prometheus_what_they_tell_people() {
    let stage = Part::Backup.stage();
    let file = stage.folder().join("aks.prom");
    let name = file.to_str().unwrap();
    stage.az("platform", &["verify", "--metrics", name]).ok();
    let own = std::fs::read_to_string(&file).unwrap();
    let of = |text: &str, part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert!(of(&own, "side=\"cloud\"") > 10, "{own}");
    let bad = |line: &&str| line.starts_with("aksbackup_check{") && !line.ends_with(" 0") && !line.ends_with(" 1");
    assert_eq!(own.lines().find(bad), None);
    promtool(&["check", "metrics"], Some(&file));
    stage.sandbox.set("instance_state=ProtectionError").unwrap();
    stage
        .az("platform", &["verify", "--metrics", name])
        .ends(Exit::Pending.code());
    let own = std::fs::read_to_string(&file).unwrap();
    let failed = own.lines().find(|line| line.contains("failure=\"VLT-BI-ERROR\""));
    assert!(failed.is_some_and(|line| line.ends_with(" 3")), "{own}");
    stage.kubectl("viewer", &["verify", "--metrics", name]);
    let own = std::fs::read_to_string(&file).unwrap();
    assert!(
        of(&own, "side=\"cluster\"") > 5 && of(&own, "side=\"cloud\"") == 0,
        "{own}"
    );
    promtool(&["check", "metrics"], Some(&file));
}

#[test]
fn each_cluster_of_the_list_is_measured() {
    let stage = Stage::with(&[]).unwrap().accepting("BackupsSuspended");
    fleet::place(stage.sandbox.azure(), &assorted());
    let file = stage.folder().join("aks.prom");
    let name = file.to_str().unwrap();
    let run = stage.az("reader", &["list", "--metrics", name, "-o", "json"]).ok();
    let document = run.json();
    let own = std::fs::read_to_string(&file).unwrap();
    let value = |metric: &str, cluster: &str| -> Option<f64> {
        let line = own
            .lines()
            .find(|line| line.starts_with(metric) && line.contains(&format!("cluster=\"{cluster}\"")))?;
        line.rsplit(' ').next()?.parse().ok()
    };
    let clusters = document["clusters"].as_array().unwrap();
    assert!(clusters.len() > 3);
    for cluster in clusters {
        let name = cluster["name"].as_str().unwrap();
        let protected = value("aksbackup_cluster_protected{", name).unwrap() > 0.5;
        assert_eq!(Some(protected), cluster["protected"].as_bool(), "{name}\n{own}");
        let last = value("aksbackup_last_backup_timestamp_seconds{", name);
        assert_eq!(last.is_some(), !cluster["last_backup"].is_null(), "{name}\n{own}");
    }
    assert!(
        value("aksbackup_last_good_backup_timestamp_seconds{", "aks-failed").is_none(),
        "{own}"
    );
    assert!(
        value("aksbackup_last_good_backup_timestamp_seconds{", "aks-good").is_some(),
        "{own}"
    );
    promtool(&["check", "metrics"], Some(&file));
    let verified = stage.folder().join("one.prom");
    let one = [
        "verify",
        "-g",
        "rg-aks",
        "-n",
        "aks-demo",
        "--metrics",
        verified.to_str().unwrap(),
    ];
    stage.az("reader", &one);
    stage.az("reader", &["fleet", "init", "fleet"]).ok();
    let all = stage.folder().join("all.prom");
    stage.az(
        "reader",
        &["fleet", "verify", "fleet", "--metrics", all.to_str().unwrap()],
    );
    promtool(&["check", "metrics"], Some(&all));
    let read = |file: &Path| names(&std::fs::read_to_string(file).unwrap());
    let there = &(&names(&own) | &read(&verified)) | &read(&all);
    assert_eq!(names(PAGE), there, "the page lists every metric");
    for (what, text) in [("rules", RULES), ("dashboard", DASHBOARD)] {
        assert!(
            !names(text).is_empty() && names(text).is_subset(&there),
            "{what}: {:?}",
            names(text).difference(&there)
        );
    }
}

#[test]
fn the_alerts_fire_when_they_should() {
    promtool(&["check", "rules", "deploy/prometheus/aksbackup.rules.yaml"], None);
    promtool(&["test", "rules", "deploy/prometheus/aksbackup.test.yaml"], None);
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    assert!(!panels.is_empty() && panels.iter().all(|panel| panel["targets"][0]["expr"].is_string()));
}

/// What would lie there and never be read is refused before anything is asked.
#[test]
fn a_file_that_no_collector_reads_is_refused() {
    let stage = Stage::new().unwrap();
    let mark = stage.mark();
    for command in [&["list"][..], &["verify"]] {
        let flags = [command, &["--metrics", "aks.txt"]].concat();
        stage.az("reader", &flags).ends(Exit::Usage.code()).says(".prom");
    }
    assert!(stage.since(mark).is_empty());
    let nowhere = ["list", "--metrics", "/nonexistent/aks.prom"];
    stage
        .az("reader", &nowhere)
        .ends(Exit::Failed.code())
        .says("cannot write /nonexistent/aks.prom");
}
