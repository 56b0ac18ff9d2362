//! `suspend`, `stop`, `resume` and `undelete` with a `kill -9` at each request. Run again, each ends as if nothing had been.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use aksbackup_tests::harness::Stage;

use crate::crash_points::{Moment, Point, Victim, points, run, strike_on_arrival};
use crate::part::Part;
use crate::{end_state, extent, made};

/// A command, and the state of the instance that it begins with.
type Case = (&'static [&'static str], &'static str);

const CASES: [Case; 6] = [
    (&["suspend", "--reduce-protection"], "ProtectionConfigured"),
    (&["stop", "--reduce-protection"], "ProtectionConfigured"),
    (&["resume"], "BackupsSuspended"),
    (&["resume"], "ProtectionStopped"),
    (&["undelete"], "SoftDeleted"),
    (&["undelete", "--keep-stopped"], "SoftDeleted"),
];

/// Longer than any operation of the vault: what a killed run has begun is over, and disturbs no other.
const OVER: f64 = 10_000.0;

/// A protected cluster, which each run of a command is put back to.
struct Bench {
    stage: Stage,
    file: String,
    case: Case,
}

impl Bench {
    fn new(case: Case) -> Self {
        let stage = Part::Backup.stage();
        let file = stage.state_text();
        Self { stage, file, case }
    }

    fn command(&self) -> Command {
        self.stage.az_command("platform", &[self.case.0, &["--yes"]].concat())
    }

    /// Runs the command as often as it takes, struck at `point`. Returns how many requests it sent, whether it was struck, and what it
    /// comes to.
    fn ends(&self, point: Option<Point>) -> (usize, bool, String) {
        let (stage, victim) = (&self.stage, Victim::default());
        std::fs::write(stage.state(), &self.file).unwrap();
        stage.sandbox.set(&format!("instance_state={}", self.case.1)).unwrap();
        let (before, mut awaited, mut struck) = (stage.mark(), None, false);
        match point {
            Some(point) if point.moment == Moment::Sent => strike_on_arrival(stage, &victim, point.request),
            Some(point) => awaited = Some(before + point.request),
            None => {}
        }
        while run(stage, self.command(), awaited.take(), &victim) {
            struck = true;
            made::state_parses(stage);
        }
        strike_on_arrival(stage, &Victim::default(), 0);
        let requests = stage.mark() - before;
        stage.sandbox.azure().skip(OVER);
        made::created_is_there(stage);
        (requests, struck, end_state::of(stage))
    }
}

#[test]
fn a_command_that_is_killed_at_any_request_ends_as_if_nothing_had_been() {
    let (all, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let cases: Vec<(usize, Case)> = CASES.into_iter().enumerate().collect();
    made::beside_each_other(&cases, |(number, case)| {
        let bench = Bench::new(*case);
        let (requests, _, expected) = bench.ends(None);
        for point in points(*number, requests, extent::of(4, usize::MAX)) {
            let (_, was_struck, ends) = bench.ends(Some(point));
            let difference = end_state::difference(&expected, &ends);
            assert!(
                difference.is_empty(),
                "{case:?} killed at {point:?}, it ends otherwise:\n{difference}"
            );
            all.fetch_add(1, Ordering::Relaxed);
            struck.fetch_add(usize::from(was_struck), Ordering::Relaxed);
        }
    });
    let (all, struck) = (all.into_inner(), struck.into_inner());
    assert!(struck * 2 >= all, "only {struck} of {all} kills struck");
    extent::told(&format!(
        "life points: {all} points (seed {}), {struck} kills struck: each ends as the undisturbed one",
        extent::seed()
    ));
}
