//! `-o yaml` of both programs, as a YAML parser of another making reads it: the one that az has.

use std::io::Write as _;
use std::process::{Command, Stdio};

use aksbackup_tests::harness::Run;
use serde_json::Value;

use crate::az::Az;

/// The document that PyYAML reads.
fn read(az: &Az, yaml: &str) -> Value {
    const SCRIPT: &str = "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin.buffer.read().decode())))";
    let python = az.command("nobody", &[]).get_program().to_owned();
    let mut command = Command::new(python);
    command
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(yaml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}\n{yaml}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Removes what differs from one run to the next.
fn timeless(document: &mut Value) {
    match document {
        Value::Object(fields) => {
            fields.retain(|key, _| !["at", "made_at"].contains(&key.as_str()));
            fields.values_mut().for_each(timeless);
        }
        Value::Array(items) => items.iter_mut().for_each(timeless),
        _ => {}
    }
}

#[test]
fn yaml_is_the_same_document() {
    let az = Az::bare(&[]);
    az.stage.configured();
    let cloud = |arguments: &[&str]| az.stage.az("platform", arguments);
    let cluster = |arguments: &[&str]| az.stage.kubectl("cluster-admin", arguments);
    let both = |arguments: &[&str], run: &dyn Fn(&[&str]) -> Run| {
        let in_form = |form| run(&[arguments, &["-o", form]].concat());
        let (json, yaml) = (in_form("json"), in_form("yaml"));
        assert_eq!(json.code, yaml.code, "{yaml}");
        assert!(!yaml.stdout.trim_start().starts_with('{'), "{yaml}");
        let mut expected: Value = serde_json::from_str(&json.stdout).unwrap();
        let mut own = read(&az, &yaml.stdout);
        timeless(&mut expected);
        timeless(&mut own);
        assert_eq!(own, expected, "{arguments:?}\n{yaml}");
    };
    let of_both: [&[&str]; 8] = [
        &["status", "--offline"],
        &["handoff", "--format", "markdown"],
        &["doctor", "list"],
        &["doctor", "explain", "FIC-ISSUER"],
        &["version"],
        &["schema"],
        &[
            "status",
            "--state",
            "none.toml",
            "--offline",
            "--expect-digest",
            "sha256:0",
        ],
        &["bogus"],
    ];
    for arguments in of_both {
        both(arguments, &cloud);
        both(arguments, &cluster);
    }
    both(&["verify"], &cloud);
    both(&["protect", "--dry-run"], &cloud);
    both(&["jobs"], &cloud);
    both(&["report", "--offline"], &cluster);
}
