//! Where the values of an option can be completed from.

use aksbackup_shared::schema::State;
use serde_json::Value;

/// Options whose values az completes by what it knows of the subscription.
const BY_AZ: [(&str, &str); 6] = [
    ("resource_group", "az:resource-group"),
    ("storage_resource_group", "az:resource-group"),
    ("vault_resource_group", "az:resource-group"),
    ("snapshot_group", "az:resource-group"),
    ("cluster_name", "az:cluster"),
    // What confirms the state file is never completed from it.
    ("confirm_snapshots", "az:resource-group"),
];

/// Options that take a file.
const FILES: [&str; 5] = ["state", "policy_file", "files", "with", "out"];

/// Options whose value stands in the state file, and where.
const RECORDED: [(&str, &str); 13] = [
    ("cluster_id", "/target/cluster"),
    ("container", "/target/storage/container"),
    ("extension", "/target/extension/name"),
    ("instance", "/target/instance/name"),
    ("job", "/cloud/backup/job"),
    ("policy", "/target/policy/name"),
    ("retention_tag", "/cloud/vault/retention_tag"),
    ("rule", "/cloud/vault/rule"),
    ("snapshot_group", "/target/snapshots/resource_group"),
    ("storage_account", "/target/storage/account"),
    ("storage_resource_group", "/target/storage/resource_group"),
    ("vault", "/target/vault/name"),
    ("vault_id", "/cloud/vault/vault"),
];

/// Who completes the values of `option`: `file`, `az:KIND`, `own` for the state file's values, or nobody.
pub(super) fn source(option: &str) -> Option<&'static str> {
    let by_az = BY_AZ.iter().find(|(own, _)| *own == option).map(|(_, kind)| *kind);
    let file = FILES.contains(&option).then_some("file");
    let recorded = RECORDED.iter().any(|(own, _)| *own == option).then_some("own");
    by_az.or(file).or(recorded)
}

/// The values of `option` that the state file holds.
pub(crate) fn values(state: &State, option: &str) -> Vec<String> {
    let state = serde_json::to_value(state).unwrap_or_default();
    let pointers = RECORDED.iter().filter(|(own, _)| *own == option);
    let values = pointers.filter_map(|(_, pointer)| state.pointer(pointer).and_then(Value::as_str));
    values.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn the_state_file_knows_names() {
        let target = Some(example());
        let state = State {
            target,
            ..State::default()
        };
        assert_eq!(values(&state, "vault"), [example().vault.name.to_string()]);
        assert!(values(&state, "rule").is_empty());
        assert!(values(&state, "no-such-option").is_empty());
    }

    #[test]
    fn az_completes_groups_and_nobody_completes_a_duration() {
        assert_eq!(source("resource_group"), Some("az:resource-group"));
        assert_eq!(source("state"), Some("file"));
        assert_eq!(source("vault"), Some("own"));
        assert_eq!(source("timeout"), None);
    }
}
