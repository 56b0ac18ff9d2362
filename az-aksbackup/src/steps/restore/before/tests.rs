use aksbackup_shared::guide::StepName;
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
        plan: false,
        again: false,
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
        after: "before".into(),
        job: None,
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
    let of = |state: &State, options: &RestoreOptions| {
        let digest = digest(options, &example(), &instance("ProtectionConfigured", |_| ()));
        begun(state, &request.instance, &digest)
    };
    let own = of(&state, &options()).unwrap();
    assert_eq!((own.point.as_str(), own.after.as_str(), own.job), ("p1", "none", None));
    let other = RestoreOptions {
        criteria: Criteria {
            patch: true,
            ..options().criteria
        },
        ..options()
    };
    // Another restore in between hides none.
    state.cloud.intents.push(Intent {
        step: StepName::Restore,
        object: before().request(&other, &Wanted::Latest).unwrap().unwrap().intent,
        at: "2026-01-01T01:00:00Z".parse().unwrap(),
    });
    assert!(of(&state, &options()).is_some_and(|own| own.at.to_string().starts_with("2026-01-01T00")));
    for point in [
        Wanted::Id("p1".into()),
        Wanted::At("2026-01-02T00:00:00Z".parse().unwrap()),
    ] {
        assert_eq!(
            of(&state, &RestoreOptions { point, ..options() }),
            None,
            "another wish is another restore"
        );
    }
    state.cloud.intents[0].object.push_str("/job/j");
    assert_eq!(of(&state, &options()).unwrap().job.as_deref(), Some("j"));
}

/// Fails before: the job of another person, or of a night ago, was reported as done.
#[test]
fn only_a_job_that_answers_the_command_is_taken_up() {
    let own = begun_at("2026-01-01T23:00:00Z").unwrap();
    let meant = |job: &Job, options: &RestoreOptions| before().is_meant(job, &own, options);
    let completed = job("Completed", "2026-01-01T23:00:00Z");
    assert!(meant(&completed, &options()));
    assert!(meant(&job("InProgress", "2026-01-01T23:00:00Z"), &options()));
    assert!(!meant(&job("Failed", "2026-01-01T23:00:00Z"), &options()));
    let mut old = completed.clone();
    old.properties.end_time = Some("2025-12-31T00:00:00Z".parse().unwrap());
    assert!(!meant(&old, &options()), "more than a day ago");
    let newer = Before {
        points: Sight::Here(vec![
            point("p2", "2026-01-01T23:30:00Z", |_| ()),
            point("p1", "2026-01-01T06:00:00Z", |_| ()),
        ]),
        ..before()
    };
    assert!(
        !newer.is_meant(&completed, &own, &options()),
        "latest means another one by now"
    );
}

#[test]
fn a_job_that_was_begun_a_moment_ago_is_looked_for_and_an_old_one_is_none_of_ours() {
    let looking = |at: &str, jobs: Vec<Job>| Before {
        begun: begun_at(at),
        restores: Sight::Here(jobs),
        ..before()
    };
    assert!(looking("2026-01-01T23:59:00Z", Vec::new()).is_looking());
    assert!(looking("2026-01-01T23:59:00Z", vec![job("Completed", "2026-01-01T12:00:00Z")]).is_looking());
    assert!(!looking("2026-01-01T23:57:00Z", Vec::new()).is_looking());
    assert!(
        !looking("2026-01-02T01:00:00Z", Vec::new()).is_looking(),
        "a clock that is ahead"
    );
    assert!(!before().is_looking());
    let shown = looking("2026-01-01T23:59:00Z", vec![job("Failed", "2026-01-01T23:58:30Z")]);
    assert!(!shown.is_looking());
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
        all.iter().map(|own| own.name().to_owned()).collect()
    };
    assert_eq!(names(&before(vec![own, old.clone()])), ["j"]);
    let none = before(vec![old]);
    assert!(names(&none).is_empty() && none.is_looking());
}

#[test]
fn a_job_of_another_point_is_another_restore() {
    let of = |point: Value| {
        let mut own = job("InProgress", "2026-01-01T00:00:00Z");
        own.properties.extended_info = Some(json!({ "sourceRecoverPoint": { "recoveryPointID": point } }));
        begun::is_from(&own, "p1")
    };
    assert!(of(json!("P1")));
    assert!(!of(json!("p2")) && !of(Value::Null));
}

/// Fails before: an older job that a file names, and one of another person, were reported as the result.
#[test]
fn a_job_that_azure_named_is_not_older_than_its_request_and_one_without_a_name_is_left_to_the_person() {
    let begun = begun_at("2026-01-01T12:00:00Z").unwrap();
    let of = |start: &str| {
        let mut own = job("Completed", start);
        own.properties.extended_info = Some(json!({ "sourceRecoverPoint": { "recoveryPointID": "p1" } }));
        own
    };
    assert!(before().is_its(&of("2026-01-01T11:55:00Z"), &begun), "clocks differ");
    assert!(!before().is_its(&of("2026-01-01T11:00:00Z"), &begun));
    let failure = begun::untold(
        &[of("2026-01-01T12:00:00Z")],
        &begun,
        (
            &options(),
            Some(crate::target_ids::instance(&crate::target_ids::tests::example())),
        ),
    );
    let text = failure.to_string();
    assert!(
        text.contains("cannot determine whether this command started restore job j"),
        "{text}"
    );
    let hints: Vec<String> = failure.hints.iter().map(ToString::to_string).collect();
    // Fails before: a job tells nothing of what it restores.
    assert!(
        hints[0].contains("az monitor activity-log list --resource-id ") && hints[0].contains(" --offset 30d"),
        "{hints:?}"
    );
    assert!(
        hints[1].contains("az aksbackup restore --namespace shop=shop-restored --again"),
        "{hints:?}"
    );
}
