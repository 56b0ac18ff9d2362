use std::cell::Cell;

use aksbackup_shared::schema::StorageTable;
use serde_json::{Value, json};

use super::*;
use crate::target_ids::tests::{example, state};

fn step() -> BackupExtension {
    BackupExtension {
        read: JustRead::default(),
        written: Cell::default(),
    }
}
const ENDPOINT: &str = "https://stbackup.blob.core.windows.net/";

fn prepared() -> State {
    let target = example();
    let mut state = state();
    state.cloud.storage = Some(StorageTable {
        account: target_ids::account(&target),
        container: target.storage.container.clone(),
        blob_endpoint: ENDPOINT.into(),
        snapshot_group: target_ids::snapshot_group(&target),
        written: None,
    });
    state
}

/// An extension as this tool installs one, with what a test wants otherwise.
pub(crate) fn extension(change: impl FnOnce(&mut Value)) -> Extension {
    let mut body = json!({ "name": "by-hand", "properties": {
        "extensionType": "Microsoft.DataProtection.Kubernetes", "provisioningState": "Succeeded",
        "configurationSettings": extension_settings::wanted(&example(), ENDPOINT), "currentVersion": "0.1.2",
        "aksAssignedIdentity": { "principalId": "33333333-3333-4333-8333-333333333333" },
    } });
    change(&mut body);
    serde_json::from_value(body).unwrap()
}

fn seen(extensions: Vec<Extension>) -> Seen {
    Seen {
        target: example(),
        extensions,
        written: false,
    }
}

#[test]
fn satisfied_world_needs_nothing_whatever_the_extension_is_called() {
    let mut seen = seen(vec![extension(|_| ())]);
    let evidence = "extension by-hand 0.1.2 on cluster rg-aks/aks";
    let remark = "the target names it azure-aks-backup, which has no effect";
    let decision = step().decide(&seen, &prepared()).unwrap();
    assert_eq!(decision, Decision::Done(format!("{evidence}; {remark}")));
    seen.target.extension.name = "by-hand".parse().unwrap();
    let decision = step().decide(&seen, &prepared()).unwrap();
    assert_eq!(decision, Decision::Done(evidence.into()));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    assert_eq!(tables.extension.unwrap().extension.name(), "by-hand");
}

#[test]
fn a_missing_extension_is_installed_with_wire_names() {
    let Decision::Change(changes) = step().decide(&seen(vec![]), &prepared()).unwrap() else {
        panic!("no change")
    };
    let ExtensionChange::Install { settings, .. } = &changes[0] else {
        panic!("no install")
    };
    assert_eq!(settings["configuration.backupStorageLocation.config.useAAD"], "true");
    assert_eq!(
        settings["configuration.backupStorageLocation.config.storageAccountURI"],
        ENDPOINT
    );
    assert!(changes[0].note().right.scope.ends_with("/managedClusters/aks"));
}

#[test]
fn an_extension_that_is_being_installed_is_waited_for() {
    let creating = extension(|body| body["properties"]["provisioningState"] = json!("Creating"));
    let decision = step().decide(&seen(vec![creating]), &prepared()).unwrap();
    assert_eq!(decision, Decision::Wait(Wait::for_("extension by-hand: Creating")));
}

#[test]
fn a_failed_extension_is_written_once_more_and_then_fails_with_helm_s_words_and_the_fix() {
    let failed = extension(|body| {
        body["properties"]["provisioningState"] = json!("Failed");
        body["properties"]["errorInfo"] = json!({ "code": "ExtensionOperationFailed", "message": "geneva not ready" });
    });
    let mut seen = seen(vec![failed]);
    let Decision::Change(changes) = step().decide(&seen, &prepared()).unwrap() else {
        panic!("no change")
    };
    assert!(
        matches!(&changes[..], [ExtensionChange::Repair { settings, .. }] if settings.len() == 7),
        "{changes:?}"
    );
    seen.written = true;
    let failure = step().decide(&seen, &prepared()).unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("ExtensionOperationFailed"));
    assert_eq!(failure.why, ["geneva not ready"]);
    assert!(
        failure
            .hints
            .iter()
            .any(|hint| hint.to_string().contains("decide with the platform team"))
    );
}

#[test]
fn an_extension_that_was_told_of_no_storage_gets_its_settings() {
    let bare = extension(|body| body["properties"]["configurationSettings"] = json!({ "blobContainer": "aks" }));
    let Decision::Change(changes) = step().decide(&seen(vec![bare]), &prepared()).unwrap() else {
        panic!("no change")
    };
    assert!(matches!(&changes[..], [ExtensionChange::Repair { .. }]), "{changes:?}");
}

#[test]
fn another_container_is_refused_with_both_cures() {
    let other =
        extension(|body| body["properties"]["configurationSettings"][extension_settings::BUCKET] = json!("other"));
    let failure = step().decide(&seen(vec![other]), &prepared()).unwrap_err();
    assert!(
        failure.why[0].contains("other") && failure.why[0].contains("aks"),
        "{failure}"
    );
    assert_eq!(failure.hints.len(), 2);
}

#[test]
fn an_extension_with_account_keys_is_switched_to_entra() {
    let keys = extension(|body| {
        let settings = body["properties"]["configurationSettings"].as_object_mut().unwrap();
        settings.retain(|key, _| !key.ends_with("useAAD"));
    });
    let Decision::Change(changes) = step().decide(&seen(vec![keys]), &prepared()).unwrap() else {
        panic!("no change")
    };
    assert!(matches!(&changes[..], [ExtensionChange::Rekey { settings, .. }] if settings.len() == 1));
}
