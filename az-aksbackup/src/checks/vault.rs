//! The Backup vault and its policy.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;
use serde_json::Value;

use crate::arm::backups::Instance;
use crate::arm::clusters::Cluster;
use crate::arm::region;
use crate::arm::vaults::Vault;
use crate::checks::creation_settings;
use crate::checks::drift;
use crate::checks::policy::{self, Facts};
use crate::checks::policy_file::Compared;
use crate::checks::vault_drift;
use crate::checks::vault_rules;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Vault;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    const NAME: &str = "vault";
    let name = view
        .places
        .vault
        .as_ref()
        .map(|id| id.name().to_owned())
        .unwrap_or_default();
    if let Some(check) = view.vault.unread(LINK, NAME, "the vault") {
        return vec![check];
    }
    let Some(vault) = view.vault.here() else {
        let says = format!("Backup vault {name} doesn't exist");
        return vec![Check::error(LINK, NAME, says, az("prepare")).proves("ARM-NOT-FOUND")];
    };
    vec![
        state(&name, vault),
        region_of(view, vault),
        tenant(view),
        identity(view, &name, vault),
        policy(view),
    ]
    .into_iter()
    .chain(settings(view, vault))
    .chain(
        view.target()
            .and_then(|target| creation_settings::of_vault(target, vault))
            .map(|own| own.check(LINK)),
    )
    .collect()
}

/// Whether the vault has the settings of the target. Without a target, none are asked for.
fn settings(view: &View, vault: &Vault) -> Option<Check> {
    const NAME: &str = "settings of the vault";
    let target = &view.target()?.vault;
    if let Err(failure) = vault_drift::coherent(target) {
        let check = Check::error(LINK, NAME, failure.what, Fix::joined(failure.hints));
        return Some(failure.why.into_iter().fold(check, Check::because));
    }
    let ours = vault_drift::is_ours(&view.state, vault);
    let all = vault_drift::differences(target, vault, ours);
    if let Some(unreported) = vault_drift::unreported(target, vault).filter(|_| all.is_empty()) {
        return Some(Check::unknown(LINK, NAME, unreported));
    }
    if all.is_empty() {
        let kept = vault_drift::kept(target, vault, ours);
        return Some(match kept.is_empty() {
            true => Check::ok(LINK, NAME, "match the target"),
            false => Check::ok(LINK, NAME, kept.join("; ")),
        });
    }
    let says: Vec<String> = all.iter().map(ToString::to_string).collect();
    Some(Check::error(
        LINK,
        NAME,
        says.join("; "),
        Fix::joined(vault_drift::hints(&all)),
    ))
}

fn state(name: &str, vault: &Vault) -> Check {
    const NAME: &str = "vault";
    let state = vault.properties.provisioning_state.as_deref().unwrap_or("Succeeded");
    let fact = format!("properties.provisioningState = {state}");
    let soft = vault.soft_delete().unwrap_or("unknown");
    let immutable = vault.immutability().unwrap_or("Disabled");
    let alerts = vault.alerts();
    let alerts = alerts
        .map(|own| format!(", alerts for failed jobs {own}"))
        .unwrap_or_default();
    match state {
        "Succeeded" => Check::ok(
            LINK,
            NAME,
            format!("{name} exists, soft delete {soft}, immutability {immutable}{alerts}"),
        ),
        "Failed" => Check::error(
            LINK,
            NAME,
            format!("vault {name} is in state Failed"),
            vault_rules::another(),
        ),
        _ => Check::warning(
            LINK,
            NAME,
            format!("vault {name} is {state}"),
            "run this command again in a minute",
        ),
    }
    .because(fact)
}

fn region_of(view: &View, vault: &Vault) -> Check {
    const NAME: &str = "region of the vault";
    let fact = format!("location = {}", vault.location);
    match view.cluster.here().and_then(Cluster::region) {
        None => Check::unknown(
            LINK,
            NAME,
            format!("the vault is in {}; the cluster's region is unknown", vault.location),
        ),
        Some(own) if region::is(&vault.location, &own) => Check::ok(LINK, NAME, "same as the cluster"),
        Some(own) => {
            let says = format!("the vault is in {}, but the cluster is in {own}", vault.location);
            Check::error(LINK, NAME, says, vault_rules::another()).proves("VLT-REGION")
        }
    }
    .because(fact)
}

