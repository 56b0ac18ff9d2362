//! What the state file claims, held against the sandbox.

use aksbackup_tests::harness::Stage;
use serde_json::Value;

/// Everything that the file says this tool has made is there.
pub(crate) fn created_is_there(stage: &Stage) {
    let state: Value = toml::from_str(&stage.state_text()).unwrap();
    let assignments = stage.sandbox.role_assignments();
    for own in state
        .pointer("/cloud/created")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        let object = own["object"].as_str().unwrap();
        let is_own = |other: &Value| other["id"].as_str().is_some_and(|id| id.eq_ignore_ascii_case(object));
        let there = stage.sandbox.resource(object).is_some() || assignments.iter().any(is_own);
        assert!(there, "{object} was never made\n{}", stage.state_text());
    }
}
