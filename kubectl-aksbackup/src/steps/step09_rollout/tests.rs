use super::*;
use crate::steps::testing;
use aksbackup_shared::guide::Person;

fn seen() -> Seen {
    Seen {
        namespace: "ns".into(),
        deployments: vec![testing::deployment()],
        pods: vec![testing::pod()],
        locations: vec![testing::location()],
        trials: vec![],
        around: Around::default(),
        since: Since::default(),
    }
}

/// The world as the extension leaves it, with all annotations made.
fn bare() -> Seen {
    Seen {
        deployments: vec![testing::bare_deployment()],
        pods: vec![testing::bare_pod()],
        ..seen()
    }
}

fn step() -> Rollout {
    Rollout::new(testing::context(), true)
}

fn decide(seen: &Seen) -> Decision<RolloutChange> {
    step().decide(seen, &testing::state()).unwrap()
}

#[test]
fn satisfied_world_needs_nothing() {
    assert!(matches!(decide(&seen()), Decision::Done(_)));
}

#[test]
fn a_bare_template_is_patched_once_with_its_cause() {
    let mut bare = bare();
    bare.trials = vec![testing::trial(testing::made(|_| {}))];
    let Decision::Change(changes) = decide(&bare) else {
        panic!("no change")
    };
    let expected = RolloutChange::Label {
        deployment: Box::new(testing::bare_deployment()),
        cause: testing::deployment().cause.unwrap(),
        namespace: "ns".into(),
    };
    assert_eq!(changes, [expected]);
}

#[test]
fn a_new_client_id_is_one_more_cause() {
    let mut seen = seen();
    seen.deployments[0].cause = Some("another".into());
    seen.pods[0].cause = Some("another".into());
    assert!(matches!(decide(&seen), Decision::Change(changes) if changes.len() == 1));
}

#[test]
fn what_was_labelled_by_hand_and_works_is_not_rolled_out_again() {
    let mut seen = seen();
    seen.deployments[0].cause = None;
    seen.pods[0].cause = None;
    assert!(matches!(decide(&seen), Decision::Done(_)));
    seen.pods[0].containers[0].client_id = None;
    assert!(
        matches!(decide(&seen), Decision::Change(_)),
        "labelled before it was annotated"
    );
}

#[test]
fn before_the_patch_the_storage_must_be_available() {
    let mut bare = bare();
    bare.locations = vec![testing::unavailable("AuthorizationPermissionMismatch")];
    assert!(matches!(decide(&bare), Decision::Wait(wait) if wait.why.contains("AuthorizationPermissionMismatch")));
    assert_eq!(
        step().after_wait(&bare, &testing::state()).len(),
        1,
        "what follows is shown"
    );
    let mut state = testing::state();
    state.cloud.roles = None;
    let decision = step().decide(&bare, &state).unwrap();
    let Decision::Blocked(changes, turns) = decision else {
        panic!("{decision:?}")
    };
    assert!(changes.is_empty() && turns[0].who == Person::SubscriptionOwner);
    let command = turns[0].command.to_string();
    assert!(
        command.starts_with("az aksbackup grant --subscription SUBSCRIPTION"),
        "{command}"
    );
}

#[test]
fn the_webhook_must_see_the_annotation_first() {
    let mut bare = bare();
    bare.trials = vec![testing::trial(testing::made(|own| own.client_id = None))];
    assert!(matches!(decide(&bare), Decision::Wait(_)));
    bare.trials = vec![testing::trial(testing::made(|own| own.token_file = false))];
    assert!(step().decide(&bare, &testing::state()).is_err());
}

#[test]
fn a_pod_that_missed_the_injection_is_deleted_and_nothing_rolled() {
    let mut seen = seen();
    seen.pods[0].containers[0].client_id = None;
    let expected = RolloutChange::Replace {
        pod: Box::new(seen.pods[0].clone()),
        namespace: "ns".into(),
    };
    assert_eq!(decide(&seen), Decision::Change(vec![expected]));
}

