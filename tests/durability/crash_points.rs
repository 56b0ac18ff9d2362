//! The whole hand-off with a `kill -9` in each command: right after a request was sent, or right after its answer. Run
//! again, it ends as if nothing had been.

use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aksbackup_tests::harness::{INIT, Stage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::extent::{self, Dice};
use crate::part::PARTS;
use crate::{end_state, made};

/// Where a command is struck. Requests are counted from 1 in each command: how often one asks while it waits differs from
/// run to run, and would move all later ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Point {
    /// The command: 0 is `init`, the others follow in order.
    command: usize,
    /// Its request.
    request: usize,
    moment: Moment,
}

/// When, seen from the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The request has arrived; it takes effect, and nobody hears the answer.
    Sent,
    /// The answer is on its way, or was heard some moments ago.
    Answered,
}

/// The process that is struck, as the sandbox knows it.
#[derive(Clone, Default)]
pub(crate) struct Victim(Arc<AtomicI32>);

impl Victim {
    fn is(&self, child: &Child) {
        self.0.store(i32::try_from(child.id()).unwrap(), Ordering::SeqCst);
    }

    fn strike(&self) {
        let pid = self.0.load(Ordering::SeqCst);
        if pid > 0 {
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
    }
}

/// Lets the sandbox strike at the arrival of request number `number` from now.
pub(crate) fn strike_on_arrival(stage: &Stage, victim: &Victim, number: usize) {
    let (victim, arrived) = (victim.clone(), AtomicUsize::new(0));
    stage.sandbox.log().on_arrival(move |_| {
        if arrived.fetch_add(1, Ordering::SeqCst) + 1 == number {
            victim.strike();
        }
    });
}

/// Runs a command to its end, whatever that is; strikes soon after the answer number `awaited` of the sandbox. Gives
/// whether it was struck.
pub(crate) fn run(stage: &Stage, mut command: Command, mut awaited: Option<usize>, victim: &Victim) -> bool {
    const GLANCE: Duration = Duration::from_millis(5);
    let said = stage.folder().join("said.txt");
    let stderr = std::fs::File::create(&said).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(stderr).spawn().unwrap();
    victim.is(&child);
    let ended = loop {
        let Some(number) = awaited else {
            break child.wait().unwrap();
        };
        if stage
            .sandbox
            .log()
            .wait_until(GLANCE, |entries| entries.len() >= number)
        {
            std::thread::sleep(Duration::from_micros(Dice::new(number as u64).below(3000)));
            let _ = child.kill();
            awaited = None;
        } else if let Some(ended) = child.try_wait().unwrap() {
            break ended;
        }
    };
    victim.0.store(0, Ordering::SeqCst);
    let (well, words) = (ended.code().is_none_or(|code| code == 0), command.get_args());
    assert!(
        well,
        "{words:?} ended with {ended}\n{}",
        std::fs::read_to_string(said).unwrap()
    );
    ended.code().is_none()
}

/// Command number `number` of the hand-off.
fn command(stage: &Stage, number: usize) -> Command {
    match number.checked_sub(1) {
        None => stage.az_command("platform", &INIT),
        Some(part) => PARTS[part].command(stage),
    }
}

/// The whole hand-off, with as many runs of each command as it takes, struck at `points` (at most one in each command).
/// Gives how many requests each command sent, and how often one was struck.
fn hand_off(stage: &Stage, points: &[Point]) -> (Vec<usize>, usize) {
    let (mut requests, mut struck) = (Vec::new(), 0);
    for number in 0..=PARTS.len() {
        let (victim, before) = (Victim::default(), stage.mark());
        let mut awaited = None;
        match points.iter().find(|point| point.command == number) {
            Some(point) if point.moment == Moment::Sent => strike_on_arrival(stage, &victim, point.request),
            Some(point) => awaited = Some(before + point.request),
            None => {}
        }
        while run(stage, command(stage, number), awaited.take(), &victim) {
            struck += 1;
            assert!(number == 0 || !stage.state_text().is_empty());
        }
        // What did not come about in this command is not for the next one.
        strike_on_arrival(stage, &Victim::default(), 0);
        made::state_parses(stage);
        requests.push(stage.mark() - before);
    }
    (requests, struck)
}

/// How many requests each command of an undisturbed hand-off sends at least, and what it comes to. The less time a
/// machine has, the fewer looks fit into a wait; so several run beside each other, as those that are struck do.
fn undisturbed() -> (Vec<usize>, String) {
    let ends = Mutex::new(Vec::new());
    made::beside_each_other(&[(); 5], |()| {
        let stage = Stage::new().unwrap();
        let (requests, struck) = hand_off(&stage, &[]);
        assert_eq!(struck, 0);
        ends.lock().unwrap().push((requests, end_state::of(&stage)));
    });
    let ends = ends.into_inner().unwrap();
    let least = |command: usize| ends.iter().map(|(requests, _)| requests[command]).min().unwrap();
    for (_, end) in &ends {
        let difference = end_state::difference(&ends[0].1, end);
        assert!(difference.is_empty(), "undisturbed ones differ:\n{difference}");
    }
    ((0..=PARTS.len()).map(least).collect(), ends[0].1.clone())
}

/// All points of a command with so many requests, or `sample` that are spread over them.
fn points(command: usize, requests: usize, sample: usize) -> Vec<Point> {
    let of = |request| {
        [Moment::Sent, Moment::Answered].map(|moment| Point {
            command,
            request,
            moment,
        })
    };
    let all: Vec<Point> = (1..=requests).flat_map(of).collect();
    if sample >= all.len() {
        return all;
    }
    let mut dice = Dice::new(command as u64);
    let edge = |at: usize| at * all.len() / sample;
    let each = (0..sample).map(|at| {
        let stride = edge(at + 1) - edge(at);
        edge(at) + usize::try_from(dice.below(stride as u64)).unwrap()
    });
    each.map(|at| all[at]).collect()
}

/// One hand-off for each of the longest command's points, with one of each other command's until these are used up.
fn rounds(requests: &[usize]) -> Vec<Vec<Point>> {
    let sample = extent::hand_offs();
    let each: Vec<Vec<Point>> = requests
        .iter()
        .enumerate()
        .map(|(command, requests)| points(command, *requests, sample))
        .collect();
    let most = each.iter().map(Vec::len).max().unwrap_or_default();
    let round = |at: usize| each.iter().filter_map(|points| points.get(at).copied()).collect();
    (0..most).map(round).collect()
}

#[test]
fn a_hand_off_that_is_killed_at_any_request_ends_as_if_nothing_had_been() {
    let begun = Instant::now();
    let (requests, expected) = undisturbed();
    let rounds = rounds(&requests);
    let struck = AtomicUsize::new(0);
    made::beside_each_other(&rounds, |points| {
        let stage = Stage::new().unwrap();
        struck.fetch_add(hand_off(&stage, points).1, Ordering::Relaxed);
        let ends = end_state::of(&stage);
        let difference = end_state::difference(&expected, &ends);
        assert!(
            difference.is_empty(),
            "killed at {points:?}, it ends otherwise:\n{difference}"
        );
        made::nothing_twice(&stage);
        made::each_asked_for_once(&stage);
        made::all_recorded(&stage);
        made::created_is_there(&stage);
    });
    let (points, struck) = (rounds.iter().map(Vec::len).sum::<usize>(), struck.into_inner());
    // A command that had less to wait for than the undisturbed one ends before its last points.
    assert!(struck * 2 >= points, "only {struck} of {points} kills struck");
    extent::told(&format!(
        "crash points: {points} of {} (seed {}) in {} hand-offs of {requests:?} requests, {struck} kills struck, in {:.1} s: \
         each ends as the undisturbed one",
        2 * requests.iter().sum::<usize>(),
        extent::seed(),
        rounds.len(),
        begun.elapsed().as_secs_f64(),
    ));
}
