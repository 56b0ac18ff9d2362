//! Refusals of Azure: which of them are somebody else's turn, and which only want patience.

use std::time::Duration;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, Fix, shell};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::{Region, ResourceId};
use aksbackup_shared::step::{ChangeNote, Right, Turn, Wait};

use crate::arm::groups::Lock;

/// Something that the caller may not be allowed to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight<T> {
    /// It is there.
    Here(T),
    /// It does not exist.
    Absent,
    /// Azure refused the look, for this reason.
    Hidden(Box<Failure>),
}

impl<T> Sight<T> {
    /// A read that may be refused.
    ///
    /// # Errors
    /// Every failure but a refusal.
    pub(crate) fn of(read: Outcome<Option<T>>) -> Outcome<Self> {
        match read {
            Ok(Some(found)) => Ok(Self::Here(found)),
            Ok(None) => Ok(Self::Absent),
            Err(failure) if is_refused(&failure) || is_denied(&failure) => Ok(Self::Hidden(failure)),
            // Of a parent that does not exist.
            Err(failure) if failure.exit == Exit::Missing => Ok(Self::Absent),
            Err(failure) => Err(failure),
        }
    }

    /// What is there.
    pub(crate) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(found) => Some(found),
            Self::Absent | Self::Hidden(_) => None,
        }
    }
}

/// Whether Azure refused a call because the caller lacks a right, which somebody else may have.
pub(crate) fn is_refused(failure: &Failure) -> bool {
    failure.exit == Exit::NotPermitted
        && ["AuthorizationFailed", "LinkedAuthorizationFailed"]
            .iter()
            .any(|code| failure.has_code(code))
}

const DENIED: &str = "DenyAssignmentAuthorizationFailed";

/// Whether a deny assignment refused a call: no role helps against that.
pub(crate) fn is_denied(failure: &Failure) -> bool {
    failure.has_code(DENIED)
}

/// The codes with which AKS refuses an operation while another one is under way.
pub(crate) const CLUSTER_BUSY: [&str; 4] = [
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
        why: why.into(),
        retry_after: Some(Duration::ZERO),
    }
}

/// The turn of whoever has more rights in the subscription, with `command` to run.
pub(crate) fn contributor(why: impl Into<String>, command: CommandLine, right: Right) -> Turn {
    Turn {
        who: Person::SubscriptionContributor,
        why: why.into(),
        command,
        right: Some(right),
    }
}

/// No role helps against the lock of a node group; only the cluster itself can lift it.
pub(crate) fn unlock_nodes(cluster: &ResourceId) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: format!(
            "the node group of cluster {} is locked against every change",
            cluster.with_group()
        ),
        command: shell(format!(
            "az aks update --name {} --resource-group {} --subscription {} --nrg-lockdown-restriction-level Unrestricted",
            cluster.name(),
            cluster.resource_group(),
            cluster.subscription()
        )),
        right: Some(Right::new("Microsoft.ContainerService/managedClusters/write", cluster)),
    }
}

/// What to do about a lock. It protects something, so that its removal is a decision and no command to paste; the notes that
/// `az lock show` prints often say why it was set.
pub(crate) fn whose_lock(lock: &Lock) -> Fix {
    fix![
        "ask the owner of the lock, which was set on purpose, whether it can be removed: ",
        show_lock(lock)
    ]
}

fn show_lock(lock: &Lock) -> CommandLine {
    shell(format!("az lock show --ids {}", quoted(&lock.id)))
}

/// The turn of whoever may remove a lock.
pub(crate) fn unlock(lock: &Lock) -> Turn {
    Turn {
        who: Person::SubscriptionOwner,
        why: format!(
            "lock {} ({}) keeps Azure Backup from deleting old snapshots; it was set on purpose, so that its owner decides \
             whether to remove it or to use another snapshot resource group",
            lock.id, lock.properties.level
        ),
        command: show_lock(lock),
        right: Some(Right::new("Microsoft.Authorization/locks/delete", &lock.id)),
    }
}

/// The turn of whoever may make a change that the caller may not, with `command` to run.
pub(crate) fn not_ours(note: ChangeNote, command: CommandLine) -> Turn {
    contributor(
        format!("the signed-in account may not {}", note.summary),
        command,
        note.right,
    )
}

/// The turn of whoever may make a resource group.
pub(crate) fn create_group(group: &ResourceId, region: &Region) -> Turn {
    let (name, subscription) = (group.name(), group.subscription());
    contributor(
        format!("resource group {name} does not exist, or the signed-in account may not see it"),
        shell(format!(
            "az group create --name {name} --location {region} --subscription {subscription}"
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

    /// A failure as Azure answers when a right is missing.
    pub(crate) fn refusal(code: &str) -> Failure {
        Failure::not_permitted("cannot do it")
            .code(code)
            .because("no authorization")
    }

    #[test]
    fn only_missing_rights_are_refusals() {
        assert!(is_refused(&refusal("AuthorizationFailed")));
        assert!(is_denied(&refusal("DenyAssignmentAuthorizationFailed")));
        assert!(!is_refused(&refusal("RequestDisallowedByPolicy")));
        assert!(!is_refused(&Failure::failed("x").code("AuthorizationFailed")));
        assert!(matches!(
            Sight::<()>::of(Err(Box::new(refusal("AuthorizationFailed")))),
            Ok(Sight::Hidden(_))
        ));
        assert!(Sight::<()>::of(Failure::failed("x").err()).is_err());
    }

    #[test]
    fn patience_is_for_known_codes_only() {
        let failure = || Box::new(Failure::failed("x").code("OperationNotAllowed").because("Updating"));
        assert_eq!(
            busy(failure(), &["operationnotallowed"], "cluster aks").unwrap().why,
            "cluster aks: Updating"
        );
        assert!(busy(failure(), &["Other"], "cluster aks").is_err());
    }
}