fn tenant(view: &View) -> Check {
    const NAME: &str = "tenant of the vault";
    let of = |seen: &Seen<crate::arm::groups::Subscription>| seen.here().and_then(|own| own.tenant_id.clone());
    let own = of(&view.subscription).unwrap_or_else(|| view.caller.tenant.to_string());
    match (&view.vault_subscription, of(&view.vault_subscription)) {
        (Seen::Unasked, _) => Check::ok(LINK, NAME, "the vault is in the cluster's subscription"),
        (_, Some(other)) if other.eq_ignore_ascii_case(&own) => Check::ok(LINK, NAME, "same as the cluster"),
        (_, Some(other)) => {
            let says = format!("the vault is in tenant {other}, but the cluster is in {own}");
            Check::error(LINK, NAME, says, vault_rules::another())
                .because(format!("tenantId = {other}"))
                .proves("VLT-TENANT")
        }
        (_, None) => Check::unknown(
            LINK,
            NAME,
            "the signed-in account isn't authorized to read the vault's \
            subscription",
        ),
    }
}

fn identity(view: &View, name: &str, vault: &Vault) -> Check {
    const NAME: &str = "identity of the vault";
    let gone = |id: &str| {
        let says = format!("identity {id} of vault {name} no longer exists");
        Check::error(
            LINK,
            NAME,
            says,
            "assign another identity to the vault in the Azure portal, and assign the roles to that identity",
        )
        .because(format!("identity.userAssignedIdentities[{id}].principalId isn't set"))
        .proves("VLT-UAMI-GONE")
    };
    let instance = view.instance();
    if let (None, Some(id)) = (
        instance,
        view.target().and_then(|target| target.vault.identity.as_ref()),
    ) {
        return match vault.assigned(id.as_str()) {
            Some(own) => Check::ok(LINK, NAME, format!("identity {} is assigned", id.name()))
                .because(format!("identity.userAssignedIdentities[{id}].principalId = {own}")),
            None => {
                let says = format!("vault {name} doesn't have identity {id}");
                Check::error(
                    LINK,
                    NAME,
                    says,
                    fix![az("prepare"), ", then grant, because the identity's principal is new"],
                )
            }
        };
    }
    let assigned = instance.and_then(Instance::assigned_identity);
    if let Some(id) = assigned.filter(|id| vault.assigned(id).is_none()) {
        return gone(id);
    }
    match (vault.principal(), vault.lost_identities().first(), assigned) {
        (_, _, Some(id)) => Check::ok(LINK, NAME, format!("the backup instance uses {id}")),
        (Some(own), _, None) => Check::ok(LINK, NAME, "assigned").because(format!("identity.principalId = {own}")),
        (None, Some(lost), None) => gone(lost),
        (None, None, None) => {
            let says = format!("vault {name} has no managed identity, so its roles have no effect");
            Check::error(
                LINK,
                NAME,
                says,
                fix![az("prepare"), ", then grant, because the identity's principal is new"],
            )
            .because("identity.principalId isn't set")
            .proves("VLT-NO-IDENTITY")
        }
    }
}

fn policy(view: &View) -> Check {
    const NAME: &str = "policy";
    // Without an instance and a state file there is none to ask for.
    if matches!(view.policy, Seen::Unasked) {
        return Check::ok(LINK, NAME, "no policy in the target yet");
    }
    if let Some(check) = view.policy.unread(LINK, NAME, "the policy") {
        return check;
    }
    let name = view
        .places
        .policy
        .as_ref()
        .map(|id| id.name().to_owned())
        .unwrap_or_default();
    match &view.policy {
        Seen::Here(own) => rules(view, &name, own),
        Seen::Absent | Seen::Hidden(_) | Seen::Unasked => refused(view.target()).unwrap_or_else(|| {
            Check::error(LINK, NAME, format!("policy {name} doesn't exist"), az("prepare")).proves("ARM-NOT-FOUND")
        }),
    }
}

/// The rules of the target, where Azure Backup doesn't accept them: `prepare` refuses them with the same words.
fn refused(target: Option<&Target>) -> Option<Check> {
    let own = target.map(|own| &own.policy).filter(|own| own.file.is_none())?;
    let failure = policy::preset(own).err()?;
    let says = std::iter::once(failure.what.clone()).chain(failure.why.clone());
    let says = says.collect::<Vec<_>>().join(": ");
    Some(Check::error(LINK, "policy", says, Fix::joined(failure.hints.clone())))
}

