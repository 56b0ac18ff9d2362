use super::*;
use crate::steps::testing;

fn seen() -> Seen {
    Seen {
        namespace: "ns".into(),
        deployments: vec![testing::deployment()],
        pods: vec![testing::pod()],
        locations: vec![testing::location()],
        since: Since::default(),
        first: None,
    }
}

fn decide(seen: &Seen) -> Outcome<Decision<Never>> {
    Verification::new(testing::context()).decide(seen, &testing::state())
}

fn waits(seen: &Seen) -> String {
    match decide(seen) {
        Ok(Decision::Wait(wait)) => wait.why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    assert!(matches!(decide(&seen()), Ok(Decision::Done(_))));
    let mut tables = ClusterTables::default();
    Verification::new(testing::context()).record(&seen(), &mut tables);
    let table = tables.verification.unwrap();
    assert_eq!((table.client_id.as_str(), table.pods), (testing::CLIENT_ID, 1));
}

#[test]
fn a_green_location_with_bare_pods_proves_nothing() {
    let mut seen = seen();
    seen.pods = vec![testing::bare_pod()];
    assert!(waits(&seen).contains("without workload identity"));
    seen.pods.clear();
    assert!(waits(&seen).contains("no running pod"));
}

#[test]
fn a_look_from_before_the_pods_started_proves_nothing() {
    let mut seen = seen();
    seen.locations[0].validated = seen.pods[0].velero_since;
    assert!(waits(&seen).contains("since it started"));
}

#[test]
fn a_refusal_is_waited_out_while_it_is_young_and_then_told_with_its_cure() {
    let mut seen = seen();
    seen.locations = vec![testing::unavailable("AADSTS700213: No match")];
    assert!(waits(&seen).contains("AADSTS700213"));
    seen.locations[0].validated = "2026-01-01T00:11:00Z".parse().ok();
    seen.first = seen.locations[0].validated;
    assert!(
        waits(&seen).contains("AADSTS700213"),
        "not looked at since this run began"
    );
    seen.first = testing::location().validated;
    let failure = decide(&seen).unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("AADSTS700213"));
    assert!(failure.hints[0].to_string().contains("az aksbackup prepare"));
    assert!(
        failure
            .hints
            .iter()
            .any(|hint| hint.to_string().contains("unconfigure"))
    );
}

#[test]
fn what_the_node_s_identity_would_meet_too_is_no_reason_to_go_back_to_it() {
    for code in [
        "AuthorizationPermissionMismatch",
        "AuthorizationFailure",
        "ContainerNotFound",
        "config has invalid keys [useAdd]",
    ] {
        let mut seen = seen();
        seen.locations = vec![testing::unavailable(code)];
        seen.locations[0].validated = "2026-01-01T00:11:00Z".parse().ok();
        let failure = decide(&seen).unwrap_err();
        assert!(
            failure
                .hints
                .iter()
                .all(|hint| !hint.to_string().contains("unconfigure")),
            "{failure}"
        );
    }
}

#[test]
fn what_this_command_has_just_done_is_not_its_own_cure() {
    let mut seen = seen();
    seen.locations = vec![testing::unavailable("AADSTS700016: Application not found")];
    seen.locations[0].validated = "2026-01-01T00:11:00Z".parse().ok();
    let failure = decide(&seen).unwrap_err();
    assert_eq!(failure.code.as_deref(), Some("AADSTS700016"));
    assert!(
        failure.hints[0].to_string().starts_with("az aksbackup prepare  # "),
        "{failure}"
    );
}

#[test]
fn a_refusal_that_velero_does_not_renew_is_not_waited_out() {
    let mut seen = seen();
    seen.locations = vec![testing::unavailable("AADSTS700213: No match")];
    seen.locations[0].frequency = Some("0s".into());
    let failure = decide(&seen).unwrap_err();
    assert!(
        failure.hints[0].to_string().contains("validationFrequency"),
        "{failure}"
    );
    seen.locations = vec![testing::location()];
    seen.locations[0].frequency = Some("0s".into());
    assert!(
        matches!(decide(&seen), Ok(Decision::Done(_))),
        "it was validated since the start"
    );
}
