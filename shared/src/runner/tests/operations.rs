//! Long-running operations: followed at the remote's pace, to their end, within the deadline.

use std::time::Duration;

use super::fake::{Answer, Scripted, World, change, done};
use crate::exit::Exit;
use crate::guide::StepName;
use crate::runner::report::Ending;

#[tokio::test(start_paused = true)]
async fn an_operation_is_polled_when_the_remote_wants_it() {
    let world = World::new();
    let running = Answer::Running(vec![60, 30, 90]);
    let step = Scripted::new(&world, StepName::Extension, [change(&["install"]), done()], [running]);
    let report = world.run(vec![step]).await;
    assert!(matches!(&report.steps[0].ending, Ending::Done { changed, .. } if changed.len() == 1));
    assert_eq!(world.times("poll"), [0, 60, 90, 180]);
    assert_eq!(world.times("install"), [0], "it was asked for once");
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_never_ends_ends_at_the_deadline() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(1000);
    let running = Answer::Running(vec![60; 1000]);
    let step = Scripted::new(&world, StepName::Extension, [change(&["install"]), done()], [running]);
    let report = world.run(vec![step]).await;
    let Ending::Failed { error, changed } = &report.steps[0].ending else {
        panic!("{report:?}")
    };
    assert_eq!(error.exit, Exit::Deadline);
    assert!(error.to_string().contains("operation: Running"), "{error}");
    assert_eq!(changed.len(), 1, "what was asked for is said");
    assert_eq!(world.times("poll").len(), 17);
}

#[tokio::test(start_paused = true)]
async fn without_waiting_the_last_operation_is_not_followed_and_others_are() {
    let mut world = World::new();
    world.no_wait = true;
    let mut last = Scripted::new(
        &world,
        StepName::Backup,
        [change(&["start"]), done()],
        [Answer::Running(vec![60])],
    );
    last.last = true;
    world.run(vec![last]).await;
    assert!(world.times("poll").is_empty());
    let step = Scripted::new(
        &world,
        StepName::Storage,
        [change(&["create"]), done()],
        [Answer::Running(vec![60])],
    );
    world.run(vec![step]).await;
    assert_eq!(world.times("poll").len(), 2);
}
