//! Every row of the catalogue: how it was tried, and whether `doctor` named it first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use aksbackup_tests::harness::Stage;

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
fn rows(stage: &Stage) -> BTreeMap<String, bool> {
    let list = stage
        .kubectl("cluster-admin", &["doctor", "list", "-o", "json"])
        .ok()
        .json();
    let all = list["failures"].as_array().cloned().unwrap_or_default();
    let row = |row: &serde_json::Value| {
        let has_text = row["patterns"].as_array().is_some_and(|all| !all.is_empty());
        (row["id"].as_str().unwrap_or_default().to_owned(), has_text)
    };
    all.iter().map(row).collect()
}

/// How each row is tried.
fn table(rows: &BTreeMap<String, bool>) -> (String, usize) {
    let samples = all();
    let mut lines = String::new();
    let mut fixtures = 0;
    for (id, has_text) in rows {
        let quoted = format!("\"{id}\"");
        let own = samples
            .iter()
            .filter(|sample| sample.id == *id && !matches!(sample.place, Place::Unit | Place::Harmless));
        let mut how: Vec<String> = own.map(|sample| sample.place.title().to_owned()).collect();
        let states = BY_STATE.iter().filter(|(_, source)| source.contains(&quoted));
        how.extend(states.map(|(name, _)| format!("state, by `{name}`")));
        fixtures += usize::from(!how.is_empty());
        if how.is_empty() {
            how.push(
                if *has_text {
                    "unit test on its text"
                } else {
                    "unit test on its state"
                }
                .to_owned(),
            );
        }
        let harmless = samples
            .iter()
            .any(|sample| sample.id == *id && sample.place == Place::Harmless);
        let result = if harmless {
            "no failure: not reported"
        } else {
            "named first"
        };
        let _ = writeln!(lines, "| {id} | {} | {result} |", how.join("; "));
    }
    (lines, fixtures)
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/failures/tested.md")
}

#[test]
fn the_table_of_rows_is_whole_and_kept() {
    let stage = Stage::new().unwrap();
    let rows = rows(&stage);
    assert_eq!(rows.len(), 203);
    for sample in all() {
        assert!(rows.contains_key(&sample.id), "there is no row {}", sample.id);
    }
    let (lines, fixtures) = table(&rows);
    println!("{lines}{fixtures} of {} rows by a fixture", rows.len());
    assert!(fixtures >= 150, "only {fixtures} rows are tried by a fixture");
    let text = format!(
        "# How each known failure was tried\n\nBy a fixture: the sandbox is in that state, or says that text in that place, and the real binary's \
         `doctor` has to name the row first (`tests/run doctor`, `tests/run cluster`, `tests/run faults`). Else by a unit test of the engine, on the row's \
         text or state alone. Refusals of Resource Manager are said to a read, because `doctor` writes nothing.\n\n{fixtures} of {} rows by \
         a fixture, the others by unit tests. `AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-tests --test doctor table` writes this page.\n\n\
         | row | tried by | result |\n| --- | --- | --- |\n{lines}",
        rows.len()
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
