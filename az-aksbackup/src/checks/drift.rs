//! What a live backup instance backs up, against what `[target]` asks for.
//!
//! Azure reports every value that decides what is backed up: the policy, the snapshot resource group, and the parameters of
//! the data source. An instance that someone changed in the portal, and a target that was changed after the cluster was
//! protected, both show here. Microsoft lets policy and parameters of an instance change, the snapshot resource group not:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-manage-backups>.

use std::collections::BTreeSet;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{Fix, az, shell};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::Target;
use serde_json::Value;

use crate::arm::backups::Instance;
use crate::checks::policy::Facts;
use crate::target_ids;

/// Filters that narrow a backup and that the target has no key for, with Azure's names of them.
const FILTERS: [(&str, &str); 4] = [
    ("labelSelectors", "label selectors"),
    ("includedResourceTypes", "included resource types"),
    ("excludedResourceTypes", "excluded resource types"),
    ("includedVolumeTypes", "included volume types"),
];

/// A value of Azure's that differs from the target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What differs.
    pub(crate) setting: Setting,
    /// What Azure has.
    pub(crate) live: String,
    /// What the target asks for.
    pub(crate) wanted: String,
}

/// What of an instance, or of its policy, can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// The policy that the instance uses.
    Policy,
    /// The resource group for disk snapshots.
    SnapshotGroup,
    /// The namespaces that are backed up.
    Included,
    /// The namespaces that are left out.
    Excluded,
    /// Whether volumes are backed up.
    Volumes,
    /// Whether cluster-scoped resources are backed up.
    ClusterScope,
    /// A filter of Azure's that the target has no key for.
    Filter(&'static str),
    /// The interval of the policy.
    Schedule,
    /// The default retention of the policy.
    Retention,
    /// Whether the policy copies to the vault tier.
    VaultTier,
}

impl Setting {
    const fn words(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::SnapshotGroup => "snapshot resource group",
            Self::Included => "included namespaces",
            Self::Excluded => "excluded namespaces",
            Self::Volumes => "volume snapshots",
            Self::ClusterScope => "cluster-scoped resources",
            Self::Filter(words) => words,
            Self::Schedule => "schedule",
            Self::Retention => "retention",
            Self::VaultTier => "the vault tier",
        }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (what, live, wanted) = (self.setting.words(), &self.live, &self.wanted);
        write!(f, "{what} is {live} (the target says {wanted})")
    }
}

/// What differs between a live instance and the target. What Azure leaves out of its answer is not compared here; see
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
    all.extend(own.parameters().into_iter().flat_map(|own| of_parameters(target, own)));
    all
}

