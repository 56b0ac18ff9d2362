//! Order: each step as soon as what it needs is done, everything else at the same time.

use super::fake::{Answer, Scripted, World, change, done, wait_for};
use crate::guide::StepName;
use crate::runner::report::Ending;

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
