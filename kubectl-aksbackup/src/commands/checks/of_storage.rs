//! The backup storage location: what it says, how old that is, and whether it is where backups are to go.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az, kubectl};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{NamespaceName, same};
use aksbackup_shared::names::STORAGE_LOCATION;
use aksbackup_shared::schema::{RolesTable, State};

use crate::cluster::storage_locations::{StorageLocation, default_of};
use crate::commands::checks::correction::correction;
use crate::commands::checks::{Faults, Sight, unreadable};
use crate::steps::storage::{Access, access, fix_of, never, overdue, read_only, silent, told};

const LINK: Link = Link::StorageLocation;
const NAME: &str = "storage location";

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let namespace = &sight.namespace;
    let Some(locations) = &sight.locations else {
        let right = format!("list backupstoragelocations.velero.io in namespace {namespace}");
        return vec![unreadable(LINK, NAME, "backup storage locations", &right)];
    };
    if !locations.known {
        let says = "Velero's custom resource definitions aren't installed: the cluster's API has no \
            BackupStorageLocation";
        return vec![Check::error(LINK, NAME, says, reinstallation()).proves("BSL-CRD-ABSENT")];
    }
    let Some(location) = default_of(&locations.items) else {
        let says = format!("backup storage location {STORAGE_LOCATION} doesn't exist");
        return vec![Check::error(LINK, NAME, says, reinstallation()).proves("BSL-ABSENT")];
    };
    let mut all = settings(location, &locations.items, state, namespace);
    all.extend(target(location, state, namespace));
    all.push(reach(location, sight, state.cloud.roles.as_ref()));
    all
}

/// What brings back what the extension's installation creates. `prepare` finds the extension installed and changes nothing.
fn reinstallation() -> Fix {
    fix![
        "decide with the platform team whether to reinstall the extension: only reinstalling it creates the location \
         again, and scheduled backups fail in the meantime. To check whether the extension is installed, run: ",
        az("verify")
    ]
}

/// What is wrong in the specification, whatever Velero says of it.
fn settings(
    location: &StorageLocation,
    all: &[StorageLocation],
    state: &State,
    namespace: &NamespaceName,
) -> Vec<Check> {
    const NAME: &str = "storage settings";
    let name = &location.name;
    let mut faults = Faults::default();
    if location.account.is_empty() {
        faults.add(
            "EXT-CONFIG-UNMAPPED",
            format!("backup storage location {name} has no storage account"),
        );
    }
    if location.container.contains('/') {
        faults.add(
            "BSL-SPEC",
            format!("container {:?} has a slash in its name", location.container),
        );
    }
    if let Some(value) = location.config.get("useAAD").filter(|value| !is_bool(value)) {
        faults.add(
            "EXT-USEAAD-BAD",
            format!("useAAD is {value:?}, which is neither true nor false"),
        );
    }
    if !all.iter().any(|own| own.default) {
        faults.add(
            "BSL-NO-DEFAULT",
            format!("no backup storage location is the default; expected {name}"),
        );
    }
    let other = all.iter().find(|own| own.default && own.name != *name);
    if !location.default
        && let Some(other) = other
    {
        faults.add(
            "",
            format!(
                "backup storage location {} is the default instead of {name}",
                other.name
            ),
        );
    }
    if location.credential {
        faults.add(
            "BSL-SECRET-WINS",
            format!(
                "backup storage location {name} refers to a secret, which takes precedence over workload \
                identity"
            ),
        );
    }
    let judge = |failure: &str| match failure {
        "BSL-NO-DEFAULT" | "BSL-SECRET-WINS" => (Verdict::Warning, correction(location, state, namespace)),
        "" => (
            Verdict::Warning,
            "decide with the owner of the other location which one is the default: the default location stores \
             the backups that don't specify a location"
                .into(),
        ),
        _ => (Verdict::Error, correction(location, state, namespace)),
    };
    let known = state.target.is_some();
    let well = || {
        format!(
            "{name} is the default{}",
            if known {
                ""
            } else {
                "; no state file to compare it with"
            }
        )
    };
    faults.checks(LINK, NAME, well, judge)
}

/// A boolean as Go reads it.
fn is_bool(value: &str) -> bool {
    [
        "1", "t", "T", "TRUE", "true", "True", "0", "f", "F", "FALSE", "false", "False",
    ]
    .contains(&value)
}

