use aksbackup_shared::schema::Intent;
use serde_json::Value;

use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::protection::tests::instance;
use crate::checks::recovery_points::tests::point;
use crate::checks::restore::{Criteria, mapping};
use crate::checks::view::tests::extension;
use crate::target_ids::tests::{example, state};

fn options() -> RestoreOptions {
    RestoreOptions {
        point: Wanted::Latest,
        criteria: Criteria {
            namespaces: mapping(&["shop=shop-restored".to_owned()], false).unwrap(),
            cluster_scope: true,
            data: true,
            ..Criteria::default()
        },
        in_place: None,
        words: "restore --namespace shop=shop-restored".to_owned(),
    }
}

fn binding() -> Binding {
    serde_json::from_value(json!({ "name": "b", "properties": {
        "sourceResourceId": target_ids::vault(&example()).as_str(), "roles": [trusted_access::BACKUP_OPERATOR] } }))
    .unwrap()
}

/// A cluster that a restore is possible to.
fn before() -> Before {
    Before {
        target: example(),
        vault: target_ids::vault(&example()),
        instance: Some(instance("ProtectionConfigured", |_| ())),
        deleted: Vec::new(),
        extensions: Sight::Here(vec![extension(|_| ())]),
        bindings: Sight::Here(vec![binding()]),
        points: Sight::Here(vec![point("p1", "2026-01-01T06:00:00Z", |_| ())]),
        restores: Sight::Here(Vec::new()),
        lacks: Vec::new(),
        begun: None,
        patience: SHOWING,
        now: "2026-01-02T00:00:00Z".parse().unwrap(),
    }
}

fn job(status: &str, start: &str) -> Job {
    let vault = target_ids::vault(&example());
    serde_json::from_value(json!({ "id": format!("{vault}/backupJobs/j"), "properties": {
        "status": status, "startTime": start, "endTime": "2026-01-01T23:59:59Z", "operationCategory": "Restore",
        "isUserTriggered": true } }))
    .unwrap()
}

fn begun_at(at: &str) -> Option<Begun> {
    Some(Begun {
        point: "p1".into(),
        digest: "d".into(),
        after: "before".into(),
        at: at.parse().unwrap(),
    })
}

#[test]
fn a_ready_cluster_is_restored_from_the_point_that_is_wanted() {
    let before = before();
    assert_eq!(before.must_be_possible().unwrap(), None);
    let request = before.request(&options(), &Wanted::Latest).unwrap().unwrap();
    assert_eq!(request.body["recoveryPointId"], "p1");
    assert!(
        request
            .summary
            .contains("namespace shop as shop-restored of cluster rg-aks/aks from recovery point p1")
    );
    assert!(request.intent.contains("/restores/p1/sha256:"), "{}", request.intent);
    assert!(before.request(&options(), &Wanted::Id("x".into())).is_err());
}

#[test]
fn suspended_and_stopped_backups_can_be_restored_and_deleted_or_broken_ones_not() {
    let possible = |state: &str| {
        let own = Some(instance(state, |_| ()));
        Before {
            instance: own,
            ..before()
        }
        .must_be_possible()
    };
    for state in ["BackupsSuspended", "ProtectionStopped", "BackupSchedulesSuspended"] {
        assert_eq!(possible(state).unwrap(), None, "{state}");
    }
    assert!(possible("UpdatingProtection").unwrap().is_some());
    assert!(possible("Inventing").unwrap().is_some_and(|wait| wait.stuck.is_some()));
    for (state, hint) in [
        ("SoftDeleted", "az aksbackup undelete"),
        ("ProtectionError", "az aksbackup protect"),
    ] {
        let failure = possible(state).unwrap_err();
        assert!(failure.hints.last().unwrap().to_string().contains(hint), "{failure}");
    }
    let none = Before {
        instance: None,
        ..before()
    };
    assert_eq!(
        none.must_be_possible().unwrap_err().exit,
        aksbackup_shared::exit::Exit::Missing
    );
}

#[test]
fn what_the_cluster_lacks_is_named_and_what_cannot_be_read_is_left_to_azure() {
    let failing = extension(|own| own["provisioningState"] = json!("Failed"));
    let other = Binding {
        name: "o".into(),
        ..serde_json::from_value(json!({ "name": "b", "properties": { "sourceResourceId": "/x", "roles": [] } }))
            .unwrap()
    };
    let cases = [
        (
            Before {
                extensions: Sight::Here(Vec::new()),
                ..before()
            },
            "has no Azure Backup extension",
        ),
        (
            Before {
                extensions: Sight::Here(vec![failing]),
                ..before()
            },
            "isn't ready",
        ),
        (
            Before {
                bindings: Sight::Here(vec![other]),
                ..before()
            },
            "has no access to cluster",
        ),
        (
            Before {
                restores: Sight::Here(vec![job("InProgress", "2026-01-01T00:00:00Z")]),
                ..before()
            },
            "another restore is running",
        ),
    ];
    for (before, says) in cases {
        let failure = before.must_be_possible().unwrap_err();
        assert!(failure.what.contains(says), "{failure}");
    }
    let hidden = Before {
        extensions: Sight::Hidden(Box::new(refusal("AuthorizationFailed"))),
        bindings: Sight::Hidden(Box::new(refusal("AuthorizationFailed"))),
        ..before()
    };
    assert!(hidden.must_be_possible().is_ok());
    let unread = Before {
        points: Sight::Hidden(Box::new(refusal("AuthorizationFailed"))),
        ..before()
    };
    assert!(unread.must_be_possible().is_err());
}

