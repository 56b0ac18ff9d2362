//! Every row of the catalogue: how it was tried, and whether `doctor` named it first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aksbackup_tests::advice::sources;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::remedies::promises;

use crate::channels::{az_doctor, configured, found, kubectl_doctor, protected, with};
use crate::samples::{Place, Sample, all};

/// Tests that make states, and name the row that each of them is.
const BY_STATE: [(&str, &str); 4] = [
    ("tests/cluster/doctor.rs", include_str!("../cluster/doctor.rs")),
    ("tests/cluster/worlds.rs", include_str!("../cluster/worlds.rs")),
    (
        "tests/guide/faults/cloud_failures.rs",
        include_str!("../guide/faults/cloud_failures.rs"),
    ),
    (
        "tests/guide/faults/cloud_texts.rs",
        include_str!("../guide/faults/cloud_texts.rs"),
    ),
];

/// Those of them that run the fix that the programs print, and find the failure gone.
const FIXED_BY: [&str; 3] = [
    "tests/cluster/doctor.rs",
    "tests/guide/faults/cloud_failures.rs",
    "tests/guide/faults/cloud_texts.rs",
];

/// Why no test runs the fix of a failure, by its id.
fn untried() -> BTreeMap<String, String> {
    let groups: toml::Table = include_str!("untried.toml").parse().unwrap();
    let reason = |group: &toml::Value| group["reason"].as_str().unwrap().to_owned();
    let ids = |group: &toml::Value| group["ids"].as_array().unwrap().clone();
    let of_group = |group: &toml::Value| {
        let reason = reason(group);
        ids(group)
            .into_iter()
            .map(move |id| (id.as_str().unwrap().to_owned(), reason.clone()))
    };
    groups.values().flat_map(of_group).collect()
}

/// A row as the program lists it.
struct Row {
    id: String,
    has_text: bool,
    /// Whether a command of ours is its fix.
    has_command: bool,
}

impl Row {
    fn of(row: &serde_json::Value) -> Self {
        Self {
            id: row["id"].as_str().unwrap_or_default().to_owned(),
            has_text: row["patterns"].as_array().is_some_and(|all| !all.is_empty()),
            has_command: promises(row),
        }
    }

    /// The tests in which a state is this failure.
    fn states(&self) -> impl Iterator<Item = &'static str> {
        let quoted = format!("\"{}\"", self.id);
        let states = BY_STATE.iter().filter(move |(_, source)| source.contains(&quoted));
        states.map(|(name, _)| *name)
    }

    /// What was done with its fix.
    fn fix(&self, untried: &BTreeMap<String, String>) -> String {
        let tried = self.states().any(|name| FIXED_BY.contains(&name));
        match (self.has_command, untried.get(&self.id)) {
            (false, _) => "not an aksbackup command".into(),
            (true, Some(_)) => "not run, see below".into(),
            (true, None) if tried => "run, failure gone".into(),
            (true, None) => panic!("{}: no test runs its fix, and untried.toml doesn't say why", self.id),
        }
    }
}

/// Says each text in its place, and asks `doctor`. Gives what it named, by the sample's id and place.
fn tried(samples: &[Sample], stage: &Stage, ask: impl Fn(&Stage) -> Vec<String>) -> Vec<(Sample, Vec<String>)> {
    let one = |sample: &Sample| (sample.clone(), with(stage, sample, &ask));
    samples.iter().map(one).collect()
}

fn of(places: &[Place]) -> Vec<Sample> {
    all()
        .into_iter()
        .filter(|sample| places.contains(&sample.place))
        .collect()
}

/// Which of them were not named first, in words.
fn wrong(tried: &[(Sample, Vec<String>)]) -> Vec<String> {
    let missed = tried.iter().filter(|(sample, found)| found.first() != Some(&sample.id));
    missed
        .map(|(sample, found)| format!("{} ({}): {found:?}", sample.id, sample.place.title()))
        .collect()
}

#[track_caller]
fn all_named_first(tried: &[(Sample, Vec<String>)]) {
    assert!(!tried.is_empty());
    for (sample, found) in tried {
        let first = found.first().map_or("nothing", String::as_str);
        println!("{:<28} {:<32} {first}", sample.id, sample.place.title());
    }
    let wrong = wrong(tried);
    assert!(
        wrong.is_empty(),
        "{} of {} were not named first:\n{}",
        wrong.len(),
        tried.len(),
        wrong.join("\n")
    );
}

#[test]
fn what_the_storage_location_says_is_known() {
    let stage = configured();
    all_named_first(&tried(&of(&[Place::StorageLocation]), &stage, |stage| {
        found(&kubectl_doctor(stage))
    }));
}

#[test]
fn what_logs_and_events_say_is_known() {
    let stage = configured();
    let places = [Place::VeleroLog, Place::PodLog, Place::Event];
    all_named_first(&tried(&of(&places), &stage, |stage| found(&kubectl_doctor(stage))));
}

#[test]
fn what_azure_says_of_its_resources_is_known() {
    let stage = protected();
    let places = [Place::Extension, Place::Protection, Place::Job];
    all_named_first(&tried(&of(&places), &stage, |stage| found(&az_doctor(stage))));
}

