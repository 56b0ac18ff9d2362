//! Many processes of both binaries on one file at the same time: no write is lost, no reader sees half a file.
//!
//! What is tried is the file. So each round gathers all processes at its lock, which the test holds, and lets them go
//! together: each has then talked to its cloud, has nothing left but to write, and all want to at once. Only a few may be
//! on their way there at the same time, however slow the machine is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Condvar, Mutex};
use std::time::Instant;

use aksbackup_tests::harness::{Stage, finish};
use serde_json::Value;

use crate::extent;
use crate::writer::{Plane, Writer, leftovers, stage, whole};

/// A write as `-v` tells it: the table, its id, and the id that it replaced.
struct Written {
    table: String,
    id: String,
    parent: String,
}

/// The lines `wrote [TABLE] of FILE: ID after PARENT`.
fn told(stderr: &[String]) -> Vec<Written> {
    let lines = stderr.iter().filter_map(|line| line.strip_prefix("wrote ["));
    let parsed = lines.map(|line| {
        let (table, rest) = line.split_once(']').unwrap();
        let (_, ids) = rest.rsplit_once(": ").unwrap();
        let (id, parent) = ids.split_once(" after ").unwrap_or((ids, ""));
        Written {
            table: table.to_owned(),
            id: id.to_owned(),
            parent: parent.to_owned(),
        }
    });
    parsed.collect()
}

/// The id of a table's last writing, by the table's name.
fn last(stage: &Stage, table: &str) -> String {
    stage.value(&format!("/{}/written/id", table.replace('.', "/")))
}

/// Every write of a table is an ancestor of its last one, and nothing else is.
fn one_line_of_descent(stage: &Stage, table: &str, first: &str, written: &[Written]) {
    let own = written.iter().filter(|own| own.table == table);
    let parents: HashMap<&str, &str> = own.map(|own| (own.id.as_str(), own.parent.as_str())).collect();
    let mut id = last(stage, table);
    let mut seen = 0;
    while id != first {
        let parent = parents.get(id.as_str());
        let parent = parent.unwrap_or_else(|| panic!("[{table}]: nobody wrote {id}, ancestor number {seen}"));
        seen += 1;
        id = (*parent).to_owned();
    }
    assert_eq!(
        seen,
        parents.len(),
        "[{table}]: writes that are no ancestors of the last one are lost"
    );
}

/// Reads while others write: by the binaries, and by a look at the file itself. Gives how often.
fn read_beside(stage: &Stage, over: &AtomicBool) -> usize {
    let (mut reads, mut last) = (0, Vec::new());
    while !over.load(Ordering::Relaxed) {
        let mut status = match reads % 2 {
            0 => stage.az_command("stranger", &["status", "--offline", "-o", "json"]),
            _ => stage.kubectl_command("nobody", &["status", "--offline", "-o", "json"]),
        };
        let document: Value = finish(&mut status).ok().json();
        assert!(document.get("steps").is_some(), "{document}");
        for _ in 0..50 {
            let now = std::fs::read(stage.state()).unwrap();
            if now != last {
                let text = std::str::from_utf8(&now).unwrap();
                assert!(whole(text).contains("[target.vault]"), "half a file");
                last = now;
            }
        }
        reads += 51;
    }
    reads
}

/// Lets so many in at the same time.
struct Door {
    free: Mutex<usize>,
    left: Condvar,
}

impl Door {
    fn enter(&self) {
        let mut free = self
            .left
            .wait_while(self.free.lock().unwrap(), |free| *free == 0)
            .unwrap();
        *free -= 1;
    }

    fn leave(&self) {
        *self.free.lock().unwrap() += 1;
        self.left.notify_one();
    }
}

/// Starts a command, says when it waits at the lock (or has ended), and gives what it wrote.
fn write(stage: &Stage, writer: &Writer, turn: usize, door: &Door, waits: &Sender<bool>) -> Vec<Written> {
    door.enter();
    let mut command = writer.command(stage, turn);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut said, mut inside) = (Vec::new(), true);
    for line in BufReader::new(child.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if inside && line.starts_with("waiting ") {
            inside = false;
            door.leave();
            waits.send(true).unwrap();
        }
        said.push(line);
    }
    if inside {
        door.leave();
        waits.send(false).unwrap();
    }
    let ended = child.wait().unwrap();
    assert_eq!(ended.code(), Some(writer.ends()), "{command:?}\n{}", said.join("\n"));
    told(&said)
}

/// Every writer's command number `turn`: they gather at the lock, and are let go together. Gives what they wrote.
fn round(stage: &Stage, writers: &[Writer], turn: usize) -> Vec<Written> {
    /// So many may be on their way to the lock.
    const TALKING: usize = 6;
    let door = Door {
        free: Mutex::new(TALKING),
        left: Condvar::new(),
    };
    let lock = File::open(stage.state().with_file_name("aksbackup.toml.lock")).unwrap();
    lock.lock().unwrap();
    let (waits, heard): (Sender<bool>, Receiver<bool>) = channel();
    std::thread::scope(|scope| {
        let start = |writer| {
            let (door, waits) = (&door, waits.clone());
            scope.spawn(move || write(stage, writer, turn, door, &waits))
        };
        let handles: Vec<_> = writers.iter().map(start).collect();
        let gathered = heard.iter().take(writers.len()).filter(|waits| *waits).count();
        drop(lock);
        let ended: Vec<_> = handles.into_iter().map(|handle| handle.join()).collect();
        let written = ended.into_iter().flat_map(|own| own.unwrap()).collect();
        assert_eq!(gathered, writers.len(), "some did not wait for the lock");
        written
    })
}

#[test]
fn a_crowd_of_both_binaries_on_one_file_loses_no_write() {
    let (processes, commands) = (100, extent::of(3, 20));
    let stage = stage(processes / 2);
    let firsts = [last(&stage, "target"), last(&stage, "cluster.workloads")];
    let writers: Vec<_> = (0..processes)
        .map(|process| {
            let plane = [Plane::Cloud, Plane::Cluster][process % 2];
            Writer::new(plane, process / 2, &stage.state())
        })
        .collect();
    let (over, reads, begun) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    let rounds = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| reads.fetch_add(read_beside(&stage, &over), Ordering::Relaxed));
        }
        let rounds = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let rounds = (0..commands).flat_map(|turn| round(&stage, &writers, turn));
            rounds.collect::<Vec<_>>()
        }));
        over.store(true, Ordering::Relaxed);
        rounds
    });
    let written = rounds.unwrap_or_else(|cause| std::panic::resume_unwind(cause));
    let took = begun.elapsed();
    assert_eq!(written.len(), processes * commands, "each command writes one table");
    one_line_of_descent(&stage, "target", &firsts[0], &written);
    one_line_of_descent(&stage, "cluster.workloads", &firsts[1], &written);
    assert_eq!(leftovers(&stage.state()), Vec::<String>::new());
    extent::told(&format!(
        "crowd: {processes} processes x {commands} commands = {} writes in {:.1} s ({:.1} a second), {} reads beside them, no write lost",
        written.len(),
        took.as_secs_f64(),
        written.len() as f64 / took.as_secs_f64(),
        reads.load(Ordering::Relaxed),
    ));
}
