use super::*;
use crate::steps::testing;

fn sight() -> Sight {
    Sight {
        namespace: "ns".parse().unwrap(),
        issuer: Some(testing::ISSUER.into()),
        deployments: vec![testing::deployment()],
        accounts: vec![testing::account()],
        pods: vec![testing::pod()],
        locations: vec![testing::location()],
        now: "2026-01-01T00:02:00Z".parse().ok(),
    }
}

fn findings(sight: &Sight, state: &State) -> Vec<&'static str> {
    let all = checks(sight, state, "").into_iter();
    all.filter(|check| check.verdict == Verdict::Finding)
        .map(|check| check.check)
        .collect()
}

#[test]
fn a_good_world_has_no_finding_with_or_without_a_file() {
    assert!(findings(&sight(), &testing::state()).is_empty());
    assert!(findings(&sight(), &State::default()).is_empty());
}

#[test]
fn a_green_location_with_bare_pods_is_a_finding() {
    let mut sight = sight();
    sight.pods = vec![testing::bare_pod()];
    assert_eq!(findings(&sight, &testing::state()), ["running pods"]);
}

#[test]
fn each_thing_that_drifts_is_found() {
    let mut bare = sight();
    bare.deployments = vec![testing::bare_deployment()];
    assert_eq!(findings(&bare, &testing::state()), ["pod templates"]);
    let mut other = sight();
    other.accounts[0].client_id = Some("other".into());
    assert_eq!(findings(&other, &testing::state()), ["service accounts"]);
    let mut denied = sight();
    denied.locations = vec![testing::unavailable("AADSTS700213")];
    assert_eq!(findings(&denied, &testing::state()), ["storage location"]);
    let mut foreign = sight();
    foreign.issuer = Some("https://other/".into());
    assert_eq!(findings(&foreign, &testing::state()), ["cluster"]);
    let stale = Sight {
        now: "2026-01-01T01:00:00Z".parse().ok(),
        ..sight()
    };
    assert_eq!(findings(&stale, &testing::state()), ["storage location"]);
    let none = Sight {
        deployments: vec![],
        ..sight()
    };
    assert_eq!(findings(&none, &testing::state()), ["extension"]);
}

#[test]
fn what_may_not_be_seen_is_unknown_and_no_finding() {
    let closed = Sight {
        issuer: None,
        ..sight()
    };
    assert!(findings(&closed, &testing::state()).is_empty());
    assert_eq!(checks(&closed, &testing::state(), "")[0].verdict, Verdict::Unknown);
}

#[test]
fn another_cluster_is_the_only_finding_about_it() {
    let other = Sight {
        issuer: Some("https://other/".into()),
        deployments: vec![],
        ..sight()
    };
    assert_eq!(findings(&other, &testing::state()), ["cluster"]);
}

#[test]
fn a_cure_is_for_the_same_state_file() {
    let bare = Sight {
        deployments: vec![testing::bare_deployment()],
        ..sight()
    };
    let all = checks(&bare, &testing::state(), " --state s.toml");
    let cures: Vec<&str> = all.iter().filter_map(|check| check.cure.as_deref()).collect();
    assert_eq!(cures, ["kubectl aksbackup configure --state s.toml"]);
}

#[test]
fn a_service_account_that_is_gone_is_told_with_the_line_that_makes_it_anew() {
    let gone = Sight {
        accounts: vec![],
        ..sight()
    };
    let all = checks(&gone, &testing::state(), "");
    let line = format!("kubectl create serviceaccount {} --namespace ns", testing::ACCOUNT);
    assert!(
        all.iter()
            .any(|check| check.cure.as_ref().is_some_and(|cure| cure.contains(&line))),
        "{all:?}"
    );
}