#[test]
fn what_azure_refuses_is_known() {
    let stage = protected();
    let places = [Place::Refusal, Place::SignIn];
    all_named_first(&tried(&of(&places), &stage, |stage| found(&az_doctor(stage))));
}

#[test]
fn a_healthy_hand_off_has_no_finding() {
    let stage = protected();
    for run in [kubectl_doctor(&stage), az_doctor(&stage)] {
        assert_eq!(found(&run), [""; 0], "{run}");
        run.ends(0);
    }
}

/// The rows, by the program's own list.
fn rows(stage: &Stage) -> Vec<Row> {
    let list = stage
        .kubectl("cluster-admin", &["doctor", "list", "-o", "json"])
        .ok()
        .json();
    let all = list["failures"].as_array().cloned().unwrap_or_default();
    let mut rows: Vec<Row> = all.iter().map(Row::of).collect();
    rows.sort_by(|left, right| left.id.cmp(&right.id));
    rows
}

/// How each row is tried.
fn table(rows: &[Row]) -> (String, usize) {
    let (samples, untried) = (all(), untried());
    let mut lines = String::new();
    let mut fixtures = 0;
    for row in rows {
        let id = &row.id;
        let own = samples.iter().filter(|sample| sample.id == *id);
        let said = own
            .clone()
            .filter(|own| !matches!(own.place, Place::Unit | Place::Harmless));
        let mut how: Vec<String> = said.map(|sample| sample.place.title().to_owned()).collect();
        how.extend(row.states().map(|name| format!("state, by `{name}`")));
        fixtures += usize::from(!how.is_empty());
        if how.is_empty() {
            how.push(format!(
                "unit test of its {}",
                if row.has_text { "message" } else { "state" }
            ));
        }
        let result = match own.clone().any(|sample| sample.place == Place::Harmless) {
            true => "not reported, as expected",
            false => "named first",
        };
        let _ = writeln!(
            lines,
            "| {id} | {} | {result} | {} |",
            how.join("; "),
            row.fix(&untried)
        );
    }
    (lines, fixtures)
}

/// The fixes that no test runs, with the reasons.
fn not_run(rows: &[Row]) -> String {
    let mut lines = String::new();
    for (id, reason) in untried() {
        let row = rows.iter().find(|row| row.id == id);
        assert!(
            row.is_some_and(|row| row.has_command),
            "{id} has no command of ours that could be tried"
        );
        let _ = writeln!(lines, "| {id} | {reason} |");
    }
    lines
}

/// A row has texts, or a check of one of the programs proves it.
#[test]
fn every_row_can_be_named() {
    let checks: String = ["az-aksbackup", "kubectl-aksbackup"]
        .iter()
        .flat_map(|own| sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(own).join("src")))
        .map(|(_, text)| {
            text.split("#[cfg(test)]\nmod tests")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect();
    let rows = rows(&Stage::new().unwrap());
    let never = rows
        .iter()
        .filter(|row| !row.has_text && !checks.contains(&format!("\"{}\"", row.id)));
    assert_eq!(never.map(|row| row.id.as_str()).collect::<Vec<_>>(), [""; 0]);
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/failures/tested.md")
}

#[test]
fn the_table_of_rows_is_whole_and_kept() {
    let stage = Stage::new().unwrap();
    let rows = rows(&stage);
    assert_eq!(rows.len(), 215);
    for sample in all() {
        assert!(
            rows.iter().any(|row| row.id == sample.id),
            "there is no row {}",
            sample.id
        );
    }
    let (lines, fixtures) = table(&rows);
    println!("{lines}{fixtures} of {} rows by a fixture", rows.len());
    assert!(fixtures >= 150, "only {fixtures} rows are tried by a fixture");
    let text = format!(
        "# How each known failure was tested\n\nMost failures are tested by a fixture: the simulator is in that state, or returns that message in \
         that place, and `doctor`\nmust name the failure first (`tests/run doctor`, `tests/run cluster`, `tests/run faults`). The others are tested by \
         a unit test\nof the matching engine. Write errors of Azure Resource Manager are returned for a read, because `doctor` writes \
         nothing.\n\n{fixtures} of {} failures are tested by a fixture. To update this page, run \
         `AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-tests --test doctor table`.\n\n\
         If the fix is an aksbackup command, the test runs it as it is printed, as the persona that is responsible for it, and the failure \
         must be gone.\nFixes that are az or kubectl commands are parsed by the real programs (`tests/run native`).\n\n\
         | failure | tested by | result | fix |\n| --- | --- | --- | --- |\n{lines}\n\
         ## Fixes that no test runs\n\n| failure | reason |\n| --- | --- |\n{}",
        rows.len(),
        not_run(&rows)
    );
    if std::env::var_os("AKSBACKUP_WRITE_DOCS").is_some() {
        std::fs::write(page(), &text).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(page()).unwrap_or_default(),
        text,
        "AKSBACKUP_WRITE_DOCS=1 writes docs/failures/tested.md"
    );
}