#[test]
fn a_rollout_under_way_is_waited_for_with_what_its_pods_say() {
    let mut seen = seen();
    seen.deployments[0].rollout = Progress::Going("0 of 1".into());
    seen.pods[0].trouble = Some("container velero: ImagePullBackOff".into());
    assert!(matches!(decide(&seen), Decision::Wait(wait) if wait.why.contains("ImagePullBackOff")));
}

#[test]
fn a_stuck_or_paused_rollout_fails_with_its_reason() {
    let mut seen = seen();
    seen.deployments[0].rollout = Progress::Stuck("deadline".into());
    seen.pods[0].trouble = Some("Unschedulable: Insufficient cpu".into());
    let failure = step().decide(&seen, &testing::state()).unwrap_err();
    assert!(failure.to_string().contains("Insufficient cpu"));
    seen.deployments[0].rollout = Progress::Paused;
    let failure = step().decide(&seen, &testing::state()).unwrap_err();
    assert!(failure.hints[0].to_string().starts_with("kubectl rollout resume"));
}

#[test]
fn a_dry_run_foresees_the_patches_of_the_deployments_that_were_seen() {
    let context = testing::context();
    context.deployments.replace(vec![testing::bare_deployment()]);
    let notes = Rollout::new(context, false).foresee(&testing::state());
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].right.action, "patch deployments.apps");
}

#[test]
fn without_the_extension_it_is_the_platform_team_s_turn() {
    let none = Seen {
        deployments: vec![],
        ..seen()
    };
    assert!(matches!(decide(&none), Decision::Blocked(_, turns) if turns[0].who == Person::PlatformTeam));
}

#[test]
fn a_pod_is_deleted_once_for_its_deployment_and_cause() {
    let mut seen = seen();
    seen.pods[0].containers[0].client_id = None;
    let step = step();
    let RolloutChange::Replace { pod, .. } = (match step.decide(&seen, &testing::state()).unwrap() {
        Decision::Change(mut changes) => changes.remove(0),
        other => panic!("{other:?}"),
    }) else {
        panic!("no pod")
    };
    step.replaced
        .borrow_mut()
        .entry(key(&pod))
        .or_default()
        .insert(pod.uid.clone());
    assert!(
        matches!(step.decide(&seen, &testing::state()), Ok(Decision::Change(_))),
        "it is not gone yet"
    );
    seen.pods[0].uid = "another".into();
    let failure = step.decide(&seen, &testing::state()).unwrap_err();
    assert!(
        failure.why[0].contains("container velero") && failure.why[0].contains("AZURE_CLIENT_ID"),
        "{failure}"
    );
    seen.pods[0].cause = Some("another".into());
    seen.deployments[0].cause = seen.pods[0].cause.clone();
    assert!(
        step.decide(&seen, &testing::state()).is_ok(),
        "another cause is another matter"
    );
}

#[test]
fn a_status_from_before_the_deletion_proves_nothing() {
    let mut seen = seen();
    seen.pods.clear();
    assert!(matches!(decide(&seen), Decision::Wait(wait) if wait.why.contains("0 of 1 pods")));
    seen.pods = vec![Pod {
        ready: false,
        ..testing::pod()
    }];
    assert!(matches!(decide(&seen), Decision::Wait(_)));
    seen.deployments[0].replicas = 2;
    seen.pods = vec![testing::pod()];
    assert!(matches!(decide(&seen), Decision::Wait(wait) if wait.why.contains("1 of 2 pods")));
}

#[test]
fn nothing_is_rolled_out_for_a_client_id_that_nobody_confirmed() {
    let step = step();
    step.context.confirmation.borrow_mut().required = true;
    let failure = step.decide(&bare(), &testing::state()).unwrap_err();
    assert_eq!(failure.exit, aksbackup_shared::exit::Exit::Usage);
    assert!(
        matches!(step.decide(&seen(), &testing::state()), Ok(Decision::Done(_))),
        "nothing is due"
    );
}
