//! The checker against the definitions themselves.

use std::env;
use std::path::PathBuf;
use std::time::Instant;

use serde_json::{Value, json};

use super::{Checker, Coverage};

const GROUP: &str = "/subscriptions/c267c0e7-0a73-4789-9e17-d26aeb0904e5/resourceGroups/rg1/providers";

/// The folder of the definitions. It is not part of the project: without it these tests are off, loudly, except where a
/// change is judged.
fn folder() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/arm-schema");
    let folder = env::var_os("AKSBACKUP_ARM_SCHEMA").map_or_else(beside, PathBuf::from);
    if folder.join("arm-bundle.json").is_file() {
        return Some(folder);
    }
    assert!(env::var_os("CI").is_none(), "no ARM definitions in {}: set AKSBACKUP_ARM_SCHEMA", folder.display());
    eprintln!("SKIPPED: no ARM definitions in {}: set AKSBACKUP_ARM_SCHEMA", folder.display());
    None
}

fn checker() -> Option<Checker> {
    folder().map(|folder| Checker::load(&folder).unwrap())
}

#[test]
fn every_case_gets_its_verdict() {
    let Some(checker) = checker() else { return };
    let text = std::fs::read_to_string(folder().unwrap().join("cases.json")).unwrap();
    let cases: Vec<Value> = serde_json::from_str(&text).unwrap();
    assert_eq!(cases.len(), 51);
    let mut wrong = Vec::new();
    for case in &cases {
        let (method, url, body) = (case["method"].as_str().unwrap(), case["url"].as_str().unwrap(), case.get("body"));
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

#[test]
fn loading_and_checking_are_fast() {
    let Some(folder) = folder() else { return };
    let start = Instant::now();
    let checker = Checker::load(&folder).unwrap();
    let loaded = start.elapsed();
    let target = format!("{GROUP}/Microsoft.ContainerService/managedClusters/c1?api-version=2026-05-01");
    let body = json!({ "location": "westeurope", "properties": { "oidcIssuerProfile": { "enabled": true } } });
    let first = Instant::now();
    assert_eq!(checker.request("PUT", &target, Some(&body)), [""; 0]);
    let first = first.elapsed();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(checker.request("PUT", &target, Some(&body)).is_empty());
    }
    let each = start.elapsed() / 100;
    eprintln!("load {loaded:?}, first check {first:?}, each further {each:?}");
    assert!(loaded.as_secs() < 5 && first.as_secs() < 5 && each.as_millis() < 50);
}
