//! Backup policies from a file: what of it is sent, and whether one that exists is the same.

use std::io::ErrorKind;
use std::path::{Component, Path};

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::digest::Digest;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::regular;
use aksbackup_shared::schema::PolicyTarget;
use serde_json::{Map, Value};

use crate::checks::in_file;
use crate::checks::policy::{self, limits};

/// The most bytes that a policy file has, as of the state file.
pub(crate) const MOST_BYTES: u64 = 256 * 1024;

/// A policy as the target asks for it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Asked {
    /// What is sent.
    pub(crate) properties: Value,
    /// Members of the file that only Azure writes, which are not sent.
    pub(crate) left_out: Vec<String>,
}

/// The target's policy: from its file, which is relative to `folder`, else by schedule and retention.
///
/// # Errors
/// Exit 2: as [`parse`] and [`policy::preset`], or the file cannot be read. Exit 7: the file is not in the folder, is no regular
/// file, or is too large.
pub(crate) fn asked(target: &PolicyTarget, folder: &Path) -> Outcome<Asked> {
    let Some(file) = &target.file else {
        let (properties, left_out) = (policy::preset(target).map_err(in_file::placed)?, Vec::new());
        return Ok(Asked { properties, left_out });
    };
    beside(file)?;
    match regular::read_below(folder, Path::new(file), MOST_BYTES) {
        Ok(bytes)
            if target
                .file_digest
                .as_ref()
                .is_some_and(|own| *own != Digest::of_bytes(&bytes)) =>
        {
            changed(file, &folder.join(file)).err()
        }
        Ok(bytes) => parse(&String::from_utf8_lossy(&bytes), file),
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::FileTooLarge) => {
            refused(file, &error.to_string()).err()
        }
        Err(error) => Failure::usage(format!("cannot read policy file {}", folder.join(file).display()))
            .because(error.to_string())
            .err(),
    }
}

/// Refuses a file that is not beside the state file or below it: the state file may come from anybody, and must not name
/// what else there is on this machine.
fn beside(file: &str) -> Outcome<()> {
    let inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
    if Path::new(file).components().all(inside) {
        return Ok(());
    }
    refused(
        file,
        "the file isn't in the directory of the state file or a subdirectory",
    )
    .err()
}

/// What the digest of a handoff and a remembered confirmation stand for includes the policy: once a vault has it, Azure doesn't let it
/// be changed, and backups are deleted by its retention.
fn changed(file: &str, path: &Path) -> Failure {
    Failure::new(
        Exit::StateUnreadable,
        format!("policy file {file} differs from the file that `init` confirmed"),
    )
    .at_key(
        "target.policy.file_digest",
        "the file's SHA-256 digest differs from the confirmed digest",
    )
    .hint(fix![
        "review the changes, then confirm the file: ",
        az("init --policy-file").with(quoted(&path.display().to_string()))
    ])
}

fn refused(file: &str, why: &str) -> Failure {
    let what = format!("cannot use policy file {file}, which the state file specifies");
    Failure::new(Exit::StateUnreadable, what)
        .at_key("target.policy.file", why)
        .hint(fix![
            "move the policy file next to the state file: ",
            az("init --policy-file FILE")
        ])
}

/// A policy that exists beside the file that the target names for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Compared {
    /// It has the rules of the file.
    Same,
    /// It has others, and Azure doesn't let it be changed.
    Differs(String),
    /// The file can't be used, for this reason.
    Unread(String),
}

impl Compared {
    /// What is to be said of the policy.
    pub(crate) fn remark(&self) -> Option<String> {
        match self {
            Self::Same => None,
            Self::Differs(file) => Some(format!("the policy exists, but its rules differ from {file}")),
            Self::Unread(why) => Some(format!("the policy couldn't be compared: {why}")),
        }
    }
}

/// Compares a policy that exists with what was `asked` for; `None` if the target names no file.
pub(crate) fn compared(target: &PolicyTarget, existing: &Value, asked: &Outcome<Asked>) -> Option<Compared> {
    let file = target.file.as_ref()?;
    Some(match asked {
        Ok(asked) if policy::holds(existing, &asked.properties) => Compared::Same,
        Ok(_) => Compared::Differs(file.clone()),
        Err(failure) => Compared::Unread(failure.what.clone()),
    })
}

/// A policy from a file's JSON, bare or under `properties`. What only Azure writes is left out, and tagging criteria are
/// put where Azure looks for them.
///
/// # Errors
/// Exit 2: no JSON, no policy for AKS, or one that Azure Backup would refuse or ignore in part.
pub(crate) fn parse(text: &str, name: &str) -> Outcome<Asked> {
    let unusable = |why: String| {
        Failure::usage(format!("cannot use policy file {name}"))
            .because(why)
            .hint(shell(
                "az dataprotection backup-policy get-default-policy-template --datasource-type AzureKubernetesService",
            ))
            .err()
    };
    let mut properties: Value = match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(policy) => policy,
        Err(error) => return unusable(error.to_string()),
    };
    let mut left_out = Vec::new();
    let mut root = "";
    if let Some(inner) = properties.get_mut("properties").map(Value::take) {
        let around = properties.as_object().into_iter().flat_map(Map::keys);
        left_out.extend(around.filter(|key| *key != "properties").cloned());
        properties = inner;
        root = "properties.";
    }
    let rules = properties.get_mut("policyRules").and_then(Value::as_array_mut);
    for rule in rules.into_iter().flatten() {
        tidy(rule, &mut left_out);
    }
    left_out.sort();
    left_out.dedup();
    if let Err(failure) = policy::facts(&properties, name) {
        return unusable(failure.why.join("; "));
    }
    let problems = limits::problems(&properties, root);
    if problems.is_empty() {
        return Ok(Asked { properties, left_out });
    }
    let failure = Failure::usage(format!("cannot use policy file {name}"));
    problems
        .into_iter()
        .fold(failure, Failure::because)
        .hint(fix![
            "correct the file, then check it again: ",
            az("init --policy-file").with(quoted(name))
        ])
        .err()
}

