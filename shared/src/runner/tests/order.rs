//! Order: each step as soon as what it needs is done, everything else at the same time.

use super::fake::{Answer, Scripted, World, Write, change, done, turn, wait_for};
use crate::guide::StepName;
use crate::runner::report::Ending;
use crate::step::Decision;

#[tokio::test(start_paused = true)]
async fn steps_that_need_nothing_of_each_other_wait_at_the_same_time() {
    let world = World::new();
    let storage = Scripted::new(&world, StepName::Storage, [wait_for(60), done()], []);
    let vault = Scripted::new(&world, StepName::VaultAndPolicy, [wait_for(60), done()], []);
    let begun = tokio::time::Instant::now();
    let report = world.run(vec![storage, vault]).await;
    assert!(report.steps.iter().all(|step| step.ending.is_done()));
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn a_step_begins_when_what_it_needs_is_done() {
    let world = World::new();
    let storage = Scripted::new(
        &world,
        StepName::Storage,
        [change(&["account"]), done()],
        [Answer::Running(vec![100])],
    );
    let extension = Scripted::new(&world, StepName::Extension, [change(&["extension"]), done()], []);
    world.run(vec![storage, extension]).await;
    assert_eq!(world.times("account"), [0]);
    assert_eq!(world.times("Extension extension"), [100]);
}

#[tokio::test(start_paused = true)]
async fn a_step_whose_need_fails_is_held_and_the_others_go_on() {
    let world = World::new();
    let storage = Scripted::new(&world, StepName::Storage, [change(&["account"])], [Answer::Fails]);
    let extension = Scripted::new(&world, StepName::Extension, [change(&["extension"]), done()], []);
    let vault = Scripted::new(&world, StepName::VaultAndPolicy, [change(&["vault"]), done()], []);
    let report = world.run(vec![storage, extension, vault]).await;
    let endings: Vec<&Ending> = report.steps.iter().map(|step| &step.ending).collect();
    assert!(matches!(endings[0], Ending::Failed { .. }), "{report:?}");
    assert!(
        matches!(endings[1], Ending::Held { by, .. } if by == &[StepName::Storage]),
        "{report:?}"
    );
    assert!(endings[2].is_done(), "{report:?}");
    assert!(world.times("Extension extension").is_empty());
}

/// The step that switches on what can't be switched off, and one that can be created before it.
fn issuer(world: &World) -> Scripted {
    let last = || change(&["for good"]);
    let changes = [change(&["register", "for good"]), last(), last(), done()];
    Scripted::new(world, StepName::ClusterPrerequisites, changes, [])
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_back_waits_until_storage_and_vault_are_known_to_be_possible() {
    let world = World::new();
    let storage = Scripted::new(
        &world,
        StepName::Storage,
        [change(&["account"]), done()],
        [Answer::Running(vec![100])],
    );
    let vault = Scripted::new(&world, StepName::VaultAndPolicy, [done()], []);
    let report = world.run(vec![issuer(&world), storage, vault]).await;
    assert!(report.steps.iter().all(|step| step.ending.is_done()), "{report:?}");
    assert_eq!(world.times("register"), [0]);
    assert_eq!(world.times("for good"), [100]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_back_is_not_done_where_the_storage_is_refused() {
    for answer in [Answer::Refused, Answer::Fails] {
        let world = World::new();
        let storage = Scripted::new(&world, StepName::Storage, [change(&["account"])], [answer]);
        let report = world.run(vec![issuer(&world), storage]).await;
        let own = &report.steps[0].ending;
        assert!(
            matches!(own, Ending::Held { by, changed, .. } if by == &[StepName::Storage] && changed.len() == 1),
            "{report:?}"
        );
        assert!(world.times("for good").is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_changed_back_is_not_in_the_plan_while_the_storage_is_blocked() {
    let world = World::new();
    let blocked = Decision::Blocked(vec![], vec![turn("a lock")]);
    let storage = Scripted::new(&world, StepName::Storage, [blocked], []);
    let own = Scripted::new(&world, StepName::ClusterPrerequisites, [change(&["for good"])], []);
    let report = world.run(vec![own, storage]).await;
    assert!(report.pending().is_empty(), "{report:?}");
    assert!(matches!(&report.steps[0].ending, Ending::Held { by, .. } if by == &[StepName::Storage]));
    assert!(world.times("for good").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_decides_a_step_makes_it_possible_unless_others_block_it() {
    for (blocked, expected) in [(false, vec![0]), (true, vec![])] {
        let world = World::new();
        let changes = Decision::Blocked(vec![Write("decisive")], vec![turn("a lock")]);
        let decisions = match blocked {
            true => [changes, Decision::Blocked(vec![], vec![turn("a lock")])],
            false => [change(&["decisive"]), done()],
        };
        let storage = Scripted::new(&world, StepName::Storage, decisions, [Answer::Running(vec![100])]);
        world.run(vec![issuer(&world), storage]).await;
        assert_eq!(world.times("for good"), expected, "{blocked}");
    }
}
