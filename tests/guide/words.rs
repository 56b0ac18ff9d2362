//! What Azure says reaches the person whole: Entra's words, Resource Manager's, and who to ask about which request.

use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};

use crate::made::beside_each_other;
use crate::part::Part;

/// `prepare` with one variable of the environment otherwise.
fn prepare_with(stage: &Stage, name: &str, value: &str) -> Run {
    finish(stage.az_command("platform", &["prepare", "--yes"]).env(name, value))
}

#[test]
fn entra_s_words_are_whole() {
    let stage = Part::Prepare.stage();
    let cases = [
        (
            "AZURE_CLIENT_SECRET",
            "wrong",
            "AADSTS7000215",
            "not the client secret ID, for a secret added to app",
        ),
        ("AZURE_CLIENT_ID", "nobody", "AADSTS700016", "to the wrong tenant."),
        (
            "AZURE_TENANT_ID",
            "elsewhere",
            "AADSTS90002",
            "there are no active subscriptions for the tenant.",
        ),
    ];
    beside_each_other(&cases, |(name, value, code, words)| {
        let run = prepare_with(&stage, name, value).ends(Exit::NotPermitted.code());
        for part in [
            *words,
            "Trace ID: ",
            "Correlation ID: ",
            "Timestamp: ",
            "hint: ",
            &format!("code: {code}"),
        ] {
            assert!(run.stderr.contains(part), "{part:?} is missing\n{run}");
        }
        assert!(!run.stderr.contains("expected a borrowed string"), "{run}");
    });
}

#[test]
fn a_refused_connection_is_told_within_half_a_minute() {
    let stage = Part::Prepare.stage();
    stage.sandbox.set("resource_manager=https://127.0.0.1:1/").unwrap();
    let cases = [
        ("AKSBACKUP_UNUSED", ""),
        (
            "ARM_CLOUD_METADATA_URL",
            "https://127.0.0.1:1/metadata/endpoints?api-version=2022-09-01",
        ),
    ];
    beside_each_other(&cases, |(name, value)| {
        let begun = Instant::now();
        let run = prepare_with(&stage, name, value).ends(Exit::Failed.code());
        assert!(
            begun.elapsed() < Duration::from_secs(30),
            "{:?}\n{run}",
            begun.elapsed()
        );
        assert!(run.stderr.contains("refused") && run.stderr.contains("hint: "), "{run}");
    });
}

#[test]
fn every_request_says_who_asks_and_has_an_id_of_ours() {
    let stage = Part::Grant.stage();
    Part::Grant.run(&stage).ok();
    let entries = stage.since(0);
    let of_arm = entries
        .iter()
        .filter(|entry| entry.service == "arm" && !entry.target.starts_with("/metadata"));
    let mut ids: Vec<&str> = of_arm.map(|entry| entry.client_request_id.as_str()).collect();
    assert!(ids.len() > 30 && ids.iter().all(|id| id.len() == 36), "{ids:?}");
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "each request has its own");
    let nameless = entries
        .iter()
        .find(|entry| entry.service != "entra" && !entry.agent.starts_with("aksbackup/"));
    assert!(nameless.is_none(), "{nameless:#?}");
}

#[test]
fn an_error_document_names_its_command() {
    let stage = Stage::new().unwrap();
    let cases: [(&[&str], Exit, &str); 3] = [
        (&["prepare", "--yes", "-o", "json"], Exit::Missing, "missing"),
        (&["status", "--no-such-flag", "-o", "json"], Exit::Usage, "usage"),
        (&["backup", "-o", "json"], Exit::Missing, "missing"),
    ];
    for (arguments, exit, name) in cases {
        let document = stage.az("platform", arguments).ends(exit.code()).json();
        assert_eq!(document["command"], arguments[0], "{document:#}");
        assert_eq!(document["exit"], name, "{document:#}");
    }
    let document = stage.configure("viewer", &["-o", "json"]).json();
    assert_eq!(document["command"], "configure", "{document:#}");
}
