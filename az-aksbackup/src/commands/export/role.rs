//! A custom role with the permissions that one person's commands need, for `az role definition create`.

use aksbackup_shared::schema::Target;
use serde_json::{Value, json};

use crate::checks::required_permissions::{self, Purpose};
use crate::cli::RolePerson;

/// The role definition of a person. It can be assigned in the target's subscription, and grants nothing by itself.
pub(super) fn definition(person: RolePerson, target: &Target) -> Value {
    let (name, commands, purposes): (_, _, &[Purpose]) = match person {
        RolePerson::PlatformTeam => (
            "platform team",
            "prepare, protect, backup, suspend, stop, resume, undelete, restore",
            &[
                Purpose::Prepare,
                Purpose::Protect,
                Purpose::Backup,
                Purpose::Suspend,
                Purpose::Stop,
                Purpose::Resume,
                Purpose::Undelete,
                Purpose::Restore,
            ],
        ),
        RolePerson::SubscriptionOwner => ("subscription owner", "grant", &[Purpose::Grant]),
        RolePerson::Reader => ("reader", "status, verify, doctor, jobs, list, points, export", &[]),
    };
    let scopes = std::iter::once(&target.subscription).chain(target.foreign_subscription());
    let scopes = scopes.map(|own| format!("/subscriptions/{own}"));
    json!({
        "Name": format!("aksbackup {name}"),
        "IsCustom": true,
        "Description": format!("Runs az aksbackup {commands}"),
        "Actions": required_permissions::actions(purposes, target),
        "NotActions": [],
        "DataActions": [],
        "NotDataActions": [],
        "AssignableScopes": scopes.collect::<Vec<_>>(),
    })
}
