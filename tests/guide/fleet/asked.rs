//! `fleet apply` at a terminal, and next to other processes.

use std::process::Child;

use aksbackup_tests::terminal::answered;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::apply::{BY_TEMPLATE, TEMPLATE, bare, ends, platform};
use super::*;
use crate::meddling::while_running;

const QUESTION: &str = "Apply these changes to 3 clusters?";

fn forget_confirmations(stage: &Stage) {
    std::fs::remove_dir_all(stage.folder().join(".local/state/aksbackup/confirmed")).unwrap();
}

#[test]
fn one_question_is_about_all_clusters_and_its_answer_is_kept() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    forget_confirmations(&stage);
    let mark = stage.mark();
    let command = || stage.az_command("platform", &["fleet", "apply", "fleet", "--events", "events.ndjson"]);
    let run = answered(command(), QUESTION, "n\n").unwrap();
    run.ends(Exit::Pending.code()).says("no changes were made");
    assert!(stage.since(mark).iter().all(|entry| !entry.write));
    // What was only shown isn't the result of the command.
    let events = || std::fs::read_to_string(stage.folder().join("events.ndjson")).unwrap_or_default();
    assert_eq!(events(), "");
    let run = answered(command(), QUESTION, "y\n").unwrap();
    let run = run.ends(Exit::TheirTurn.code());
    for cluster in ["aks-demo", "aks-two", "aks-three"] {
        assert!(run.stderr.contains(cluster), "{run}");
        assert!(text(&stage, cluster).contains("[cloud.trusted_access]"));
    }
    assert!(run.stderr.contains("compare them with your own records"), "{run}");
    assert_eq!(events().matches("\"event\":\"cluster\"").count(), 3, "{}", events());
    assert_eq!(events().matches("\"event\":\"started\"").count(), 1);
    // The answer confirmed the resources, so that --yes is enough from now on.
    platform(&stage, &["apply", "--yes", "--handoff-ok"]).ok();
}

#[test]
fn a_target_that_another_process_changes_meanwhile_is_refused_and_the_others_are_done() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let mark = stage.mark();
    let command = stage.az_command(
        "platform",
        &["fleet", "apply", "fleet", "--yes", "--parallel", "1", "-o", "json"],
    );
    let changed = file(&stage, "aks-two");
    let added = stage.folder().join("fleet/added.toml");
    // The clusters are worked on in the order of their names, and each waits for the shared vault.
    let run = while_running(&stage, command, (1, |entry| entry.write), |_| {
        let text = std::fs::read_to_string(&changed).unwrap();
        std::fs::write(&added, text.replace("/aks-two", "/aks-added")).unwrap();
        std::fs::write(&changed, text.replace("rg-snapshots", "rg-elsewhere")).unwrap();
    });
    let run = run.ends(Exit::StateUnreadable.code());
    let own = |name: &str, exit: &str| (name.to_owned(), exit.to_owned());
    assert_eq!(
        ends(&run),
        [
            own("aks-demo", "their-turn"),
            own("aks-three", "their-turn"),
            own("aks-two", "state-unreadable")
        ],
        "{run}"
    );
    let of_two = stage
        .since(mark)
        .into_iter()
        .filter(|entry| entry.write && entry.target.contains("/aks-two"));
    assert_eq!(of_two.count(), 0);
    let before = std::fs::read_to_string(&changed)
        .unwrap()
        .replace("rg-elsewhere", "rg-snapshots");
    assert_eq!(
        std::fs::read_to_string(&added).unwrap(),
        before.replace("/aks-two", "/aks-added")
    );
}

/// Fails before: the plan was that of the changed file, and the digest that of the file before.
#[test]
fn a_plan_is_of_the_files_that_its_digest_is_of() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    platform(&stage, &BY_TEMPLATE).ok();
    let changed = file(&stage, "aks-two");
    let command = stage.az_command("platform", &["fleet", "plan", "fleet", "--parallel", "1", "-o", "json"]);
    let run = while_running(&stage, command, (1, |entry| entry.target.contains("/aks-demo")), |_| {
        let text = std::fs::read_to_string(&changed).unwrap();
        std::fs::write(&changed, text.replace("rg-snapshots", "rg-elsewhere")).unwrap();
    });
    let run = run.ends(Exit::StateUnreadable.code());
    assert_eq!(
        ends(&run)[2],
        ("aks-two".to_owned(), "state-unreadable".to_owned()),
        "{run}"
    );
}

fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

/// Runs a command until a request has come, and sends what Ctrl-C sends.
fn interrupted(stage: &Stage, words: &[&str], is_awaited: impl Fn(&Entry) -> bool) {
    let mark = stage.mark();
    let mut child = stage.az_command("platform", words).spawn().unwrap();
    while !stage.since(mark).iter().any(&is_awaited) {
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        std::thread::yield_now();
    }
    interrupt(&child);
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(i32::from(Exit::Interrupted.code())), "{words:?}");
}

#[test]
fn ctrl_c_ends_each_phase_and_the_same_command_continues() {
    let stage = bare(&["aks-two", "aks-three"], &[]);
    let read = |entry: &Entry| entry.target.contains("/managedClusters/");
    platform(&stage, &BY_TEMPLATE).ok();
    let before: Vec<String> = files(&stage)
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    // A second for each answer, so that the reads of three clusters take several.
    stage.sandbox.set("latency=500").unwrap();
    for command in ["plan", "status", "verify"] {
        interrupted(&stage, &["fleet", command, "fleet"], read);
    }
    interrupted(&stage, &["fleet", "apply", "fleet", "--yes"], read);
    stage.sandbox.set("latency=100").unwrap();
    let after: Vec<String> = files(&stage)
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert_eq!(before, after);
    for part in ["storageAccounts/", "/extensions/", "/trustedAccessRoleBindings/"] {
        let is_write = |entry: &Entry| entry.method == "PUT" && entry.target.contains(part);
        interrupted(&stage, &["fleet", "apply", "fleet", "--yes"], is_write);
    }
    stage.sandbox.set("latency=0").unwrap();
    platform(&stage, &["apply", "--yes", "--handoff-ok"]).ok();
    let mark = stage.mark();
    platform(&stage, &["apply", "--yes", "--handoff-ok"])
        .ok()
        .says("3 waiting for another person");
    assert!(stage.since(mark).iter().all(|entry| !entry.write), "it converged");
}

/// Fails before: every cluster waited until all that any clusters share was created.
#[test]
fn a_vault_that_never_comes_into_being_keeps_only_its_own_clusters_waiting() {
    let stage = bare(&["aks-two", "aks-three"], &["vault_create=1000000000"]);
    let template = format!(
        "{TEMPLATE}[[overrides]]\nname = \"aks-two\"\ntarget.vault.name = \"bv-there\"\n\
         target.vault.resource_group = \"rg-snapshots\"\ntarget.storage.resource_group = \"rg-snapshots\"\n"
    );
    std::fs::write(stage.folder().join("fleet/fleet.toml"), template).unwrap();
    place_vault(&stage);
    platform(&stage, &BY_TEMPLATE).ok();
    interrupted(&stage, &["fleet", "apply", "fleet", "--yes"], |entry| {
        entry.write
            && entry
                .target
                .contains("managedClusters/aks-two/trustedAccessRoleBindings/")
    });
    for cluster in ["aks-demo", "aks-three"] {
        assert!(!text(&stage, cluster).contains("[cloud.trusted_access]"));
    }
}

/// A vault that exists, in another resource group.
fn place_vault(stage: &Stage) {
    stage.sandbox.azure().place(json!({
        "id": format!("{}/providers/Microsoft.DataProtection/backupVaults/bv-there", ids::group_id(ids::SNAPSHOT_GROUP)),
        "name": "bv-there", "type": "Microsoft.DataProtection/backupVaults", "location": ids::LOCATION,
        "identity": { "type": "SystemAssigned", "principalId": ids::named("bv-there"), "tenantId": ids::TENANT },
        "properties": {
            "provisioningState": "Succeeded",
            "storageSettings": [{ "datastoreType": "VaultStore", "type": "LocallyRedundant" }],
        },
    }));
}
