//! What to do about what differs: never a deletion.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;

use super::{Difference, Setting};

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
