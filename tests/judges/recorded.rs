//! The simulator, member by member, beside recordings of Azure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::sync::{Arc, Mutex};

use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Answered;
use aksbackup_tests::recordings::{Exchange, OFF, Shape, VARIABLE, operation, recordings};
use serde::Deserialize;

use crate::coverage::whole_job_on;
use crate::replays;

/// Headers whose absence proves nothing, because the recorder removed them before it saved; the one that every answer has; and
/// those of a simulator whose time is faster than Azure's, since `Retry-After` has whole seconds only.
const REMOVED: [&str; 7] = [
    "content-type",
    "retry-after",
    "retry-after-ms",
    "x-ms-retry-after-ms",
    "x-ms-correlation-request-id",
    "x-ms-ratelimit-remaining-subscription-reads",
    "x-ms-request-id",
];

/// What one side answers to an operation with one status.
#[derive(Debug, Clone, Default)]
struct Answers {
    count: usize,
    shape: Shape,
    headers: BTreeSet<String>,
}

/// Answers by operation and status.
type Side = BTreeMap<(String, u16), Answers>;

/// A difference that is known.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    operations: Vec<String>,
    side: String,
    members: Vec<String>,
    reason: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    difference: Vec<Listed>,
}

/// A member or header with which the two sides differ.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    operation: String,
    side: &'static str,
    member: String,
}

impl Listed {
    fn covers(&self, difference: &Difference, member: &str) -> bool {
        let operation = |listed: &String| listed == "*" || *listed == difference.operation;
        let matches = match member.strip_suffix('*') {
            Some(begin) => difference.member.starts_with(begin),
            None => difference.member == member,
        };
        self.side == difference.side && self.operations.iter().any(operation) && matches
    }
}

/// The recordings. Without them, which are not part of the project, what needs them is off, loudly.
pub(crate) fn exchanges() -> Option<Vec<Exchange>> {
    let all = recordings().unwrap();
    if all.is_none() {
        let _ = writeln!(io::stderr(), "SKIPPED: {OFF}. Set {VARIABLE} to their folder.");
    }
    all
}

fn azure(exchanges: &[Exchange]) -> Side {
    let mut side = Side::new();
    for exchange in exchanges {
        let answers = side.entry((exchange.operation(), exchange.status)).or_default();
        answers.count += 1;
        if let Some(body) = exchange.body() {
            answers.shape.add(&body);
        }
        answers.headers.extend(exchange.headers.keys().cloned());
    }
    side
}

/// What the simulator answers to the whole job of the programs.
fn simulator() -> Side {
    // The account takes so long that its creation is looked at before its end in every run.
    let stage = Stage::with(&["providers_registered=false", "storage_create=1000"]).unwrap();
    let heard: Arc<Mutex<Vec<Answered>>> = Arc::default();
    let told = Arc::clone(&heard);
    let log = stage.sandbox.log();
    log.on_answer(move |answer| told.lock().unwrap().push(answer.clone()));
    whole_job_on(&stage);
    let mut side = Side::new();
    for answer in heard.lock().unwrap().iter() {
        let key = (operation(&answer.method, &answer.target), answer.status);
        let answers = side.entry(key).or_default();
        answers.count += 1;
        if let Some(body) = &answer.body {
            answers.shape.add(body);
        }
        answers.headers.extend(answer.headers.keys().cloned());
    }
    side
}

fn differences(operation: &str, ours: &Answers, theirs: &Answers) -> BTreeSet<Difference> {
    let difference = |side, member: &str| Difference {
        operation: operation.to_owned(),
        side,
        member: member.to_owned(),
    };
    let mut all = BTreeSet::new();
    for (path, member) in &ours.shape.members {
        match theirs.shape.members.get(path) {
            None => drop(all.insert(difference("simulator", path))),
            Some(real) if !member.kinds.is_subset(&real.kinds) => drop(all.insert(difference("type", path))),
            Some(_) => {}
        }
    }
    for path in theirs.shape.members.keys() {
        let missing = !ours.shape.members.contains_key(path) && ours.shape.has_place_for(path);
        if missing && theirs.shape.is_always(path) {
            all.insert(difference("azure", path));
        }
    }
    let headers = ours.headers.symmetric_difference(&theirs.headers);
    let headers = headers.filter(|name| !REMOVED.contains(&name.as_str()));
    all.extend(headers.map(|name| difference("headers", name)));
    all
}

