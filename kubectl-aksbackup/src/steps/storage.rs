//! What the storage location tells about the running Velero, by the cluster's clocks alone.

use std::time::Duration;

use aksbackup_shared::args::duration;
use aksbackup_shared::chain::finding::{Remedy, SeenIn};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{CommandLine, Fix, az, shell};
use aksbackup_shared::console::human;
use aksbackup_shared::diagnosis::{self, Meaning};
use aksbackup_shared::fix;
use aksbackup_shared::schema::RolesTable;
use jiff::Timestamp;

use crate::cluster::pods::Pod;
use crate::cluster::storage_locations::{StorageLocation, default_of};

/// What is known of the way from Velero to the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Access<'a> {
    /// Velero, as it runs now, has reached the container.
    Proven(&'a StorageLocation),
    /// Velero, as it runs now, could not.
    Denied(&'a StorageLocation),
    /// Nothing yet: Velero runs, and has not validated the location since its start.
    Silent(&'a StorageLocation),
    /// Nothing yet: Velero does not run.
    Unknown(String),
    /// There is no storage location.
    Absent,
}

/// When the newest running Velero started; `None` while one of them does not run.
pub(crate) fn velero_since(pods: &[Pod]) -> Option<Timestamp> {
    let velero: Vec<&Pod> = pods.iter().filter(|pod| !pod.ending && pod.runs_velero()).collect();
    let times: Option<Vec<Timestamp>> = velero.iter().map(|pod| pod.velero_since).collect();
    times?.into_iter().max()
}

/// What the location says of the Velero that runs now. Times of the cluster have whole seconds, so that a look in the
/// second of the start may still have been that of the Velero before.
pub(crate) fn access<'a>(locations: &'a [StorageLocation], pods: &[Pod]) -> Access<'a> {
    let Some(location) = default_of(locations) else {
        return Access::Absent;
    };
    let Some(since) = velero_since(pods) else {
        let trouble = pods
            .iter()
            .filter(|pod| !pod.ending && pod.runs_velero())
            .find_map(|pod| pod.trouble.clone());
        let why = trouble.map(|trouble| format!(": {trouble}")).unwrap_or_default();
        return Access::Unknown(format!("Velero isn't running yet{why}"));
    };
    if location.validated.is_none_or(|validated| validated <= since) {
        return Access::Silent(location);
    }
    match location.is_available() {
        true => Access::Proven(location),
        false => Access::Denied(location),
    }
}

/// Why the last validation is too old to count at `now`, the cluster's time: Velero looks every minute unless told
/// otherwise, and one that hangs leaves its last verdict standing.
pub(crate) fn overdue(location: &StorageLocation, now: Timestamp) -> Option<String> {
    if let Some((why, _)) = never(location, "") {
        return Some(why);
    }
    let age = now.duration_since(location.validated?).unsigned_abs();
    let old = age > enough(location);
    old.then(|| {
        format!(
            "backup storage location {} was last validated {} ago",
            location.name,
            human(age)
        )
    })
}

/// How long Velero is given for a validation: three of its intervals, which are a minute unless told otherwise, and at least five minutes.
pub(crate) fn enough(location: &StorageLocation) -> Duration {
    const LEAST: Duration = Duration::from_secs(300);
    let own = location.frequency.as_deref().map(duration);
    let frequency = own.and_then(Result::ok).unwrap_or(Duration::from_secs(60));
    LEAST.max(frequency.saturating_mul(3))
}

/// Why Velero does not validate a location again, and what makes it do so. One that was never validated is validated once all the same
/// (Velero, `internal/storage/storagelocation.go`, `IsReadyToValidate`).
pub(crate) fn never(location: &StorageLocation, namespace: &str) -> Option<(String, CommandLine)> {
    let own = location.frequency.as_deref().map(duration);
    let off = matches!(own, Some(Ok(frequency)) if frequency.is_zero()) && location.validated.is_some();
    let name = &location.name;
    off.then(|| {
        (
            format!("backup storage location {name} is never validated: its validationFrequency is 0"),
            shell(format!(
                "kubectl patch backupstoragelocation {name} --namespace {namespace} --type merge --patch \
                 '{{\"spec\":{{\"validationFrequency\":null}}}}'"
            )),
        )
    })
}

/// That Velero is silent about a location.
pub(crate) fn silent(location: &StorageLocation) -> String {
    let name = &location.name;
    let every = location
        .frequency
        .as_deref()
        .map(|own| format!(" (validationFrequency {own})"));
    format!(
        "Velero hasn't validated backup storage location {name} since it started{}",
        every.unwrap_or_default()
    )
}

/// Why backups cannot be written to a location that Velero reaches, and what cures it: somebody has made it read-only,
/// which Velero's validation does not look at.
pub(crate) fn read_only(location: &StorageLocation, namespace: &str) -> Option<(String, CommandLine)> {
    let name = &location.name;
    location.read_only.then(|| {
        (
            format!("backup storage location {name} is read-only (accessMode); no backup can be written to it"),
            shell(format!(
                "kubectl patch backupstoragelocation {name} --namespace {namespace} --type merge --patch \
                 '{{\"spec\":{{\"accessMode\":\"ReadWrite\"}}}}'"
            )),
        )
    })
}

