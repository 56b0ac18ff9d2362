//! How recovery points are told, and whether one can be restored.

use std::cmp::Reverse;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use jiff::Timestamp;

use crate::arm::recovery_points::RecoveryPoint;

/// Returns the points with the newest first. One whose time Azure doesn't say is the last.
pub(crate) fn newest_first(mut points: Vec<RecoveryPoint>) -> Vec<RecoveryPoint> {
    points.sort_by_key(|own| Reverse(own.time()));
    points
}

/// Returns the newest of `points`, the newest first, that isn't later than `at`. The fraction of a second doesn't count: people take the
/// time from a table of whole seconds.
pub(crate) fn not_after(points: &[RecoveryPoint], at: Timestamp) -> Option<&RecoveryPoint> {
    let is_before = |time: Timestamp| time.as_second() <= at.as_second();
    points.iter().find(|own| own.time().is_some_and(is_before))
}

/// A time as people read it.
pub(crate) fn shown(time: Option<Timestamp>) -> String {
    time.map_or_else(
        || "-".to_owned(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string(),
    )
}

/// Why a recovery point can't be restored by this version, if it can't.
pub(crate) fn obstacle(point: &RecoveryPoint, now: Timestamp) -> Option<String> {
    let Some(store) = point.operational() else {
        let tiers: Vec<&str> = point.stores().iter().filter_map(|own| own.tier.as_deref()).collect();
        return Some(match tiers.is_empty() {
            true => "Azure doesn't report its tier".to_owned(),
            false => format!(
                "it is in {} only; this version of aksbackup doesn't support restores from the vault tier, which \
                 require a staging resource group and storage account",
                tiers.join(" and ")
            ),
        });
    };
    let expiry = store.expiry_time.or_else(|| point.expires());
    if let Some(expired) = expiry.filter(|at| *at <= now) {
        return Some(format!("it expired on {}", shown(Some(expired))));
    }
    if store.visible == Some(false) {
        return Some("Azure reports that its data is not available (visible: false)".to_owned());
    }
    let partial = point.state().is_some_and(|state| state.eq_ignore_ascii_case("Partial"));
    partial.then(|| "its state is Partial: the backup is incomplete".to_owned())
}

/// The failure of a point that doesn't exist, such as `recovery point ID`, with what does.
pub(crate) fn absent(points: &[RecoveryPoint], wanted: &str, instance: &str) -> Failure {
    let (Some(newest), Some(oldest)) = (points.first(), points.last()) else {
        return Failure::missing(format!("backup instance {instance} has no recovery points"))
            .because("no backup has finished yet, or all recovery points have expired")
            .hint(fix!["list the backup jobs: ", az("jobs")]);
    };
    Failure::missing(format!("backup instance {instance} has no {wanted}"))
        .because(format!(
            "the oldest recovery point is from {}, and the newest is from {}",
            shown(oldest.time()),
            shown(newest.time())
        ))
        .hint(fix!["list the recovery points: ", az("points")])
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A recovery point as it was recorded, with what a test wants otherwise.
    pub(crate) fn point(id: &str, time: &str, change: impl FnOnce(&mut Value)) -> RecoveryPoint {
        let mut body = json!({ "name": id, "properties": {
            "objectType": "AzureBackupDiscreteRecoveryPoint", "recoveryPointId": id, "recoveryPointTime": time,
            "recoveryPointType": "Incremental", "friendlyName": id, "retentionTagName": "default", "expiryTime": null,
            "recoveryPointState": null, "recoveryPointDataStoresDetails": [{
                "id": "s", "type": "OperationalStore", "creationTime": time, "expiryTime": null, "metaData": null,
                "visible": true, "state": "COMMITTED", "rehydrationExpiryTime": null, "rehydrationStatus": null }],
        } });
        change(&mut body["properties"]);
        serde_json::from_value(body).unwrap()
    }

    pub(crate) fn now() -> Timestamp {
        "2026-02-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn the_newest_is_first_and_one_without_a_time_is_last() {
        let none = point("none", "2026-01-05T06:00:00Z", |own| {
            own["recoveryPointTime"] = Value::Null;
        });
        let points = newest_first(vec![
            none,
            point("b", "2026-01-02T06:00:00.5Z", |_| ()),
            point("c", "2026-01-03T06:00:00Z", |_| ()),
        ]);
        let ids: Vec<&str> = points.iter().map(RecoveryPoint::id).collect();
        assert_eq!(ids, ["c", "b", "none"]);
        let at = |text: &str| not_after(&points, text.parse().unwrap()).map(RecoveryPoint::id);
        assert_eq!(at("2026-01-03T06:00:00Z"), Some("c"));
        assert_eq!(at("2026-01-02T06:00:00Z"), Some("b"), "as the table shows it");
        assert_eq!(at("2026-01-02T05:59:59Z"), None);
        assert_eq!(shown(points[2].time()), "-");
    }

    #[test]
    fn a_null_state_is_good_and_every_obstacle_is_named() {
        type Case = (fn(&mut Value), &'static str);
        let changes: [Case; 6] = [
            (|own| own["recoveryPointState"] = json!("Partial"), "Partial"),
            (
                |own| own["expiryTime"] = json!("2026-01-20T00:00:00Z"),
                "expired on 2026-01-20",
            ),
            (
                |own| own["recoveryPointDataStoresDetails"][0]["expiryTime"] = json!("2026-01-20T00:00:00Z"),
                "expired",
            ),
            (
                |own| own["recoveryPointDataStoresDetails"][0]["type"] = json!("VaultStore"),
                "VaultStore only",
            ),
            (
                |own| own["recoveryPointDataStoresDetails"][0]["visible"] = json!(false),
                "visible",
            ),
            (|own| own["recoveryPointDataStoresDetails"] = Value::Null, "tier"),
        ];
        for (change, why) in changes {
            let text = obstacle(&point("a", "2026-01-04T06:00:00Z", change), now()).unwrap();
            assert!(text.contains(why), "{text}");
        }
        let completed = point("new", "2026-01-04T06:00:00Z", |own| {
            own["recoveryPointState"] = json!("Completed");
        });
        assert_eq!(obstacle(&completed, now()), None);
        assert_eq!(obstacle(&point("new", "2026-01-04T06:00:00Z", |_| ()), now()), None);
    }

    #[test]
    fn a_point_in_both_tiers_is_restored_from_the_operational_one() {
        let both = point("new", "2026-01-04T06:00:00Z", |own| {
            let stores = own["recoveryPointDataStoresDetails"].as_array_mut().unwrap();
            stores.insert(
                0,
                json!({ "type": "VaultStore", "visible": true, "state": "COMMITTED" }),
            );
        });
        assert_eq!(obstacle(&both, now()), None);
    }
}
