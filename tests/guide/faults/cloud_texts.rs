//! Failures that Azure tells in words: of the extension, of a backup job, at the login.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::finish;
use serde_json::json;

use crate::cloud_world::{Protected, found};

/// Codes of a failed backup job, and the failure behind each.
const JOBS: [(&str, &str); 13] = [
    ("JOB-OOM", "UserErrorBackupPluginPodRestartedDuringBackup"),
    ("JOB-CR-TIMEOUT", "KubernetesBackupCustomResourcesTrackingTimeOutError"),
    ("JOB-SYNC-TIMEOUT", "ExtensionTimedOutWaitingForBackupItemSync"),
    ("JOB-DELETE", "BackupPluginDeleteBackupOperationFailed"),
    ("JOB-PV-POLICY", "UserErrorPVSnapshotDisallowedByPolicy"),
    ("JOB-PV-LIMIT", "UserErrorPVSnapshotLimitReached"),
    ("JOB-CSI-TIMEOUT", "CSISnapshottingTimedOut"),
    ("JOB-PVC", "UserErrorPVCHasNoVolume"),
    ("JOB-NS", "UserErrorNamespaceNotFound"),
    ("JOB-HOOK", "UserErrorHookExecutionFailed"),
    ("JOB-CRD-VERSION", "UserErrorSourceandTargetClusterCRDVersionMismatch"),
    ("BSL-ABSENT", "UserErrorNoDefaultBackupStorageLocationFound"),
    ("STO-READONLY", "UserErrorBackupFailedBackupStorageLocationReadOnly"),
];

/// Words of a failed extension, and the failure behind them.
const EXTENSION: [(&str, &str); 7] = [
    (
        "EXT-HELM-TIMEOUT",
        "Error: [ InnerError: [Helm installation failed : Timed out waiting for the resource to come to a ready/completed state : InnerError [release failed: timed out waiting for the condition]]]",
    ),
    (
        "EXT-CRD-JOB",
        "Helm installation failed : InnerError [pre-install: job failed: BackoffLimitExceeded]",
    ),
    (
        "EXT-CHART-DOWNLOAD",
        "Unable to download the Helm chart from the repo URL",
    ),
    (
        "EXT-CHART-RENDER",
        "Unable to render the Helm chart with the given values",
    ),
    ("EXT-RESOURCE-EXISTS", "Resource already existing in your cluster"),
    (
        "EXT-HELM-BUSY",
        "another operation (install/upgrade/rollback) is in progress",
    ),
    (
        "EXT-NS-TERMINATING",
        "unable to create new content in namespace dataprotection-microsoft because it is being terminated",
    ),
];

#[test]
fn the_codes_of_a_failed_backup_name_its_cause() {
    let world = Protected::new();
    let mut bad = Vec::new();
    for (id, code) in JOBS {
        let error = json!({ "code": "BackupOperationFailed", "message": "The backup failed.", "details": [],
            "innerError": { "code": code, "additionalInfo": { "DetailedNonLocalisedMessage": format!("{code} in the cluster") } } });
        world.change(&world.job(), "/properties/status", json!("Failed"));
        world.change(&world.job(), "/properties/errorDetails", json!([error]));
        let run = world.examined("doctor");
        let found = found(&run.json());
        if run.code != i32::from(Exit::Pending.code()) || found.first().map(String::as_str) != Some(id) {
            bad.push(format!("{id}: doctor ended {} and names {found:?}", run.code));
        }
        if run.stdout.contains("CLUSTER") {
            bad.push(format!(
                "{id}: a fix doesn't name the cluster: {}",
                run.json()["findings"]
            ));
        }
        bad.extend(world.unfixed(id, &run.json()));
        world.recall();
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn the_words_of_a_failed_extension_name_its_cause() {
    let world = Protected::new();
    let mut bad = Vec::new();
    for (id, words) in EXTENSION {
        world.change(&world.extension(), "/properties/provisioningState", json!("Failed"));
        let status =
            json!([{ "code": "InstallationFailed", "level": "Error", "displayStatus": "Failed", "message": words }]);
        world.change(&world.extension(), "/properties/statuses", status);
        let document = world.examined("doctor").json();
        let found = found(&document);
        if found.first().map(String::as_str) != Some(id) {
            bad.push(format!("{id}: doctor names {found:?}"));
        }
        bad.extend(world.unfixed(id, &document));
        world.recall();
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn who_cannot_sign_in_hears_why_and_the_command_ends_4() {
    let world = Protected::new();
    let mut command = world.stage.az_command("reader", &["doctor", "-o", "json"]);
    let run = finish(command.env("AZURE_CLIENT_SECRET", "wrong")).ends(Exit::NotPermitted.code());
    assert_eq!(found(&run.json()), ["LOGIN-SP-SECRET"]);
    let mut command = world.stage.az_command("reader", &["doctor"]);
    finish(command.env("AZURE_CLIENT_SECRET", "wrong"))
        .ends(Exit::NotPermitted.code())
        .says("LOGIN-SP-SECRET");
}

#[test]
fn the_vault_is_asked_what_it_misses_by_who_may_and_nothing_changes() {
    let world = Protected::new();
    world.azure().remove(&world.instance());
    world.unassign(&world.cluster_principal(), "Contributor", &Protected::snapshots());
    let mark = world.stage.mark();
    let run = world
        .stage
        .az("platform", &["doctor", "-o", "json"])
        .ends(Exit::Pending.code());
    assert_eq!(found(&run.json())[0], "RBAC-SNAPSHOT-CLUSTER");
    let asked = |mark| {
        world
            .stage
            .since(mark)
            .into_iter()
            .filter(|own| own.target.contains("validateForBackup"))
            .count()
    };
    assert_eq!(asked(mark), 1);
    let puts = world
        .stage
        .writes_since(mark)
        .into_iter()
        .filter(|own| !own.starts_with("POST"));
    assert_eq!(puts.collect::<Vec<_>>(), Vec::<String>::new());
    let mark = world.stage.mark();
    world.examined("doctor").ends(Exit::Pending.code());
    assert_eq!(asked(mark), 0, "a reader may not ask");
}

#[test]
fn fix_runs_our_own_command_and_looks_again() {
    let world = Protected::new();
    world.drop_credentials();
    let mark = world.stage.mark();
    let run = world.stage.az("platform", &["doctor", "--fix", "--yes"]);
    assert_eq!(run.code, 0, "{run}");
    assert_eq!(world.credentials().len(), 3);
    let writes = world.stage.writes_since(mark);
    assert!(
        writes.iter().all(|own| own.contains("/federatedIdentityCredentials/")),
        "{writes:?}"
    );
    world
        .stage
        .az("platform", &["doctor", "--fix", "-o", "json"])
        .ends(Exit::Usage.code());
}
