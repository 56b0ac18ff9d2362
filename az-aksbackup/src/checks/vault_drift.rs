//! What `[target.vault]` says, held against the vault that exists: soft delete, immutability, restore elsewhere, alerts.
//!
//! The vault might belong to others: a key that the target doesn't have leaves its setting alone. What Azure does without a setting is
//! taken from <https://learn.microsoft.com/azure/backup/create-manage-backup-vault>.

use std::fmt;

use aksbackup_shared::command_line::{CommandLine, Fix, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::{State, VaultTarget};
use serde_json::{Value, json};

use crate::arm::marker;
use crate::arm::vaults::Vault;
use crate::target_ids;

const GEO: &str = "GeoRedundant";
const LOCKED: &str = "the vault can never be unlocked, and its recovery points stay until they expire";

/// A setting of the vault that differs from the target's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Difference {
    /// Its key below `vault`.
    key: &'static str,
    what: &'static str,
    live: String,
    wanted: String,
    /// What is protected less with the target's value, in words.
    pub(crate) reduces: Option<String>,
    /// What can never be changed back with the target's value, in words.
    pub(crate) lasting: Option<&'static str>,
    /// Why Azure can't make the change.
    pub(crate) refused: Option<&'static str>,
    /// The value that the key needs to keep what Azure has; empty for none.
    kept: String,
    /// Where it is among the properties of a vault, and what it is there.
    member: [&'static str; 3],
    value: Value,
}

impl Difference {
    /// Returns the change, as people read it.
    pub(crate) fn step(&self) -> String {
        format!("{}: {} → {}", self.what, self.live, self.wanted)
    }

    /// Returns whether the vault has more of a soft delete than the target asks for.
    fn is_more(&self) -> bool {
        ["soft_delete", "soft_delete_days"].contains(&self.key) && self.reduces.is_some()
    }

    /// Returns whether Azure reports no value for it at all.
    pub(crate) fn is_unreported(&self) -> bool {
        self.live == UNREPORTED
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (the target has {})", self.what, self.live, self.wanted)
    }
}

/// What Azure reports of a setting that no one has set.
const UNREPORTED: &str = "not reported";

/// Returns what differs between the target and a vault, whether Azure can change it or not. The file always has a soft delete: of a vault
/// that isn't `ours`, more than that is left as it is ([`kept`]).
pub(crate) fn differences(target: &VaultTarget, own: &Vault, ours: bool) -> Vec<Difference> {
    let mut all = every(target, own);
    all.retain(|own| ours || !own.is_more());
    all
}

/// Returns what a vault of others has more of than the target asks for, in words.
pub(crate) fn kept(target: &VaultTarget, own: &Vault, ours: bool) -> Vec<String> {
    let all = every(target, own).into_iter().filter(|own| !ours && own.is_more());
    let words = |own: Difference| {
        let (what, live, wanted) = (own.what, own.live, own.wanted);
        format!(
            "{what} stays {live} (the target has {wanted}): aksbackup doesn't reduce the protection of a \
             vault that it didn't create"
        )
    };
    all.map(words).collect()
}

/// Returns what the target asks for and Azure doesn't report, so that it can't be compared.
pub(crate) fn unreported(target: &VaultTarget, own: &Vault) -> Option<String> {
    let is_on = own.soft_delete().is_some_and(|own| !own.eq_ignore_ascii_case("Off"));
    let is_wanted = !target.soft_delete.eq_ignore_ascii_case("Off");
    (is_on && is_wanted && own.soft_delete_days().is_none()).then(|| {
        format!(
            "soft delete days: {UNREPORTED} by Azure (the target has {})",
            target.soft_delete_days
        )
    })
}

/// Returns whether this tool created the target's vault: the state file says so, which every user with the file can edit, and a tag in
/// Azure confirms it.
pub(crate) fn is_ours(state: &State, live: &Vault) -> bool {
    let Some(target) = &state.target else { return false };
    let vault = target_ids::vault(target);
    let mut made = state.cloud.created.iter().chain(&state.cloud.intents);
    made.any(|own| same(&own.object, vault.as_str())) && marker::is_in(live.tags.as_ref(), &target.cluster, &vault)
}

fn every(target: &VaultTarget, own: &Vault) -> Vec<Difference> {
    let rows = [
        soft_delete(target, own),
        soft_delete_days(target, own),
        immutability(target, own),
        cross_region_restore(target, own),
        cross_subscription_restore(target, own),
        alerts(target, own),
    ];
    rows.into_iter().flatten().collect()
}

fn difference(
    key: &'static str,
    what: &'static str,
    (live, wanted): (&str, &str),
    member: [&'static str; 3],
) -> Difference {
    Difference {
        key,
        what,
        live: live.to_owned(),
        wanted: wanted.to_owned(),
        reduces: None,
        lasting: None,
        refused: None,
        kept: live.to_owned(),
        member,
        value: json!(wanted),
    }
}

/// `AlwaysOn` is on, and more than the target can ask for.
fn soft_delete(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let (live, wanted) = (own.soft_delete()?, target.soft_delete.as_str());
    let always = live.eq_ignore_ascii_case("AlwaysOn");
    let kept = if always { "On" } else { live };
    if kept.eq_ignore_ascii_case(wanted) {
        return None;
    }
    let member = ["securitySettings", "softDeleteSettings", "state"];
    Some(Difference {
        reduces: wanted
            .eq_ignore_ascii_case("Off")
            .then(|| "deleted backups can no longer be recovered".to_owned()),
        refused: always.then_some("soft delete that is always on can't be disabled"),
        kept: kept.to_owned(),
        ..difference("soft_delete", "soft delete", (live, wanted), member)
    })
}

/// Azure doesn't have to report the days of a soft delete that is off: where it is enabled, they are sent with it.
fn soft_delete_days(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let (state, wanted) = (own.soft_delete()?, target.soft_delete_days);
    let live = own.soft_delete_days();
    let is_unknown = live.is_none() && !state.eq_ignore_ascii_case("Off");
    if live == Some(wanted) || is_unknown || target.soft_delete.eq_ignore_ascii_case("Off") {
        return None;
    }
    let member = ["securitySettings", "softDeleteSettings", "retentionDurationInDays"];
    let text = live.map_or(UNREPORTED.to_owned(), |live| live.to_string());
    let is_on = !state.eq_ignore_ascii_case("Off");
    let less = live.filter(|live| is_on && wanted < *live);
    Some(Difference {
        reduces: less.map(|live| format!("deleted backups are kept for {wanted} days instead of {live}")),
        kept: live.unwrap_or(wanted).to_string(),
        value: json!(wanted),
        ..difference(
            "soft_delete_days",
            "soft delete days",
            (&text, &wanted.to_string()),
            member,
        )
    })
}

fn immutability(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let rank = |state: &str| match state {
        "Locked" => 2,
        "Unlocked" => 1,
        _ => 0,
    };
    let (live, wanted) = (
        own.immutability().unwrap_or("Disabled"),
        target.immutability.as_ref()?.as_str(),
    );
    if live == wanted {
        return None;
    }
    let member = ["securitySettings", "immutabilitySettings", "state"];
    Some(Difference {
        reduces: (rank(wanted) < rank(live)).then(|| "recovery points can be deleted before they expire".to_owned()),
        lasting: target.is_lasting("vault.immutability").then_some(LOCKED),
        refused: (live == "Locked").then_some("a locked vault can't be unlocked"),
        ..difference("immutability", "immutability", (live, wanted), member)
    })
}

fn cross_region_restore(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let live = own.feature("crossRegionRestoreSettings").unwrap_or("Disabled");
    let wanted = enabled(target.cross_region_restore?);
    if live == wanted {
        return None;
    }
    let is_geo = own.redundancy().unwrap_or(&target.redundancy) == GEO;
    let member = ["featureSettings", "crossRegionRestoreSettings", "state"];
    let on = wanted == "Enabled";
    Some(Difference {
        lasting: target
            .is_lasting("vault.cross_region_restore")
            .then_some("cross-region restore can't be disabled again"),
        refused: match (on, is_geo) {
            (false, _) => Some("cross-region restore can't be disabled"),
            (true, false) => Some("cross-region restore requires a vault with redundancy GeoRedundant"),
            (true, true) => None,
        },
        kept: (live == "Enabled").to_string(),
        ..difference("cross_region_restore", "cross-region restore", (live, wanted), member)
    })
}

fn cross_subscription_restore(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let live = own.feature("crossSubscriptionRestoreSettings").unwrap_or("Enabled");
    let wanted = target.cross_subscription_restore.as_ref()?.as_str();
    if live == wanted {
        return None;
    }
    let never = |state: &str| state == "PermanentlyDisabled";
    let member = ["featureSettings", "crossSubscriptionRestoreSettings", "state"];
    let words = "backups can no longer be restored to another subscription";
    Some(Difference {
        reduces: (live == "Enabled").then(|| words.to_owned()),
        lasting: target
            .is_lasting("vault.cross_subscription_restore")
            .then_some("cross-subscription restore can never be enabled again"),
        refused: never(live).then_some("cross-subscription restore is permanently disabled"),
        ..difference(
            "cross_subscription_restore",
            "cross-subscription restore",
            (live, wanted),
            member,
        )
    })
}

fn alerts(target: &VaultTarget, own: &Vault) -> Option<Difference> {
    let (live, wanted) = (own.alerts().unwrap_or(UNREPORTED), enabled(target.job_failure_alerts?));
    if live == wanted {
        return None;
    }
    let member = [
        "monitoringSettings",
        "azureMonitorAlertSettings",
        "alertsForAllJobFailures",
    ];
    Some(Difference {
        reduces: (wanted == "Disabled").then(|| "failed backup jobs no longer raise alerts".to_owned()),
        kept: match live {
            UNREPORTED => String::new(),
            live => (live == "Enabled").to_string(),
        },
        ..difference("job_failure_alerts", "alerts for failed jobs", (live, wanted), member)
    })
}

const fn enabled(on: bool) -> &'static str {
    if on { "Enabled" } else { "Disabled" }
}

/// Returns the properties that make these changes. Azure might replace a group as a whole, so that each is sent with what `live` has in it.
pub(crate) fn properties(live: &Value, changes: &[Difference]) -> Value {
    let mut all = json!({});
    for own in changes {
        let [group, settings, member] = own.member;
        if all[group].is_null() {
            all[group] = match &live[group] {
                Value::Object(_) => live[group].clone(),
                _ => json!({}),
            };
        }
        all[group][settings][member] = own.value.clone();
    }
    all
}

/// Checks that the settings of a vault go together.
///
/// # Errors
/// Exit 2: the key, and what it takes.
pub(crate) fn coherent(target: &VaultTarget) -> Outcome<()> {
    let state = target.soft_delete.as_str();
    if !["On", "Off"].iter().any(|own| own.eq_ignore_ascii_case(state)) {
        return Failure::usage(format!("vault.soft_delete is {state:?}"))
            .of_key("vault.soft_delete")
            .because("supported values: On and Off; AlwaysOn can't be reverted, so aksbackup doesn't set it")
            .hint(fix!["for example: ", az("init --set vault.soft_delete=On")])
            .err();
    }
    let days = target.soft_delete_days;
    if state.eq_ignore_ascii_case("On") && !(14..=180).contains(&days) {
        return Failure::usage(format!("vault.soft_delete_days is {days}"))
            .of_key("vault.soft_delete_days")
            .because("Azure keeps deleted backups for 14 to 180 days")
            .hint(fix!["for example: ", az("init --set vault.soft_delete_days=14")])
            .err();
    }
    if target.cross_region_restore == Some(true) && target.redundancy != GEO {
        return Failure::usage("vault.cross_region_restore requires a vault with redundancy GeoRedundant")
            .of_key("vault.cross_region_restore")
            .because(format!("vault.redundancy is {}", target.redundancy))
            .hint(fix![
                "clear cross-region restore: ",
                az("init --set vault.cross_region_restore=")
            ])
            .err();
    }
    Ok(())
}

/// Returns the command that keeps what Azure has.
pub(crate) fn adopting(all: &[Difference]) -> CommandLine {
    let words = all.iter().map(|own| format!(" --set vault.{}={}", own.key, own.kept));
    az(format!("init{}", words.collect::<String>()))
}

/// Returns what keeps the settings that protect more than the target asks for.
pub(crate) fn keeping(all: &[Difference]) -> Option<Fix> {
    let more: Vec<Difference> = all.iter().filter(|own| own.reduces.is_some()).cloned().collect();
    (!more.is_empty()).then(|| fix!["to change the target to match the vault: ", adopting(&more)])
}

/// Takes the settings of a vault into the keys that the target has. The others stay away, because the vault might belong to others, unless
/// `all` are asked for: then each that someone has set gets its key.
pub(crate) fn adopted(target: &mut VaultTarget, own: &Vault, all: bool) {
    let immutability = own.immutability().unwrap_or("Disabled");
    if target.immutability.is_some() || all && immutability != "Disabled" {
        target.immutability = immutability.parse().ok();
    }
    let is_on = own.feature("crossRegionRestoreSettings") == Some("Enabled");
    if target.cross_region_restore.is_some() || all && is_on {
        target.cross_region_restore = Some(is_on);
    }
    let restore = own.feature("crossSubscriptionRestoreSettings").unwrap_or("Enabled");
    if target.cross_subscription_restore.is_some() || all && restore != "Enabled" {
        target.cross_subscription_restore = restore.parse().ok();
    }
    if target.job_failure_alerts.is_some() || all {
        target.job_failure_alerts = own.alerts().map(|live| live == "Enabled");
    }
}

/// Returns what to do about a vault that differs. Where the target protects less, what Azure has is kept first.
pub(crate) fn hints(all: &[Difference]) -> Vec<Fix> {
    let adopt = fix!["to change the target to match the vault: ", adopting(all)];
    let changeable: Vec<&Difference> = all.iter().filter(|own| own.refused.is_none()).collect();
    let reduces = changeable.iter().any(|own| own.reduces.is_some());
    let lasting = changeable.iter().any(|own| own.lasting.is_some());
    let flags = |on: bool, flag: &'static str| if on { flag } else { "" };
    let change = az(format!(
        "prepare{}{}",
        flags(reduces, " --reduce-protection"),
        flags(lasting, IRREVERSIBLE)
    ));
    let change = match (reduces, lasting) {
        (false, false) => fix!["to change the vault to match the target: ", change],
        (true, _) => fix![
            "to change the vault to match the target, which reduces protection: ",
            change
        ],
        (false, true) => fix!["to change the vault to match the target, permanently: ", change],
    };
    let refused = all.iter().filter_map(|own| own.refused);
    let refused: Vec<Fix> = refused.map(Fix::from).collect();
    let mut hints = match (changeable.is_empty(), reduces || lasting) {
        (true, _) => vec![adopt],
        (false, false) => vec![change, adopt],
        (false, true) => vec![adopt, change],
    };
    hints.extend(refused);
    hints
}

/// The flag that agrees to what can't be changed back, with the blank before it.
pub(crate) const IRREVERSIBLE: &str = " --irreversible RESOURCE-GROUP/VAULT";

#[cfg(test)]
mod tests;
