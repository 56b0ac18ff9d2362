//! `status` and `handoff`: what they say of the file and of the world, for people and for scripts.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::names::CONFIRMATIONS;
use aksbackup_tests::harness::{Run, Stage, binary, finish};
use serde_json::Value;

const PENDING: u8 = Exit::Pending.code();
const BINARIES: [&str; 2] = ["az-aksbackup", "kubectl-aksbackup"];
const FOREIGN: &str = "99999999-9999-4999-8999-999999999999";

/// A program without login, network, kubeconfig or a home, in the folder of the state file.
fn alone(stage: &Stage, program: &str, arguments: &[&str]) -> Run {
    finish(
        Command::new(binary(program))
            .args(arguments)
            .env_clear()
            .env("HOME", "/nonexistent")
            .current_dir(stage.folder()),
    )
}

fn row<'a>(document: &'a Value, step: &str) -> &'a Value {
    let steps = document["steps"].as_array().unwrap();
    steps.iter().find(|row| row["step"] == step).unwrap()
}

fn files(stage: &Stage) -> Vec<std::ffi::OsString> {
    let entries = std::fs::read_dir(stage.folder()).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn both_binaries_say_the_same_offline_and_need_nothing_but_the_file() {
    let stage = Stage::new().unwrap();
    stage.granted();
    std::fs::remove_file(stage.folder().join("aksbackup.toml.lock")).unwrap();
    let mut permissions = std::fs::metadata(stage.state()).unwrap().permissions();
    permissions.set_readonly(true);
    std::fs::set_permissions(stage.state(), permissions).unwrap();
    let (before, mark) = (files(&stage), stage.mark());
    for arguments in [
        ["status", "--offline", "--no-color"].as_slice(),
        &["status", "--offline", "-o", "json"],
    ] {
        let [az, kubectl] = BINARIES.map(|program| alone(&stage, program, arguments).ok());
        assert_eq!(az.stdout, kubectl.stdout);
        assert_eq!((az.stderr.as_str(), kubectl.stderr.as_str()), ("", ""));
    }
    for program in BINARIES {
        alone(&stage, program, &["status", "--offline", "--check"])
            .ends(PENDING)
            .says("Next: cluster admin: step 6 (workload identity)")
            .says("Requires: patch serviceaccounts in namespace dataprotection-microsoft")
            .says("Run: kubectl aksbackup configure")
            .says("Then: platform team: az aksbackup protect");
    }
    assert_eq!(stage.since(mark).len(), 0, "nobody was asked");
    assert_eq!(files(&stage), before, "nothing was written beside the file");
}

#[test]
fn the_document_has_a_stable_shape() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let document = stage.az("reader", &["status", "-o", "json"]).ok().json();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&document),
        [
            "version", "command", "exit", "offline", "cluster", "digest", "steps", "next"
        ]
    );
    assert_eq!(document["version"], 1);
    assert_eq!(document["offline"], false);
    for row in document["steps"].as_array().unwrap() {
        assert_eq!(
            keys(row),
            [
                "step", "number", "state", "standing", "evidence", "observed", "warning", "since", "by", "next"
            ]
        );
    }
    let storage = row(&document, "storage");
    assert_eq!(storage["standing"], "done");
    assert!(storage["since"].is_string() && storage["by"].is_string(), "{storage}");
    let next = &row(&document, "roles")["next"];
    assert_eq!(next["who"], "subscription-owner");
    assert_eq!(next["right"]["action"], "Microsoft.Authorization/roleAssignments/write");
    assert!(
        next["command"].as_str().unwrap().starts_with("az aksbackup grant"),
        "{next}"
    );
    assert_eq!(document["next"], *next);
}

#[test]
fn what_the_world_no_longer_has_is_drifted_and_what_the_file_has_wrong_is_stale() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (good, client_id) = (stage.state_text(), stage.value("/cloud/identity/client_id"));
    std::fs::write(stage.state(), format!("{good}\n[cloud.roles]\nassignments = []\n")).unwrap();
    let document = stage.az("reader", &["status", "-o", "json"]).ok().json();
    assert_eq!(row(&document, "roles")["standing"], "drifted");
    assert_eq!(document["next"]["command"], row(&document, "roles")["next"]["command"]);

    std::fs::write(stage.state(), good.replace(&client_id, FOREIGN)).unwrap();
    let run = stage.az("reader", &["status", "--check", "-o", "json"]).ends(PENDING);
    let document = run.json();
    let stale = row(&document, "extension-identity");
    assert_eq!(stale["standing"], "stale");
    assert!(stale["evidence"].as_str().unwrap().contains(FOREIGN), "{stale}");
    assert_eq!(
        stale["next"]["command"].as_str().unwrap().split(" --").next(),
        Some("az aksbackup prepare")
    );
}