/// Whether backups go where the state file says; nothing is said of a name that is none.
fn target(location: &StorageLocation, state: &State, namespace: &NamespaceName) -> Option<Check> {
    const NAME: &str = "storage target";
    let target = state.target.as_ref().filter(|_| !location.container.contains('/'))?;
    let of_config = |key: &str| location.config.get(key).cloned();
    let pairs = [
        (
            "storage account",
            Some(location.account.clone()),
            target.storage.account.to_string(),
        ),
        (
            "container",
            Some(location.container.clone()),
            target.storage.container.to_string(),
        ),
        (
            "resource group",
            of_config("resourceGroup"),
            target.storage.resource_group.to_string(),
        ),
        (
            "subscription",
            of_config("subscriptionId"),
            target.cluster.subscription().to_string(),
        ),
    ];
    let differ = |(what, own, wanted): &(&str, Option<String>, String)| {
        let own = own.as_ref().filter(|own| !own.is_empty() && !same(own, wanted))?;
        Some(format!("{what} is {own}; expected {wanted}"))
    };
    let wrong: Vec<String> = pairs.iter().filter_map(differ).collect();
    if wrong.is_empty() {
        let says = format!(
            "container {} in account {}, as in the state file",
            location.container, location.account
        );
        return Some(Check::ok(LINK, NAME, says));
    }
    let says = format!("backups are stored in {}", wrong.join(", "));
    Some(Check::error(LINK, NAME, says, correction(location, state, namespace)).proves("STO-WRONG-TARGET"))
}

/// What Velero found when it last looked, and whether that counts.
fn reach(location: &StorageLocation, sight: &Sight, roles: Option<&RolesTable>) -> Check {
    let facts = |check: Check| {
        let message = location.message.lines().next().unwrap_or_default();
        let validated = location.validated.map(|time| time.to_string()).unwrap_or_default();
        let check = check.because(format!(
            "status.phase = {}, status.lastValidationTime = {validated}",
            location.phase
        ));
        match message.is_empty() {
            true => check,
            false => check.because(format!(
                "status.message = {}",
                message.chars().take(1024).collect::<String>()
            )),
        }
    };
    if location.phase.is_empty() && location.validated.is_none() {
        let says = format!(
            "Velero has never validated backup storage location {}{}",
            location.name,
            trouble(sight)
        );
        let check = Check::error(
            LINK,
            NAME,
            says,
            fix![
                "run this command again in a minute. If the result is the same, check the Velero log: ",
                kubectl("logs")
            ],
        );
        return facts(check.proves("BSL-NO-PHASE"));
    }
    if let Some(why) = sight.now.and_then(|now| overdue(location, now))
        && (location.is_available() || never(location, "").is_none())
    {
        let again = never(location, sight.namespace.as_str());
        let fix = again.map_or_else(|| kubectl("logs"), |(_, fix)| fix);
        return facts(Check::error(LINK, NAME, why, fix).proves("BSL-STALE"));
    }
    if let (true, Some((why, cure))) = (location.is_available(), read_only(location, sight.namespace.as_str())) {
        return facts(
            Check::error(LINK, NAME, why, cure)
                .because("spec.accessMode = ReadOnly")
                .proves("STO-READONLY"),
        );
    }
    if sight.pods.is_none() && location.is_available() {
        let says = format!(
            "{} is Available, but the running pods can't be read, so their start times can't be compared",
            location.name
        );
        return facts(Check::unknown(LINK, NAME, says));
    }
    if !location.is_available() && sight.pods.is_none() {
        return facts(Check::error(
            LINK,
            NAME,
            told(location),
            fix_of(location, roles).unwrap_or_else(|| kubectl("logs").into()),
        ));
    }
    facts(match access(std::slice::from_ref(location), sight.pods()) {
        Access::Proven(location) => Check::ok(
            LINK,
            NAME,
            format!(
                "{} is Available; container {} in account {} was reached after the pods started",
                location.name, location.container, location.account
            ),
        ),
        Access::Denied(location) => denied(location, sight, roles),
        Access::Silent(location) => Check::warning(
            LINK,
            NAME,
            silent(location),
            fix![
                "run this command again in a minute. If the result is the same, check the Velero log: ",
                kubectl("logs")
            ],
        ),
        Access::Unknown(why) => Check::warning(
            LINK,
            NAME,
            why,
            fix![
                "run this command again in a minute. If the result is the same, check the Velero log: ",
                kubectl("logs")
            ],
        ),
        Access::Absent => Check::error(
            LINK,
            NAME,
            format!("backup storage location {STORAGE_LOCATION} no longer exists"),
            reinstallation(),
        )
        .proves("BSL-ABSENT"),
    })
}

/// A refusal. Where Velero does not look again, its fix shows only once that is changed too.
fn denied(location: &StorageLocation, sight: &Sight, roles: Option<&RolesTable>) -> Check {
    let fix = fix_of(location, roles).unwrap_or_else(|| kubectl("logs").into());
    match never(location, sight.namespace.as_str()) {
        None => Check::error(LINK, NAME, told(location), fix),
        Some((why, again)) => {
            let fixes = vec![fix, fix!["let Velero validate it again: ", again]];
            Check::error(LINK, NAME, told(location), Fix::joined(fixes)).because(why)
        }
    }
}

fn trouble(sight: &Sight) -> String {
    let mut velero = sight.pods().iter().filter(|pod| !pod.ending && pod.runs_velero());
    let trouble = velero.find_map(|pod| pod.trouble.clone());
    trouble
        .map(|why| format!(": it isn't running, {why}"))
        .unwrap_or_default()
}
