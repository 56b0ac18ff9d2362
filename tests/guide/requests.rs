//! docs/requests.md is what the commands ask for.

use std::fmt::Write as _;

use aksbackup_tests::harness::{INIT, Run, Stage};
use aksbackup_tests::log::Entry;

/// Where the table stands.
const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/requests.md");

const HEAD: &str = "# Requests

The number of requests of each command, generated from the simulator's log. The simulator has one subscription with a few resources; a real
subscription has more pages.

The reads of a first run depend on how long Azure takes, so only its writes are listed. In a second run everything is already
complete: it reads once, doesn't wait, and writes nothing. *Deep* is the number of its requests that depend on each
other; the others are sent concurrently. Two requests aren't counted: cloud metadata and token. `backup` starts another
backup each time it runs, `restore` restores each time, and a first run of `up` writes what its commands write.

| command | first run: writes | second run: requests | of these writes | deep |
| --- | --- | --- | --- | --- |
";

/// What every answer takes while requests are counted, in seconds of the model: 0.4 s. Requests that need not wait for
/// one another leave within less.
const LATENCY: f64 = 200.0;

/// A machine under load can delay a request until another has its answer, never the other way round: the least counts.
const TRIALS: usize = 4;

/// What a run asked for.
#[derive(Debug, PartialEq)]
struct Asked {
    requests: usize,
    writes: usize,
    deep: usize,
}

impl Asked {
    fn of(entries: &[Entry]) -> Self {
        let counted: Vec<&Entry> = entries.iter().filter(|entry| is_counted(entry)).collect();
        Self {
            requests: counted.len(),
            writes: counted.iter().filter(|entry| entry.write).count(),
            deep: depth(&counted),
        }
    }
}

/// All but what comes before the first question: the metadata of the cloud, and the token.
fn is_counted(entry: &Entry) -> bool {
    entry.service != "entra" && !entry.target.starts_with("/metadata")
}

/// The longest row of requests of which each arrived when the one before had its answer.
fn depth(entries: &[&Entry]) -> usize {
    let mut sorted = entries.to_vec();
    sorted.sort_by_key(|entry| entry.arrived_ms);
    let mut deep: Vec<(u64, usize)> = Vec::new();
    for entry in sorted {
        let before = deep.iter().filter(|(answered, _)| *answered <= entry.arrived_ms);
        let row = before.map(|(_, row)| *row).max().unwrap_or(0) + 1;
        deep.push((entry.answered_ms, row));
    }
    deep.into_iter().map(|(_, row)| row).max().unwrap_or(0)
}

/// The table as it is measured, row by row.
struct Table<'a> {
    stage: &'a Stage,
    /// The page as it is kept.
    kept: &'a str,
    page: String,
}

impl Table<'_> {
    /// A command that has something to do, and then has not.
    fn both(&mut self, command: &str, first: impl Fn() -> Run, second: impl Fn() -> Run) {
        let mark = self.stage.mark();
        first().ok();
        let writes = Asked::of(&self.stage.since(mark)).writes;
        self.row(command, &writes.to_string(), Some(&second));
    }

    /// A row. The second run is tried until it is as it is kept, or often enough.
    fn row(&mut self, command: &str, first: &str, second: Option<&dyn Fn() -> Run>) {
        let mut least: Option<Asked> = None;
        let mut row = format!("| `{command}` | {first} | – | – | – |");
        for _ in 0..TRIALS {
            let (Some(second), false) = (second, self.kept.lines().any(|line| line == row)) else {
                break;
            };
            let asked = self.slowly(second);
            assert_eq!(asked.writes, 0, "a second run of {command} writes nothing");
            assert!(asked.requests > 0, "{command} asked nothing");
            let known = least.as_ref();
            assert!(
                known.is_none_or(|known| known.requests == asked.requests),
                "{command} asks now {asked:?}, now {known:?}"
            );
            if known.is_none_or(|known| asked.deep < known.deep) {
                row = format!("| `{command}` | {first} | {} | 0 | {} |", asked.requests, asked.deep);
                least = Some(asked);
            }
        }
        assert!(
            least.is_none_or(|least| least.deep <= 5),
            "a second run of {command} is too deep: {row}"
        );
        let _ = writeln!(self.page, "{row}");
    }

    /// Runs a command while every answer takes its time.
    fn slowly(&self, run: &dyn Fn() -> Run) -> Asked {
        self.latency(LATENCY);
        let mark = self.stage.mark();
        run().ok();
        self.latency(0.0);
        Asked::of(&self.stage.since(mark))
    }

    fn latency(&self, seconds: f64) {
        self.stage.sandbox.set(&format!("latency={seconds}")).unwrap();
        self.stage.sandbox.kubernetes().set_latency(seconds);
    }
}

