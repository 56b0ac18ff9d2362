//! What a live backup instance backs up, against what `[target]` asks for.
//!
//! Azure reports every value that decides what is backed up: the policy, the snapshot resource group, and the parameters of
//! the data source. An instance that someone changed in the portal, and a target that was changed after the cluster was
//! protected, both show here. Microsoft lets policy and parameters of an instance change, the snapshot resource group not:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.

use std::collections::BTreeSet;

use aksbackup_shared::ids::same;
use aksbackup_shared::schema::{InstanceTarget, Target};
use serde_json::Value;

use crate::arm::backups::Instance;
use crate::checks::policy::Facts;
use crate::checks::policy::retention::Period;
use crate::target_ids;

mod fixes;
mod periods;
mod reduction;

pub(crate) use fixes::{adopting, hints, policy_hints};
use reduction::Effect;
pub(crate) use reduction::{idle_until, of_policies};

/// A value of Azure's that differs from the target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What differs.
    pub(crate) setting: Setting,
    /// What Azure has.
    pub(crate) live: String,
    /// What the target asks for.
    pub(crate) wanted: String,
    /// What the target protects less than Azure does now, in words.
    pub(crate) reduces: Option<String>,
}

/// What of an instance, or of its policy, can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The policy that the instance uses.
    Policy,
    /// The resource group for disk snapshots.
    SnapshotGroup,
    /// The identity that the vault protects with.
    Identity,
    /// The name that the portal shows.
    FriendlyName,
    /// The namespaces that are backed up.
    Included,
    /// The namespaces that are left out.
    Excluded,
    /// Whether volumes are backed up.
    Volumes,
    /// Whether cluster-scoped resources are backed up.
    ClusterScope,
    /// The labels of what is backed up.
    Labels,
    /// The resource types that are backed up.
    IncludedTypes,
    /// The resource types that are left out.
    ExcludedTypes,
    /// The volume types that are backed up.
    VolumeTypes,
    /// The hooks that a backup runs.
    Hooks,
    /// The interval of the policy.
    Schedule,
    /// The time of day of the policy's first backup.
    Time,
    /// The default retention of the policy.
    Retention,
    /// How long the policy keeps the first backup of a period in the operational tier.
    Kept(Period),
    /// How long the policy keeps its copy in the vault tier.
    Copied(Period),
}

impl Setting {
    /// Returns its name within a sentence.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::SnapshotGroup => "snapshot resource group",
            Self::Identity => "vault identity",
            Self::FriendlyName => "friendly name",
            Self::Included => "included namespaces",
            Self::Excluded => "excluded namespaces",
            Self::Volumes => "volume snapshots",
            Self::ClusterScope => "cluster-scoped resources",
            Self::Labels => "label selectors",
            Self::IncludedTypes => "included resource types",
            Self::ExcludedTypes => "excluded resource types",
            Self::VolumeTypes => "included volume types",
            Self::Hooks => "backup hooks",
            Self::Schedule => "schedule",
            Self::Time => "time of day",
            Self::Retention => "retention",
            Self::Copied(Period::Day) => "vault tier retention",
            Self::Kept(Period::Day) => "daily retention",
            Self::Kept(Period::Week) => "weekly retention",
            Self::Kept(Period::Month) => "monthly retention",
            Self::Kept(Period::Year) => "yearly retention",
            Self::Copied(Period::Week) => "weekly vault tier retention",
            Self::Copied(Period::Month) => "monthly vault tier retention",
            Self::Copied(Period::Year) => "yearly vault tier retention",
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, live, wanted) = (self.setting.words(), &self.live, &self.wanted);
        write!(f, "{what}: {live} (the target has {wanted})")
    }
}

/// The system-assigned identity of the vault.
const OWN_IDENTITY: &str = "the vault's system-assigned identity";

impl Difference {
    /// Returns whether `protect` leaves it: Azure can't change it, or the target says nothing of it.
    pub(crate) fn is_left(&self) -> bool {
        self.setting == Setting::SnapshotGroup || self.setting == Setting::Identity && self.wanted == OWN_IDENTITY
    }
}

