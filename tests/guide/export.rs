//! `export`: what was set up, as code; and the permissions of a person, as a custom role.

use std::fs;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::azure::personas::persona;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::schema::definitions;
use serde_json::Value;

use crate::cloud_world::{Protected, text};
use crate::teardown::created;

pub(crate) fn export(stage: &Stage, flags: &[&str]) -> String {
    let mark = stage.mark();
    let run = stage.az("reader", &[&["export"], flags].concat()).ok();
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "an export only reads");
    run.stdout
}

/// The resources of a template, those of nested deployments included, each with its ID.
pub(crate) fn resources(template: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for own in template["resources"].as_array().unwrap() {
        let inner = own.pointer("/properties/template/resources").and_then(Value::as_array);
        match inner {
            None => all.push((ids::group_id(text(own, "/name")), own.clone())),
            Some(inner) => {
                let group = ids::group_id(text(own, "/resourceGroup"));
                all.extend(inner.iter().map(|own| (id(&group, own), own.clone())));
            }
        }
    }
    all
}

fn id(group: &str, own: &Value) -> String {
    let (namespace, kinds) = text(own, "/type").split_once('/').unwrap();
    let pairs = kinds.split('/').zip(text(own, "/name").split('/'));
    let path: String = pairs.map(|(kind, name)| format!("/{kind}/{name}")).collect();
    let scope = match text(own, "/scope") {
        "" => group.to_owned(),
        on => format!("{group}/providers/{on}"),
    };
    format!("{scope}/providers/{namespace}{path}")
}

/// What a deployment of the resource would send.
fn body(own: &Value) -> Value {
    let mut body = own.clone();
    for name in ["type", "apiVersion", "name", "scope", "dependsOn"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body
}

#[test]
fn everything_that_was_created_is_in_the_template_and_microsoft_s_definitions_accept_it() {
    let world = Protected::new();
    let stage = &world.stage;
    let template: Value = serde_json::from_str(&export(stage, &[])).unwrap();
    let exported = resources(&template);
    let mut names: Vec<String> = exported.iter().map(|(id, _)| id.to_ascii_lowercase()).collect();
    let mut created: Vec<String> = created(stage).iter().map(|id| id.to_ascii_lowercase()).collect();
    names.sort();
    created.sort();
    assert_eq!(names, created);
    let (mut before, mut ordered): (Vec<&str>, usize) = (Vec::new(), 0);
    for own in template["resources"].as_array().unwrap() {
        let needs = own["dependsOn"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str);
        for need in needs {
            assert!(before.iter().any(|own| need.ends_with(&format!("/{own}"))), "{need}");
            ordered += 1;
        }
        before.push(text(own, "/name"));
    }
    assert!(ordered > 0, "{template:#}");
    let Some(checker) = definitions().unwrap() else { return };
    for (id, own) in &exported {
        let target = format!("{id}?api-version={}", text(own, "/apiVersion"));
        let problems = checker.request("PUT", &target, Some(&body(own)));
        assert_eq!(problems, Vec::<String>::new(), "{own:#}");
    }
}

/// A template describes what is there: sent once more, it changes nothing.
#[test]
fn each_body_is_that_of_the_resource() {
    let world = Protected::new();
    let stage = &world.stage;
    let template: Value = serde_json::from_str(&export(stage, &[])).unwrap();
    for (id, own) in resources(&template) {
        let live = match stage.sandbox.resource(&id) {
            Some(live) => live,
            None => {
                let all = stage.sandbox.role_assignments();
                let role = all.iter().find(|own| text(own, "/id").eq_ignore_ascii_case(&id));
                role.unwrap_or_else(|| panic!("{id}")).clone()
            }
        };
        assert_within(&id, &body(&own), &live);
    }
}

fn assert_within(place: &str, sent: &Value, live: &Value) {
    match (sent, live) {
        (Value::Object(sent), Value::Object(live)) => {
            for (name, own) in sent {
                assert_within(&format!("{place}/{name}"), own, live.get(name).unwrap_or(&Value::Null));
            }
        }
        (Value::Array(sent), Value::Array(live)) => {
            assert_eq!(sent.len(), live.len(), "{place}");
            for (own, live) in sent.iter().zip(live) {
                assert_within(place, own, live);
            }
        }
        (Value::String(sent), Value::String(live)) => {
            assert!(sent.eq_ignore_ascii_case(live), "{place}: {sent} {live}");
        }
        (sent, live) => assert_eq!(sent, live, "{place}"),
    }
}

/// Read by a parser of HCL, Terraform's file has the bodies of the template, each with the ID to import.
#[test]
fn terraform_gets_the_same_bodies_with_the_ids_to_import() {
    let world = Protected::new();
    let stage = &world.stage;
    let exported = stage.az("reader", &["export", "-o", "json"]).ok().json();
    let file: Value = hcl::from_str(&export(stage, &["--format", "terraform"])).unwrap();
    let (resources, imports) = (&file["resource"]["azapi_resource"], &file["import"]);
    let expected = exported["resources"].as_array().unwrap();
    let imports: Vec<&Value> = imports.as_array().unwrap().iter().collect();
    assert_eq!(
        (resources.as_object().unwrap().len(), imports.len()),
        (expected.len(), expected.len())
    );
    for (own, import) in expected.iter().zip(imports) {
        let id = text(own, "/id");
        assert_eq!(
            text(import, "/id"),
            format!("{id}?api-version={}", text(own, "/api_version"))
        );
        let label = text(import, "/to")
            .trim_start_matches("${azapi_resource.")
            .trim_end_matches('}');
        let resource = &resources[label];
        let mut body = resource["body"].clone();
        for name in ["location", "tags"] {
            if let Some(own) = resource.get(name) {
                body[name] = own.clone();
            }
        }
        if let Some(identity) = resource.get("identity") {
            body["identity"] = identity.clone();
        }
        assert_eq!(body, own["body"], "{label}");
        assert!(
            id.starts_with(text(resource, "/parent_id")) && id.ends_with(text(resource, "/name")),
            "{resource:#}"
        );
        assert!(text(resource, "/type").ends_with(&format!("@{}", text(own, "/api_version"))));
    }
    let held = resources
        .as_object()
        .unwrap()
        .values()
        .filter(|own| own["lifecycle"]["prevent_destroy"] == true);
    assert_eq!(held.count(), 4, "account, container, vault and instance");
}

#[test]
fn what_was_adopted_is_left_out_and_named() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let run = stage.az("reader", &["export"]).ok();
    let group = ids::group_id(ids::BACKUP_GROUP);
    assert!(
        run.stderr
            .contains(&format!("not exported: {group} (aksbackup didn't create it)")),
        "{run}"
    );
    assert!(
        run.stderr.contains("backupInstances/") && run.stderr.contains("(it doesn't exist)"),
        "{run}"
    );
    let template: Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(resources(&template).iter().all(|(id, _)| *id != group), "{run}");
    assert!(template["metadata"]["leftOut"].to_string().contains(&group), "{run}");
}

