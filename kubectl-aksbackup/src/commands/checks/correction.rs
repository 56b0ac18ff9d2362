//! How to correct a backup storage location that was changed in the cluster: `prepare` compares the extension's settings in
//! Azure, which are as they were, so that nothing writes the location again.

use aksbackup_shared::command_line::{CommandLine, Fix, az, shell};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{NamespaceName, same};
use aksbackup_shared::schema::State;
use serde_json::{Map, Value, json};

use crate::cluster::storage_locations::StorageLocation;

/// Returns what to do about a location whose settings differ from the target's.
pub(super) fn correction(location: &StorageLocation, state: &State, namespace: &NamespaceName) -> Fix {
    let settings = fix!["if the extension's settings in Azure differ too, run: ", az("prepare")];
    match patch(location, state, namespace) {
        Some(patch) => fix![
            "correct the backup storage location unless its owner changed it on purpose: ",
            patch,
            "; "
        ]
        .and(settings),
        None => fix![az("prepare"), " (compares the extension's settings)"],
    }
}

/// The command that gives the location the target's settings; `None` without a target, or where nothing differs.
fn patch(location: &StorageLocation, state: &State, namespace: &NamespaceName) -> Option<CommandLine> {
    let target = state.target.as_ref()?;
    let (storage, subscription) = (&target.storage, target.cluster.subscription().to_string());
    let mut spec = Map::new();
    if location.container != storage.container.as_str() {
        spec.insert("objectStorage".into(), json!({ "bucket": storage.container }));
    }
    let wanted = [
        ("storageAccount", storage.account.as_str()),
        ("resourceGroup", storage.resource_group.as_str()),
        ("subscriptionId", subscription.as_str()),
        ("useAAD", "true"),
    ];
    let differs = |(key, value): &(&str, &str)| {
        let own = location.config.get(*key);
        own.is_none_or(|own| !same(own, value))
    };
    let config: Map<String, Value> = wanted
        .into_iter()
        .filter(differs)
        .map(|(key, value)| (key.to_owned(), json!(value)))
        .collect();
    if !config.is_empty() {
        spec.insert("config".into(), Value::Object(config));
    }
    if !location.default {
        spec.insert("default".into(), json!(true));
    }
    if location.credential {
        spec.insert("credential".into(), Value::Null);
    }
    let patch = json!({ "spec": spec });
    (!spec.is_empty()).then(|| {
        shell(format!(
            "kubectl patch backupstoragelocation {} --namespace {namespace} --type merge --patch '{patch}'",
            location.name
        ))
    })
}
