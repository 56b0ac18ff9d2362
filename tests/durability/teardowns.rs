//! `teardown` with a `kill -9` at its requests: run again, it ends as the undisturbed one.

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use aksbackup_tests::harness::Stage;

use crate::crash_points::{Victim, run, strike_on_arrival};
use crate::extent::{self, Dice};
use crate::part::PARTS;
use crate::{end_state, made};

/// A cluster with one backup.
fn protected() -> Stage {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for part in PARTS {
        part.run(&stage).ok();
    }
    stage
}

fn teardown(stage: &Stage) -> Command {
    let mut command = stage.az_command("everything", &["teardown", "--yes", "--reduce-protection"]);
    command
        .args(stage.vouchers())
        .args(["--delete-backups", "rg-aks/aks-demo"]);
    command
}

/// What is left, once the cluster has heard of it.
fn end(stage: &Stage) -> String {
    stage.sandbox.cluster().settled().unwrap();
    end_state::of(stage)
}

#[test]
fn a_teardown_that_is_killed_at_any_request_ends_as_if_nothing_had_been() {
    let stage = protected();
    let mark = stage.mark();
    assert!(!run(&stage, teardown(&stage), None, &Victim::default()));
    let (requests, expected) = (stage.mark() - mark, end(&stage));
    let all: Vec<usize> = (1..=requests).collect();
    let sample = extent::of(8, requests);
    let mut dice = Dice::new(18);
    let drawn = (0..sample).map(|_| all[usize::try_from(dice.below(requests as u64)).unwrap()]);
    let points: Vec<usize> = if extent::all() { all.clone() } else { drawn.collect() };
    let struck = AtomicUsize::new(0);
    made::beside_each_other(&points, |point| {
        let (stage, victim) = (protected(), Victim::default());
        strike_on_arrival(&stage, &victim, *point);
        let was_struck = run(&stage, teardown(&stage), None, &victim);
        strike_on_arrival(&stage, &Victim::default(), 0);
        made::state_parses(&stage);
        if was_struck {
            struck.fetch_add(1, Ordering::Relaxed);
            assert!(!run(&stage, teardown(&stage), None, &Victim::default()));
        }
        let difference = end_state::difference(&expected, &end(&stage));
        assert!(
            difference.is_empty(),
            "killed at request {point}, it ends otherwise:\n{difference}"
        );
    });
    let (count, struck) = (points.len(), struck.into_inner());
    assert!(struck * 2 >= count, "only {struck} of {count} kills struck");
    extent::told(&format!(
        "teardown: {} of {requests} points (seed {}), {} kills struck: each ends as the undisturbed one",
        count,
        extent::seed(),
        struck,
    ));
}
