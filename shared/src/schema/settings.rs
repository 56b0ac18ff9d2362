//! The keys of `[target]`: what each holds, and which can't be changed.

/// What a key of `[target]` holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// One text.
    One,
    /// `true` or `false`.
    Switch,
    /// A number.
    Number,
    /// One text, or none.
    Optional,
    /// `true`, `false`, or neither.
    OptionalSwitch,
    /// A list, which may be empty.
    List,
}

/// When a key of `[target]` can be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// At any time: `protect` makes Azure follow.
    Always,
    /// At any time: `prepare` makes Azure follow. Without an optional key, what Azure has stays.
    ByPrepare,
    /// At any time: the vault gets it, then the roles are assigned to it, and then the backup instance uses it.
    WithRoles,
    /// At any time: nothing of Azure follows, only this program reads it, for this reason.
    OnlyRead(&'static str),
    /// At any time, for what is created afterwards; what exists keeps its own, for this reason.
    ForNew(&'static str),
    /// At any time, by a policy of another name: Azure doesn't let the rules of one for AKS be changed.
    ByNewPolicy,
    /// At any time, as the way out of a place that can't be used; once the cluster is protected, this is what it costs.
    LeavingBackups(&'static str),
    /// Until this exists, for the reason.
    UntilCreated(Thing, &'static str),
    /// Not by a person, for this reason.
    Never(&'static str),
}

/// What a key of `[target]` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing {
    /// The storage account.
    Account,
    /// The vault.
    Vault,
    /// The extension.
    Extension,
    /// The backup instance, with its recovery points.
    Instance,
}

/// A key of `[target]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting {
    /// Its path below `[target]`, such as `policy.retention`.
    pub key: &'static str,
    /// What it holds.
    pub holds: Holds,
    /// When it can be changed.
    pub changes: Changes,
}

const fn setting(key: &'static str, holds: Holds, changes: Changes) -> Setting {
    Setting { key, holds, changes }
}

const CLUSTER: Changes = Changes::Never("a state file is for one cluster, which determines this value");
const BY_INIT: Changes = Changes::Never("init sets it from the file in --policy-file");
const STORED: Changes =
    Changes::LeavingBackups("recovery points aren't moved and can't be restored from another location");
const VAULT: Changes = Changes::UntilCreated(
    Thing::Instance,
    "Azure can't move a protected cluster to another vault, and recovery points stay in the vault that created them",
);
const NEW_VAULT: Changes = Changes::UntilCreated(
    Thing::Vault,
    "the setting applies only to a new vault; an existing vault keeps its setting",
);

/// Every key of `[target]` but the note of who wrote it.
pub const SETTINGS: &[Setting] = &[
    setting("cloud", Holds::One, CLUSTER),
    setting("cluster", Holds::One, CLUSTER),
    setting("region", Holds::One, CLUSTER),
    setting("subscription", Holds::One, CLUSTER),
    setting("tenant", Holds::One, CLUSTER),
    setting("extension.auto_upgrade", Holds::OptionalSwitch, Changes::ByPrepare),
    setting("extension.cpu_limit", Holds::Optional, Changes::ByPrepare),
    setting("extension.cpu_request", Holds::Optional, Changes::ByPrepare),
    setting("extension.memory_limit", Holds::Optional, Changes::ByPrepare),
    setting("extension.memory_request", Holds::Optional, Changes::ByPrepare),
    setting(
        "extension.name",
        Holds::One,
        Changes::UntilCreated(Thing::Extension, "extensions can't be renamed"),
    ),
    setting("extension.release_train", Holds::Optional, Changes::ByPrepare),
    setting("extension.version", Holds::Optional, Changes::ByPrepare),
    setting("instance.backup_hooks", Holds::List, Changes::Always),
    setting("instance.excluded_namespaces", Holds::List, Changes::Always),
    setting("instance.excluded_resource_types", Holds::List, Changes::Always),
    setting("instance.friendly_name", Holds::One, Changes::Always),
    setting(
        "instance.include_cluster_scope_resources",
        Holds::Switch,
        Changes::Always,
    ),
    setting("instance.included_namespaces", Holds::List, Changes::Always),
    setting("instance.included_resource_types", Holds::List, Changes::Always),
    setting("instance.included_volume_types", Holds::List, Changes::Always),
    setting("instance.label_selectors", Holds::List, Changes::Always),
    setting(
        "instance.name",
        Holds::One,
        Changes::UntilCreated(Thing::Instance, "backup instances can't be renamed"),
    ),
    setting("instance.snapshot_volumes", Holds::Switch, Changes::Always),
    setting(
        "left_out",
        Holds::List,
        Changes::OnlyRead(
            "Azure has no such setting; the key only excludes namespaces and claims from findings of the cluster side",
        ),
    ),
    setting("policy.daily_retention", Holds::Optional, Changes::ByNewPolicy),
    setting("policy.file", Holds::Optional, BY_INIT),
    setting("policy.file_digest", Holds::Optional, BY_INIT),
    setting("policy.file_vault_tier", Holds::Optional, BY_INIT),
    setting("policy.monthly_retention", Holds::Optional, Changes::ByNewPolicy),
    setting("policy.name", Holds::One, Changes::Always),
    setting("policy.retention", Holds::One, Changes::ByNewPolicy),
    setting("policy.schedule", Holds::One, Changes::ByNewPolicy),
    setting("policy.time", Holds::Optional, Changes::ByNewPolicy),
    setting(
        "policy.vault_tier_monthly_retention",
        Holds::Optional,
        Changes::ByNewPolicy,
    ),
    setting("policy.vault_tier_retention", Holds::Optional, Changes::ByNewPolicy),
    setting(
        "policy.vault_tier_weekly_retention",
        Holds::Optional,
        Changes::ByNewPolicy,
    ),
    setting(
        "policy.vault_tier_yearly_retention",
        Holds::Optional,
        Changes::ByNewPolicy,
    ),
    setting("policy.weekly_retention", Holds::Optional, Changes::ByNewPolicy),
    setting("policy.yearly_retention", Holds::Optional, Changes::ByNewPolicy),
    setting(
        "snapshots.resource_group",
        Holds::One,
        Changes::UntilCreated(
            Thing::Instance,
            "recovery points stay in the snapshot resource group of the backup instance, and Azure doesn't allow this setting to be changed",
        ),
    ),
    setting("storage.account", Holds::One, STORED),
    setting("storage.container", Holds::One, STORED),
    setting("storage.resource_group", Holds::One, STORED),
    setting(
        "storage.sku",
        Holds::One,
        Changes::UntilCreated(Thing::Account, "the setting applies only to a new storage account"),
    ),
    setting(
        "tags",
        Holds::List,
        Changes::ForNew("other users or Azure Policy might have set the tags of existing resources"),
    ),
    setting("vault.cross_region_restore", Holds::OptionalSwitch, Changes::ByPrepare),
    setting("vault.cross_subscription_restore", Holds::Optional, Changes::ByPrepare),
    setting("vault.identity", Holds::Optional, Changes::WithRoles),
    setting("vault.immutability", Holds::Optional, Changes::ByPrepare),
    setting("vault.job_failure_alerts", Holds::OptionalSwitch, Changes::ByPrepare),
    setting("vault.name", Holds::One, VAULT),
    setting("vault.redundancy", Holds::One, NEW_VAULT),
    setting("vault.resource_group", Holds::One, VAULT),
    setting("vault.soft_delete", Holds::One, Changes::ByPrepare),
    setting("vault.soft_delete_days", Holds::Number, Changes::ByPrepare),
    setting("vault.subscription", Holds::Optional, VAULT),
];

/// Returns whether `[target]` can have this key or table, such as `policy` or `instance.included_namespaces[0]`.
#[must_use]
pub fn is_known(key: &str) -> bool {
    let key = key.split('[').next().unwrap_or_default();
    let within = |own: &str, outer: &str| own.strip_prefix(outer).is_some_and(|rest| rest.starts_with('.'));
    key == WRITTEN || within(key, WRITTEN) || SETTINGS.iter().any(|own| own.key == key || within(own.key, key))
}

/// The words that a text takes whose type doesn't say it.
const WORDS: &[(&str, &[&str])] = &[
    (
        "storage.sku",
        &[
            "Standard_LRS",
            "Standard_ZRS",
            "Standard_GRS",
            "Standard_RAGRS",
            "Standard_GZRS",
            "Standard_RAGZRS",
        ],
    ),
    (
        "vault.redundancy",
        &["LocallyRedundant", "ZoneRedundant", "GeoRedundant"],
    ),
];

/// The flags of `init` that stand for a key.
pub const FLAGS: &[(&str, &str)] = &[
    ("extension.name", "--extension"),
    ("instance.friendly_name", "--friendly-name"),
    ("instance.name", "--instance"),
    ("policy.name", "--policy"),
    ("policy.retention", "--retention"),
    ("policy.schedule", "--schedule"),
    ("policy.vault_tier_retention", "--vault-tier-retention"),
    ("snapshots.resource_group", "--snapshot-group"),
    ("storage.account", "--storage-account"),
    ("storage.container", "--container"),
    ("storage.resource_group", "--storage-resource-group"),
    ("storage.sku", "--sku"),
    ("vault.name", "--vault"),
    ("vault.redundancy", "--redundancy"),
    ("vault.resource_group", "--vault-resource-group"),
    ("vault.soft_delete", "--soft-delete"),
    ("vault.soft_delete_days", "--soft-delete-days"),
    ("vault.subscription", "--vault-subscription"),
];

/// Returns the words that a key takes; none if its type or Azure decides.
#[must_use]
pub fn words(key: &str) -> &'static [&'static str] {
    WORDS
        .iter()
        .find(|(own, _)| *own == key)
        .map_or(&[], |(_, words)| words)
}

/// Returns what is allowed instead, if a key can't have this text. What depends on other keys or on Azure is checked where it is used.
#[must_use]
pub fn allowed_instead(setting: &Setting, text: &str) -> Option<String> {
    match (words(setting.key), setting.holds) {
        (words @ [_, ..], _) => {
            let is_one = words.iter().any(|own| own.eq_ignore_ascii_case(text));
            (!is_one).then(|| format!("supported values: {}", words.join(", ")))
        }
        ([], Holds::Optional) if text.is_empty() => Some("omit the key, or set a value".to_owned()),
        ([], _) if text.is_empty() => Some("the key requires a value".to_owned()),
        ([], _) => None,
    }
}

/// Returns the key that was meant by one that doesn't exist: of the same last word, else with the longest common beginning, if they have at
/// least three letters in common.
#[must_use]
pub fn nearest_key(key: &str) -> Option<&'static str> {
    let last = |key: &str| key.rsplit('.').next().map(str::to_owned);
    let common = |own: &Setting| {
        let pairs = own.key.chars().zip(key.chars());
        pairs.take_while(|(own, key)| own == key).count()
    };
    let differing = |own: &&Setting| own.key.chars().count().max(key.chars().count()) - common(own);
    let same_end = SETTINGS.iter().find(|own| last(own.key) == last(key));
    let alike = SETTINGS.iter().filter(|own| common(own) >= 3).min_by_key(differing);
    same_end.or(alike).map(|own| own.key)
}

