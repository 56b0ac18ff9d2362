use aksbackup_shared::schema::InstanceTable;
use serde_json::json;

use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::protection::tests::instance;
use crate::target_ids::tests::{example, state};

fn job(status: &str) -> Job {
    let id = format!("{}/backupJobs/j-1", target_ids::vault(&example()));
    serde_json::from_value(json!({ "id": id, "properties": { "status": status,
        "errorDetails": [{ "code": "UserErrorX", "message": "no", "recommendedAction": ["do this"] }],
        "extendedInfo": { "warningDetails": [{ "resourceName": "pvc", "warning": { "message": "skipped" } }] } } }))
    .unwrap()
}

fn seen(job: Option<Job>) -> Seen {
    let target = example();
    let instance = Some(target_ids::instance(&target));
    Seen {
        vault: target_ids::vault(&target),
        instance,
        rule: "BackupDaily".into(),
        tag: "Default".into(),
        job,
        doubtful: false,
        way_back: PROTECT,
    }
}

fn decide(seen: &Seen) -> Outcome<Decision<StartBackup>> {
    Backup::default().decide(seen, &state())
}

#[test]
fn satisfied_world_needs_nothing() {
    let mut whole = job("Completed");
    whole.properties.extended_info = None;
    let evidence = "backup job j-1: Completed";
    assert_eq!(decide(&seen(Some(whole))).unwrap(), Decision::Done(evidence.into()));
}

#[test]
fn a_backup_that_lacks_something_is_not_done() {
    let seen = seen(Some(job("CompletedWithWarnings")));
    let Decision::Differs(evidence, drift) = decide(&seen).unwrap() else {
        panic!("it counts as a whole backup")
    };
    assert_eq!(evidence, "backup job j-1: CompletedWithWarnings");
    assert_eq!(drift.differences, ["pvc: skipped"]);
    assert_eq!(drift.hints, ["check what is missing: az aksbackup jobs j-1"]);
    let mut tables = CloudTables::default();
    Backup::default().record(&seen, &mut tables);
    assert_eq!(tables.backup.unwrap().status, "CompletedWithWarnings");
}

#[test]
fn without_a_job_one_is_started() {
    let Decision::Change(changes) = decide(&seen(None)).unwrap() else {
        panic!("no change")
    };
    assert_eq!(
        changes[0].note().summary,
        "start an on-demand backup of aks-instance (rule BackupDaily, retention tag Default)"
    );
    assert!(
        Backup::default()
            .hand_over(&changes[0], &refusal("AuthorizationFailed"))
            .is_some()
    );
}

#[test]
fn a_job_that_may_have_been_started_is_looked_for_before_another_one_is_asked_for() {
    let mut doubtful = seen(None);
    doubtful.doubtful = true;
    assert!(matches!(decide(&doubtful).unwrap(), Decision::Wait(_)));
    doubtful.job = Some(job("InProgress"));
    assert!(matches!(decide(&doubtful).unwrap(), Decision::Wait(_)));
    doubtful.job = Some(job("Completed"));
    assert!(matches!(decide(&doubtful).unwrap(), Decision::Differs(..)));
}

#[test]
fn a_running_job_is_followed_and_an_unknown_word_means_that_it_runs() {
    for status in ["InProgress", "Started", "Cancelling", "Inventing"] {
        assert!(
            matches!(decide(&seen(Some(job(status)))).unwrap(), Decision::Wait(_)),
            "{status}"
        );
    }
}

#[test]
fn a_failed_job_fails_with_azure_s_code_and_advice() {
    let failure = decide(&seen(Some(job("Failed")))).unwrap_err();
    assert_eq!(
        (failure.code.as_deref(), failure.hints[0].to_string().as_str()),
        (Some("UserErrorX"), "do this")
    );
}

#[test]
fn an_unprotected_cluster_is_not_backed_up() {
    let mut seen = seen(None);
    seen.instance = None;
    let Decision::Blocked(_, turns) = decide(&seen).unwrap() else {
        panic!("not blocked")
    };
    assert_eq!(turns[0].command, "az aksbackup protect");
}

#[test]
fn only_an_instance_of_the_target_s_own_vault_is_backed_up_whatever_the_file_says() {
    let target = example();
    let elsewhere = instance("ProtectionConfigured", |body| {
        body["id"] = body["id"].as_str().unwrap().replace("bv-aks", "bv-other").into();
    });
    let unfinished = instance("ConfiguringProtection", |_| ());
    assert_eq!(own(&[elsewhere, unfinished], &target), None);
    let configured = instance("ProtectionConfigured", |_| ());
    let expected = Protected {
        id: target_ids::instance(&target),
        policy: target_ids::policy(&target),
    };
    assert_eq!(own(&[configured], &target), Some(expected.clone()));

    let claim = |instance: ResourceId| {
        let mut state = state();
        state.cloud.instance = Some(InstanceTable::in_state(None, instance, "ProtectionConfigured"));
        recorded(&state, &target)
    };
    assert_eq!(claim(target_ids::instance(&target)), Some(expected));
    assert_eq!(claim(target.cluster.resource("Microsoft.Web/sites", "x")), None);
}

#[test]
fn the_policy_is_the_one_that_the_instance_has_whatever_the_file_asks_for() {
    let other = instance("ProtectionConfigured", |body| {
        let policy = target_ids::vault(&example()).child("backupPolicies", "in-force");
        body["properties"]["policyInfo"]["policyId"] = json!(policy.as_str().to_uppercase());
    });
    let own = own(&[other], &example()).unwrap();
    assert_eq!(
        own.policy,
        target_ids::vault(&example()).child("backupPolicies", "in-force")
    );
}