#[test]
fn another_cluster_is_refused_and_not_shown() {
    let stage = Stage::new().unwrap();
    stage.granted();
    for arguments in [["status"].as_slice(), &["status", "--check"]] {
        let run = stage.kubectl("other-cluster", arguments).ends(Exit::Failed.code());
        assert!(
            run.stderr.contains("isn't the cluster aks-demo in the state file"),
            "{run}"
        );
        assert!(run.stderr.contains("--context"), "{run}");
        assert_eq!(run.stdout, "", "{run}");
    }
    let document = stage.kubectl("other-cluster", &["status", "-o", "json"]);
    assert_eq!(document.ends(Exit::Failed.code()).json()["exit"], "failed");
}

#[test]
fn the_next_person_gets_a_message_whose_command_runs_and_takes_no_other_file() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let message = stage.az("platform", &["handoff"]).ok();
    message
        .says("For the subscription owner")
        .says("step 4 (extension): extension azure-aks-backup")
        .says("Microsoft.Authorization/roleAssignments/write at scope /subscriptions/");
    let document = stage.az("platform", &["handoff", "-o", "json"]).ok().json();
    let digest = document["message"]["digest"].as_str().unwrap();
    let command = document["message"]["turn"]["command"].as_str().unwrap();
    assert!(command.ends_with(&format!(" --expect-digest {digest}")), "{command}");
    let printed = command.strip_prefix("az aksbackup ").unwrap();
    assert!(
        printed.contains(CONFIRMATIONS),
        "the reader fills in what they confirm: {printed}"
    );
    // What the owner knows from their own records takes the place of the placeholders.
    let printed = printed.replace(CONFIRMATIONS, "");
    let vouchers = stage.vouchers();
    let words = printed.split_whitespace().chain(vouchers.iter().map(String::as_str));
    let grant: Vec<&str> = words.chain(["--yes"]).collect();

    let good = stage.state_text();
    std::fs::write(
        stage.state(),
        good.replace(&stage.value("/cloud/vault/principal"), FOREIGN),
    )
    .unwrap();
    let mark = stage.mark();
    stage
        .az("owner", &grant)
        .ends(Exit::StateUnreadable.code())
        .says(digest)
        .says("refused state file");
    assert_eq!(stage.mark(), mark, "nobody was asked");

    let commented = format!("# mine\r\n{}", good.replace('\n', "\r\n"));
    std::fs::write(stage.state(), commented).unwrap();
    stage.az("owner", &grant).ok();
    stage
        .az("owner", &grant)
        .ends(Exit::StateUnreadable.code())
        .says("refused state file");
}

#[test]
fn both_binaries_hand_over_alike_in_both_forms() {
    let stage = Stage::new().unwrap();
    stage.granted();
    for arguments in [
        ["handoff"].as_slice(),
        &["handoff", "--format", "markdown"],
        &["handoff", "-o", "json"],
    ] {
        let [az, kubectl] = BINARIES.map(|program| alone(&stage, program, arguments).ok());
        assert_eq!(az.stdout, kubectl.stdout);
        az.says("For the cluster admin")
            .says("kubectl aksbackup configure --client-id CLIENT-ID --expect-digest sha256:");
    }
    let digest = stage.az("platform", &["handoff", "-o", "json"]).ok().json();
    let digest = digest["message"]["digest"].as_str().unwrap();
    let expect =
        |command: &str, digest: &str| stage.kubectl("cluster-admin", &[command, "--yes", "--expect-digest", digest]);
    expect("configure", &format!("sha256:{}", "0".repeat(64)))
        .ends(Exit::StateUnreadable.code())
        .says(digest);
    expect("configure", "md5:1").ends(Exit::Usage.code());
    expect("configure", digest).ok();
    stage
        .az("platform", &["handoff"])
        .ok()
        .says("For the platform team")
        .says("az aksbackup protect");
}

#[test]
fn without_a_state_file_it_shows_what_azure_shows_of_the_cluster_that_the_flags_name() {
    let stage = crate::part::Part::Backup.stage();
    let id = stage.value("/target/cluster");
    std::fs::remove_file(stage.state()).unwrap();
    let named = ["-g", "rg-aks", "-n", "aks-demo"];
    for flags in [&named[..], &["--cluster-id", &id]] {
        let run = stage.az("platform", &[&["status"], flags].concat()).ok();
        run.says("ProtectionConfigured")
            .says("there is no state file")
            .says("init --cluster-id");
        let json = stage
            .az("platform", &[&["status", "-o", "json"], flags].concat())
            .ok()
            .json();
        assert_eq!(json["cluster"], id.as_str());
        assert_eq!(json["digest"], serde_json::Value::Null);
        assert_eq!(json["steps"][1]["standing"], "done", "{json:#}");
    }
    assert!(!stage.state().exists());
    stage
        .az("platform", &["status"])
        .ends(Exit::Missing.code())
        .says("--resource-group GROUP --cluster-name NAME");
    for command in ["verify", "doctor"] {
        stage
            .az("platform", &[&[command], &named[..]].concat())
            .says("aks-demo");
    }
    stage
        .az("platform", &["verify", "-g", "rg-aks", "-n", "other"])
        .ends(Exit::Missing.code());
}
