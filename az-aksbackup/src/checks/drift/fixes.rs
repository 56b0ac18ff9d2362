//! What to do about what differs: never a deletion.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;

use super::{Difference, Setting};
use crate::checks::policy::Facts;
use crate::checks::policy::retention::{self, Period};

/// Returns what keeps the settings that an instance has.
pub(crate) fn adopting() -> Fix {
    fix![
        "to change the target to match the backup instance: ",
        az("init --from-azure")
    ]
}

/// Returns what to do about an instance that differs from the target. Where the target protects less, what Azure has is kept first.
pub(crate) fn hints(all: &[Difference]) -> Vec<Fix> {
    let reduces = all.iter().any(|own| own.reduces.is_some());
    let changeable = all.iter().any(|own| !own.is_left());
    let adopt = adopting();
    let change = match reduces {
        false => fix!["to change the backup instance to match the target: ", az("protect")],
        true => fix![
            "to change the backup instance to match the target, which reduces protection: ",
            az("protect --reduce-protection")
        ],
    };
    let mut hints = match (changeable, reduces) {
        (true, false) => vec![change, adopt],
        (true, true) => vec![adopt, change],
        (false, _) => vec![adopt],
    };
    if let Some(own) = all.iter().find(|own| own.is_left() && own.setting == Setting::Identity) {
        hints.push(fix![
            "to use the backup instance's current identity, which has the roles, in the target: ",
            az(format!("init --set vault.identity={}", own.live))
        ]);
    }
    if !all.iter().all(|own| own.setting != Setting::SnapshotGroup) {
        hints.push("keep the current snapshot resource group: it can't be changed for a protected cluster".into());
    }
    hints
}

/// Returns what to do about a policy with other rules than the target's: Azure does not let the rules of one for AKS change.
pub(crate) fn policy_hints(target: &Target, live: Option<&Facts>) -> Vec<Fix> {
    let name = &target.policy.name;
    let adopt = live.filter(|_| target.policy.file.is_none()).map(|live| {
        fix![
            "to keep the policy unchanged, use its rules in the target: ",
            az(format!("init --set policy.name={name}{}", rules(target, live)))
        ]
    });
    let other = fix![
        format!(
            "to use the target's rules in a policy with another name (the rules of policy {name} can't be changed): "
        ),
        az("prepare"),
        ", then: ",
        az("protect")
    ];
    // First what the target wants: `status` prints it as the next command, and who edited the target on purpose would undo it by the other.
    std::iter::once(other).chain(adopt).collect()
}

fn rules(target: &Target, live: &Facts) -> String {
    let set = |key: &str, value: &str| format!(" --set {key}={value}");
    let mut adopted = target.policy.clone();
    adopted.retention.clone_from(&live.retention);
    retention::adopt(&mut adopted, &live.first);
    adopted.vault_tier_retention = live.vault_tier_retention().map(str::to_owned);
    let schedule = set("policy.schedule", &live.schedule);
    let kept = set("policy.retention", &live.retention);
    let tier = set(
        "policy.vault_tier_retention",
        adopted.vault_tier_retention.as_deref().unwrap_or_default(),
    );
    let time = match live.time.is_empty() {
        true => String::new(),
        false => set("policy.time", &live.time),
    };
    let (before, after) = (target.policy.first_backups(), adopted.first_backups());
    let further = Period::ALL.into_iter().zip(before.into_iter().zip(after));
    let further: String = further
        .flat_map(|(period, (before, after))| {
            let (key, vault_key) = period.keys();
            let vault = (period != Period::Day).then_some((vault_key, before.vault, after.vault));
            [Some((key, before.operational, after.operational)), vault]
        })
        .flatten()
        .filter(|(_, before, after)| before != after)
        .map(|(key, _, after)| set(key, after.unwrap_or_default()))
        .collect();
    format!("{schedule}{time}{kept}{tier}{further}")
}
