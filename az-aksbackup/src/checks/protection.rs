//! How the protection of a cluster stands, in Azure's words, and what cures it.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;
pub(crate) use aksbackup_shared::schema::Pause;
use aksbackup_shared::schema::Target;

use crate::arm::backups::Instance;
use crate::arm::user_error::UserError;
use crate::checks::drift;
use crate::target_ids;

/// How the protection of an instance stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protection {
    /// All is well.
    Configured,
    /// Azure works on it.
    Changing,
    /// A state that this version does not know: it may pass, or never change.
    Unknown,
    /// It was stopped or deleted on purpose.
    Paused,
    /// It failed, or never began.
    Broken,
}

/// Returns how the protection of an instance was ended on purpose; `None` if it wasn't.
pub(crate) fn pause(instance: &Instance) -> Option<Pause> {
    Pause::of(instance.protection())
}

/// Whether Azure still works on an instance, so that it refuses other requests.
pub(crate) fn is_changing(instance: &Instance) -> bool {
    let leaves = ["SoftDeleting", "Deleting", "StoppingProtection"].contains(&instance.protection());
    leaves || of(instance) == Protection::Changing
}

/// Returns the instance that a target means: the one of its name, else the first. Microsoft: a cluster can have several backup
/// configurations, each in another vault or with another policy
/// (<https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-overview>).
pub(crate) fn chosen<'a>(target: &Target, instances: &'a [Instance]) -> Option<&'a Instance> {
    let named = |own: &&Instance| same(own.id.name(), target.instance.name.as_str());
    instances.iter().find(named).or_else(|| instances.first())
}

/// Reads Azure's word.
pub(crate) fn of(instance: &Instance) -> Protection {
    match instance.protection() {
        "ProtectionConfigured" => Protection::Configured,
        _ if pause(instance).is_some() => Protection::Paused,
        "ProtectionError" | "ConfiguringProtectionFailed" | "NotProtected" | "Invalid" => Protection::Broken,
        // Without a state the instance was created a moment ago.
        "ConfiguringProtection" | "UpdatingProtection" | "" => Protection::Changing,
        _ => Protection::Unknown,
    }
}

/// What proves that the cluster is protected.
pub(crate) fn evidence(instance: &Instance) -> String {
    let policy = instance.properties.policy_info.policy_id.rsplit('/').next();
    format!(
        "backup instance {}: {} with policy {}",
        instance.id.name(),
        instance.protection(),
        policy.unwrap_or_default()
    )
}

/// What Azure says of an instance that failed.
pub(crate) fn said(instance: &Instance) -> String {
    let errors: Vec<String> = instance
        .errors()
        .iter()
        .map(|error| format!("{}: {}", error.code, error.message))
        .collect();
    match errors.is_empty() {
        true => format!("Azure reports: {}", instance.protection()),
        false => format!("Azure reports: {}", errors.join("; ")),
    }
}

/// Returns an instance in words, with its vault and the vault's resource group.
pub(crate) fn in_vault(instance: &Instance) -> String {
    match instance.vault() {
        Some(vault) => format!("backup instance {} in vault {}", instance.id.name(), vault.with_group()),
        None => format!("backup instance {}", instance.id),
    }
}

/// An instance that failed.
pub(crate) fn broken(instance: &Instance) -> Failure {
    let failure = Failure::failed(format!("{} is in state {}", in_vault(instance), instance.protection()));
    UserError::explain(&instance.errors(), failure).hint(fix!["fix the cause, then run: ", az("protect")])
}

/// The flags with which az finds an instance.
fn flags(instance: &Instance) -> String {
    let name = instance.id.name();
    match instance.vault() {
        Some(vault) => format!(
            "--backup-instance-name {name} --resource-group {} --vault-name {} --subscription {}",
            quoted(vault.resource_group().as_str()),
            vault.name(),
            vault.subscription()
        ),
        None => format!("--ids {}", quoted(instance.id.as_str())),
    }
}

/// The command that shows what Azure says about an instance in an unknown state.
pub(crate) fn shown(instance: &Instance) -> CommandLine {
    let query = "--query properties.protectionStatus";
    shell(format!(
        "az dataprotection backup-instance show {} {query}",
        flags(instance)
    ))
}

/// An instance that stays in a state that this version does not know.
pub(crate) fn unknown(instance: &Instance) -> Failure {
    let state = instance.protection();
    Failure::failed(format!("{} stays in state {state}", in_vault(instance)))
        .because(format!(
            "this version of aksbackup doesn't recognize state {state}, so it is unknown whether the cluster is \
             protected"
        ))
        .hint(fix!["to see the backup instance's state in Azure: ", shown(instance)])
}