fn of_parameters(target: &Target, parameters: &Value) -> Vec<Difference> {
    let (mut all, wanted) = (Vec::new(), &target.instance);
    let included = names(wanted.included_namespaces.iter().map(|own| own.as_str()));
    let excluded = names(wanted.excluded_namespaces.iter().map(|own| own.as_str()));
    for (setting, live, wanted, empty) in [
        (
            Setting::Included,
            listed(parameters, "includedNamespaces"),
            included,
            "all",
        ),
        (
            Setting::Excluded,
            listed(parameters, "excludedNamespaces"),
            excluded,
            "none",
        ),
    ] {
        if live != wanted {
            all.push(difference(setting, &joined(&live, empty), &joined(&wanted, empty)));
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
            all.push(difference(setting, on(live), on(wanted)));
        }
    }
    for (key, words) in FILTERS {
        let live = listed(parameters, key);
        if !live.is_empty() {
            all.push(difference(Setting::Filter(words), &joined(&live, "none"), "none"));
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
    for (setting, live, wanted) in [
        (Setting::Schedule, &own.schedule, &wanted.schedule),
        (Setting::Retention, &own.retention, &wanted.retention),
    ] {
        if !live.is_empty() && !live.eq_ignore_ascii_case(wanted) {
            all.push(difference(setting, live, wanted));
        }
    }
    let wanted = wanted.vault_tier_retention.is_some();
    if own.vault_tier != wanted {
        let used = |used: bool| if used { "in use" } else { "not in use" };
        all.push(difference(Setting::VaultTier, used(own.vault_tier), used(wanted)));
    }
    all
}

/// What to do about what differs: never a deletion.
pub(crate) fn hints(target: &Target, own: &Instance, all: &[Difference]) -> Vec<Fix> {
    let has = |setting| all.iter().any(|own| own.setting == setting);
    let place = format!(
        "--backup-instance-name {} --resource-group {} --vault-name {}",
        own.id.name(),
        target.vault.resource_group,
        target.vault.name
    );
    let mut hints = vec![fix![
        "to change the target to what the instance has: ",
        adopted(own, all)
    ]];
    if has(Setting::Policy) {
        hints.push(fix![
            "to attach the target's policy to the instance: ",
            shell(format!(
                "az dataprotection backup-instance update-policy {place} \
             --policy-id {}",
                target_ids::policy(target)
            ))
        ]);
    }
    if all
        .iter()
        .any(|own| !matches!(own.setting, Setting::Policy | Setting::SnapshotGroup))
    {
        hints.push(fix![
            "to change what the instance backs up, write its settings to FILE (",
            shell("az dataprotection backup-instance initialize-backupconfig --datasource-type AzureKubernetesService"),
            "), then run: ",
            shell(format!(
                "az dataprotection backup-instance update {place} --aks-backup-configuration FILE"
            ))
        ]);
    }
    if has(Setting::SnapshotGroup) {
        hints.push("Azure doesn't change the snapshot resource group of a protected cluster".into());
    }
    hints
}

/// The command that gives the target the values of the instance; in words what has no flag.
fn adopted(own: &Instance, all: &[Difference]) -> Fix {
    let (mut flags, mut words) = (String::new(), Vec::new());
    for difference in all {
        let live = &difference.live;
        let each = |flag: &str| -> String {
            live.split(", ")
                .map(|name| format!(" {flag} {}", quoted(name)))
                .collect()
        };
        match (difference.setting, live.as_str()) {
            (Setting::Policy, live) => flags.push_str(&format!(" --policy {}", quoted(live))),
            (Setting::SnapshotGroup, live) => flags.push_str(&format!(" --snapshot-group {}", quoted(live))),
            (Setting::Included, "all") => words.push("remove target.instance.included_namespaces from the state file"),
            (Setting::Excluded, "none") => words.push("remove target.instance.excluded_namespaces from the state file"),
            (Setting::Included, _) => flags.push_str(&each("--include-namespace")),
            (Setting::Excluded, _) => flags.push_str(&each("--exclude-namespace")),
            (Setting::Volumes, "off") => flags.push_str(" --no-snapshot-volumes"),
            (Setting::Volumes, _) => flags.push_str(" --snapshot-volumes"),
            (Setting::ClusterScope, "off") => flags.push_str(" --no-cluster-scope-resources"),
            (Setting::ClusterScope, _) => flags.push_str(" --cluster-scope-resources"),
            (Setting::Filter(_) | Setting::Schedule | Setting::Retention | Setting::VaultTier, _) => {}
        }
    }
    if flags.contains("-namespace ") {
        // A list of namespaces on the command line replaces both lists of the file.
        words.clear();
    }
    if !flags.is_empty() {
        let words: String = words.iter().map(|own| format!("{own}; ")).collect();
        return fix![words, az(format!("init{flags}"))];
    }
    match words.is_empty() {
        true => fix![format!(
            "the target has no key for a filter of instance {}",
            own.id.name()
        )],
        false => fix![words.join("; ")],
    }
}

/// What to do about a policy with other rules than the target's: Azure does not let the rules of one for AKS change.
pub(crate) fn policy_hints(target: &Target) -> Vec<Fix> {
    vec![
        fix![
            "to keep the policy as it is, take its rules into the target: ",
            az("init"),
            " with the --schedule and --retention that it has"
        ],
        fix![
            format!(
                "to use other rules, create a policy with another name than {}: ",
                target.policy.name
            ),
            az("init --policy NAME")
        ],
    ]
}

fn difference(setting: Setting, live: &str, wanted: &str) -> Difference {
    let (live, wanted) = (live.to_owned(), wanted.to_owned());
    Difference { setting, live, wanted }
}

fn last(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

const fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// Azure gives a list back in an order of its own, and null for an empty one.
fn listed(parameters: &Value, key: &str) -> BTreeSet<String> {
    let items = parameters.get(key).and_then(Value::as_array).into_iter().flatten();
    names(items.filter_map(Value::as_str))
}

fn names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

fn joined(names: &BTreeSet<String>, empty: &str) -> String {
    match names.is_empty() {
        true => empty.to_owned(),
        false => names.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests;
