//! What was seen of the chain, and from where it was known where to look.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{CommandLine, Fix, az};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{PrincipalId, ResourceId};
use aksbackup_shared::schema::{State, Target};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::backups::{Instance, Job};
use crate::arm::clusters::Cluster;
use crate::arm::container_clusters::ContainerClusters;
use crate::arm::extensions::Extension;
use crate::arm::groups::{Group, Lock, Subscription};
use crate::arm::identities::{FederatedCredential, Identity};
use crate::arm::providers::Provider;
use crate::arm::roles::Assignment;
use crate::arm::storage::{Account, Container};
use crate::arm::trusted_access::Binding;
use crate::arm::vaults::Vault;
use crate::checks::cluster_support::{self, ClusterRef};
use crate::checks::culprits::Culprits;
use crate::checks::policy_file::Compared;
use crate::checks::protection;
use crate::login::Caller;

/// Something that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen<T> {
    /// It is there.
    Here(T),
    /// It does not exist.
    Absent,
    /// It could not be read, for this reason.
    Hidden(Box<Failure>),
    /// Nothing says where it would be.
    Unasked,
}

impl<T> Seen<T> {
    /// A read. What is missing because its parent is, is absent.
    pub(crate) fn of(read: Outcome<Option<T>>) -> Self {
        match read {
            Ok(Some(found)) => Self::Here(found),
            Ok(None) => Self::Absent,
            Err(failure) if failure.exit == Exit::Missing => Self::Absent,
            Err(failure) => Self::Hidden(failure),
        }
    }

    /// What is there.
    pub(crate) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(found) => Some(found),
            Self::Absent | Self::Hidden(_) | Self::Unasked => None,
        }
    }

    /// Whether it could be read.
    fn is_read(&self) -> bool {
        matches!(self, Self::Here(_) | Self::Absent)
    }

    /// Why it could not be read.
    pub(crate) fn hidden(&self) -> Option<&Failure> {
        match self {
            Self::Hidden(failure) => Some(failure),
            Self::Here(_) | Self::Absent | Self::Unasked => None,
        }
    }

    /// The check of something that could not be seen, `what` in words.
    pub(crate) fn unread(&self, link: Link, check: &str, what: &str) -> Option<Check> {
        match self {
            Self::Here(_) | Self::Absent => None,
            Self::Unasked => Some(Check::unknown(
                link,
                check,
                format!("the location of {what} is unknown"),
            )),
            Self::Hidden(failure) => Some(hidden(link, check, what, failure)),
        }
    }
}

/// The check of something that could not be read: unknown for want of a permission, with the one to ask for, else an error.
pub(crate) fn hidden(link: Link, check: &str, what: &str, failure: &Failure) -> Check {
    let why = failure.why.first().map_or(failure.what.as_str(), String::as_str);
    let right = failure.hints.iter().find_map(Fix::missing_permission);
    let code = failure.code.as_deref();
    match right {
        Some(right) => {
            let check = Check::unknown(
                link,
                check,
                format!("the signed-in account isn't authorized to read {what}"),
            );
            check.hinted(format!("ask for permission to {right}"))
        }
        None if failure.exit == Exit::NotPermitted => Check::unknown(link, check, format!("cannot read {what}: {why}")),
        // Something is wrong with the answer, or there was none: that is no missing permission.
        None => Check::error(
            link,
            check,
            format!("cannot read {what}: {why}"),
            match failure.hints.first() {
                Some(hint) => hint.clone(),
                None => fix!["run the command again; to log every request: ", az("verify --verbose")],
            },
        ),
    }
    .because(format!("error.code = {}", code.unwrap_or("none")))
}

/// Where things are: as the state file says, else as they name one another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// The storage account.
    pub(crate) account: Option<ResourceId>,
    /// The container in it.
    pub(crate) container: Option<ResourceId>,
    /// The group that snapshots go to.
    pub(crate) snapshots: Option<ResourceId>,
    /// The vault.
    pub(crate) vault: Option<ResourceId>,
    /// The policy.
    pub(crate) policy: Option<ResourceId>,
}

/// The roles of a principal on a scope.
#[derive(Debug, Clone)]
pub(crate) struct Listed {
    /// The scope.
    pub(crate) scope: ResourceId,
    /// The principal.
    pub(crate) principal: PrincipalId,
    /// Its assignments at, above and below the scope.
    pub(crate) assignments: Seen<Vec<Assignment>>,
}