/// An instance that was suspended, stopped, or deleted on purpose.
pub(crate) fn paused(instance: &Instance) -> Failure {
    let (command, because) = match pause(instance) {
        Some(Pause::Deleted) => ("undelete", "the backup instance of the cluster was deleted on purpose"),
        Some(Pause::Suspended) => ("resume", "the backups of the cluster were suspended on purpose"),
        Some(Pause::Stopped) | None => ("resume", "the protection of the cluster was stopped on purpose"),
    };
    Failure::failed(format!("{} is in state {}", in_vault(instance), instance.protection()))
        .because(because)
        .hint(fix!["to protect the cluster again: ", az(command)])
}

/// A cluster that another vault protects.
pub(crate) fn elsewhere(target: &Target, instance: &Instance) -> Failure {
    let vault = instance.vault();
    let (name, group) = match &vault {
        Some(vault) => (vault.name().to_owned(), vault.resource_group().to_string()),
        None => (instance.id.to_string(), String::new()),
    };
    Failure::failed(format!(
        "cluster {} is protected by another vault",
        target.cluster.with_group()
    ))
    .because(format!(
        "backup instance {} in vault {name} (resource group {group}) is {}; only one vault can protect a cluster",
        instance.id.name(),
        instance.protection()
    ))
    .hint(fix![
        "to continue with that vault: ",
        az(format!("init --vault {name} --vault-resource-group {group}"))
    ])
    .hint(
        "ask the owner of that vault before you stop using it: its recovery points are deleted together with its \
         backup instance",
    )
}

/// Refuses a target whose snapshot resource group isn't the one of the cluster's backup instance: Azure doesn't let it be changed, and what is created
/// or granted for another one is for nothing.
///
/// # Errors
/// Exit 2: the two groups.
pub(crate) fn must_keep_snapshot_group(target: &Target, instances: &[Instance]) -> Outcome<()> {
    let vault = target_ids::vault(target);
    let own = |own: &&Instance| own.protects(&target.cluster) && own.vault().is_some_and(|own| own == vault);
    let Some(instance) = instances.iter().find(own) else {
        return Ok(());
    };
    let differences = drift::of_instance(target, instance);
    let Some(group) = differences
        .iter()
        .find(|own| own.setting == drift::Setting::SnapshotGroup)
    else {
        return Ok(());
    };
    Failure::usage(format!(
        "cannot use snapshot resource group {} for cluster {}",
        group.wanted,
        target.cluster.with_group()
    ))
    .because(format!(
        "backup instance {} uses {}, and Azure doesn't allow the snapshot resource group of a protected cluster to be changed",
        instance.id.name(),
        group.live
    ))
    .hint(drift::adopting())
    .err()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::target_ids;
    use crate::target_ids::tests::example;

    /// The example's instance in this state, with what a test wants otherwise.
    pub(crate) fn instance(state: &str, change: impl FnOnce(&mut Value)) -> Instance {
        let target = example();
        let mut body = json!({ "id": target_ids::instance(&target).as_str().replace("/backupVaults/", "/Backupvaults/"), "properties": {
            "currentProtectionState": state,
            "dataSourceInfo": { "resourceID": target.cluster.as_str() }, "dataSourceSetInfo": {},
            "policyInfo": { "policyId": target_ids::policy(&target).as_str(), "policyParameters": { "dataStoreParametersList": [
                { "resourceGroupId": target_ids::snapshot_group(&target).as_str() } ],
                "backupDatasourceParametersList": [ { "snapshotVolumes": true, "includeClusterScopeResources": true } ] } },
        } });
        change(&mut body);
        serde_json::from_value(body).unwrap()
    }

    #[test]
    fn every_state_has_its_meaning() {
        let of = |state| of(&instance(state, |_| ()));
        assert_eq!(of("ProtectionConfigured"), Protection::Configured);
        assert_eq!(of("ConfiguringProtection"), Protection::Changing);
        assert_eq!(of("ConfiguringProtectionFailed"), Protection::Broken);
        assert_eq!(of("SoftDeleted"), Protection::Paused);
        assert_eq!(of("UpdatingProtection"), Protection::Changing);
        assert_eq!(of(""), Protection::Changing);
        for state in [
            "BackupsSuspended",
            "BackupSchedulesSuspended",
            "RetentionSchedulesSuspended",
        ] {
            assert_eq!(of(state), Protection::Paused);
        }
        assert_eq!(of("Inventing"), Protection::Unknown);
    }

    #[test]
    fn what_somebody_stopped_names_the_command_that_resumes_it() {
        let hint = |state| paused(&instance(state, |_| ())).hints[0].clone();
        for (state, command) in [
            ("ProtectionStopped", "az aksbackup resume"),
            ("BackupsSuspended", "az aksbackup resume"),
            ("SoftDeleted", "az aksbackup undelete"),
        ] {
            assert_eq!(
                hint(state).to_string(),
                format!("to protect the cluster again: {command}")
            );
        }
        for failure in [
            broken(&instance("NotProtected", |_| ())),
            paused(&instance("ProtectionStopped", |_| ())),
        ] {
            let what = "backup instance aks-instance in vault rg-backup/bv-aks is in state ";
            assert!(failure.what.starts_with(what), "{failure}");
        }
    }
}
