//! `stop`, `suspend` and `resume` before recorded answers of Azure.

use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::Stage;
use serde_json::json;

use crate::replays::{Names, chosen, instances_of_cluster, is_paused, protect};

#[test]
fn protection_is_stopped_suspended_and_resumed_by_recorded_answers() {
    let Some(all) = chosen(is_paused) else { return };
    let stage = Stage::new().unwrap();
    stage.configured();
    protect(&stage).ok();
    let disk = "clitest-disk-persistent-bi-donotdelete";
    let mut names = Names::of(&stage);
    let instance = format!("{disk}-{disk}-e33c80ba-0bf8-11ee-aaa6-002b670b472e");
    let vault = "clitest-bkp-vault-persistent-bi-donotdelete".to_owned();
    names.0.insert(0, (instance, stage.value("/target/instance/name")));
    names.0.insert(0, (vault, stage.value("/target/vault/name")));
    names
        .0
        .insert(0, ("centraluseuap".to_owned(), ids::LOCATION.to_owned()));
    names.replay(&stage, &all);
    let own = stage
        .sandbox
        .azure()
        .resources("Microsoft.DataProtection/backupVaults/backupInstances")
        .remove(0);
    let said = |state: &str| {
        let mut body = own.clone();
        body["properties"]["currentProtectionState"] = json!(state);
        body["properties"]["protectionStatus"] = json!({ "status": state });
        body
    };
    // Each command looks before and after its request.
    let (stopped, suspended) = ("ProtectionStopped", "BackupsSuspended");
    let configured = "ProtectionConfigured";
    let states = [
        stopped, stopped, configured, configured, suspended, suspended, configured,
    ];
    let first = ("POST".to_owned(), "/stopProtection".to_owned());
    instances_of_cluster(&stage, &states.map(said), Some(first));
    for (command, reached) in [
        ("stop", stopped),
        ("resume", configured),
        ("suspend", suspended),
        ("resume", configured),
    ] {
        let reduces: &[&str] = if command == "resume" {
            &[]
        } else {
            &["--reduce-protection"]
        };
        stage
            .az("platform", &[&[command, "--yes"], reduces].concat())
            .ok()
            .says("1 change");
        assert_eq!(stage.value("/cloud/instance/protection"), reached, "{command}");
    }
    let recorded = stage.since(0).into_iter().filter(|entry| entry.recorded && entry.write);
    let acts = recorded.map(|entry| {
        entry
            .target
            .split('?')
            .next()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .to_owned()
    });
    let expected = [
        "stopProtection",
        "resumeProtection",
        "suspendBackups",
        "resumeProtection",
    ];
    assert_eq!(acts.collect::<Vec<_>>(), expected);
}
