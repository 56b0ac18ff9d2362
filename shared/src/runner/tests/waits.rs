//! Waiting: how long between two looks, until when, and what ends it early.

use std::time::Duration;

use super::fake::{Scripted, World, change, done, wait, wait_for};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::guide::StepName;
use crate::runner::report::{Ending, Report};
use crate::step::{Decision, Wait};

fn failure(report: &Report) -> &Failure {
    match &report.steps[0].ending {
        Ending::Failed { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

fn is_done(report: &Report) -> bool {
    report.steps.iter().all(|step| step.ending.is_done())
}

#[tokio::test(start_paused = true)]
async fn looks_become_rarer_the_longer_it_takes_within_two_and_fifteen_seconds() {
    let world = World::new();
    let decisions = (0..40).map(|_| wait("Creating")).chain([done()]);
    let report = world
        .run(vec![Scripted::new(&world, StepName::Extension, decisions, [])])
        .await;
    assert!(is_done(&report), "{report:?}");
    let times = world.times("look");
    // The first look is that of the plan; the second one begins the wait.
    let gaps: Vec<u64> = times[1..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(gaps.iter().all(|gap| (2..=15).contains(gap)), "{gaps:?}");
    assert!(gaps.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{gaps:?}");
    assert_eq!((gaps[0], gaps[gaps.len() - 1]), (2, 15), "{gaps:?}");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_asked_for_before_the_remote_wants_it() {
    let world = World::new();
    let decisions = [wait_for(60), wait_for(60), wait_for(7), done()];
    let report = world
        .run(vec![Scripted::new(&world, StepName::Extension, decisions, [])])
        .await;
    assert!(is_done(&report));
    assert_eq!(world.times("look"), [0, 60, 120, 127]);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_the_deadline_with_the_last_state() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(600);
    let report = world
        .run(vec![Scripted::new(&world, StepName::Extension, [wait("Creating")], [])])
        .await;
    let failure = failure(&report);
    assert_eq!(failure.exit, Exit::Deadline);
    assert!(failure.to_string().contains("Creating"), "{failure}");
    let last = world.times("look").into_iter().max().unwrap();
    assert!((585..=600).contains(&last), "the last look was after {last} s");
}

#[tokio::test(start_paused = true)]
async fn a_wish_beyond_the_deadline_does_not_outlive_it() {
    let mut world = World::new();
    world.timeout = Duration::from_secs(600);
    let begun = tokio::time::Instant::now();
    let report = world
        .run(vec![Scripted::new(
            &world,
            StepName::Extension,
            [wait_for(100_000)],
            [],
        )])
        .await;
    assert_eq!(failure(&report).exit, Exit::Deadline);
    assert_eq!(begun.elapsed().as_secs(), 600);
}

#[tokio::test(start_paused = true)]
async fn what_a_watch_tells_ends_the_wait_at_once() {
    let world = World::new();
    let mut step = Scripted::new(&world, StepName::Rollout, [wait("a"), wait("a"), wait("a"), done()], []);
    step.stirs_after = Some(1);
    assert!(is_done(&world.run(vec![step]).await));
    assert_eq!(world.times("look"), [0, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_silent_watch_is_checked_once_a_minute() {
    let world = World::new();
    let step = Scripted::new(&world, StepName::Rollout, [wait("a"), wait("a"), done()], []);
    step.watched.set(true);
    assert!(is_done(&world.run(vec![step]).await));
    let times = world.times("look");
    assert!(
        times
            .windows(2)
            .all(|pair| pair[1] == pair[0] || pair[1] - pair[0] >= 60),
        "{times:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_waiting_what_goes_on_by_itself_is_left_to_itself() {
    let mut world = World::new();
    world.no_wait = true;
    let mut goes_on = Scripted::new(
        &world,
        StepName::BackupInstance,
        [change(&["put"]), wait("Configuring")],
        [],
    );
    goes_on.goes_on = true;
    let report = world.run(vec![goes_on]).await;
    assert!(
        matches!(&report.steps[0].ending, Ending::Begun { why, changed } if why == "Configuring" && changed.len() == 1),
        "{report:?}"
    );
    assert_eq!(world.times("look"), [0, 0], "it waited");
}

#[tokio::test(start_paused = true)]
async fn without_waiting_what_does_not_come_by_itself_is_still_waited_for() {
    let mut world = World::new();
    world.no_wait = true;
    let step = Scripted::new(&world, StepName::BackupInstance, [wait_for(30), done()], []);
    assert!(is_done(&world.run(vec![step]).await));
    assert_eq!(world.times("look"), [0, 30]);
}

#[tokio::test(start_paused = true)]
async fn a_state_that_nobody_knows_ends_in_a_failure_unless_it_changes() {
    let unknown = |state: &str| Decision::Wait(Wait::unless_stuck(state, Failure::failed("stays in state Pondering")));
    let world = World::new();
    let begun = tokio::time::Instant::now();
    let pondering = (0..1000).map(|_| unknown("Pondering"));
    let report = world
        .run(vec![Scripted::new(&world, StepName::BackupInstance, pondering, [])])
        .await;
    assert_eq!(failure(&report).what, "stays in state Pondering");
    let waited = begun.elapsed().as_secs();
    assert!((600..620).contains(&waited), "after {waited} s");

    let world = World::new();
    let changing = (0..300)
        .map(|at| unknown(&format!("Pondering {}", at / 30)))
        .chain([done()]);
    let report = world
        .run(vec![Scripted::new(&world, StepName::BackupInstance, changing, [])])
        .await;
    assert!(is_done(&report), "{report:?}");
}
