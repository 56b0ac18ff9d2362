//! What `init` tells: the target in words, and what differs from the file.

use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{LeftOut, Tag};
use aksbackup_shared::schema::Target;

use super::check::Existing;
use super::words;

/// The target in words, one line a part.
pub(super) fn summary(console: &Console, target: &Target, existing: &Existing) -> Vec<String> {
    let (storage, vault, instance) = (&target.storage, &target.vault, &target.instance);
    let (cluster, group) = (target.cluster.name(), target.cluster.resource_group());
    let made = |exists| made(console, exists);
    let place = format!("container {} in account {}", storage.container, storage.account);
    let rows = [
        ("cluster", format!("{cluster} in {group} ({})", target.region)),
        ("subscription", format!("{} of {}", target.subscription, target.cloud)),
        (
            "storage",
            match existing.account_is_gone {
                false => format!("{place} in {} {}", storage.resource_group, made(existing.account)),
                true => format!(
                    "{place} in {} {}",
                    storage.resource_group,
                    console.paint(
                        Tone::Attention,
                        "(deleted: the extension still uses it; recover it first)"
                    )
                ),
            },
        ),
        (
            "snapshots",
            format!(
                "in {} {}",
                target.snapshots.resource_group,
                made(existing.snapshot_group)
            ),
        ),
        (
            "vault",
            // Azure doesn't change the redundancy once something is protected.
            format!(
                "{} in {}{}, {} {}",
                vault.name,
                vault.resource_group,
                target
                    .foreign_subscription()
                    .map(|own| format!(" of subscription {own}"))
                    .unwrap_or_default(),
                vault.redundancy,
                made(existing.vault)
            ),
        ),
        ("policy", format!("{} {}", policy(target), made(existing.policy))),
        ("extension", target.extension.name.to_string()),
        ("instance", format!("{} ({})", instance.name, instance.friendly_name)),
        ("backs up", words::backed_up(instance)),
    ];
    let row = |(title, text): &(&str, String)| format!("{title:<13} {text}");
    let tags: Vec<&str> = target.tags.iter().map(Tag::as_str).collect();
    let tags = (!tags.is_empty()).then(|| ("tags", format!("{} (on created resources)", tags.join(", "))));
    let left: Vec<&str> = target.left_out.iter().map(LeftOut::as_str).collect();
    let left = (!left.is_empty()).then(|| ("left out", format!("{} (on purpose)", left.join(", "))));
    rows.iter().chain(&tags).chain(&left).map(row).collect()
}

fn made(console: &Console, exists: Option<bool>) -> String {
    let word = match exists {
        Some(true) => "(exists)",
        Some(false) => "(new)",
        None => "(unknown: not readable)",
    };
    console.paint(Tone::Faint, word)
}

fn policy(target: &Target) -> String {
    let policy = &target.policy;
    match &policy.file {
        Some(file) => format!("{} from {file}", policy.name),
        None => format!("{}: {}", policy.name, words::rules(policy)),
    }
}

/// A value that differs: its key, what the file has, what is wanted.
pub(super) type Difference = (String, Option<String>, Option<String>);

/// What differs between two targets, by key.
///
/// # Errors
/// A target that cannot be written as TOML.
pub(super) fn differences(old: Option<&Target>, new: &Target) -> Outcome<Vec<Difference>> {
    let (before, after) = (old.map(flat).transpose()?.unwrap_or_default(), flat(new)?);
    let mut keys: Vec<&String> = after.keys().chain(before.keys()).collect();
    keys.sort();
    keys.dedup();
    let differing = keys.into_iter().filter(|key| before.get(*key) != after.get(*key));
    Ok(differing
        .map(|key| (key.clone(), before.get(key).cloned(), after.get(key).cloned()))
        .collect())
}

type Flat = std::collections::BTreeMap<String, String>;

fn flat(target: &Target) -> Outcome<Flat> {
    let bare = Target {
        written: None,
        ..target.clone()
    };
    let table = toml::Table::try_from(bare).or_else(|error| {
        Failure::failed("cannot write the target")
            .because(error.to_string())
            .err()
    })?;
    let mut all = Flat::new();
    flatten("", &toml::Value::Table(table), &mut all);
    Ok(all)
}

fn flatten(prefix: &str, value: &toml::Value, all: &mut Flat) {
    let toml::Value::Table(table) = value else {
        all.insert(prefix.to_owned(), value.to_string());
        return;
    };
    for (key, value) in table {
        let path = if prefix.is_empty() {
            key.clone()
        } else {
            format!("{prefix}.{key}")
        };
        flatten(&path, value, all);
    }
}

/// Differences as lines for people.
pub(super) fn lines(console: &Console, differences: &[Difference]) -> Vec<String> {
    let line = |(key, old, new): &Difference| {
        let removed = old
            .iter()
            .map(|old| console.paint(Tone::Bad, &format!("- {key} = {old}")));
        let added = new
            .iter()
            .map(|new| console.paint(Tone::Good, &format!("+ {key} = {new}")));
        removed.chain(added).collect::<Vec<_>>()
    };
    differences.iter().flat_map(line).collect()
}

/// Returns a number of values, in words.
pub(super) fn counted(count: usize) -> String {
    match count {
        1 => "1 value".to_owned(),
        count => format!("{count} values"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn the_same_target_has_no_differences() {
        assert_eq!(differences(Some(&example()), &example()).unwrap(), []);
    }

    #[test]
    fn a_difference_has_its_key_and_both_values() {
        let mut new = example();
        new.policy.retention = "P30D".into();
        new.policy.vault_tier_retention = Some("P90D".into());
        let differences = differences(Some(&example()), &new).unwrap();
        let expected: [Difference; 2] = [
            (
                "policy.retention".into(),
                Some("\"P7D\"".into()),
                Some("\"P30D\"".into()),
            ),
            ("policy.vault_tier_retention".into(), None, Some("\"P90D\"".into())),
        ];
        assert_eq!(differences, expected);
    }
}
