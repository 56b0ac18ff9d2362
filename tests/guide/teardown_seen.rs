//! What `teardown` says beforehand, to whom it hands over, and what `status` says afterwards.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{Stage, finish};

use crate::cloud_world::{Protected, text};
use crate::teardown::{DELETE, teardown};

/// A protected cluster whose vault has a resource group that the tool created for it.
fn in_own_groups(soft_delete: &str) -> Stage {
    let stage = Stage::new().unwrap();
    let setting = format!("vault.soft_delete={soft_delete}");
    let own = [
        "init",
        "-g",
        "rg-aks",
        "-n",
        "aks-demo",
        "--storage-resource-group",
        "rg-backup",
        "--vault-resource-group",
        "rg-vault",
        "--set",
        &setting,
        "--yes",
    ];
    stage.az("everything", &own).ok();
    let mut prepare = stage.az_command("everything", &["prepare", "--yes"]);
    finish(prepare.args(stage.vouchers())).ok();
    stage.grant("everything").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("everything", &["protect", "--yes"]).ok();
    stage.az("everything", &["backup", "--yes"]).ok();
    stage
}

#[test]
fn a_group_goes_only_if_its_vault_does() {
    for (soft_delete, goes) in [("On", false), ("Off", true)] {
        let stage = in_own_groups(soft_delete);
        let group = ids::group_id("rg-vault");
        let planned =
            teardown(&stage, "everything", &[&DELETE[..], &["--dry-run"]].concat()).ends(Exit::Pending.code());
        assert_eq!(
            planned.stdout.contains("delete resource group rg-vault"),
            goes,
            "{planned}"
        );
        let run = teardown(&stage, "everything", &DELETE).ok();
        assert_eq!(stage.sandbox.resource(&group).is_none(), goes, "{run}");
        assert_eq!(run.stderr.contains("kept: resource group rg-vault"), !goes, "{run}");
    }
}

/// The platform team of the demo has no permission in groups that others created.
#[test]
fn who_cannot_see_what_is_to_be_deleted_hands_over() {
    let stage = in_own_groups("On");
    let mark = stage.mark();
    for flags in [&[][..], &["--dry-run"]] {
        let run = teardown(&stage, "platform", &[&DELETE[..], flags].concat()).ends(Exit::TheirTurn.code());
        for part in [
            "platform team: the signed-in account isn't authorized: cannot read Backup vault",
            "Requires: Microsoft.DataProtection/backupVaults/read at scope /subscriptions/",
            "az aksbackup teardown --delete-backups RESOURCE-GROUP/CLUSTER",
        ] {
            assert!(run.stdout.contains(part), "{part}\n{run}");
        }
        assert!(!run.stderr.contains("error: "), "{run}");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn as_long_as_backups_can_be_undeleted_status_says_so() {
    let world = Protected::new();
    let stage = &world.stage;
    let row = || {
        let document = stage.az("reader", &["status", "-o", "json"]).ok().json();
        let rows = document["steps"].as_array().unwrap().clone();
        let own = rows.iter().find(|own| text(own, "/step") == "backup-instance").unwrap();
        text(own, "/evidence").to_owned()
    };
    assert!(!row().contains("undelete"), "{}", row());
    teardown(stage, "everything", &DELETE).ok();
    let says = row();
    assert!(
        says.contains(" is soft-deleted and will be purged on 20")
            && says.contains("; to restore it: az aksbackup undelete"),
        "{says}"
    );
    stage.az("reader", &["status"]).ok().says("az aksbackup undelete");
}