#[test]
fn the_simulator_answers_what_azure_does_or_the_difference_is_listed() {
    let Some(recorded) = exchanges() else { return };
    let (azure, simulator) = (azure(&recorded), simulator());
    let list: List = toml::from_str(include_str!("differences.toml")).unwrap();
    let mut unlisted = BTreeSet::new();
    let mut used = BTreeSet::new();
    let mut rows = BTreeMap::new();
    for (key, ours) in &simulator {
        let Some(theirs) = azure.get(key) else { continue };
        let all = differences(&key.0, ours, theirs);
        let mut listed = 0;
        for difference in all {
            let pairs = list.difference.iter().enumerate().flat_map(|(at, entry)| {
                let members = entry.members.iter().enumerate();
                members.map(move |(member_at, member)| (at, member_at, entry, member))
            });
            let found: Vec<_> = pairs
                .filter(|(_, _, entry, member)| entry.covers(&difference, member))
                .map(|(at, member_at, ..)| (at, member_at))
                .collect();
            listed += usize::from(!found.is_empty() && difference.side != "headers");
            if found.is_empty() {
                unlisted.insert(difference);
            }
            used.extend(found);
        }
        rows.insert(key.clone(), listed);
    }
    assert!(
        unlisted.is_empty(),
        "these are in tests/judges/differences.toml with their reason, or the simulator is changed:\n{unlisted:#?}"
    );
    for (at, entry) in list.difference.iter().enumerate() {
        for (member_at, member) in entry.members.iter().enumerate() {
            assert!(
                used.contains(&(at, member_at)),
                "{member} of {:?} ({}) no longer differs: {}",
                entry.operations,
                entry.side,
                entry.reason
            );
        }
    }
    assert!(rows.len() >= 25, "only {} operations were compared", rows.len());
    page::written(&page::text(&azure, &simulator, &rows, &list));
}

/// The table of the documentation.
mod page {
    use super::*;

    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/recordings.md");
    const HEAD: &str = "# The simulator compared with recordings of Azure\n\n\
        Generated by `tests/run judges` from 510 exchanges with Azure Resource Manager, which Microsoft's own test suites\n\
        recorded between 2021 and 2025. The recordings are not part of the project; `AKSBACKUP_RECORDINGS` names their folder.\n\n\
        * *recorded*: the number of responses with this status.\n\
        * *simulator*: `same` if its responses have no member, type, or header that no recording has, and every one that all recordings\n  \
        have; otherwise the number of different members, listed below with the reason. `no answer` if the programs don't get\n  \
        this response.\n\
        * *replayed*: the tests in which the programs get the recorded answers (`tests/judges/replays.rs`).\n\n\
        | operation | status | recorded | simulator | replayed |\n| --- | --- | --- | --- | --- |\n";

    pub(super) fn text(azure: &Side, simulator: &Side, rows: &BTreeMap<(String, u16), usize>, list: &List) -> String {
        let mut page = HEAD.to_owned();
        let replayed = replays::operations();
        for (key, theirs) in azure {
            let tests: Vec<&str> = replayed.get(key).into_iter().flatten().copied().collect();
            let compared = rows.get(key);
            if compared.is_none() && tests.is_empty() {
                continue;
            }
            let simulator = match compared {
                Some(0) => "same".to_owned(),
                Some(listed) => format!("{listed} listed"),
                None if simulator.contains_key(key) => "not compared".to_owned(),
                None => "no answer".to_owned(),
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {} | {simulator} | {} |",
                key.0,
                key.1,
                theirs.count,
                tests.join(", ")
            );
        }
        page += "\n## Differences\n\n| operations | side | members | reason |\n| --- | --- | --- | --- |\n";
        for entry in &list.difference {
            let code = |all: &[String]| {
                all.iter()
                    .map(|one| format!("`{one}`"))
                    .collect::<Vec<_>>()
                    .join("<br>")
            };
            let operations = if entry.operations == ["*"] {
                "all".to_owned()
            } else {
                code(&entry.operations)
            };
            let _ = writeln!(
                page,
                "| {operations} | {} | {} | {} |",
                entry.side,
                code(&entry.members),
                entry.reason
            );
        }
        page
    }

    pub(super) fn written(text: &str) {
        if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
            std::fs::write(PATH, text).unwrap();
        }
        let known = std::fs::read_to_string(PATH).unwrap_or_default();
        assert!(
            known == text,
            "docs/recordings.md is out of date: AKSBACKUP_WRITE_DOCS=1 tests/run judges writes it"
        );
    }
}