#[test]
fn the_table_of_requests_is_what_the_commands_ask_for() {
    let kept = std::fs::read_to_string(PAGE).unwrap_or_default();
    let writes = std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some();
    let page = measured(if writes { "" } else { &kept });
    if writes {
        std::fs::write(PAGE, &page).unwrap();
    }
    assert!(
        writes || kept == page,
        "docs/requests.md is not what the commands ask for: AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-tests --test \
         guide requests\n{page}"
    );
}

/// The page, measured along one hand-off. `kept` is what it is expected to be.
fn measured(kept: &str) -> String {
    let stage = Stage::new().unwrap();
    let mut table = Table {
        stage: &stage,
        kept,
        page: HEAD.to_owned(),
    };
    let platform = |command: &'static str| move |stage: &Stage| stage.az("platform", &[command, "--yes"]);
    let init = || stage.az("platform", &INIT);
    table.both("az aksbackup init", init, init);
    let prepare = || platform("prepare")(&stage);
    table.both("az aksbackup prepare", prepare, prepare);
    let grant = || stage.grant("owner");
    table.both("az aksbackup grant", grant, grant);
    let configure = || stage.configure("cluster-admin", &[]);
    table.both("kubectl aksbackup configure", configure, configure);
    let protect = || platform("protect")(&stage);
    table.both("az aksbackup protect", protect, protect);
    let mark = stage.mark();
    platform("backup")(&stage).ok();
    let writes = Asked::of(&stage.since(mark)).writes;
    table.row("az aksbackup backup", &writes.to_string(), None);
    table.row(
        "az aksbackup up",
        "–",
        Some(&|| stage.az("everything", &["up", "--yes"])),
    );
    table.row("az aksbackup status", "0", Some(&|| stage.az("platform", &["status"])));
    table.row("az aksbackup verify", "0", Some(&|| stage.az("reader", &["verify"])));
    table.row("az aksbackup doctor", "0", Some(&|| stage.az("reader", &["doctor"])));
    table.row("az aksbackup jobs", "0", Some(&|| stage.az("platform", &["jobs"])));
    table.row("az aksbackup export", "0", Some(&|| stage.az("reader", &["export"])));
    table.row("az aksbackup points", "0", Some(&|| stage.az("reader", &["points"])));
    let mark = stage.mark();
    stage
        .az("platform", &["restore", "--namespace", "shop=shop-restored", "--yes"])
        .ok();
    let writes = Asked::of(&stage.since(mark)).writes;
    table.row("az aksbackup restore", &writes.to_string(), None);
    table.row("az aksbackup list", "0", Some(&|| stage.az("reader", &["list"])));
    let looked = |command: &'static str| move |stage: &Stage| stage.kubectl("viewer", &[command]);
    table.row("kubectl aksbackup verify", "0", Some(&|| looked("verify")(&stage)));
    table.row("kubectl aksbackup doctor", "0", Some(&|| looked("doctor")(&stage)));
    table.row("kubectl aksbackup status", "0", Some(&|| looked("status")(&stage)));
    table.page
}

#[test]
fn a_row_of_requests_is_as_long_as_its_waiting() {
    let entry = |arrived_ms, answered_ms| Entry {
        arrived_ms,
        answered_ms,
        ..Entry::default()
    };
    let all = [entry(0, 10), entry(1, 12), entry(11, 20), entry(12, 30), entry(29, 40)];
    let all: Vec<&Entry> = all.iter().collect();
    assert_eq!(depth(&all), 3);
    assert_eq!(depth(&all[..2]), 1);
    assert_eq!(depth(&[]), 0);
}