fn tidy(rule: &mut Value, left_out: &mut Vec<String>) {
    let outside = rule.as_object_mut().and_then(|rule| rule.remove("taggingCriteria"));
    let Some(trigger) = rule.get_mut("trigger").and_then(Value::as_object_mut) else {
        return;
    };
    let schedule = trigger.get_mut("schedule").and_then(Value::as_object_mut);
    let inside = schedule.and_then(|schedule| schedule.remove("taggingCriteria"));
    if let Some(criteria) = outside.or(inside) {
        trigger.entry("taggingCriteria").or_insert(criteria);
    }
    let criteria = trigger.get_mut("taggingCriteria").and_then(Value::as_array_mut);
    for tag in criteria.into_iter().flatten().filter_map(Value::as_object_mut) {
        tag.retain(|_, value| !value.is_null());
        if let Some(info) = tag.get_mut("tagInfo").and_then(Value::as_object_mut) {
            left_out.extend(
                info.keys()
                    .filter(|key| *key != "tagName")
                    .map(|key| format!("tagInfo.{key}")),
            );
            info.retain(|key, _| key == "tagName");
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::arm::backups::DATASOURCE_TYPE;
    use crate::checks::policy::tests::made;
    use crate::target_ids::tests::example;

    #[test]
    fn the_guide_s_file_is_taken_bare_or_wrapped_and_tagging_criteria_find_their_place() {
        let tag = json!([{ "criteria": null, "isDefault": true, "taggingPriority": 99,
            "tagInfo": { "eTag": null, "id": "Default_", "tagName": "Kept" } }]);
        let [mut kept, mut rule] = [0, 1].map(|at| made(|_| ())["policyRules"][at].clone());
        kept["name"] = json!("Kept");
        rule["trigger"].as_object_mut().unwrap().remove("taggingCriteria");
        rule["taggingCriteria"] = tag;
        let bare =
            json!({ "objectType": "BackupPolicy", "datasourceTypes": [DATASOURCE_TYPE], "policyRules": [rule, kept] });
        let inner = ["tagInfo.eTag", "tagInfo.id"];
        for (file, left_out) in [
            (bare.clone(), inner.to_vec()),
            (
                json!({ "properties": bare, "name": "p" }),
                [&["name"][..], &inner].concat(),
            ),
        ] {
            let asked = parse(&file.to_string(), "p.json").unwrap();
            let criteria = &asked.properties["policyRules"][0]["trigger"]["taggingCriteria"];
            assert_eq!(
                *criteria,
                json!([{ "isDefault": true, "taggingPriority": 99, "tagInfo": { "tagName": "Kept" } }])
            );
            assert_eq!(asked.left_out, left_out);
            assert_eq!(policy::facts(&asked.properties, "p").unwrap().retention_tag, "Kept");
        }
    }

    #[test]
    fn a_policy_for_disks_or_no_json_is_refused() {
        let mut disks = made(|_| ());
        disks["datasourceTypes"] = json!(["Microsoft.Compute/disks"]);
        assert!(parse(&disks.to_string(), "p.json").unwrap_err().why[0].contains("Microsoft.Compute/disks"));
        assert!(parse("{", "p.json").is_err());
    }

    #[test]
    fn what_azure_adds_is_no_difference_and_another_rule_is() {
        let mut target = example().policy;
        target.file = Some("p.json".into());
        let asked = parse(&made(|_| ()).to_string(), "p.json");
        let mut own = made(|_| ());
        own["policyRules"][1]["trigger"]["taggingCriteria"][0]["tagInfo"]["id"] = json!("Default_");
        own["policyRules"][1]["trigger"]["taggingCriteria"][0]["taggingPriority"] = json!(99.0);
        assert_eq!(compared(&target, &own, &asked), Some(Compared::Same));
        let remark = |target: &PolicyTarget, own: &Value, asked: &Outcome<Asked>| {
            compared(target, own, asked).and_then(|own| own.remark())
        };
        let other = made(|target| target.retention = "P30D".into());
        assert!(remark(&target, &other, &asked).unwrap().contains("p.json"));
        let unread = asked.and_then(|_| Failure::usage("cannot read it").err());
        assert!(remark(&target, &own, &unread).unwrap().contains("cannot read it"));
        target.file = None;
        assert_eq!(remark(&target, &other, &unread), None);
    }

    #[test]
    fn a_file_elsewhere_is_refused_before_it_is_read() {
        for bad in ["/etc/passwd", "../policy.json", "a/../../policy.json", ".azure/../../x"] {
            let target = PolicyTarget {
                file: Some(bad.into()),
                ..example().policy
            };
            let failure = asked(&target, Path::new("/nonexistent")).unwrap_err();
            assert_eq!(failure.exit, Exit::StateUnreadable, "{bad}");
        }
    }
}
