//! Plans that are saved, reviewed, and applied as they are.

use std::fs;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::azure::ids;
use aksbackup_tests::harness::{Run, Stage, finish};
use serde_json::{Value, json};

fn save(stage: &Stage, person: &str, command: &str) -> Value {
    let run = stage.az(person, &[command, "--dry-run", "--plan-out", "plan.json", "--yes"]);
    run.ends(Exit::Pending.code()).says("saved the plan to plan.json");
    serde_json::from_str(&fs::read_to_string(stage.folder().join("plan.json")).unwrap()).unwrap()
}

fn apply(stage: &Stage, person: &str) -> Run {
    finish(
        stage
            .az_command(person, &["apply", "plan.json", "--yes"])
            .args(stage.vouchers()),
    )
}

/// Nothing is written, neither to Azure nor to the state file.
fn refuses(stage: &Stage, person: &str, exit: Exit, says: &str) {
    let (mark, before) = (stage.mark(), stage.state_text());
    let run = apply(stage, person).ends(exit.code()).says(says);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{run}");
    assert_eq!(stage.state_text(), before, "{run}");
}

#[test]
fn the_whole_handoff_is_done_by_plans() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let plan = save(&stage, "platform", "prepare");
    let summaries: Vec<&str> = plan["changes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["summary"].as_str().unwrap())
        .collect();
    assert!(
        summaries.iter().any(|own| own.starts_with("create storage account ")),
        "{summaries:#?}"
    );
    // Another person of the same team, with other names for the same things.
    apply(&stage, "everything").ok().says("prepare: complete");
    refuses(&stage, "platform", Exit::Pending, "the plan is stale");
    save(&stage, "owner", "grant");
    apply(&stage, "owner").ok().says("grant: complete");
    stage.configure("cluster-admin", &[]).ok();
    save(&stage, "platform", "protect");
    apply(&stage, "platform").ok().says("protect: complete");
    stage.az("platform", &["status", "--check"]).ends(Exit::Pending.code());
}

/// A plan that no one confirmed isn't stale: to save it again would lead nowhere.
#[test]
fn a_plan_that_no_one_confirmed_is_said_to_be_so() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    save(&stage, "owner", "grant");
    let mark = stage.mark();
    for flags in [&["grant", "--yes"][..], &["apply", "plan.json", "--yes"]] {
        let run = stage
            .az("owner", flags)
            .ends(Exit::Usage.code())
            .says("aren't confirmed")
            .says("--snapshot-resource-group");
        assert!(!run.stderr.contains("stale"), "{run}");
    }
    stage
        .az("owner", &["apply", "plan.json", "--yes"])
        .ends(Exit::Usage.code())
        .says("az aksbackup apply plan.json --subscription");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    apply(&stage, "owner").ok();
}

#[test]
fn a_plan_is_refused_once_anything_differs() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    save(&stage, "platform", "prepare");
    let group = ids::group_id(ids::SNAPSHOT_GROUP);
    let memory = stage.sandbox.azure().remember();
    stage.sandbox.set("snapshot_group_lock=true").unwrap();
    refuses(&stage, "platform", Exit::Pending, "the plan is stale");
    stage.sandbox.azure().recall(&memory);
    assert!(stage.sandbox.resource(&group).is_some());
    let flags = ["init", "--set", "vault.soft_delete_days=30", "--yes"];
    let before = stage.state_text();
    stage.az("platform", &flags).ok();
    refuses(
        &stage,
        "platform",
        Exit::Pending,
        "the values of the state file have changed",
    );
    fs::write(stage.state(), before).unwrap();
    apply(&stage, "platform").ok();
}

#[test]
fn a_plan_confirms_nothing_and_carries_nothing_out() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let plan = save(&stage, "platform", "prepare");
    let mark = stage.mark();
    stage
        .az("platform", &["apply", "plan.json"])
        .ends(Exit::Usage.code())
        .says("--yes");
    let write = |plan: &Value| fs::write(stage.folder().join("plan.json"), plan.to_string()).unwrap();
    let edited = |key: &str, value: Value| {
        let mut plan = plan.clone();
        plan[key] = value;
        plan
    };
    for (plan, exit, says) in [
        (edited("yes", json!(true)), Exit::Pending, "stale"),
        (edited("changes", json!([])), Exit::Pending, "not in the plan: "),
        (edited("cluster", json!("/other")), Exit::Usage, "a different cluster"),
        (
            edited("command", json!("teardown")),
            Exit::StateUnreadable,
            "isn't a plan of prepare",
        ),
        (edited("version", json!(2)), Exit::StateUnreadable, "version 1"),
        (json!("x".repeat(300 * 1024)), Exit::StateUnreadable, "cannot read plan"),
    ] {
        write(&plan);
        refuses(&stage, "platform", exit, says);
    }
    fs::write(stage.folder().join("plan.json"), "[".repeat(100_000)).unwrap();
    refuses(&stage, "platform", Exit::StateUnreadable, "cannot read plan");
    fs::remove_file(stage.folder().join("plan.json")).unwrap();
    refuses(&stage, "platform", Exit::Missing, "cannot read plan");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn flags_that_name_what_gets_access_are_in_no_plan() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    for flags in [
        &[
            "prepare",
            "--subject",
            "system:serviceaccount:dataprotection-microsoft:other",
        ][..],
        &["prepare", "--recreate-storage"],
        &["prepare", "--only", "storage"],
        &["prepare", "--skip", "storage"],
        &["grant", "--on-container"],
        &["protect", "--without-verification"],
    ] {
        stage
            .az("platform", &[flags, &["--dry-run", "--plan-out", "plan.json"]].concat())
            .ends(Exit::Usage.code())
            .says("cannot be used with");
    }
    stage
        .az("platform", &["prepare", "--plan-out", "plan.json"])
        .ends(Exit::Usage.code());
    assert!(!stage.folder().join("plan.json").exists());
}