/// The rules of the policy against the target's. Where the instance has another policy, its own check says so.
fn rules(view: &View, name: &str, own: &Value) -> Check {
    const NAME: &str = "policy";
    let facts = match policy::facts(own, name) {
        Ok(facts) => facts,
        Err(failure) => return Check::error(LINK, NAME, failure.what, other_policy()),
    };
    if let Some(date) = drift::idle_until(&facts, view.now) {
        let says = format!("policy {name} starts no scheduled backup before {date}");
        return Check::error(LINK, NAME, says, other_policy());
    }
    let Some(target) = view.target() else {
        return Check::ok(LINK, NAME, format!("{name} exists"));
    };
    match &view.policy_file {
        None => {}
        Some(Compared::Same) => return Check::ok(LINK, NAME, format!("{name} exists, with the rules in its file")),
        Some(Compared::Differs(file)) => {
            let says = format!("policy {name} has rules that differ from {file}");
            return Check::error(LINK, NAME, says, Fix::joined(drift::policy_hints(target, Some(&facts))));
        }
        Some(Compared::Unread(why)) => {
            return Check::unknown(
                LINK,
                NAME,
                format!("{name} exists, but its rules couldn't be compared: {why}"),
            );
        }
    }
    let differing: Vec<String> = drift::of_policy(target, &facts)
        .iter()
        .map(ToString::to_string)
        .collect();
    match differing.is_empty() {
        true => Check::ok(LINK, NAME, in_force(name, &facts)),
        false => refused(Some(target)).unwrap_or_else(|| {
            let says = format!("policy {name}: {}", differing.join("; "));
            Check::error(LINK, NAME, says, Fix::joined(drift::policy_hints(target, Some(&facts)))).proves("VLT-NO-EDIT")
        }),
    }
}

/// A policy that has what the target says, with the rules that the target has no key for.
fn in_force(name: &str, facts: &Facts) -> String {
    let further = facts.further_rules();
    match further.is_empty() {
        true => format!("{name} exists, with the target's schedule and retention"),
        false => format!(
            "{name} exists, with the target's schedule and default retention, and further retention rules: {}",
            further.join(", ")
        ),
    }
}

/// What to do about a policy that can't be used.
fn other_policy() -> Fix {
    fix!["choose another policy, or a new name: ", az("init --policy NAME")]
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::view::tests::{failures, found, vault, view};

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut view = view();
        view.vault = found(vault(change));
        failures(&checks(&view))
    }

    #[test]
    fn each_fault_of_the_vault_proves_its_failure() {
        assert_eq!(told(|own| own["location"] = json!("northeurope")), ["VLT-REGION"]);
        assert_eq!(
            told(|own| own["identity"] = json!({ "type": "None" })),
            ["VLT-NO-IDENTITY"]
        );
        let lost = json!({ "type": "UserAssigned", "userAssignedIdentities": { "/subscriptions/x/id": {} } });
        assert_eq!(told(|own| own["identity"] = lost), ["VLT-UAMI-GONE"]);
        let mut view = view();
        view.vault = Seen::Absent;
        assert_eq!(failures(&checks(&view)), ["ARM-NOT-FOUND"]);
        let mut view = super::tests::view();
        view.vault_subscription = found(json!({ "tenantId": "72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11" }));
        assert_eq!(failures(&checks(&view)), ["VLT-TENANT"]);
        view.vault_subscription = Seen::Unasked;
        // Fails before: its schedule and retention are those of the target, and it never starts a backup.
        let mut late = policy::tests::made(|_| ());
        late["policyRules"][1]["trigger"]["schedule"]["repeatingTimeIntervals"] =
            json!(["R/2099-01-01T06:00:00+00:00/P1D"]);
        view.policy = found(late);
        let told = checks(&view).into_iter().find(|own| own.check == "policy").unwrap();
        assert!(
            told.says.ends_with("starts no scheduled backup before 2099-01-01"),
            "{}",
            told.says
        );
        view.policy = Seen::Absent;
        assert_eq!(failures(&checks(&view)), ["ARM-NOT-FOUND"]);
    }
}
