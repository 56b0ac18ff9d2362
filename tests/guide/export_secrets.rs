//! What `export` leaves out: secrets, and what gives access to others.

use std::fs;

use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

use crate::cloud_world::{Protected, text};
use crate::export::{export, resources};

/// The resources of an export by ID, and what it names as left out.
fn document(stage: &Stage) -> (Vec<String>, String) {
    let document = stage.az("reader", &["export", "-o", "json"]).ok().json();
    let ids = document["resources"].as_array().unwrap().iter();
    let ids = ids.map(|own| text(own, "/id").to_ascii_lowercase()).collect();
    (ids, document["left_out"].to_string().to_ascii_lowercase())
}

/// Printed or written, an export has no secret in it, and is the same to the byte.
#[test]
fn no_secret_is_exported_and_what_is_printed_is_what_is_written() {
    let world = Protected::new();
    let stage = &world.stage;
    world.setting("velero.connectionString", "Endpoint=x;Key=Zm9vYmFyYmF6");
    world.setting("note", "AccountKey=Zm9vYmFyYmF6Zm9v;EndpointSuffix=core");
    world.setting("resources.cpu\u{202e}", "1\u{8}\u{c}${x}");
    world.change(
        &world.vault(),
        "/tags",
        json!({ "db_password": "hunter22-hunter22", "[subscription().displayName]": "[x]" }),
    );
    for format in ["arm", "terraform"] {
        let run = stage.az("reader", &["export", "--format", format]).ok();
        let written = stage.folder().join(format);
        let flags = ["export", "--format", format, "--out", written.to_str().unwrap()];
        stage.az("reader", &flags).ok();
        assert_eq!(fs::read_to_string(&written).unwrap(), run.stdout, "{format}");
        for secret in ["Zm9vYmFy", "hunter22", "[masked]", "\u{202e}"] {
            assert!(!run.stdout.contains(secret), "{secret}\n{run}");
        }
        for left_out in ["setting velero.connectionString", "setting note", "tag db_password"] {
            assert!(
                run.stderr
                    .contains(&format!("not exported: {left_out} of /subscriptions/")),
                "{run}"
            );
            assert!(run.stdout.contains(left_out), "{run}");
        }
    }
    let template: Value = serde_json::from_str(&export(stage, &[])).unwrap();
    let all = resources(&template);
    let (_, vault) = all
        .iter()
        .find(|(id, _)| id.eq_ignore_ascii_case(&world.vault()))
        .unwrap();
    assert_eq!(vault["tags"], json!({ "[[subscription().displayName]": "[[x]" }));
    let file: Value = hcl::from_str(&export(stage, &["--format", "terraform"])).unwrap();
    let extension = &file["resource"]["azapi_resource"]["extension"]["body"]["properties"]["configurationSettings"];
    assert!(extension.to_string().contains("1\\b\\f"), "{extension:#}");
}

/// A state file that claims what others set up doesn't make it part of the export: a deployment would give access again.
#[test]
fn what_gives_access_is_exported_only_as_it_was_set() {
    let world = Protected::new();
    let stage = &world.stage;
    let before = document(stage);
    let azure = world.azure();
    let account = world.account();
    azure.assign(&persona("stranger").object_id, "Owner", &account).unwrap();
    azure.assign(&world.principal(), "Owner", &account).unwrap();
    let roles = azure.role_assignments();
    let mut foreign: Vec<String> = roles
        .iter()
        .filter(|own| text(own, "/properties/scope").eq_ignore_ascii_case(&account))
        .map(|own| text(own, "/id").to_owned())
        .filter(|id| !stage.state_text().contains(id.as_str()))
        .collect();
    assert_eq!(foreign.len(), 2, "{roles:#?}");
    let own = &world.credentials()[0];
    let kept = text(own, "/id").to_owned();
    world.change(
        &kept,
        "/properties/subject",
        json!("system:serviceaccount:kube-system:default"),
    );
    let binding = world.binding();
    world.change(
        &binding,
        "/properties/roles",
        json!(["Microsoft.MachineLearningServices/workspaces/mlworkload"]),
    );
    claim(stage, &foreign);
    foreign.extend([kept, binding]);
    let (ids, left_out) = document(stage);
    for id in &foreign {
        let id = id.to_ascii_lowercase();
        assert!(
            !ids.contains(&id) && left_out.contains(&id),
            "{id}\n{ids:#?}\n{left_out}"
        );
    }
    assert_eq!(ids.len() + 2, before.0.len(), "{ids:#?}\n{:#?}", before.0);
}

/// Adds the role assignments to what the state file says that `grant` created.
fn claim(stage: &Stage, roles: &[String]) {
    let mut state: Value = toml::from_str(&stage.state_text()).unwrap();
    let created = state
        .pointer_mut("/cloud/created")
        .and_then(Value::as_array_mut)
        .unwrap();
    created.extend(
        roles
            .iter()
            .map(|id| json!({ "step": "roles", "object": id, "at": "2026-01-01T00:00:00Z" })),
    );
    fs::write(stage.state(), toml::to_string(&state).unwrap()).unwrap();
}
