//! The first judge: Microsoft's definitions of the API, and proof that they judge.

use std::io::{self, Write as _};
use std::path::PathBuf;

use aksbackup_tests::log::Entry;
use aksbackup_tests::schema::{Checker, OFF, VARIABLE, definitions};
use serde_json::Value;

use crate::program::SandboxProgram;

/// The checker. Without the definitions, which are not part of the project, what needs them is off, loudly.
pub(crate) fn checker() -> Option<Checker> {
    let checker = definitions().unwrap();
    if checker.is_none() {
        let _ = writeln!(io::stderr(), "SKIPPED: {OFF}. Set {VARIABLE} to their folder.");
    }
    checker
}

/// The folder that the checker reads.
fn folder() -> PathBuf {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schema");
    std::env::var_os(VARIABLE).map_or_else(beside, PathBuf::from)
}

#[test]
fn every_case_gets_its_verdict() {
    let Some(checker) = checker() else { return };
    let text = std::fs::read_to_string(folder().join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 51);
    let mut wrong = Vec::new();
    for case in &cases {
        let (method, url, body) = (
            case["method"].as_str().unwrap(),
            case["url"].as_str().unwrap(),
            case.get("body"),
        );
        let problems = match case["status"].as_u64() {
            Some(status) => checker.response(method, url, u16::try_from(status).unwrap(), body),
            None => checker.request(method, url, body),
        };
        if problems.is_empty() != case["expect"].as_bool().unwrap() {
            wrong.push(format!("{}: {problems:#?}", case["name"]));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `init` against a sandbox whose environment names `folder`: what the sandbox wrote to standard error, and its requests.
fn judged(folder: &str) -> (String, Vec<Entry>) {
    let mut sandbox = SandboxProgram::start(&[(VARIABLE, folder)]);
    let run = sandbox.az("platform", &aksbackup_tests::harness::INIT);
    assert_eq!(run.code, 0, "{run}");
    sandbox.stop();
    (sandbox.stderr(), sandbox.requests())
}

fn arm(requests: &[Entry]) -> impl Iterator<Item = &Entry> {
    requests
        .iter()
        .filter(|entry| entry.service == "arm" && !entry.target.starts_with("/metadata"))
}

#[test]
fn without_definitions_the_check_is_off_and_says_so() {
    let (said, requests) = judged("");
    assert!(said.contains(OFF) && said.contains(VARIABLE), "{said}");
    assert!(arm(&requests).count() > 0);
    assert!(arm(&requests).all(|entry| entry.violations.is_empty()), "{requests:#?}");
}

#[test]
fn definitions_that_were_named_and_are_not_there_fail_every_request() {
    let (said, requests) = judged("/nowhere");
    assert!(said.contains("/nowhere/arm-bundle.json"), "{said}");
    assert!(arm(&requests).count() > 0);
    let failed = |entry: &Entry| {
        entry
            .violations
            .iter()
            .any(|one| one.starts_with("nothing was checked"))
    };
    assert!(arm(&requests).all(failed), "{requests:#?}");
}

#[test]
fn definitions_that_were_named_judge_every_request() {
    if checker().is_none() {
        return;
    }
    let folder = folder();
    let mut sandbox = SandboxProgram::start(&[(VARIABLE, folder.to_str().unwrap())]);
    let cluster = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-aks/providers/\
                   Microsoft.ContainerService/managedClusters/aks-demo?api-version=2026-05-01&invented=1";
    sandbox.az("platform", &aksbackup_tests::harness::INIT);
    sandbox.get(cluster);
    sandbox.stop();
    let requests = sandbox.requests();
    let (bad, good): (Vec<_>, Vec<_>) = arm(&requests).partition(|entry| entry.target.contains("invented=1"));
    assert!(
        good.iter().all(|entry| entry.violations.is_empty()) && !good.is_empty(),
        "{good:#?}"
    );
    assert_eq!(bad.len(), 1);
    assert!(bad[0].violations[0].starts_with("request query invented: "), "{bad:#?}");
}
