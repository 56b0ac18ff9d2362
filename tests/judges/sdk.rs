//! The second judge: Microsoft's own clients for Python, over TLS, with their pollers and their models.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::{Value, json};

use crate::coverage::{bases, whole_job};
use crate::definitions::checker;
use aksbackup_tests::python::Python;

/// How these clients name themselves.
pub(crate) const GUEST: &str = "azsdk-python-";

/// Their own api-versions, where the definitions do not reach, in place of which they can be told to use these.
fn checked_versions() -> Value {
    json!({ "containers": "2026-05-01", "storage": "2026-04-01" })
}

/// Runs a script as `who` with a job, to which the way to the sandbox is added, and gives its one JSON document.
pub(crate) fn script(stage: &Stage, who: &str, name: &str, mut job: Value) -> Value {
    let who = persona(who);
    job["endpoint"] = json!(stage.sandbox.endpoint());
    job["tenant"] = json!(ids::TENANT);
    job["subscription"] = json!(ids::SUBSCRIPTION);
    job["client_id"] = json!(who.client_id);
    job["client_secret"] = json!(who.secret);
    let file = stage.folder().join("job.json");
    fs::write(&file, job.to_string()).unwrap();
    let mut python = Python::with("sdk").unwrap().command();
    python
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("judges").join(name))
        .arg(file)
        .env("REQUESTS_CA_BUNDLE", stage.folder().join("ca.pem"))
        .env_remove("CURL_CA_BUNDLE");
    let run: Run = finish(&mut python).ok();
    serde_json::from_str(&run.stdout).unwrap()
}

fn walk(stage: &Stage, versions: Value) {
    let start = Instant::now();
    let walked = script(stage, "everything", "walk.py", json!({ "versions": versions }));
    let entries = stage.since(0);
    let requests = entries.iter().filter(|entry| entry.agent.contains(GUEST)).count();
    let _ = writeln!(
        io::stderr(),
        "judges: Microsoft's clients did {} steps and followed {} long-running operations with {requests} requests in {} s",
        walked["steps"],
        walked["pollers"],
        start.elapsed().as_secs()
    );
}

const SWITCHES: [&str; 2] = ["providers_registered=false", "page_size=2"];

/// In the api-versions that these clients come with.
#[test]
fn microsofts_clients_walk_everything_and_the_way_back() {
    let stage = Stage::with(&SWITCHES).unwrap().hosting(&[GUEST]);
    walk(&stage, json!({}));
}

/// What the binaries use and Microsoft's clients don't have, each for its reason: permissions of a whole subscription are published for
/// groups and resources only, and Resource Graph has a client of its own, which isn't among those that walk; Azure's own extension for
/// backups queries it in `dataprotection`. The binaries go on where Azure doesn't answer.
const NOT_IN_CLIENTS: [&str; 2] = ["Permissions_ListForScope", "ResourceGraph_Resources"];

/// In api-versions that the definitions hold: nothing is forgiven here, and every operation of the binaries is among those
/// that were walked.
#[test]
fn microsofts_clients_walk_every_operation_of_the_binaries_under_the_definitions() {
    let stage = Stage::with(&SWITCHES).unwrap();
    walk(&stage, checked_versions());
    let Some(checker) = checker() else { return };
    let names = |stage: &Stage| -> BTreeSet<String> {
        let bases = bases(&checker, &stage.since(0));
        bases.into_iter().map(|basis| basis.operation).collect()
    };
    let (walked, used) = (names(&stage), names(&whole_job()));
    let missed: Vec<&str> = used.difference(&walked).map(String::as_str).collect();
    assert_eq!(missed, NOT_IN_CLIENTS, "what the walk leaves out");
    let _ = writeln!(
        io::stderr(),
        "judges: Microsoft's clients walked {} operations, {} of the {} of az-aksbackup among them",
        walked.len(),
        used.len() - missed.len(),
        used.len()
    );
}
