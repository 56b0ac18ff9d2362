//! What a person at a terminal is shown before a command gives anything access, and what their answer does.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::terminal::{answered, conversed};

use crate::cloud_world::Protected;

const CHANGES: &str = "Apply these changes?";
const OTHER: &str = "00000000-1111-4222-8333-444444444444";

/// Answers the question of `command` about its changes with no, holds what it showed to `shows`, and answers yes.
fn no_then_yes(stage: &Stage, before: &[(&str, &str)], command: impl Fn() -> Command, shows: impl Fn(&Run)) {
    let (mark, changes) = (stage.mark(), stage.changes().len());
    let no = [before, &[(CHANGES, "n\n")]].concat();
    let run = conversed(command(), &no).unwrap().ends(Exit::Pending.code());
    shows(&run);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{run}");
    assert_eq!(stage.changes().len(), changes, "{run}");
    let yes = [before, &[(CHANGES, "y\n")]].concat();
    let run = conversed(command(), &yes).unwrap().ok();
    assert!(
        !stage.writes_since(mark).is_empty() || stage.changes().len() > changes,
        "{run}"
    );
}

/// Requires each of the four resources in full ahead of the question, with the subscription's name and ID.
fn names_all_four(stage: &Stage, run: &Run) {
    let before = run.stderr.split(CHANGES).next().unwrap();
    let lines: Vec<String> = before
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let value = |key: &str| stage.value(&format!("/target/{key}"));
    let cluster = value("cluster");
    let cluster: Vec<&str> = cluster.split('/').collect();
    for line in [
        format!("cluster {} in resource group {}", cluster[8], cluster[4]),
        format!(
            "vault {} in resource group {}",
            value("vault/name"),
            value("vault/resource_group")
        ),
        format!(
            "storage account {} in resource group {}",
            value("storage/account"),
            value("storage/resource_group")
        ),
        format!("snapshot resource group {}", value("snapshots/resource_group")),
        format!("subscription \"Contoso Backup\" ({})", value("subscription")),
    ] {
        assert!(lines.contains(&line), "{line:?} is missing\n{run}");
    }
}

#[test]
fn grant_shows_all_four_resources_before_it_assigns_a_role() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    no_then_yes(
        &stage,
        &[],
        || stage.az_command("owner", &["grant"]),
        |run| names_all_four(&stage, run),
    );
}

#[test]
fn doctor_asks_for_its_command_and_then_for_what_the_command_gives_access() {
    let world = Protected::new();
    world.unassign(&world.principal(), "Storage Blob Data Contributor", &world.account());
    let stage = &world.stage;
    let first = ("Run az aksbackup grant", "y\n");
    let command = || stage.az_command("everything", &["doctor", "--fix"]);
    let mark = stage.mark();
    let no = answered(command(), first.0, "n\n").unwrap();
    no.ends(Exit::Pending.code());
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    no_then_yes(stage, &[first], command, |run| names_all_four(stage, run));
}

#[test]
fn configure_shows_the_client_id_before_the_pods_get_it() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let own = stage.client_id();
    no_then_yes(
        &stage,
        &[],
        || stage.kubectl_command("cluster-admin", &["configure"]),
        |run| assert!(run.stderr.split(CHANGES).next().unwrap().contains(&own), "{run}"),
    );
}

#[test]
fn doctor_of_the_cluster_takes_the_client_id_as_configure_does() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let own = stage.client_id();
    let changes = stage.changes().len();
    let fix = |flags: &[&str]| stage.kubectl("cluster-admin", &[&["doctor", "--fix", "--yes"], flags].concat());
    fix(&[]).ends(Exit::Usage.code()).says("--client-id CLIENT-ID");
    fix(&["--client-id", OTHER]).ends(Exit::Usage.code()).says(OTHER);
    assert_eq!(stage.changes().len(), changes, "nothing was written");
    no_then_yes(
        &stage,
        &[("Run kubectl aksbackup configure", "y\n")],
        || stage.kubectl_command("cluster-admin", &["doctor", "--fix"]),
        |run| assert!(run.stderr.split(CHANGES).next().unwrap().contains(&own), "{run}"),
    );
    stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
    fix(&["--client-id", &own]).ok();
}
