use super::*;
use crate::steps::testing;

fn seen() -> Seen {
    Seen {
        namespace: "ns".parse().unwrap(),
        deployments: vec![testing::deployment()],
        accounts: vec![testing::account()],
    }
}

fn decide(seen: &Seen, state: &State) -> Decision<Annotate> {
    WorkloadIdentity::new(testing::context()).decide(seen, state).unwrap()
}

fn turn(decision: Decision<Annotate>) -> Turn {
    match decision {
        Decision::Blocked(changes, mut turns) if changes.is_empty() => turns.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    assert!(matches!(decide(&seen(), &testing::state()), Decision::Done(_)));
}

#[test]
fn a_missing_or_other_client_id_is_annotated_and_the_old_one_named() {
    for old in [None, Some("old")] {
        let mut seen = seen();
        seen.accounts[0].client_id = old.map(str::to_owned);
        seen.accounts[0].other_manager = old.map(|_| "kubectl-annotate".to_owned());
        let Decision::Change(changes) = decide(&seen, &testing::state()) else {
            panic!("no change")
        };
        assert_eq!(changes.len(), 1);
        let note = changes[0].note();
        assert!(note.summary.contains(testing::ACCOUNT) && note.summary.contains(testing::CLIENT_ID));
        assert_eq!(
            note.warning.is_some_and(|text| text.contains("kubectl-annotate")),
            old.is_some()
        );
    }
}

#[test]
fn a_service_account_without_credential_is_recorded_and_handed_over_with_its_subject() {
    let mut seen = seen();
    seen.accounts[0].client_id = None;
    let mut state = testing::state();
    state.cloud.federation.as_mut().unwrap().credentials.clear();
    assert_eq!(
        turn(decide(&seen, &state)).command,
        "az aksbackup prepare --subject system:serviceaccount:ns:agent-sa"
    );
    let mut tables = ClusterTables::default();
    WorkloadIdentity::new(testing::context()).record_blocked(&seen, &mut tables);
    assert_eq!(
        tables.workloads.unwrap().service_accounts,
        [testing::ACCOUNT.parse().unwrap()]
    );
    assert!(tables.workload_identity.is_none());
}

#[test]
fn credentials_of_another_identity_or_issuer_do_not_count() {
    let mut state = testing::state();
    state.cloud.federation.as_mut().unwrap().issuer = "https://other/".parse().unwrap();
    assert!(turn(decide(&seen(), &state)).command.to_string().contains("--subject"));
}

#[test]
fn without_the_extension_or_its_identity_it_is_the_platform_team_s_turn() {
    let none = Seen {
        deployments: vec![],
        ..seen()
    };
    assert!(turn(decide(&none, &testing::state())).why.contains("isn't installed"));
    let mut state = testing::state();
    state.cloud.identity = None;
    assert!(turn(decide(&seen(), &state)).why.contains("identity"));
    let gone = Seen {
        accounts: vec![],
        ..seen()
    };
    assert!(turn(decide(&gone, &testing::state())).why.contains(testing::ACCOUNT));
}

#[test]
fn a_service_account_that_is_gone_is_the_cluster_admin_s_to_make_anew() {
    let mut seen = seen();
    seen.accounts.clear();
    let turn = turn(decide(&seen, &testing::state()));
    assert_eq!(turn.who, Person::ClusterAdmin);
    assert_eq!(
        turn.command,
        format!("kubectl create serviceaccount {} --namespace ns", testing::ACCOUNT)
    );
}

#[test]
fn a_client_id_that_differs_in_case_alone_is_the_same() {
    let account = ServiceAccount {
        client_id: Some(testing::CLIENT_ID.to_uppercase()),
        ..testing::account()
    };
    let (deployments, accounts) = ([testing::deployment()], [account]);
    assert!(to_annotate(&deployments, &accounts, testing::CLIENT_ID).is_empty());
    assert_eq!(to_annotate(&deployments, &accounts, "other").len(), 1);
}
