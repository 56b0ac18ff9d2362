use super::*;
use crate::steps::testing;
use aksbackup_shared::schema::RolloutTable;

mod worlds;

fn step() -> Unconfiguration {
    Unconfiguration::new(testing::context())
}

fn seen() -> Seen {
    Seen {
        namespace: "ns".into(),
        deployments: vec![testing::bare_deployment()],
        accounts: vec![ServiceAccount {
            client_id: None,
            ours: false,
            ..testing::account()
        }],
        since: Since::default(),
    }
}

#[test]
fn satisfied_world_needs_nothing() {
    let decision = step().decide(&seen(), &testing::state());
    assert!(matches!(decision, Ok(Decision::Done(_))));
}

#[test]
fn only_what_is_ours_is_taken_back_labels_first() {
    let mut seen = seen();
    let theirs = ServiceAccount {
        ours: false,
        ..testing::account()
    };
    seen.accounts = vec![testing::account(), theirs];
    seen.deployments = vec![
        testing::deployment(),
        Deployment {
            ours: false,
            ..testing::deployment()
        },
    ];
    let Ok(Decision::Change(changes)) = step().decide(&seen, &testing::state()) else {
        panic!("no change")
    };
    assert!(
        matches!(changes[..], [TakeBack::Label { .. }, TakeBack::Annotation { .. }]),
        "{changes:?}"
    );
}

#[test]
fn the_rollout_that_follows_is_waited_for() {
    let mut seen = seen();
    seen.deployments[0].rollout = Rollout::Going("1 old pod".into());
    let mut state = testing::state();
    state.cluster.rollout = Some(RolloutTable {
        deployments: vec![],
        written: None,
    });
    assert!(matches!(step().decide(&seen, &state), Ok(Decision::Wait(_))));
}

#[test]
fn the_file_forgets_what_is_no_longer_true() {
    let mut tables = ClusterTables {
        rollout: Some(RolloutTable {
            deployments: vec![],
            written: None,
        }),
        ..ClusterTables::default()
    };
    step().record(&seen(), &mut tables);
    assert_eq!(tables.rollout, None);
}

#[test]
fn a_paused_deployment_is_refused_before_anything_is_reverted_and_afterwards() {
    let mut seen = seen();
    let paused = Deployment {
        rollout: Rollout::Paused,
        ..testing::deployment()
    };
    seen.deployments = vec![paused.clone()];
    let failure = step().decide(&seen, &testing::state()).unwrap_err();
    assert!(
        failure.hints[0].to_string().starts_with("kubectl rollout resume"),
        "{failure}"
    );
    // Someone has removed the label since.
    seen.deployments[0].ours = false;
    assert!(
        matches!(step().decide(&seen, &testing::state()), Ok(Decision::Done(_))),
        "it is another user's"
    );
    let mut state = testing::state();
    state.cluster.rollout = Some(RolloutTable {
        deployments: vec![paused.name],
        written: None,
    });
    assert!(step().decide(&seen, &state).is_err());
}
