//! Whether the data of a volume is in backups, by the filters of the target and by what Azure Backup supports.

use std::collections::BTreeMap;

use aksbackup_shared::schema::{InstanceTarget, Kind, State};

use crate::cluster::volumes::{Claim, Medium, Mount, Volume};
use crate::commands::checks::Sight;

/// The namespaces that Azure Backup never backs up (Microsoft's support matrix of AKS backup). The extension's own is another.
pub(crate) const SYSTEM: [&str; 3] = ["kube-node-lease", "kube-public", "kube-system"];

/// Why the data of a volume isn't in backups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    /// The target excludes its namespace, which is on purpose.
    Excluded,
    /// Azure Backup never backs up its namespace.
    System,
    /// The target's list of namespaces doesn't have it.
    Namespace,
    /// Azure Backup doesn't support it.
    Unsupported,
    /// The lists of resource types leave out claims.
    Kinds,
    /// The target takes no snapshots of volumes.
    Snapshots,
    /// The target's list of volume types doesn't have its type.
    Types,
    /// No label selector selects it.
    Labels,
    /// Whether label selectors select it can't be told.
    Unclear,
}

type Labels = BTreeMap<String, String>;

/// The filters of a target, and what is needed to apply them.
pub(crate) struct Scope<'a> {
    own: &'a str,
    instance: Option<&'a InstanceTarget>,
    /// The labels of each claim, and of the pods that mount it; `None` if the signed-in user isn't authorized to list them.
    labels: Option<BTreeMap<(&'a str, &'a str), Vec<&'a Labels>>>,
}

impl<'a> Scope<'a> {
    pub(crate) fn of(sight: &'a Sight, state: &'a State) -> Self {
        let both = sight.claims.as_deref().zip(sight.mounts.as_deref());
        Self {
            own: sight.namespace.as_str(),
            instance: state.target.as_ref().map(|target| &target.instance),
            labels: both.map(|(claims, mounts)| labels(claims, mounts)),
        }
    }

    /// Why nothing of a namespace is backed up.
    pub(super) fn place(&self, namespace: &str) -> Option<Why> {
        let named = |pick: fn(&InstanceTarget) -> &[aksbackup_shared::ids::NamespaceName]| {
            let list = self.instance.map(pick).unwrap_or_default();
            (list.is_empty(), list.iter().any(|own| own.as_str() == namespace))
        };
        let (_, excluded) = named(|own| &own.excluded_namespaces);
        let (every, included) = named(|own| &own.included_namespaces);
        if excluded {
            Some(Why::Excluded)
        } else if namespace == self.own || SYSTEM.contains(&namespace) {
            Some(Why::System)
        } else {
            (!every && !included).then_some(Why::Namespace)
        }
    }

    /// Why a claim isn't backed up.
    pub(crate) fn claim(&self, namespace: &str, name: &str) -> Option<Why> {
        let taken = self.instance.is_none_or(|own| own.takes(Kind::VolumeClaim));
        self.place(namespace)
            .or((!taken).then_some(Why::Kinds))
            .or_else(|| self.selected(namespace, name))
    }

    /// Why the data of a volume isn't backed up; `None` where it is.
    pub(super) fn volume(&self, own: &Volume) -> Option<Why> {
        let settings = || {
            let instance = self.instance?;
            if !instance.takes(Kind::VolumeClaim) {
                return Some(Why::Kinds);
            }
            (!instance.snapshot_volumes).then_some(Why::Snapshots)
        };
        self.place(&own.namespace)
            .or(own.unsupported.is_some().then_some(Why::Unsupported))
            .or_else(settings)
            .or((self.instance.is_some() && !self.types().contains(&word(own.medium))).then_some(Why::Types))
            .or_else(|| self.selected(&own.namespace, &own.claim))
    }

    /// The types of volumes that are backed up: without a list, disks.
    pub(super) fn types(&self) -> Vec<&str> {
        let listed = self.instance.map(|own| own.included_volume_types.as_slice());
        match listed.unwrap_or_default() {
            [] => vec![word(Medium::Disk)],
            all => all.iter().map(|own| own.as_str()).collect(),
        }
    }

    /// Whether labels keep a claim out. A backup takes a claim that is selected itself, and those of a selected pod (Velero's
    /// action for pods). Whether several selectors have to be met together no source says.
    fn selected(&self, namespace: &str, name: &str) -> Option<Why> {
        let selectors = &self.instance?.label_selectors;
        if selectors.is_empty() {
            return None;
        }
        let Some(labels) = &self.labels else {
            return Some(Why::Unclear);
        };
        let holders = labels.get(&(namespace, name)).map(Vec::as_slice).unwrap_or_default();
        let by_all = |own: &&Labels| selectors.iter().all(|selector| selector.selects(own));
        let by_one = |own: &&Labels| selectors.iter().any(|selector| selector.selects(own));
        match (holders.iter().any(by_all), holders.iter().any(by_one)) {
            (true, _) => None,
            (false, true) => Some(Why::Unclear),
            (false, false) => Some(Why::Labels),
        }
    }
}

fn labels<'a>(claims: &'a [Claim], mounts: &'a [Mount]) -> BTreeMap<(&'a str, &'a str), Vec<&'a Labels>> {
    let mut all: BTreeMap<(&str, &str), Vec<&Labels>> = BTreeMap::new();
    for own in claims {
        all.entry((&own.namespace, &own.name)).or_default().push(&own.labels);
    }
    for own in mounts {
        for claim in &own.claims {
            all.entry((&own.namespace, claim)).or_default().push(&own.labels);
        }
    }
    all
}

/// Azure's word for a kind of volumes.
pub(super) const fn word(medium: Medium) -> &'static str {
    match medium {
        Medium::Disk => "AzureDisk",
        Medium::Share => "AzureFileShareSMB",
        Medium::Other => "",
    }
}