/// All that was seen.
#[derive(Debug, Clone)]
pub(crate) struct View {
    /// The state file; empty where there is none.
    pub(crate) state: State,
    /// The cluster.
    pub(crate) id: ResourceId,
    /// Who looked.
    pub(crate) caller: Caller,
    /// When.
    pub(crate) now: Timestamp,
    /// Where things are.
    pub(crate) places: Places,
    /// The cluster's subscription.
    pub(crate) subscription: Seen<Subscription>,
    /// The resource providers.
    pub(crate) providers: Vec<(&'static str, Seen<Provider>)>,
    /// The cluster.
    pub(crate) cluster: Seen<Cluster>,
    /// Its Azure Backup extensions.
    pub(crate) extensions: Seen<Vec<Extension>>,
    /// Its trusted access bindings.
    pub(crate) bindings: Seen<Vec<Binding>>,
    /// The backup instances that protect it.
    pub(crate) instances: Seen<Vec<Instance>>,
    /// The storage account.
    pub(crate) account: Seen<Account>,
    /// The container.
    pub(crate) container: Seen<Container>,
    /// The clusters that store backups in the container.
    pub(crate) container_clusters: Seen<ContainerClusters>,
    /// The snapshot group.
    pub(crate) snapshots: Seen<Group>,
    /// The locks on the cluster and on the groups of storage, vault and snapshots, and above them.
    pub(crate) locks: Vec<(ResourceId, Seen<Vec<Lock>>)>,
    /// The vault.
    pub(crate) vault: Seen<Vault>,
    /// The vault's subscription, where it is another than the cluster's.
    pub(crate) vault_subscription: Seen<Subscription>,
    /// The policy's properties.
    pub(crate) policy: Seen<Value>,
    /// The policy beside the file that the target names for it.
    pub(crate) policy_file: Option<Compared>,
    /// Instances of the cluster that the vault keeps although they were deleted.
    pub(crate) deleted: Seen<Vec<Instance>>,
    /// The vault's jobs for the cluster, the latest first.
    pub(crate) jobs: Seen<Vec<Job>>,
    /// The extension's identity.
    pub(crate) identity: Seen<Identity>,
    /// Its federated credentials.
    pub(crate) credentials: Seen<Vec<FederatedCredential>>,
    /// The roles, as they were listed.
    pub(crate) roles: Vec<Listed>,
    /// What a second look found, where something is missing.
    pub(crate) culprits: Culprits,
}

impl View {
    /// Why this or that could not be read.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Failure> {
        let single = [
            self.cluster.hidden(),
            self.subscription.hidden(),
            self.extensions.hidden(),
            self.bindings.hidden(),
            self.instances.hidden(),
            self.account.hidden(),
            self.container.hidden(),
            self.snapshots.hidden(),
            self.vault.hidden(),
            self.vault_subscription.hidden(),
            self.policy.hidden(),
            self.deleted.hidden(),
            self.jobs.hidden(),
            self.identity.hidden(),
            self.credentials.hidden(),
        ];
        let providers = self.providers.iter().filter_map(|(_, seen)| seen.hidden());
        let locks = self.locks.iter().filter_map(|(_, seen)| seen.hidden());
        let roles = self.roles.iter().filter_map(|own| own.assignments.hidden());
        single.into_iter().flatten().chain(providers).chain(locks).chain(roles)
    }

    /// Whether anything behind the login could be read.
    pub(crate) fn sees_anything(&self) -> bool {
        self.cluster.is_read()
            || self.extensions.is_read()
            || self.bindings.is_read()
            || self.instances.is_read()
            || self.account.is_read()
            || self.snapshots.is_read()
            || self.vault.is_read()
            || self.policy.is_read()
            || self.jobs.is_read()
            || self.identity.is_read()
            || self.credentials.is_read()
    }

    /// The file's target.
    pub(crate) fn target(&self) -> Option<&Target> {
        self.state.target.as_ref()
    }

    /// The extension: one that works, else the first.
    pub(crate) fn extension(&self) -> Option<&Extension> {
        // Of several, the one of the target: what is wrong with another one is no finding of this cluster's chain.
        let named = self.target().and_then(|target| {
            let name = target.extension.name.as_str();
            self.extensions
                .here()?
                .iter()
                .find(|own| own.name.eq_ignore_ascii_case(name))
        });
        named.or_else(|| extension(&self.extensions))
    }

    /// The instance in the vault, else the first.
    pub(crate) fn instance(&self) -> Option<&Instance> {
        let all = self.instances.here()?;
        let meant = self.target().and_then(|target| protection::chosen(target, all));
        let in_vault = |own: &&Instance| own.vault() == self.places.vault;
        let own = meant.filter(in_vault).or_else(|| all.iter().find(in_vault));
        own.or_else(|| all.first())
    }

    /// The principal that the vault works as: its own identity, or the one that the instance names.
    pub(crate) fn vault_principal(&self) -> Option<PrincipalId> {
        let vault = self.vault.here()?;
        let identity = self.target().and_then(|target| target.vault.identity.as_ref());
        match self.instance().map(Instance::assigned_identity) {
            Some(Some(id)) => vault.assigned(id),
            Some(None) => vault.principal().cloned(),
            None => vault.principal_of(identity),
        }
    }

    /// The cluster as it is judged.
    pub(crate) fn cluster_ref(&self) -> ClusterRef<'_> {
        ClusterRef {
            id: &self.id,
            target: self.target(),
        }
    }

    /// The flags for the Azure CLI that name the cluster.
    pub(crate) fn cluster_flags(&self) -> String {
        cluster_support::flags(&self.id)
    }

    /// `grant` with placeholders for what it has to be told.
    pub(crate) fn grant(&self) -> CommandLine {
        az(format!("grant{}", Target::confirmations(self.target())))
    }
}

/// Of several extensions one that works, else the first.
pub(crate) fn extension(seen: &Seen<Vec<Extension>>) -> Option<&Extension> {
    let all = seen.here()?;
    all.iter().find(|own| own.is_installed()).or_else(|| all.first())
}

#[cfg(test)]
pub(crate) mod tests;