#[test]
fn before_anything_is_created_there_is_nothing_to_export() {
    let stage = Stage::new().unwrap();
    stage.az("reader", &["export"]).ends(Exit::Missing.code());
    stage.init("platform").ok();
    stage
        .az("reader", &["export"])
        .ends(Exit::Missing.code())
        .says("hasn't created any resources")
        .says("az aksbackup prepare");
}

#[test]
fn a_resource_that_cannot_be_read_is_no_smaller_export() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let run = stage.az("stranger", &["export"]).ends(Exit::NotPermitted.code());
    assert_eq!(run.stdout, "", "{run}");
}

#[test]
fn a_file_is_replaced_only_if_that_was_asked_for() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let file = stage.folder().join("backup.tf");
    let flags = ["export", "--format", "terraform", "--out", "backup.tf"];
    stage.az("reader", &flags).ok().says("export: wrote backup.tf");
    let first = fs::read_to_string(&file).unwrap();
    fs::write(&file, "edited").unwrap();
    stage.az("reader", &flags).ends(Exit::Usage.code()).says("--yes");
    assert_eq!(fs::read_to_string(&file).unwrap(), "edited");
    stage.az("reader", &[&flags[..], &["--yes"]].concat()).ok();
    assert_eq!(fs::read_to_string(&file).unwrap(), first);
    let document = stage.az("reader", &["export", "-o", "json"]).ok().json();
    assert!(document["resources"][0]["body"].is_object(), "{document:#}");
    assert!(!document["left_out"].as_array().unwrap().is_empty());
}

fn role(stage: &Stage, person: &str) -> Value {
    let run = stage
        .az("reader", &["export", "--format", "role", "--person", person])
        .ok();
    serde_json::from_str(&run.stdout).unwrap()
}

fn actions(role: &Value) -> Vec<String> {
    let all = role["Actions"].as_array().unwrap();
    all.iter().map(|own| own.as_str().unwrap().to_owned()).collect()
}

/// Leaves a persona with these actions in the subscription, and with nothing else.
fn only(stage: &Stage, name: &str, actions: &[String]) {
    let azure = stage.sandbox.azure();
    azure.disown(&persona(name).object_id);
    azure.assign_custom(&persona(name).object_id, actions, &ids::subscription_id());
}

#[test]
fn who_has_exactly_the_role_can_run_the_commands() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for (name, person) in [
        ("platform", "platform-team"),
        ("owner", "subscription-owner"),
        ("reader", "reader"),
    ] {
        let role = role(&stage, person);
        assert_eq!(role["AssignableScopes"][0], ids::subscription_id());
        only(&stage, name, &actions(&role));
    }
    let mark = stage.mark();
    let run = stage.az("platform", &["prepare", "--yes"]).ok();
    assert!(run.stderr.contains("all 18 required permissions granted"), "{run}");
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage.az("platform", &["stop", "--yes", "--reduce-protection"]).ok();
    stage.az("platform", &["resume", "--yes"]).ok();
    for command in ["status", "verify", "doctor", "jobs", "list", "export"] {
        stage.az("reader", &[command]).ok();
    }
    let refused: Vec<_> = stage
        .since(mark)
        .into_iter()
        .filter(|entry| entry.status == 403)
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn an_action_that_the_role_lacks_is_named_by_the_preflight() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let all = actions(&role(&stage, "platform-team"));
    for lacks in [
        "Microsoft.Storage/storageAccounts/write",
        "Microsoft.DataProtection/backupVaults/backupPolicies/write",
        "Microsoft.KubernetesConfiguration/extensions/write",
    ] {
        let left: Vec<String> = all.iter().filter(|own| *own != lacks).cloned().collect();
        assert_eq!(left.len() + 1, all.len(), "{lacks}");
        only(&stage, "platform", &left);
        let run = stage
            .az("platform", &["prepare", "--dry-run"])
            .ends(Exit::Pending.code());
        assert!(run.stderr.contains(&format!("lacks {lacks} on ")), "{run}");
    }
}

#[test]
fn a_role_needs_a_person_and_nothing_else_does() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage
        .az("reader", &["export", "--format", "role"])
        .ends(Exit::Usage.code())
        .says("--person");
    stage
        .az("reader", &["export", "--person", "reader"])
        .ends(Exit::Usage.code())
        .says("--format role");
}
