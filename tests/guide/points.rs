//! `points`: recovery points as Azure lists them, of a cluster with and without a state file, and what is said where there are none.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::{Value, json};

use crate::part::Part;

/// A cluster with a backup.
pub(crate) fn backed_up() -> Stage {
    let stage = Part::Backup.stage();
    Part::Backup.run(&stage).ok();
    stage
}

fn points(stage: &Stage, words: &[&str]) -> Run {
    stage.az("platform", &[&["points"], words].concat())
}

/// Puts a copy of the only recovery point there, as a test wants it.
pub(crate) fn place(stage: &Stage, name: &str, change: impl FnOnce(&mut Value)) {
    const KIND: &str = "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints";
    let mut point = stage.sandbox.azure().resources(KIND).remove(0);
    let id = point["id"].as_str().unwrap();
    let (instance, _) = id.rsplit_once('/').unwrap();
    point["id"] = json!(format!("{instance}/{name}"));
    point["name"] = json!(name);
    point["properties"]["recoveryPointId"] = json!(name);
    change(&mut point["properties"]);
    stage.sandbox.azure().place(point);
}

#[test]
fn they_are_listed_with_the_newest_first_and_what_azure_leaves_open_is_a_dash() {
    let stage = backed_up();
    place(&stage, "old", |own| {
        own["recoveryPointTime"] = json!("2026-01-02T06:00:00.25Z");
    });
    place(&stage, "older", |own| {
        own["recoveryPointTime"] = json!("2026-01-01T06:00:00Z");
        own["recoveryPointState"] = json!("Partial");
        own["expiryTime"] = json!("2100-01-08T06:00:00Z");
        let stores = own["recoveryPointDataStoresDetails"].as_array_mut().unwrap();
        stores.push(json!({ "type": "VaultStore", "state": "COMMITTED", "visible": true }));
    });
    stage.sandbox.set("page_size=1").unwrap();
    let mark = stage.mark();
    let run = points(&stage, &[]).ok();
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(
        lines[0].starts_with("RECOVERY POINT") && lines[0].ends_with("STATE"),
        "{run}"
    );
    assert!(
        lines[1].ends_with("OperationalStore             default  -                        -"),
        "{run}"
    );
    assert!(
        lines[2].starts_with("old ") && lines[2].contains("2026-01-02 06:00:00 UTC"),
        "{run}"
    );
    for part in [
        "older ",
        "OperationalStore+VaultStore",
        "2100-01-08 06:00:00 UTC",
        "Partial (can't be restored: ",
    ] {
        assert!(lines[3].contains(part), "{part} in {run}");
    }
    assert_eq!(lines.len(), 4, "{run}");
    assert_eq!(stage.writes_since(mark), [""; 0]);
    let at = points(&stage, &["--at", "2026-01-02T06:00:00Z", "-o", "json"])
        .ok()
        .json();
    assert_eq!(at["points"][0]["id"], "old", "as the table shows its time");
    assert_eq!(at["points"].as_array().map(Vec::len), Some(1));
    let all = points(&stage, &["-o", "json", "--limit", "2"]).ok().json();
    assert_eq!(
        (&all["points"][1]["restorable"], &all["left_out"]),
        (&json!(true), &json!(1)),
        "{all}"
    );
    points(&stage, &["--limit", "2"])
        .ok()
        .says("older recovery points not listed: 1; to list all of them: --limit 3");
    let none = points(&stage, &["--at", "2025-12-31T00:00:00Z"]).ends(Exit::Missing.code());
    none.says("has no recovery point from 2025-12-31T00:00:00Z or earlier")
        .says("2026-01-01 06:00:00 UTC");
    points(&stage, &["--at", "2026-01-02"])
        .ends(Exit::Usage.code())
        .says("time zone");
}

#[test]
fn a_cluster_is_named_by_flags_where_it_has_no_state_file() {
    let stage = backed_up();
    std::fs::remove_file(stage.folder().join("aksbackup.toml")).unwrap();
    points(&stage, &["-g", "rg-aks", "-n", "aks-demo"])
        .ok()
        .says("OperationalStore");
    points(&stage, &[]).ends(Exit::Missing.code()).says("--cluster-id ID");
}

/// Without a state file no one has named the vault: it is said which one it is, and which others there are.
#[test]
fn the_vault_is_named_and_so_is_every_other_that_protects_the_cluster() {
    let stage = backed_up();
    let own = stage.value("/cloud/instance/instance");
    let name = own.rsplit('/').next().unwrap();
    let vault = stage.value("/target/vault/name");
    let said = format!("Recovery points of backup instance {name} in vault rg-backup/{vault}");
    points(&stage, &[]).ok().says(&said);
    std::fs::remove_file(stage.state()).unwrap();
    let flags = ["-g", "rg-aks", "-n", "aks-demo"];
    points(&stage, &flags).ok().says(&said);
    let azure = stage.sandbox.azure();
    let mut other = azure.resource(&own).unwrap();
    let id = own
        .replace(&format!("/{vault}/"), "/bv-other/")
        .replace("rg-backup", "rg-other");
    other["id"] = json!(id);
    other["properties"]["currentProtectionState"] = json!("ProtectionStopped");
    azure.place(other);
    points(&stage, &flags)
        .ok()
        .says(&said)
        .says(&format!(
            "not listed: recovery points of backup instance {name} in vault rg-other/bv-other"
        ))
        .says("(ProtectionStopped)");
    let document = points(&stage, &[&flags[..], &["-o", "json"]].concat()).ok().json();
    assert_eq!(document["other_instances"], json!([id]), "{document}");
    assert!(document["instance"].as_str().unwrap().contains(&vault), "{document}");
}

#[test]
fn it_is_said_why_there_are_none() {
    let stage = Part::Protect.stage();
    let run = points(&stage, &[]).ends(Exit::Missing.code());
    run.says("has no backup instance").says("az aksbackup protect");
    Part::Protect.run(&stage).ok();
    points(&stage, &[])
        .ok()
        .says("has no recovery points")
        .says("az aksbackup jobs");
    let document = points(&stage, &["-o", "json"]).ok().json();
    assert_eq!(document["points"], json!([]));
    stage.sandbox.set("instance_state=SoftDeleted").unwrap();
    let run = points(&stage, &[]).ends(Exit::Missing.code());
    run.says("is in state SoftDeleted")
        .says("purges it on")
        .says("az aksbackup undelete");
}

#[test]
fn a_refusal_keeps_azure_s_code() {
    let stage = backed_up();
    stage
        .sandbox
        .set("fault=403/AuthorizationFailed@GET:recoveryPoints:1")
        .unwrap();
    points(&stage, &[])
        .ends(Exit::NotPermitted.code())
        .says("cannot read")
        .says("AuthorizationFailed");
    stage.az("reader", &["points"]).ok();
}