/// A location's state as one line: phase, Velero's reason, and what cures it where that is known.
pub(crate) fn told(location: &StorageLocation) -> String {
    let phase = match location.phase.as_str() {
        "" => "not validated yet",
        phase => phase,
    };
    let reason = innermost(&location.message).lines().next().unwrap_or_default();
    let mut text = format!("backup storage location {} is {phase}", location.name);
    if !reason.is_empty() {
        text.push_str(": ");
        text.extend(reason.trim_end_matches([' ', '.']).chars().take(300));
    }
    if let Some(known) = meaning(location)
        && !text.contains(&known.code)
    {
        text.push_str(&format!(" ({})", known.code));
    }
    text
}

/// What is left of a message of Velero's without what Velero and gRPC wrap around it.
fn innermost(message: &str) -> &str {
    message.rsplit_once("desc = ").map_or(message, |(_, inner)| inner)
}

/// What Velero's message about a location means, where it is known.
pub(crate) fn meaning(location: &StorageLocation) -> Option<Meaning> {
    diagnosis::meaning(SeenIn::Bsl, Link::StorageLocation, &location.message)
}

/// The fix for a location's state, where its message is known. A role that `roles` of the state file reports is not assigned again: a new
/// assignment takes up to ten minutes to take effect, and Velero validates the location only once a minute.
/// <https://learn.microsoft.com/azure/role-based-access-control/troubleshooting>
pub(crate) fn fix_of(location: &StorageLocation, roles: Option<&RolesTable>) -> Option<Fix> {
    let known = meaning(location)?;
    match roles.filter(|roles| known.remedy == Some(Remedy::Grant) && reaches_storage(roles)) {
        Some(_) => Some(fix![
            "allow 10 minutes for the role assignment in the state file to take effect. To check the assignment, run: ",
            az("verify")
        ]),
        None => Some(known.cure),
    }
}

/// Whether one of the assignments lets the extension write to the storage account.
fn reaches_storage(roles: &RolesTable) -> bool {
    let mut all = roles.assignments.iter();
    all.any(|own| own.holder == "extension identity" && own.role.starts_with("Storage Blob Data "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    #[test]
    fn only_a_look_after_velero_s_start_proves_anything() {
        let (mut pod, location) = (testing::pod(), testing::location());
        assert_eq!(
            access(std::slice::from_ref(&location), &[pod.clone()]),
            Access::Proven(&location)
        );
        pod.velero_since = location.validated;
        assert_eq!(
            access(std::slice::from_ref(&location), &[pod.clone()]),
            Access::Silent(&location)
        );
        pod.velero_since = None;
        assert!(matches!(access(&[location], &[pod]), Access::Unknown(_)));
        assert_eq!(access(&[], &[testing::pod()]), Access::Absent);
    }

    #[test]
    fn a_refusal_is_told_in_velero_s_words() {
        let wrapped = "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown \
                       desc = AADSTS700213: No match\nmore";
        let denied = testing::unavailable(wrapped);
        assert_eq!(
            access(std::slice::from_ref(&denied), &[testing::pod()]),
            Access::Denied(&denied)
        );
        assert_eq!(
            told(&denied),
            "backup storage location default is Unavailable: AADSTS700213: No match"
        );
        assert!(fix_of(&denied, None).unwrap().to_string().contains("prepare"));
    }

    #[test]
    fn a_role_that_is_reported_is_not_assigned_once_more() {
        let denied = testing::unavailable("desc = AuthorizationPermissionMismatch: no");
        let roles = |holder: &str| -> RolesTable {
            let id = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";
            let principal = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
            let record = serde_json::json!({
                "role": "Storage Blob Data Contributor", "holder": holder, "principal": principal, "scope": id,
            });
            serde_json::from_value(serde_json::json!({ "assignments": [record] })).unwrap()
        };
        let told = |roles: Option<&RolesTable>| fix_of(&denied, roles).unwrap().to_string();
        assert!(told(None).starts_with("az aksbackup grant"));
        assert!(told(Some(&roles("vault"))).starts_with("az aksbackup grant"));
        assert!(told(Some(&roles("extension identity"))).contains("allow 10 minutes"));
    }

    #[test]
    fn a_verdict_that_velero_did_not_renew_is_overdue() {
        let mut location = testing::location();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert_eq!(overdue(&location, at("2026-01-01T00:05:00Z")), None);
        assert!(
            overdue(&location, at("2026-01-01T00:07:00Z"))
                .unwrap()
                .contains("6m00s")
        );
        location.frequency = Some("1h0m0s".into());
        assert_eq!(overdue(&location, at("2026-01-01T00:07:00Z")), None);
        location.frequency = Some("0s".into());
        assert!(
            overdue(&location, at("2026-01-01T00:01:01Z"))
                .unwrap()
                .contains("never")
        );
    }

    #[test]
    fn the_newest_velero_counts_and_one_that_ends_does_not() {
        let mut old = testing::pod();
        old.velero_since = "2025-01-01T00:00:00Z".parse().ok();
        assert_eq!(
            velero_since(&[old.clone(), testing::pod()]),
            testing::pod().velero_since
        );
        let mut ending = testing::pod();
        ending.ending = true;
        assert_eq!(velero_since(&[old.clone(), ending]), old.velero_since);
        assert_eq!(velero_since(&[]), None);
    }
}
