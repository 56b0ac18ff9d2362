//! What to do about what differs: never a deletion.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;

use super::{Difference, Setting};
use crate::checks::policy::Facts;

/// Returns what to do about an instance that differs from the target. Where the target protects less, what Azure has is kept first.
pub(crate) fn hints(all: &[Difference]) -> Vec<Fix> {
    let reduces = all.iter().any(|own| own.reduces.is_some());
    let changeable = all.iter().any(|own| own.setting != Setting::SnapshotGroup);
    let adopt = fix![
        "to change the target to what the instance has: ",
        az("init --from-azure")
    ];
    let change = match reduces {
        false => fix!["to change the instance to what the target says: ", az("protect")],
        true => fix![
            "to change the instance to what the target says, which protects less: ",
            az("protect --reduce-protection")
        ],
    };
    let mut hints = match (changeable, reduces) {
        (true, false) => vec![change, adopt],
        (true, true) => vec![adopt, change],
        (false, _) => vec![adopt],
    };
    if !all.iter().all(|own| own.setting != Setting::SnapshotGroup) {
        hints.push("Azure doesn't change the snapshot resource group of a protected cluster".into());
    }
    hints
}

/// Returns what to do about a policy with other rules than the target's: Azure does not let the rules of one for AKS change.
pub(crate) fn policy_hints(target: &Target, live: Option<&Facts>) -> Vec<Fix> {
    let name = &target.policy.name;
    let adopt = live.filter(|_| target.policy.file.is_none()).map(|live| {
        fix![
            "to keep the policy as it is, take its rules into the target: ",
            az(format!("init --set policy.name={name}{}", rules(live)))
        ]
    });
    let other = fix![
        format!(
            "Azure doesn't let a policy for AKS be changed; to use the rules of the target, give it another name than {name}: "
        ),
        az("init --policy NAME"),
        ", then: ",
        az("prepare")
    ];
    adopt.into_iter().chain([other]).collect()
}

fn rules(live: &Facts) -> String {
    let set = |key: &str, value: &str| format!(" --set policy.{key}={value}");
    let schedule = set("schedule", &live.schedule);
    let retention = set("retention", &live.retention);
    let tier = set("vault_tier_retention", live.vault_tier_retention().unwrap_or_default());
    let time = match live.time.is_empty() {
        true => String::new(),
        false => set("time", &live.time),
    };
    format!("{schedule}{time}{retention}{tier}")
}
