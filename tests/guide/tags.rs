//! Tags of what `prepare` creates: those of the target next to our own, and nothing of theirs on what exists.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{INIT, Run, Stage, finish};
use serde_json::{Value, json};

const NEW_GROUPS: [&str; 6] = [
    "--storage-resource-group",
    "rg-new",
    "--vault-resource-group",
    "rg-new",
    "--snapshot-group",
    "rg-new-snapshots",
];

fn init(stage: &Stage, flags: &[&str]) -> Run {
    let cluster = ["init", "-g", "rg-aks", "-n", "aks-demo", "--yes"];
    stage.az("everything", &[&cluster, flags].concat())
}

/// The tags of a resource without our own.
fn tags(stage: &Stage, id: &str) -> Value {
    let mut tags = stage.sandbox.resource(id).unwrap()["tags"].clone();
    let own = tags.as_object_mut().unwrap();
    assert!(own.contains_key("aksbackup"), "{id}: {own:?}");
    own.retain(|name, _| !name.starts_with("aksbackup"));
    tags
}

#[test]
fn everything_that_is_created_has_the_tags_of_the_target_and_ours() {
    let stage = Stage::new().unwrap();
    let flags = ["--tags", "team=shop", "cost center=42", "reviewed"];
    init(&stage, &[&NEW_GROUPS[..], &flags].concat())
        .ok()
        .says("team=shop, cost center=42, reviewed=");
    finish(
        stage
            .az_command("everything", &["prepare", "--yes"])
            .args(stage.vouchers()),
    )
    .ok();
    let expected = json!({ "team": "shop", "cost center": "42", "reviewed": "" });
    for id in [
        ids::group_id("rg-new"),
        ids::group_id("rg-new-snapshots"),
        stage.value("/cloud/storage/account"),
        stage.value("/cloud/vault/vault"),
    ] {
        assert_eq!(tags(&stage, &id), expected, "{id}");
    }
    let mark = stage.mark();
    init(&stage, &["--tags", "team=other"]).ok();
    let run = finish(
        stage
            .az_command("everything", &["prepare", "--yes"])
            .args(stage.vouchers()),
    )
    .ok();
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "what exists keeps its tags\n{run}"
    );
    assert_eq!(stage.value("/target/tags/0"), "team=other");
    init(&stage, &["--tags", ""]).ok();
    assert!(!stage.state_text().contains("tags"), "{}", stage.state_text());
}

#[test]
fn a_tag_that_azure_or_we_would_not_have_is_refused_by_init() {
    let stage = Stage::new().unwrap();
    for (flags, says) in [
        (vec!["--tags", "a/b=c"], "isn't a valid tag"),
        (vec!["--tags", "aksbackup=x"], "isn't a valid tag"),
        (vec!["--tags", "Team=a", "team=b"], "specified twice"),
        (vec!["--set", "tags=Team=a,team=b"], "specified twice"),
        (vec!["--set", "tags=azure=x"], "isn't a valid tag"),
    ] {
        stage
            .az("platform", &[&INIT[..], &flags].concat())
            .ends(Exit::Usage.code())
            .says(says);
    }
    stage
        .az(
            "platform",
            &[&INIT[..], &["--set", "tags=team=shop,stage=test"]].concat(),
        )
        .ok();
    assert_eq!(stage.value("/target/tags/1"), "stage=test");
}
