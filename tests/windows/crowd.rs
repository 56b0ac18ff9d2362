//! Writers and readers of one state file at the same time: the lock of Windows, and a file that is replaced while others read it.

use std::sync::atomic::{AtomicBool, Ordering};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage, finish};

use crate::wine::{az, windows};

/// More than this machine has processors, and few enough to take seconds.
const WRITERS: usize = 4;
const ROUNDS: usize = 2;

#[test]
fn no_write_is_lost_and_no_reader_sees_half_a_file() {
    let stage = Stage::new().unwrap();
    az(&stage, "platform", &INIT).ok();
    let over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut reads = 0;
            while !over.load(Ordering::Relaxed) {
                let status = az(&stage, "stranger", &["status", "--offline", "-o", "json"]).ok();
                assert!(status.json().get("steps").is_some(), "{status}");
                let text = stage.state_text();
                assert!(
                    text.contains("[target.vault]") && text.ends_with('\n'),
                    "half a file\n{text}"
                );
                reads += 1;
            }
            reads
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let stage = &stage;
                scope.spawn(move || {
                    (0..ROUNDS)
                        .map(|round| retention(stage, number * ROUNDS + round + 1))
                        .sum::<usize>()
                })
            })
            .collect();
        let written: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
        over.store(true, Ordering::Relaxed);
        assert!(reader.join().unwrap() > 0, "it was read meanwhile");
        written
    });
    assert_eq!(written, WRITERS * ROUNDS, "each writer wrote each time");
    assert!(leftovers(&stage).is_empty(), "{:?}", leftovers(&stage));
}

/// Sets another retention and returns how many tables were written after the one that was there: each names its parent, so that a lost
/// write would be a parent twice.
fn retention(stage: &Stage, days: usize) -> usize {
    let arguments = [
        "init",
        "--retention",
        &format!("{days}d"),
        "--yes",
        "-v",
        "--lock-timeout",
        "5m",
    ];
    let run = finish(&mut windows(&stage.az_command("platform", &arguments))).ok();
    usize::from(run.stderr.lines().any(|line| line.starts_with("wrote [target")))
}

fn leftovers(stage: &Stage) -> Vec<String> {
    let entries = std::fs::read_dir(stage.folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("aksbackup-")).collect()
}

#[test]
fn a_file_of_notepad_is_read_and_written() {
    let stage = Stage::new().unwrap();
    az(&stage, "platform", &INIT).ok();
    let text = format!("\u{feff}{}", stage.state_text().replace('\n', "\r\n"));
    std::fs::write(stage.state(), text).unwrap();
    az(&stage, "platform", &["status", "--offline"]).ok();
    az(&stage, "platform", &["init", "--retention", "30d", "--yes"]).ok();
    assert_eq!(stage.value("/target/policy/retention"), "P30D");
    stage.az("platform", &["status", "--offline"]).ok();
}

#[test]
fn a_file_that_may_not_be_written_is_named() {
    let stage = Stage::new().unwrap();
    az(&stage, "platform", &INIT).ok();
    let state = stage.state();
    std::fs::remove_file(&state).unwrap();
    std::fs::create_dir(&state).unwrap();
    az(&stage, "platform", &["prepare", "--yes"])
        .ends(Exit::StateUnreadable.code())
        .says("aksbackup.toml");
}
