//! Where the values of an option can be completed from.

use aksbackup_shared::diagnosis::catalogue::Catalogue;
use aksbackup_shared::schema::State;
use toml::Value;

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
const FILES: [&str; 10] = [
    "state",
    "policy_file",
    "file",
    "files",
    "with",
    "out",
    "plan_out",
    "folder",
    "template",
    "events",
];

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

/// Options whose values are the same for every user. Where many are possible, as of a duration, these are examples.
const COMMON: [(&str, &[&str]); 3] = [
    ("schedule", &["4h", "6h", "8h", "12h", "daily"]),
    ("retention", &["7d", "14d", "30d"]),
    ("vault_tier_retention", &["30d", "90d"]),
];

/// The words of `doctor`.
const DOCTOR_WORDS: &str = "words";

/// Who completes the values of `option`: `file`, `az:KIND`, `own` for values that this program knows, or empty.
pub(super) fn source(option: &str) -> Option<&'static str> {
    let by_az = BY_AZ.iter().find(|(own, _)| *own == option).map(|(_, kind)| *kind);
    let file = FILES.contains(&option).then_some("file");
    let recorded = RECORDED.iter().any(|(own, _)| *own == option);
    let known = recorded || COMMON.iter().any(|(own, _)| *own == option) || option == DOCTOR_WORDS;
    by_az.or(file).or(known.then_some("own"))
}

/// The values of `option` that this program knows, behind the words that `option` has `before`.
pub(crate) fn values(state: &State, option: &str, before: &[String]) -> Vec<String> {
    if option == DOCTOR_WORDS {
        return words(before);
    }
    if let Some((_, values)) = COMMON.iter().find(|(own, _)| *own == option) {
        return values.iter().map(ToString::to_string).collect();
    }
    recorded(state, option)
}

/// The words of `doctor` that can follow those `before`.
fn words(before: &[String]) -> Vec<String> {
    let ids = || Catalogue::get().rows().map(|known| known.id.clone()).collect();
    match before.first().map(String::as_str) {
        None => vec!["list".to_owned(), "explain".to_owned()],
        Some("explain") => ids(),
        Some(_) => Vec::new(),
    }
}

/// The values of `option` that the state file holds.
fn recorded(state: &State, option: &str) -> Vec<String> {
    // As TOML, which the file is written from: as JSON, the code of each table would be there once more.
    let state = Value::Table(toml::Table::try_from(state).unwrap_or_default());
    let pointers = RECORDED.iter().filter(|(own, _)| *own == option);
    let value_at = |pointer: &str| pointer.split('/').skip(1).try_fold(&state, |table, key| table.get(key));
    let values = pointers.filter_map(|(_, pointer)| value_at(pointer)?.as_str());
    values.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn the_state_file_knows_names() {
        let target = Some(example());
        let state = State {
            target,
            ..State::default()
        };
        assert_eq!(recorded(&state, "vault"), [example().vault.name.to_string()]);
        assert!(recorded(&state, "rule").is_empty());
        assert!(recorded(&state, "no-such-option").is_empty());
    }

    #[test]
    fn the_words_of_doctor_follow_each_other() {
        let values = |before: &[&str]| {
            let before: Vec<String> = before.iter().map(ToString::to_string).collect();
            values(&State::default(), DOCTOR_WORDS, &before)
        };
        assert_eq!(values(&[]), ["list", "explain"]);
        assert!(values(&["explain"]).contains(&"FIC-ISSUER".to_owned()));
        assert!(values(&["list"]).is_empty());
    }

    #[test]
    fn every_interval_that_is_offered_is_accepted() {
        for interval in values(&State::default(), "schedule", &[]) {
            let line = ["az", "init", "--schedule", &interval];
            assert!(crate::cli::Cli::try_parse_from(line).is_ok(), "{interval}");
        }
    }

    #[test]
    fn az_completes_groups_and_nobody_completes_a_duration() {
        assert_eq!(source("resource_group"), Some("az:resource-group"));
        assert_eq!(source("state"), Some("file"));
        assert_eq!(source("vault"), Some("own"));
        assert_eq!(source("timeout"), None);
    }
}
