//! Refusals of Azure: which of them are somebody else's turn, and which only want patience.

use crate::arm::visible::is_refused;
use crate::checks::locks::show_lock;
use std::time::Duration;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::{Region, ResourceId};
use aksbackup_shared::step::{ChangeNote, Right, Turn, Wait};

use crate::arm::groups::Lock;

/// The codes with which AKS refuses an operation while another one is under way.
pub(crate) const CLUSTER_BUSY: [&str; 5] = [
    // Recorded: a PATCH of an extension that is being created.
    "ExtensionPatchFailed",
    "OperationNotAllowed",
    "AKSOperationPreempted",
    "AnotherOperationInProgress",
    "ConflictingConcurrentWriteNotAllowed",
];

/// Patience, if Azure refused a call only because another operation holds the resource, or it is not ready.
///
/// # Errors
/// The failure itself where it is another one.
pub(crate) fn busy(failure: Box<Failure>, codes: &[&str], what: &str) -> Outcome<Wait> {
    if codes.iter().any(|code| failure.has_code(code)) {
        let why = failure.why.first().cloned().unwrap_or_default();
        return Ok(Wait::for_(format!("{what}: {why}").trim_end_matches(": ").to_owned()));
    }
    Err(failure)
}

/// A wait that ends at once: look again, the world has changed.
pub(crate) fn look_again(why: impl Into<String>) -> Wait {
    Wait {
        retry_after: Some(Duration::ZERO),
        ..Wait::for_(why)
    }
}

/// The turn of whoever has more rights in the subscription, with `command` to run.
pub(crate) fn contributor(why: impl Into<String>, command: CommandLine, right: Right) -> Turn {
    Turn {
        who: Person::SubscriptionContributor,
        why: why.into(),
        command,
        right: Some(right),
        also: Vec::new(),
    }
}

/// No role helps against the lock of a node group; only the cluster itself can lift it.
pub(crate) fn unlock_nodes(cluster: &ResourceId) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: format!(
            "the node resource group of cluster {} has a lock that prevents all changes",
            cluster.with_group()
        ),
        command: shell(format!(
            "az aks update --name {} --resource-group {} --subscription {} --nrg-lockdown-restriction-level Unrestricted",
            quoted(cluster.name()),
            quoted(cluster.resource_group().as_str()),
            cluster.subscription()
        )),
        right: Some(Right::new("Microsoft.ContainerService/managedClusters/write", cluster)),
        also: Vec::new(),
    }
}

/// The turn of whoever may remove a lock.
pub(crate) fn unlock(lock: &Lock) -> Turn {
    Turn {
        who: Person::SubscriptionOwner,
        why: format!(
            "lock {} ({}) prevents Azure Backup from deleting old snapshots; it was set on purpose, so its owner decides \
             whether to remove it or to use another snapshot resource group",
            lock.id, lock.properties.level
        ),
        command: show_lock(lock),
        right: Some(Right::new("Microsoft.Authorization/locks/delete", &lock.id)),
        also: Vec::new(),
    }
}

/// The turn of whoever may make a change that the caller may not, with `command` to run.
pub(crate) fn not_ours(note: ChangeNote, command: CommandLine) -> Turn {
    contributor(
        format!("the signed-in account isn't authorized to {}", note.summary),
        command,
        note.right,
    )
}

/// The turn of whoever may make a resource group.
pub(crate) fn create_group(group: &ResourceId, region: &Region) -> Turn {
    let (name, subscription) = (group.name(), group.subscription());
    contributor(
        format!(
            "resource group {name} doesn't exist, or the signed-in account can't read it; the account requires the Contributor role on it"
        ),
        shell(format!(
            "az group create --name {} --location {region} --subscription {subscription}",
            quoted(name)
        )),
        Right::new(
            "Microsoft.Resources/subscriptions/resourceGroups/write",
            format!("/subscriptions/{subscription}"),
        ),
    )
}

/// The turn of whoever may make a group, where a write failed for want of it: Azure then answers either that the group is
/// missing or that the caller may not know.
pub(crate) fn without_group(group: Option<&Turn>, failure: &Failure) -> Option<Turn> {
    const MISSING: [&str; 3] = ["ResourceGroupNotFound", "ParentResourceNotFound", "ResourceNotFound"];
    let missing = MISSING.iter().any(|code| failure.has_code(code));
    group.filter(|_| missing || is_refused(failure)).cloned()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    #[test]
    fn patience_is_for_known_codes_only() {
        let failure = || Box::new(Failure::failed("x").code("OperationNotAllowed").because("Updating"));
        assert_eq!(
            busy(failure(), &["operationnotallowed"], "cluster aks").unwrap().why,
            "cluster aks: Updating"
        );
        assert!(busy(failure(), &["Other"], "cluster aks").is_err());
    }

    /// Fails before: a shell took the parentheses of a resource group for its own.
    #[test]
    fn a_resource_group_with_parentheses_is_one_word() {
        let group = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg(a)";
        let cluster = format!("{group}/providers/Microsoft.ContainerService/managedClusters/aks");
        let line = unlock_nodes(&cluster.parse().unwrap()).command.to_string();
        assert!(line.contains("--resource-group 'rg(a)' "), "{line}");
        let turn = create_group(&group.parse().unwrap(), &"westeurope".parse().unwrap());
        assert!(turn.command.to_string().contains("--name 'rg(a)' "), "{turn:?}");
    }
}
