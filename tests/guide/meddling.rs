//! A command and a world that changes while it works: what happens is bound to what was asked for, never to a clock.

use std::process::Command;
use std::thread;
use std::time::Duration;

use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::log::Entry;

/// How often it is looked whether a command has ended by itself.
const GLANCE: Duration = Duration::from_millis(50);

/// Runs a command; as soon as the sandbox has answered `many` requests that `count`, `then` happens, while it goes on.
pub(crate) fn while_running(
    stage: &Stage,
    mut command: Command,
    (many, count): (usize, impl Fn(&Entry) -> bool),
    then: impl FnOnce(&Stage),
) -> Run {
    let (log, mark) = (stage.sandbox.log(), stage.mark());
    let enough = |entries: &[Entry]| entries.iter().skip(mark).filter(|entry| count(entry)).count() >= many;
    thread::scope(|scope| {
        let running = scope.spawn(|| finish(&mut command));
        while !log.wait_until(GLANCE, enough) {
            if running.is_finished() {
                let run = running.join().unwrap();
                panic!("it ended before request number {many} came\n{run}");
            }
        }
        then(stage);
        running.join().unwrap()
    })
}

/// The requests since `mark` with this method whose path holds `part`, in any case, each with its status.
pub(crate) fn asked(stage: &Stage, mark: usize, method: &str, part: &str) -> Vec<(String, u16)> {
    let is = |entry: &Entry| is(entry, method, part);
    let entries = stage.since(mark).into_iter().filter(is);
    entries.map(|entry| (entry.target, entry.status)).collect()
}

/// How many of these requests were answered so.
pub(crate) fn answered(stage: &Stage, (method, part): (&str, &str), status: u16) -> usize {
    let all = asked(stage, 0, method, part);
    all.iter().filter(|(_, own)| *own == status).count()
}

/// Whether an entry has this method, and a path that holds `part` in any case.
pub(crate) fn is(entry: &Entry, method: &str, part: &str) -> bool {
    let part = part.to_ascii_lowercase();
    entry.method == method && entry.target.to_ascii_lowercase().contains(&part)
}
