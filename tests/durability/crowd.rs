//! Many processes of both binaries on one file at the same time: no write is lost, no reader sees half a file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::Value;

use crate::extent;
use crate::writer::{Plane, Writer, leftovers, stage, values};

/// A write as `-v` tells it: the table, its id, and the id that it replaced.
struct Written {
    table: String,
    id: String,
    parent: String,
}

/// The lines `wrote [TABLE] of FILE: ID after PARENT`.
fn told(run: &Run) -> Vec<Written> {
    let lines = run.stderr.lines().filter_map(|line| line.strip_prefix("wrote ["));
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
    let mut reads = 0;
    while !over.load(Ordering::Relaxed) {
        let status = match reads % 2 {
            0 => stage.az_command("stranger", &["status", "--offline", "-o", "json"]),
            _ => stage.kubectl_command("nobody", &["status", "--offline", "-o", "json"]),
        };
        let mut status = status;
        let document: Value = finish(&mut status).ok().json();
        assert!(document.get("steps").is_some(), "{document}");
        for _ in 0..50 {
            assert!(values(&stage.state()).contains("[target.vault]"), "half a file");
        }
        reads += 51;
    }
    reads
}

#[test]
fn a_crowd_of_both_binaries_on_one_file_loses_no_write() {
    let (processes, commands) = (extent::of(20, 100), extent::of(5, 20));
    let stage = stage(processes / 2);
    let firsts = [last(&stage, "target"), last(&stage, "cluster.workloads")];
    let (over, reads, begun) = (AtomicBool::new(false), AtomicUsize::new(0), Instant::now());
    let written: Vec<Written> = std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| reads.fetch_add(read_beside(&stage, &over), Ordering::Relaxed));
        }
        let write = |process: usize| {
            let plane = if process.is_multiple_of(2) {
                Plane::Cloud
            } else {
                Plane::Cluster
            };
            let writer = Writer::new(plane, process / 2, &stage.state());
            let runs = (0..commands).map(|turn| writer.write(&stage, turn));
            runs.flat_map(|run| told(&run)).collect::<Vec<_>>()
        };
        let handles: Vec<_> = (0..processes)
            .map(|process| scope.spawn(move || write(process)))
            .collect();
        let ended: Vec<_> = handles.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
        over.store(true, Ordering::Relaxed);
        ended.into_iter().flat_map(|own| own.unwrap()).collect()
    });
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
