//! docs/behaviours.md names switches and tests that are there.

use std::collections::BTreeSet;
use std::path::Path;

use aksbackup_tests::settings::Settings;
use serde_json::Value;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A row of the page.
struct Row {
    behaviour: String,
    switches: String,
    tests: String,
}

fn rows(page: &str) -> Vec<Row> {
    let lines = page.lines().filter(|line| line.starts_with("| "));
    let cells = lines.map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| !matches!(cells.first(), Some(&("behavior" | "---"))));
    rows.map(|cells| {
        let [behaviour, switches, tests] = cells[..] else {
            panic!("a row has three cells: {cells:?}")
        };
        Row {
            behaviour: behaviour.to_owned(),
            switches: switches.to_owned(),
            tests: tests.to_owned(),
        }
    })
    .collect()
}

/// What stands between backticks.
fn names(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// What is wrong with a switch: `SWITCH`, or `SWITCH=VALUE` as the sandbox takes it.
fn wrong_switch(switch: &str) -> Option<String> {
    if switch.contains('=') {
        return Settings::default().set(switch).err();
    }
    let all = serde_json::to_value(Settings::default()).unwrap();
    let there = all.get(switch).is_some_and(|value| !matches!(value, Value::Object(_)));
    (!there).then(|| format!("no switch is called '{switch}'"))
}

/// Every test of a folder of this suite, as `module::test`.
fn tests_of(folder: &str, prefix: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let files = std::fs::read_dir(Path::new(ROOT).join(folder)).unwrap();
    for path in files.map(|file| file.unwrap().path()).filter(|path| path.is_file()) {
        let module = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let named = text
            .split("#[test]\n")
            .skip(1)
            .filter_map(|test| test.strip_prefix("fn ")?.split_once('('));
        all.extend(named.map(|(name, _)| format!("{prefix}{module}::{name}")));
    }
    all
}

#[test]
fn every_row_names_switches_and_tests_that_are_there() {
    let page = std::fs::read_to_string(Path::new(ROOT).join("../docs/behaviours.md")).unwrap();
    let (rows, mut tests) = (rows(&page), tests_of("guide", ""));
    tests.extend(tests_of("guide/faults", "faults::"));
    assert!(
        rows.len() > 60 && tests.len() > 100,
        "{} rows, {} tests",
        rows.len(),
        tests.len()
    );
    let mut wrong = Vec::new();
    for row in &rows {
        let mut say = |text: String| wrong.push(format!("{}: {text}", row.behaviour));
        let switches = names(&row.switches);
        if switches.is_empty() && !row.switches.starts_with("none") {
            say(format!("neither a switch nor none: {}", row.switches));
        }
        switches
            .iter()
            .filter_map(|switch| wrong_switch(switch))
            .for_each(&mut say);
        let named = names(&row.tests);
        if named.is_empty() {
            say("no test".to_owned());
        }
        let missing = named.iter().filter(|name| !tests.contains(**name));
        missing
            .map(|name| format!("there is no test {name}"))
            .for_each(&mut say);
    }
    assert!(wrong.is_empty(), "docs/behaviours.md is wrong:\n{}", wrong.join("\n"));
}

#[test]
fn a_switch_that_is_not_there_is_noticed() {
    assert_eq!(wrong_switch("fault=429@PUT:x:2"), None);
    assert_eq!(wrong_switch("etag_moves"), None);
    for wrong in [
        "fault",
        "fault=oops@PUT:x",
        "no_such_switch",
        "issuer_on=perhaps",
        "kubernetes",
    ] {
        // `faults` is the list; a single one has its text.
        assert!(wrong_switch(wrong).is_some(), "{wrong}");
    }
}