#[test]
fn a_missing_permission_is_a_turn_that_names_it_with_a_role() {
    assert_eq!(before().lacking(String::new()), None);
    let scope = target_ids::vault_group(&example());
    let lacks = vec![
        Needed {
            action: crate::arm::restores::VALIDATE,
            scope: scope.clone(),
        },
        Needed {
            action: crate::arm::restores::RESTORE,
            scope,
        },
    ];
    let turn = Before { lacks, ..before() }.lacking(options().words()).unwrap();
    assert!(turn.why.contains("Backup Operator"), "{}", turn.why);
    assert_eq!(
        (turn.right.unwrap().action.as_str(), turn.also.len()),
        (crate::arm::restores::VALIDATE, 1)
    );
    assert_eq!(
        turn.command.to_string(),
        "az aksbackup restore --namespace shop=shop-restored"
    );
}

#[test]
fn only_the_same_request_of_the_same_point_is_taken_up() {
    let request = before().request(&options(), &Wanted::Latest).unwrap().unwrap();
    let mut state = state();
    state.cloud.intents.push(Intent {
        step: StepName::Restore,
        object: request.intent.clone(),
        at: "2026-01-01T00:00:00Z".parse().unwrap(),
    });
    let own = begun(&state, &request.instance).unwrap();
    assert_eq!((own.point.as_str(), own.after.as_str()), ("p1", "none"));
    let other = RestoreOptions {
        criteria: Criteria {
            patch: true,
            ..options().criteria
        },
        ..options()
    };
    let now = |options: &RestoreOptions| digest(options, &example(), &instance("ProtectionConfigured", |_| ()));
    assert_eq!(now(&options()), own.digest);
    assert_ne!(now(&options()), now(&other));
    let before = Before {
        begun: begun_at("2026-01-01T00:00:00Z"),
        ..before()
    };
    assert!(before.begun(None).is_some() && before.begun(Some("P1")).is_some());
    assert!(before.begun(Some("p2")).is_none());
}

#[test]
fn a_job_that_was_begun_a_moment_ago_is_looked_for_and_an_old_one_is_none_of_ours() {
    let looking = |at: &str, jobs: Vec<Job>| Before {
        begun: begun_at(at),
        restores: Sight::Here(jobs),
        ..before()
    };
    assert!(looking("2026-01-01T23:59:00Z", Vec::new()).is_looking(None));
    assert!(looking("2026-01-01T23:59:00Z", vec![job("Completed", "2026-01-01T12:00:00Z")]).is_looking(None));
    assert!(!looking("2026-01-01T23:57:00Z", Vec::new()).is_looking(None));
    assert!(!looking("2026-01-01T23:59:00Z", Vec::new()).is_looking(Some("p2")));
    assert!(!before().is_looking(None));
    let shown = looking("2026-01-01T23:59:00Z", vec![job("Failed", "2026-01-01T23:58:30Z")]);
    assert!(!shown.is_looking(None));
    assert_eq!(shown.candidates(shown.begun.as_ref().unwrap()).len(), 1);
}

#[test]
fn a_job_that_was_there_before_the_request_is_not_its_job() {
    let mut old = job("Completed", "2026-01-01T23:58:30Z");
    old.id = old.id.replace("/j", "/before");
    let own = job("Completed", "2026-01-01T23:58:40Z");
    let before = |jobs| Before {
        begun: begun_at("2026-01-01T23:59:00Z"),
        restores: Sight::Here(jobs),
        ..before()
    };
    let names = |before: &Before| -> Vec<String> {
        let all = before.candidates(before.begun.as_ref().unwrap());
        all.iter().map(|own| name(own).to_owned()).collect()
    };
    assert_eq!(names(&before(vec![own, old.clone()])), ["j"]);
    let none = before(vec![old]);
    assert!(names(&none).is_empty() && none.is_looking(None));
}

#[test]
fn a_job_of_another_point_is_another_restore() {
    let of = |point: Value| {
        let mut own = job("InProgress", "2026-01-01T00:00:00Z");
        own.properties.extended_info = Some(json!({ "sourceRecoverPoint": { "recoveryPointID": point } }));
        is_from(&own, "p1")
    };
    assert!(of(json!("P1")) && of(Value::Null));
    assert!(!of(json!("p2")));
}