/// A list of an instance's parameters.
pub(crate) struct Listed {
    setting: Setting,
    /// Azure's name of it.
    pub(crate) key: &'static str,
    /// What the target has, in its order.
    pub(crate) items: Vec<String>,
    /// The same as a set.
    wanted: BTreeSet<String>,
    /// What an empty one means, in a word.
    empty: &'static str,
    effect: Effect,
}

impl Listed {
    /// Returns whether a live list means the same. Without volume types Azure backs up disks.
    fn is_same(&self, live: &BTreeSet<String>) -> bool {
        let only_disks = |own: &BTreeSet<String>| own.is_empty() || own.iter().eq(["AzureDisk"]);
        *live == self.wanted || self.effect == Effect::NarrowsVolumes && only_disks(live) && only_disks(&self.wanted)
    }
}

/// Returns every list of the target that an instance's parameters have.
pub(crate) fn lists(target: &InstanceTarget) -> [Listed; 7] {
    fn own<T: std::fmt::Display>(
        setting: Setting,
        key: &'static str,
        wanted: &[T],
        (empty, effect): (&'static str, Effect),
    ) -> Listed {
        Listed {
            setting,
            key,
            items: wanted.iter().map(ToString::to_string).collect(),
            wanted: wanted.iter().map(ToString::to_string).collect(),
            empty,
            effect,
        }
    }
    [
        own(
            Setting::Included,
            "includedNamespaces",
            &target.included_namespaces,
            ("all", Effect::Narrows),
        ),
        own(
            Setting::Excluded,
            "excludedNamespaces",
            &target.excluded_namespaces,
            ("none", Effect::LeavesOut),
        ),
        own(
            Setting::Labels,
            "labelSelectors",
            &target.label_selectors,
            ("none", Effect::Selects),
        ),
        own(
            Setting::IncludedTypes,
            "includedResourceTypes",
            &target.included_resource_types,
            ("all", Effect::Narrows),
        ),
        own(
            Setting::ExcludedTypes,
            "excludedResourceTypes",
            &target.excluded_resource_types,
            ("none", Effect::LeavesOut),
        ),
        own(
            Setting::VolumeTypes,
            "includedVolumeTypes",
            &target.included_volume_types,
            ("Azure's default", Effect::NarrowsVolumes),
        ),
        own(
            Setting::Hooks,
            "backupHookReferences",
            &target.backup_hooks,
            ("none", Effect::Adds),
        ),
    ]
}

/// Returns what differs between a live instance and the target. What Azure leaves out of its answer is not compared here; see
/// [`unreported`].
pub(crate) fn of_instance(target: &Target, own: &Instance) -> Vec<Difference> {
    let mut all = Vec::new();
    let policy = &own.properties.policy_info.policy_id;
    if !same(policy, target_ids::policy(target).as_str()) {
        all.push(difference(Setting::Policy, last(policy), target.policy.name.as_str()));
    }
    let (group, live) = (
        target_ids::snapshot_group(target),
        own.snapshot_group().unwrap_or_default().trim_end_matches('/'),
    );
    if !live.is_empty() && !same(live, group.as_str()) {
        all.push(difference(Setting::SnapshotGroup, last(live), group.name()));
    }
    match (own.assigned_identity(), &target.vault.identity) {
        (Some(live), Some(wanted)) if !same(live, wanted.as_str()) => {
            all.push(difference(Setting::Identity, last(live), wanted.name()));
        }
        (None, Some(wanted)) => all.push(difference(Setting::Identity, OWN_IDENTITY, wanted.name())),
        (Some(live), None) => all.push(difference(Setting::Identity, live, OWN_IDENTITY)),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if let Some(live) = own.properties.friendly_name.as_deref()
        && live != target.instance.friendly_name
    {
        all.push(difference(Setting::FriendlyName, live, &target.instance.friendly_name));
    }
    all.extend(own.parameters().into_iter().flat_map(|own| of_parameters(target, own)));
    all
}

fn of_parameters(target: &Target, parameters: &Value) -> Vec<Difference> {
    let (mut all, wanted) = (Vec::new(), &target.instance);
    for list in lists(wanted) {
        let live = listed(parameters, list.key);
        if !list.is_same(&live) {
            all.push(Difference {
                reduces: list.effect.reduces(list.setting, &live, &list.wanted),
                ..difference(
                    list.setting,
                    &joined(&live, list.empty),
                    &joined(&list.wanted, list.empty),
                )
            });
        }
    }
    for (setting, key, wanted) in [
        (Setting::Volumes, "snapshotVolumes", wanted.snapshot_volumes),
        (
            Setting::ClusterScope,
            "includeClusterScopeResources",
            wanted.include_cluster_scope_resources,
        ),
    ] {
        let live = parameters.get(key).and_then(Value::as_bool);
        if let Some(live) = live.filter(|live| *live != wanted) {
            all.push(Difference {
                reduces: live.then(|| format!("{} are no longer backed up", setting.words())),
                ..difference(setting, on(live), on(wanted))
            });
        }
    }
    all
}

/// Which values of an instance Azure does not report, so that nothing can be said of them.
pub(crate) fn unreported(own: &Instance) -> Vec<&'static str> {
    let mut all = Vec::new();
    if own.snapshot_group().is_none() {
        all.push(Setting::SnapshotGroup.words());
    }
    let Some(parameters) = own.parameters() else {
        all.extend(
            [
                Setting::Included,
                Setting::Excluded,
                Setting::Volumes,
                Setting::ClusterScope,
            ]
            .map(Setting::words),
        );
        return all;
    };
    for (setting, key) in [
        (Setting::Volumes, "snapshotVolumes"),
        (Setting::ClusterScope, "includeClusterScopeResources"),
    ] {
        if parameters.get(key).and_then(Value::as_bool).is_none() {
            all.push(setting.words());
        }
    }
    all
}

/// What differs between the rules of a policy that exists and the target's. A policy from a file is compared as a whole
/// elsewhere.
pub(crate) fn of_policy(target: &Target, own: &Facts) -> Vec<Difference> {
    let wanted = &target.policy;
    if wanted.file.is_some() {
        return Vec::new();
    }
    let mut all = Vec::new();
    let time = wanted.time.as_ref().map_or("", |time| time.as_str());
    for (setting, live, wanted) in [
        (Setting::Schedule, own.schedule.as_str(), wanted.schedule.as_str()),
        (Setting::Time, own.time.as_str(), time),
        (Setting::Retention, own.retention.as_str(), wanted.retention.as_str()),
    ] {
        let said = !live.is_empty() && !wanted.is_empty();
        if said && !live.eq_ignore_ascii_case(wanted) {
            all.push(difference(setting, live, wanted));
        }
    }
    let (live, wanted) = (own.vault_tier_retention(), wanted.vault_tier_retention.as_deref());
    let is_same = match (live, wanted) {
        (Some(live), Some(wanted)) => live.eq_ignore_ascii_case(wanted),
        // A rule that copies to the vault tier doesn't have to say how long the copies are kept.
        (None, wanted) => own.copies_daily() == wanted.is_some(),
        (Some(_), None) => false,
    };
    if !is_same {
        let live = live.unwrap_or(if own.copies_daily() { "in use" } else { UNUSED });
        all.push(difference(Setting::Copied(Period::Day), live, wanted.unwrap_or(UNUSED)));
    }
    all.extend(periods::of_policy(target, own));
    all
}

/// What stands for a rule that there isn't.
const UNUSED: &str = "not in use";

fn difference(setting: Setting, live: &str, wanted: &str) -> Difference {
    Difference {
        setting,
        live: live.to_owned(),
        wanted: wanted.to_owned(),
        reduces: None,
    }
}

fn last(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

const fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Returns a list of the parameters. Azure gives it back in an order of its own, and null for an empty one; a hook is an object with
/// its namespace and name.
pub(crate) fn listed(parameters: &Value, key: &str) -> BTreeSet<String> {
    let items = parameters.get(key).and_then(Value::as_array).into_iter().flatten();
    let text = |item: &Value| match item {
        Value::Object(hook) => {
            let text = |key| hook.get(key).and_then(Value::as_str).unwrap_or_default();
            Some(format!("{}/{}", text("namespace"), text("name")))
        }
        other => other.as_str().map(str::to_owned),
    };
    items.filter_map(text).filter(|name| !name.is_empty()).collect()
}

fn joined(names: &BTreeSet<String>, empty: &str) -> String {
    match names.is_empty() {
        true => empty.to_owned(),
        false => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests;