/// The note of who wrote `[target]`.
const WRITTEN: &str = "written";

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::{SETTINGS, nearest_key};
    use crate::json_schema::of;
    use crate::schema::Target;

    /// Fails before: every key that resembles none was taken for `cloud`.
    #[test]
    fn a_key_is_suggested_only_if_it_resembles_what_was_typed() {
        assert_eq!(nearest_key("vault.soft_delet"), Some("vault.soft_delete"));
        assert_eq!(nearest_key("retention"), Some("policy.retention"));
        assert_eq!(nearest_key("backup_window"), None);
    }

    fn keys(schema: &Value, root: &Value, prefix: &str, all: &mut Vec<String>) {
        let schema = match schema.get("$ref").and_then(Value::as_str) {
            Some(path) => root.pointer(path.trim_start_matches('#')).unwrap(),
            None => schema,
        };
        match schema.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                for (name, own) in properties.iter().filter(|(name, _)| *name != "written") {
                    keys(own, root, format!("{prefix}.{name}").trim_start_matches('.'), all);
                }
            }
            None => all.push(prefix.to_owned()),
        }
    }

    #[test]
    fn every_key_of_the_target_is_listed_once() {
        let schema = of::<Target>("target");
        let mut of_schema = Vec::new();
        keys(&schema, &schema, "", &mut of_schema);
        of_schema.sort();
        let mut listed: Vec<&str> = SETTINGS.iter().map(|setting| setting.key).collect();
        listed.sort_unstable();
        assert_eq!(listed, of_schema);
    }
}
