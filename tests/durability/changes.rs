//! Commands that change a set-up that is complete, each with a `kill -9` at one of its requests: run again, it ends as if nothing had
//! been.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use aksbackup_tests::harness::Stage;

use crate::crash_points::{Moment, Point, Victim, points, run, strike_on_arrival};
use crate::part::Part;
use crate::{end_state, extent, made};

/// A person, and the words of their command.
type Words = (&'static str, &'static [&'static str]);

/// Commands that follow one another on a protected cluster.
struct Course {
    name: &'static str,
    commands: &'static [Words],
}

const COURSES: [Course; 1] = [Course {
    name: "change",
    commands: &[
        (
            "platform",
            &[
                "init",
                "--yes",
                "--retention",
                "3d",
                "--set",
                "instance.included_namespaces=shop,db",
            ],
        ),
        ("platform", &["prepare", "--yes", "--reduce-protection"]),
        ("platform", &["protect", "--yes", "--reduce-protection"]),
    ],
}];

/// Runs the course, each command as often as it takes, struck at `point` if there is one. Returns how many requests each command sent,
/// and how often one was struck.
fn take(stage: &Stage, course: &Course, point: Option<Point>) -> (Vec<usize>, usize) {
    let (mut requests, mut struck) = (Vec::new(), 0);
    for (number, (person, words)) in course.commands.iter().enumerate() {
        let (victim, before) = (Victim::default(), stage.mark());
        let mut awaited = None;
        match point.filter(|point| point.command == number) {
            Some(point) if point.moment == Moment::Sent => strike_on_arrival(stage, &victim, point.request),
            Some(point) => awaited = Some(before + point.request),
            None => {}
        }
        while run(stage, stage.az_command(person, words), awaited.take(), &victim) {
            struck += 1;
        }
        strike_on_arrival(stage, &Victim::default(), 0);
        made::state_parses(stage);
        requests.push(stage.mark() - before);
    }
    (requests, struck)
}

#[test]
fn a_change_that_is_killed_at_any_request_ends_as_if_nothing_had_been() {
    for course in &COURSES {
        let begun = Instant::now();
        let stage = Part::Backup.stage();
        let (requests, _) = take(&stage, course, None);
        let expected = end_state::of(&stage);
        let sample = extent::of(3, usize::MAX);
        let all: Vec<Point> = requests
            .iter()
            .enumerate()
            .flat_map(|(command, requests)| points(command, *requests, sample))
            .collect();
        let struck = AtomicUsize::new(0);
        made::beside_each_other(&all, |point| {
            let stage = Part::Backup.stage();
            struck.fetch_add(take(&stage, course, Some(*point)).1, Ordering::Relaxed);
            let difference = end_state::difference(&expected, &end_state::of(&stage));
            assert!(
                difference.is_empty(),
                "{}, killed at {point:?}, ends otherwise:\n{difference}",
                course.name
            );
        });
        let (count, struck) = (all.len(), struck.into_inner());
        assert!(struck * 2 >= count, "only {struck} of {count} kills struck");
        extent::told(&format!(
            "{}: {count} of {} points (seed {}), {struck} kills struck, in {:.1} s: each ends as the undisturbed one",
            course.name,
            2 * requests.iter().sum::<usize>(),
            extent::seed(),
            begun.elapsed().as_secs_f64(),
        ));
    }
}
