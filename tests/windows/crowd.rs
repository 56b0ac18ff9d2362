//! Writers and readers of one state file at the same time: the lock of Windows, and a file that is replaced while others read it.

use std::collections::HashSet;
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
        let days = |number| (0..ROUNDS).map(move |round| 100 + number * ROUNDS + round);
        let writers: Vec<_> = (0..WRITERS)
            .map(|number| {
                let stage = &stage;
                scope.spawn(move || days(number).map(|days| retention(stage, days)).collect::<Vec<_>>())
            })
            .collect();
        let joined: Vec<_> = writers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        // Before a writer's panic is passed on: the scope waits for the reader.
        over.store(true, Ordering::Relaxed);
        let written: Vec<Written> = joined.into_iter().flat_map(|writer| writer.unwrap()).collect();
        assert!(reader.join().unwrap() > 0, "it was read meanwhile");
        written
    });
    assert_eq!(written.len(), WRITERS * ROUNDS);
    let parents: HashSet<&str> = written.iter().map(|one| one.parent.as_str()).collect();
    assert_eq!(
        parents.len(),
        written.len(),
        "two writes replaced the same table, so that one is lost"
    );
    let last = stage.value("/target/written/id");
    let heads: Vec<&Written> = written
        .iter()
        .filter(|one| !parents.contains(one.id.as_str()))
        .collect();
    assert!(heads.len() == 1 && heads[0].id == last, "the file has the last write");
    assert!(leftovers(&stage).is_empty(), "{:?}", leftovers(&stage));
}

/// A write as `-v` tells of it: the ID of the table's new content, and that of the content it replaced.
struct Written {
    id: String,
    parent: String,
}

/// Sets another retention.
fn retention(stage: &Stage, days: usize) -> Written {
    let retention = format!("{days}d");
    let arguments = ["init", "--retention", &retention, "--yes", "-v", "--lock-timeout", "5m"];
    let run = finish(&mut windows(&stage.az_command("platform", &arguments))).ok();
    let line = run.stderr.lines().find(|line| line.starts_with("wrote [target]"));
    let (_, ids) = line
        .unwrap_or_else(|| panic!("nothing was written\n{run}"))
        .rsplit_once(": ")
        .unwrap();
    let (id, parent) = ids.split_once(" after ").unwrap();
    Written {
        id: id.to_owned(),
        parent: parent.to_owned(),
    }
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
