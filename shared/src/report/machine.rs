//! The page for machines: one versioned document, and the findings in it as SARIF too.

use serde_json::{Value, json};

use crate::exit::Exit;
use crate::process::document;
use crate::report::model::{Found, Report};

/// The page as one JSON document. `sarif` in it is a whole log of SARIF 2.1.0, for tools that take nothing else.
#[must_use]
pub fn machine(report: &Report) -> String {
    let mut fields = json!({ "command": "report", "exit": Exit::Done });
    if let (Value::Object(fields), Ok(Value::Object(own))) = (&mut fields, serde_json::to_value(report)) {
        fields.extend(own);
        fields.insert("sarif".into(), sarif(report));
    }
    document(fields)
}

fn sarif(report: &Report) -> Value {
    let current: Vec<&Found> = report.findings.iter().filter(|found| !found.outdated).collect();
    let mut rules: Vec<&str> = current.iter().map(|found| found.rule_id.as_str()).collect();
    rules.sort_unstable();
    rules.dedup();
    let results: Vec<Value> = current.iter().map(|found| result(found, &rules)).collect();
    let rules: Vec<Value> = rules.iter().map(|id| json!({ "id": id })).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "aksbackup", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "results": results,
        }],
    })
}

fn result(found: &Found, rules: &[&str]) -> Value {
    let index = rules.iter().position(|id| *id == found.rule_id);
    let link = found.location.link.title();
    json!({
        "ruleId": found.rule_id,
        "ruleIndex": index,
        "level": found.level,
        "message": { "text": found.message },
        "locations": [{ "logicalLocations": [{
            "name": found.location.object,
            "fullyQualifiedName": format!("{link}/{}", found.location.object),
            "kind": "resource",
        }] }],
        "properties": { "certainty": found.certainty, "fix": found.fix, "command": found.command },
    })
}
