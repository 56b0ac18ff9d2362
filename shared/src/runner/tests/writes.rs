//! Writing: in order, with rests, never twice, and what is refused becomes somebody else's part.

use super::fake::{Answer, Scripted, World, Write, change, done, turn, wait};
use crate::exit::Exit;
use crate::guide::StepName;
use crate::runner::report::Ending;
use crate::step::Decision;

#[tokio::test(start_paused = true)]
async fn between_two_writes_the_remote_gets_its_rest_and_after_the_last_one_nobody_waits() {
    let world = World::new();
    let rests = [Answer::Rest(4), Answer::Rest(4), Answer::Rest(4)];
    let step = Scripted::new(
        &world,
        StepName::FederatedCredentials,
        [change(&["w1", "w2", "w3"]), done()],
        rests,
    );
    world.run(vec![step]).await;
    let at: Vec<u64> = ["w1", "w2", "w3"].iter().flat_map(|name| world.times(name)).collect();
    assert_eq!(at, [0, 4, 8]);
    assert_eq!(world.times("look").last(), Some(&8));
}

#[tokio::test(start_paused = true)]
async fn a_remote_without_time_is_asked_again_when_it_wants_and_looked_at_first() {
    let world = World::new();
    let answers = [Answer::Busy(Some(20)), Answer::Done];
    let step = Scripted::new(
        &world,
        StepName::TrustedAccess,
        [change(&["bind"]), change(&["bind"]), done()],
        answers,
    );
    world.run(vec![step]).await;
    assert_eq!(world.times("bind"), [0, 20]);
    assert_eq!(world.times("look"), [0, 20, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_does_not_show_yet_is_waited_for_and_not_sent_again() {
    let world = World::new();
    let due = || change(&["label"]);
    let step = Scripted::new(&world, StepName::Rollout, [due(), due(), due(), done()], []);
    let report = world.run(vec![step]).await;
    assert!(report.steps[0].ending.is_done());
    assert_eq!(world.times("label"), [0]);
    assert!(*world.times("look").last().unwrap() >= 4);
}

/// Fails before: the OIDC issuer was enabled, which can't be taken back, although the storage account was in another region.
#[tokio::test(start_paused = true)]
async fn a_refusal_of_one_step_comes_before_the_changes_of_all_others() {
    let world = World::new();
    let enable = Scripted::new(
        &world,
        StepName::ClusterPrerequisites,
        [change(&["issuer"]), done()],
        [],
    );
    let mut refuse = Scripted::new(&world, StepName::Storage, [done()], []);
    refuse.refuses = true;
    let report = world.run(vec![enable, refuse]).await;
    assert!(world.times("issuer").is_empty());
    assert!(matches!(&report.steps[0].ending, Ending::Held { by, .. } if by == &[StepName::Storage]));
    assert!(matches!(&report.steps[1].ending, Ending::Failed { .. }));
}

#[tokio::test(start_paused = true)]
async fn refused_writes_become_a_handoff_and_the_others_are_made() {
    let world = World::new();
    let answers = [Answer::Refused, Answer::Done];
    let step = Scripted::new(
        &world,
        StepName::Roles,
        [change(&["role on vault", "role on group"])],
        answers,
    );
    let report = world.run(vec![step]).await;
    let Ending::TheirTurn { changed, turns } = &report.steps[0].ending else {
        panic!("{report:?}")
    };
    assert_eq!(
        changed.iter().map(|note| note.summary.as_str()).collect::<Vec<_>>(),
        ["role on group"]
    );
    assert_eq!(
        turns.iter().map(|turn| turn.why.as_str()).collect::<Vec<_>>(),
        ["role on vault"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_write_that_fails_ends_the_step_and_says_what_was_changed_before() {
    let world = World::new();
    let step = Scripted::new(
        &world,
        StepName::Storage,
        [change(&["a", "b", "c"])],
        [Answer::Done, Answer::Fails],
    );
    let report = world.run(vec![step]).await;
    let Ending::Failed { error, changed } = &report.steps[0].ending else {
        panic!("{report:?}")
    };
    assert!(error.to_string().contains("the write fails"));
    assert_eq!(changed.len(), 1);
    assert!(world.times("c").is_empty(), "nothing follows a failure");
}

#[tokio::test(start_paused = true)]
async fn what_can_be_done_is_done_before_a_step_is_left_to_others() {
    let world = World::new();
    let both = Decision::Blocked(vec![Write("ours")], vec![turn("theirs")]);
    let theirs = Decision::Blocked(Vec::new(), vec![turn("theirs")]);
    let step = Scripted::new(&world, StepName::WorkloadIdentity, [both.clone(), theirs], []);
    let report = world.run(vec![step]).await;
    assert!(
        matches!(&report.steps[0].ending, Ending::TheirTurn { changed, turns } if changed.len() == 1 && turns.len() == 1),
        "{report:?}"
    );
    assert_eq!(world.times("ours"), [0]);
    drop((both, wait("")));
}

/// Fails before: without a plan nobody was asked, and what became necessary after a wait was written all the same.
#[tokio::test(start_paused = true)]
async fn what_becomes_necessary_without_a_plan_is_not_written_unasked() {
    for yes in [false, true] {
        let mut world = World::new();
        world.yes = yes;
        let decisions = [wait("Creating"), change(&["replace"]), done()];
        let report = world
            .run(vec![Scripted::new(&world, StepName::Rollout, decisions, [])])
            .await;
        assert_eq!(world.times("replace").len(), usize::from(yes));
        match (&report.steps[0].ending, yes) {
            (Ending::Done { .. }, true) => {}
            (Ending::Failed { error, .. }, false) => {
                assert_eq!(error.exit, Exit::Pending);
                assert!(error.why[0].contains("replace"), "{error}");
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_reduces_protection_needs_an_agreement_of_its_own_before_anything_is_written() {
    let mut world = World::new();
    let steps = |world: &World| {
        vec![
            Scripted::new(world, StepName::Storage, [change(&["account"]), done()], []),
            Scripted::new(world, StepName::BackupInstance, [change(&["less"]), done()], []),
        ]
    };
    let failure = world.try_run(steps(&world)).await.unwrap_err();
    assert_eq!(failure.exit, Exit::Usage);
    assert_eq!(failure.why, ["namespace shop is no longer backed up"]);
    // What keeps the protection comes before what reduces it.
    let hints: Vec<String> = failure.hints.iter().map(ToString::to_string).collect();
    assert!(
        hints[0].contains("init --from-azure") && hints[1].contains("--reduce-protection"),
        "{failure}"
    );
    assert_eq!(world.times("account"), Vec::<u64>::new());
    world.reduce_protection = true;
    let report = world.try_run(steps(&world)).await.unwrap();
    assert!(report.steps.iter().all(|step| step.ending.is_done()));
}

#[tokio::test(start_paused = true)]
async fn what_turns_out_later_to_reduce_protection_is_not_covered_by_the_plan() {
    let world = World::new();
    let decisions = [change(&["more"]), change(&["less"]), done()];
    let step = Scripted::new(&world, StepName::BackupInstance, decisions, []);
    let report = world.run(vec![step]).await;
    assert!(matches!(&report.steps[0].ending, Ending::Failed { error, .. } if error.exit == Exit::Usage));
    assert_eq!(world.times("less"), Vec::<u64>::new());
}

/// A plan that is stale says less than the reason why a step can't be looked at, and advises to save it again.
#[tokio::test(start_paused = true)]
async fn what_fails_while_a_plan_is_compared_is_a_failure_and_nothing_is_changed() {
    let mut world = World::new();
    world.stale = true;
    let account = |world: &World| Scripted::new(world, StepName::Storage, [change(&["account"]), done()], []);
    let failure = world.try_run(vec![account(&world)]).await.unwrap_err();
    assert_eq!(failure.what, "stale");
    let unseen = Scripted::new(&world, StepName::VaultAndPolicy, [], []);
    let report = world.try_run(vec![account(&world), unseen]).await.unwrap();
    assert!(matches!(&report.steps[0].ending, Ending::Held { by, .. } if by == &[StepName::VaultAndPolicy]));
    assert!(matches!(&report.steps[1].ending, Ending::Failed { .. }));
    assert_eq!(world.times("account"), Vec::<u64>::new());
}
