use super::*;
use crate::arm::visible::tests::refusal;
use crate::checks::protection::tests::instance;
use crate::target_ids::tests::{example, state};
use aksbackup_shared::guide::Person;
use aksbackup_shared::step::Platform as _;

fn step() -> BackupInstance {
    let options = ProtectOptions {
        requests: Vec::new(),
        without_verification: true,
        ..ProtectOptions::default()
    };
    BackupInstance::new(options, &JustRead::default())
}

fn seen(instances: Vec<Instance>) -> Seen {
    Seen {
        target: example(),
        instances,
        deleted: vec![],
        roles: RolesSeen::Assigned(None),
        written: false,
        known: Known::default(),
        less: vec![],
        policies: None,
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    let seen = seen(vec![instance("ProtectionConfigured", |_| ())]);
    let evidence = "backup instance aks-instance: ProtectionConfigured with policy policy-aks";
    assert_eq!(step().decide(&seen, &state()).unwrap(), Decision::Done(evidence.into()));
    let mut tables = CloudTables::default();
    step().record(&seen, &mut tables);
    assert_eq!(tables.instance.unwrap().protection, "ProtectionConfigured");
}

#[test]
fn an_instance_under_another_name_is_not_what_was_intended() {
    let mut tables = CloudTables::default();
    let (own, other) = (target_ids::instance(&example()), "/instances/never-made");
    for object in [own.as_str(), other] {
        Azure::intend(&mut tables, StepName::BackupInstance, object);
    }
    let mut there = seen(vec![instance("ProtectionConfigured", |body| {
        body["id"] = own.to_string().to_uppercase().into();
    })]);
    step().record(&there, &mut tables);
    assert_eq!(tables.intents.len(), 1, "{:?}", tables.intents);
    there.instances.clear();
    step().record_blocked(&there, &mut tables);
    assert!(tables.intents.is_empty() && tables.created.is_empty());
}

#[test]
fn an_instance_without_its_data_source_set_is_written_again_once() {
    let bare = instance("ProtectionConfigured", |body| {
        body["properties"]["dataSourceSetInfo"] = serde_json::Value::Null;
    });
    let mut there = seen(vec![bare]);
    let Decision::Change(changes) = step().decide(&there, &state()).unwrap() else {
        panic!("no change")
    };
    assert!(
        changes.len() == 1 && changes[0].note().warning.unwrap().contains("data source set"),
        "{changes:?}"
    );
    there.written = true;
    assert!(matches!(step().decide(&there, &state()).unwrap(), Decision::Done(_)));
}

#[test]
fn an_unprotected_cluster_is_validated_and_then_protected() {
    let Decision::Change(changes) = step().decide(&seen(vec![]), &state()).unwrap() else {
        panic!("no change")
    };
    assert!(matches!(
        &changes[..],
        [InstanceChange::Validate { .. }, InstanceChange::Protect { .. }]
    ));
    assert!(step().hand_over(&changes[1], &refusal("AuthorizationFailed")).is_some());
}

#[test]
fn configuring_is_not_configured() {
    let seen = seen(vec![instance("ConfiguringProtection", |_| ())]);
    assert!(matches!(step().decide(&seen, &state()).unwrap(), Decision::Wait(_)));
}

#[test]
fn another_vault_is_refused_by_name() {
    let other = instance("ProtectionConfigured", |body| {
        body["id"] = body["id"].as_str().unwrap().replace("bv-aks", "bv-other").into();
    });
    let failure = step().decide(&seen(vec![other]), &state()).unwrap_err();
    assert!(failure.to_string().contains("bv-other"), "{failure}");
}

#[test]
fn an_error_is_repaired_once_and_then_reported_with_azure_s_advice() {
    let mut seen = seen(vec![instance("ProtectionError", |body| {
        body["properties"]["protectionErrorDetails"] = serde_json::json!(
            { "code": "UserErrorX", "message": "no", "recommendedAction": ["do this"] });
    })]);
    let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
        panic!("no change")
    };
    assert_eq!(changes.len(), 1, "what exists is not validated");
    assert_eq!(
        changes[0].note().warning.as_deref(),
        Some("Azure reports: UserErrorX: no")
    );
    seen.written = true;
    let failure = step().decide(&seen, &state()).unwrap_err();
    assert_eq!(
        (failure.code.as_deref(), failure.hints[0].to_string().as_str()),
        (Some("UserErrorX"), "do this")
    );
}

#[test]
fn without_verification_or_roles_it_is_others_turn() {
    let mut seen = seen(vec![]);
    let turn = Turn {
        who: Person::SubscriptionOwner,
        why: "x".into(),
        command: aksbackup_shared::command_line::shell("y"),
        right: None,
        also: Vec::new(),
    };
    seen.roles = RolesSeen::Open(turn);
    let Decision::Blocked(changes, turns) = BackupInstance::default().decide(&seen, &state()).unwrap() else {
        panic!("not blocked")
    };
    assert!(changes.is_empty());
    assert_eq!(
        turns.iter().map(|turn| turn.who).collect::<Vec<_>>(),
        [Person::SubscriptionOwner, Person::ClusterAdmin]
    );
    assert_eq!(turns[1].command, "kubectl aksbackup configure");
}

#[test]
fn what_a_failed_instance_would_back_up_less_is_agreed_to_as_well() {
    let failed = seen(vec![instance("ProtectionError", |_| ())]);
    let mut less = seen(vec![instance("ProtectionError", |_| ())]);
    less.target.instance.included_namespaces = vec!["shop".parse().unwrap()];
    for (seen, count) in [(failed, 0), (less, 1)] {
        let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
            panic!("no change")
        };
        let note = changes[0].note();
        assert!(
            note.summary.starts_with("repair backup instance aks-instance"),
            "{}",
            note.summary
        );
        assert_eq!(note.reduces.len(), count);
    }
}

#[test]
fn a_change_waits_for_the_roles_that_it_needs() {
    let mut seen = seen(vec![instance("ProtectionConfigured", |_| ())]);
    seen.target.instance.snapshot_volumes = false;
    seen.roles = RolesSeen::Open(Turn {
        who: Person::SubscriptionOwner,
        why: "x".into(),
        command: aksbackup_shared::command_line::shell("y"),
        right: None,
        also: Vec::new(),
    });
    assert!(matches!(step().decide(&seen, &state()).unwrap(), Decision::Blocked(changes, _) if changes.is_empty()));
    seen.roles = RolesSeen::Assigned(None);
    seen.known.settling = Some(std::time::Duration::from_secs(60));
    assert!(matches!(step().decide(&seen, &state()).unwrap(), Decision::Wait(wait) if wait.retry_after.is_some()));
    seen.known.settling = None;
    assert!(matches!(step().decide(&seen, &state()).unwrap(), Decision::Change(_)));
}
