//! Commands that are killed in the middle of a write: the next run goes on, and makes nothing a second time.

use std::process::{Command, Stdio};
use std::time::Duration;

use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Entry;

use crate::made;
use crate::part::{PARTS, Part};

/// How often it is looked whether a command has ended by itself.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs a command until the sandbox has taken `many` requests that `counts`, and kills it then, before it hears the
/// answer. Gives whether it was killed; else it ended by itself. The state file can be read all the time.
pub(crate) fn killed_at(stage: &Stage, mut command: Command, many: usize, counts: fn(&Entry) -> bool) -> bool {
    let log = stage.sandbox.log();
    let mark = stage.mark();
    let enough = |entries: &[Entry]| entries.iter().skip(mark).filter(|entry| counts(entry)).count() >= many;
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    loop {
        let reached = log.wait_until(GLANCE, enough);
        made::state_parses(stage);
        if reached {
            child.kill().unwrap();
            let ended = child.wait().unwrap();
            made::state_parses(stage);
            return ended.code().is_none();
        }
        if let Some(ended) = child.try_wait().unwrap() {
            assert!(
                ended.success(),
                "{command:?} ended with {ended} before request number {many}"
            );
            return false;
        }
    }
}

fn is_write(entry: &Entry) -> bool {
    entry.write
}

pub(crate) fn is_request(entry: &Entry) -> bool {
    matches!(entry.service.as_str(), "arm" | "kubernetes")
}

fn replica_sets(stage: &Stage) -> usize {
    stage.sandbox.kubernetes().objects("ReplicaSet").len()
}

/// Kills a part at its request number `many` and runs it again: everything is made, once, and recorded.
fn killed_once(part: Part, many: usize, counts: fn(&Entry) -> bool) -> bool {
    let stage = part.stage();
    let before = replica_sets(&stage);
    let killed = killed_at(&stage, part.command(&stage), many, counts);
    part.run(&stage).ok();
    made::each_asked_for_once(&stage);
    made::nothing_twice(&stage);
    made::all_recorded(&stage);
    if matches!(part, Part::Configure) {
        assert_eq!(
            replica_sets(&stage),
            before + 3,
            "one rollout for each of three deployments"
        );
    }
    killed
}

/// Kills a part at these of its writes, each time in a world of its own.
fn killed_at_writes(part: Part, numbers: &[usize]) {
    made::beside_each_other(numbers, |number| {
        let killed = killed_once(part, *number, is_write);
        assert!(killed, "{part:?} has a write number {number}");
    });
}

// Samples: the hand-off that is killed at every single write, below, comes past all of them.

#[test]
fn prepare_killed_at_any_write_goes_on_and_makes_nothing_twice() {
    killed_at_writes(Part::Prepare, &[1, 2, 4, 6, 7, 9]);
}

#[test]
fn grant_killed_at_any_write_goes_on_and_assigns_nothing_twice() {
    killed_at_writes(Part::Grant, &[1, 3]);
}

#[test]
fn configure_killed_between_annotations_and_rollouts_rolls_nothing_twice() {
    killed_at_writes(Part::Configure, &[2, 4, 6]);
}

#[test]
fn protect_killed_at_its_write_goes_on_and_makes_nothing_twice() {
    killed_at_writes(Part::Protect, &[1]);
}

#[test]
fn a_backup_killed_at_any_request_is_one_backup() {
    const JOBS: &str = "Microsoft.DataProtection/backupVaults/backupJobs";
    let stage = Part::Backup.stage();
    for number in 1..=10 {
        assert!(killed_at(&stage, Part::Backup.command(&stage), number, is_request));
        // A job that the killed run has asked for is the one that this run waits for and reports, also if it is over.
        if number % 2 == 0 {
            stage.sandbox.azure().skip(600.0);
        }
        Part::Backup.run(&stage).ok();
        let jobs = stage.sandbox.azure().resources(JOBS);
        let asked = made::makings(&stage)
            .into_iter()
            .find(|(request, _)| request.ends_with("/backup"));
        assert_eq!(jobs.len(), number, "killed at request {number}: one job each time");
        assert_eq!(asked.map(|(_, times)| times), Some(number));
        made::all_recorded(&stage);
    }
}

#[test]
fn a_hand_off_that_is_killed_at_every_single_write_ends_all_the_same() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for part in PARTS {
        let mut kills = 0;
        while killed_at(&stage, part.command(&stage), 1, is_write) {
            kills += 1;
            assert!(kills <= 40, "{part:?} does not come to an end");
        }
        assert!(kills > 0, "{part:?} writes something");
    }
    made::nothing_twice(&stage);
    made::each_asked_for_once(&stage);
    made::all_recorded(&stage);
    let jobs = stage
        .sandbox
        .azure()
        .resources("Microsoft.DataProtection/backupVaults/backupJobs");
    assert_eq!(jobs.len(), 1);
}
