//! One handoff by programs of two versions: a file of 0.1.0 is continued, and what a later version adds survives.
//!
//! That a newer format number is refused is in `tests/durability/formats.rs`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aksbackup_tests::harness::Stage;
use toml::{Table, Value};

use crate::cloud_world::Protected;

/// What a program of a release wrote in the sandbox.
fn released(name: &str) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/tests/state-files");
    fs::read_to_string(folder.join(name)).unwrap()
}

/// What Azure and the sandbox choose anew each time.
const CHOSEN: [(&str, &str); 6] = [
    ("prerequisites", "issuer"),
    ("prerequisites", "cluster_principal"),
    ("storage", "blob_endpoint"),
    ("vault", "principal"),
    ("identity", "client_id"),
    ("identity", "principal"),
];

/// A stage that is prepared, with the file that version 0.1.0 wrote of it.
fn prepared_by_the_first_version() -> Stage {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let own: Table = stage.state_text().parse().unwrap();
    let mut file = released("1-prepared.toml");
    let then: Table = file.parse().unwrap();
    for (table, key) in CHOSEN {
        let text = |state: &Table| state["cloud"][table][key].as_str().unwrap().to_owned();
        file = file.replace(&text(&then), &text(&own));
    }
    fs::write(stage.state(), file).unwrap();
    stage
}

#[test]
fn a_handoff_that_the_first_version_began_is_finished_in_its_format() {
    let stage = prepared_by_the_first_version();
    let mark = stage.mark();
    let run = stage.az("platform", &["prepare", "--dry-run"]).ok();
    assert!(run.stdout.contains("nothing to change"), "{run}");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    let flags = stage.vouchers();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    stage
        .az("platform", &[&["protect", "--yes"], flags.as_slice()].concat())
        .ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage.az("platform", &["status", "--check"]).ok();
    let text = stage.state_text();
    assert!(text.contains("schema = 1\n") && !text.contains("ancestors"), "{text}");
    assert!(text.starts_with("# State of one cluster's backup set-up"), "{text}");
    assert!(text.contains("tool = \"az-aksbackup 0.1.0\""), "{text}");
}

/// The keys of a table with the types of their values, without who wrote what and without lists of results.
fn keys(prefix: &str, table: &Table, all: &mut BTreeMap<String, &'static str>) {
    for (key, value) in table {
        let path = format!("{prefix}.{key}");
        match value {
            Value::Table(_) if key == "written" => {}
            Value::Table(inner) => keys(&path, inner, all),
            other => {
                all.insert(path, other.type_str());
            }
        }
    }
}

#[test]
fn the_first_version_finds_every_key_that_it_knows() {
    let world = Protected::new();
    let (mut then, mut now) = (BTreeMap::new(), BTreeMap::new());
    keys("", &released("1-protected.toml").parse().unwrap(), &mut then);
    keys("", &world.stage.state_text().parse().unwrap(), &mut now);
    let gone: Vec<_> = then.iter().filter(|(key, kind)| now.get(*key) != Some(kind)).collect();
    assert!(gone.is_empty() && then.len() > 40, "{gone:?}\n{then:#?}");
}

/// What a later version might add.
const LATER: [(&str, &str); 3] = [
    ("[cloud.storage]\n", "later_key = \"kept\"\n"),
    ("[cloud.vault]\n", "later_table = { a = [1, 2], b = \"kept\" }\n"),
    ("[cloud.federation]\n", "later_list = [\"kept\"]\n"),
];

#[test]
fn what_a_later_version_adds_survives_each_write_of_both_programs() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let mut text = stage.state_text();
    for (table, line) in LATER {
        assert!(text.contains(table), "{table}\n{text}");
        text = text.replacen(table, &format!("{table}{line}"), 1);
    }
    text.push_str("\n[cloud.later]\nvalue = 1\n\n[cluster.later]\nvalue = 2\n\n[later]\nvalue = 3\n");
    fs::write(stage.state(), text).unwrap();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["init", "--retention", "14d", "--yes"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let text = stage.state_text();
    for kept in LATER.map(|(_, line)| line).iter().chain(&[
        "[cloud.later]\nvalue = 1\n",
        "[cluster.later]\nvalue = 2\n",
        "[later]\nvalue = 3\n",
    ]) {
        assert!(text.contains(kept), "{kept} is gone\n{text}");
    }
}
