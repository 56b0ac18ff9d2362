//! The one extension of Azure Backup that a cluster can have, where it has to be, and where it stores backups.
//!
//! Roles, federated credentials and the vault's access all go to "the extension of the cluster". With two of them, or with one
//! in another namespace, another user who can install an extension or create pods there would get what was meant for the other,
//! so nothing is granted, changed or sent until one is left.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::names::NAMESPACE;
use aksbackup_shared::schema::Target;

use crate::arm::extensions::{self, Extension};
use crate::checks::extension_settings::{self, ACCOUNT, BUCKET, Stored};
use crate::checks::reinstallation::decision;

/// Returns the extension of Azure Backup of those on `cluster`; `None` where there is none.
///
/// # Errors
/// There is more than one, or it is not in the namespace that Azure Backup uses: each is named.
pub(crate) fn sole<'a>(cluster: &ResourceId, extensions: &'a [Extension]) -> Outcome<Option<&'a Extension>> {
    match extensions {
        [] => Ok(None),
        [own] if is_at_home(own) => Ok(Some(own)),
        [own] => Failure::failed(format!(
            "extension {} of cluster {} is in an unsupported namespace",
            own.name,
            cluster.with_group()
        ))
        .because(described(own))
        .because(format!(
            "credentials are created for service accounts in namespace {NAMESPACE}: anyone who can create pods \
             there could use them"
        ))
        .hint(fix!["check who installed the extension: ", listing(cluster)])
        .err(),
        all => all
            .iter()
            .map(described)
            .fold(
                Failure::failed(format!(
                    "cluster {} has {} Azure Backup extensions: {}",
                    cluster.with_group(),
                    all.len(),
                    all.iter().map(|own| own.name.as_str()).collect::<Vec<_>>().join(", ")
                )),
                Failure::because,
            )
            .hint(fix![
                "check who installed each extension, and keep the one that stores backups in your container: ",
                listing(cluster)
            ])
            .err(),
    }
}

/// Checks that the extension, if there is one, stores backups where the target says: what another state file set up for the
/// cluster is never changed to this one's storage.
///
/// # Errors
/// As [`sole`]; or it stores backups elsewhere, with both ways out.
pub(crate) fn no_conflict(target: &Target, extensions: &[Extension]) -> Outcome<()> {
    let Some(own) = sole(&target.cluster, extensions)? else {
        return Ok(());
    };
    match extension_settings::stored(target, own) {
        Stored::There | Stored::Nowhere => Ok(()),
        Stored::Elsewhere(failure) => Err(two_cures(failure, target, own)),
    }
}

fn two_cures(failure: Failure, target: &Target, extension: &Extension) -> Box<Failure> {
    let (account, group) = (extension.setting(ACCOUNT), extension.setting(extension_settings::GROUP));
    let adopt = fix![
        "to keep the extension's storage: ",
        az(format!(
            "init --storage-account {} --storage-resource-group {} --container {}",
            quoted(account),
            quoted(group),
            quoted(extension.setting(BUCKET))
        ))
    ];
    let id = extensions::extension_id(&target.cluster, &extension.name);
    Box::new(failure.hint(adopt).hint(fix![
        "to use the target's storage (existing backups aren't moved to it): ",
        decision(&id),
        "; then run: ",
        az("prepare")
    ]))
}

/// Whether it is in the namespace that the Azure CLI and the portal always use. Where Azure does not say, it is: the service
/// fills the member in.
fn is_at_home(own: &Extension) -> bool {
    own.namespace().is_none_or(|own| own == NAMESPACE)
}

fn described(own: &Extension) -> String {
    format!(
        "extension {} is {} in namespace {}, with container {} in account {}",
        own.name,
        own.provisioning_state(),
        own.namespace().unwrap_or(NAMESPACE),
        own.setting(BUCKET),
        own.setting(ACCOUNT)
    )
}

fn listing(cluster: &ResourceId) -> CommandLine {
    shell(format!(
        "az k8s-extension list --cluster-name {} --cluster-type managedClusters --resource-group {}",
        cluster.name(),
        cluster.resource_group()
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::step04_extension::tests::extension;
    use crate::target_ids::tests::example;

    fn inside(namespace: &str) -> Extension {
        extension(|body| body["properties"]["scope"] = json!({ "cluster": { "releaseNamespace": namespace } }))
    }

    #[test]
    fn one_in_the_namespace_of_azure_backup_is_taken_and_no_other() {
        let cluster = example().cluster;
        assert!(sole(&cluster, &[]).unwrap().is_none());
        assert!(sole(&cluster, &[extension(|_| ())]).unwrap().is_some());
        assert!(sole(&cluster, &[inside(NAMESPACE)]).unwrap().is_some());
        let failure = sole(&cluster, &[inside("velero")]).unwrap_err();
        assert!(failure.why[0].contains("namespace velero"), "{failure}");
        let second = extension(|body| body["name"] = json!("second"));
        let failure = sole(&cluster, &[extension(|_| ()), second]).unwrap_err();
        assert!(
            failure.why[0].contains("by-hand") && failure.why[1].contains("second"),
            "{failure}"
        );
        assert!(
            failure.hints.iter().all(|hint| !hint.to_string().contains("delete")),
            "{failure}"
        );
    }

    #[test]
    fn storage_of_another_file_is_a_conflict_with_both_names() {
        let target = example();
        assert!(no_conflict(&target, &[extension(|_| ())]).is_ok());
        let other = extension(|body| body["properties"]["configurationSettings"][ACCOUNT] = json!("stother"));
        let failure = no_conflict(&target, &[other]).unwrap_err();
        assert!(
            failure.why[0].contains("stother") && failure.why[0].contains(target.storage.account.as_str()),
            "{failure}"
        );
        assert!(failure.hints[0].to_string().contains("az aksbackup init"), "{failure}");
    }
}
