//! Resources, version and upgrades of the extension: set by the target, changed by `prepare`, compared, adopted.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

const MEMORY: &str = "resources.limits.memory";

fn prepared() -> Stage {
    let stage = Stage::new().unwrap();
    stage.prepared().ok();
    stage
}

fn set(stage: &Stage, sets: &[&str]) -> Run {
    let flags: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
    stage.az("platform", &[&["init", "--yes"], flags.as_slice()].concat())
}

fn properties(stage: &Stage) -> Value {
    let id = stage.value("/cloud/extension/extension");
    stage.sandbox.resource(&id).unwrap()["properties"].clone()
}

/// Method and target of the writes to the extension since `mark`.
fn sent(stage: &Stage, mark: usize) -> Vec<String> {
    let writes = stage.writes_since(mark).into_iter();
    writes.filter(|write| write.contains("/extensions/")).collect()
}

#[test]
fn limits_are_changed_by_one_patch_and_every_command_tells_the_difference_before() {
    let stage = prepared();
    let id = stage.value("/cloud/extension/extension");
    let others = json!("kept");
    assert!(
        stage
            .sandbox
            .azure()
            .change(&id, "/properties/configurationSettings/other.key", others)
    );
    set(
        &stage,
        &["extension.memory_limit=4400Mi", "extension.memory_request=1Gi"],
    )
    .ok();
    let mark = stage.mark();
    for (command, text) in [
        (&["prepare", "--dry-run"][..], "memory limit: not set → 4400Mi"),
        (&["status", "--check"], "memory limit: not set → 4400Mi"),
        (&["verify"], "memory limit: not set (the target has 4400Mi)"),
    ] {
        stage.az("everything", command).ends(Exit::Pending.code()).says(text);
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage
        .az("platform", &["prepare", "--yes"])
        .ok()
        .says("memory request: not set → 1Gi");
    let writes = sent(&stage, mark);
    assert!(
        matches!(writes.as_slice(), [one] if one.starts_with("PATCH ")),
        "{writes:#?}"
    );
    let own = properties(&stage);
    assert_eq!(own["configurationSettings"][MEMORY], "4400Mi");
    assert_eq!(own["configurationSettings"]["other.key"], "kept");
    assert_eq!(own["autoUpgradeMinorVersion"], true);
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
    let run = stage.az("everything", &["verify"]);
    assert!(!run.stdout.contains("memory limit"), "{run}");
}

#[test]
fn a_new_extension_has_the_settings_of_the_target() {
    let stage = Stage::new().unwrap();
    let sets = [
        "--set",
        "extension.cpu_limit=2",
        "--set",
        "extension.version=0.0.3004-544",
    ];
    stage.az("platform", &[&INIT[..], &sets].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let own = properties(&stage);
    assert_eq!(own["configurationSettings"]["resources.limits.cpu"], "2");
    assert_eq!(
        (&own["version"], &own["autoUpgradeMinorVersion"]),
        (&json!("0.0.3004-544"), &json!(false))
    );
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
}

#[test]
fn a_version_is_pinned_and_released_again() {
    let stage = prepared();
    set(&stage, &["extension.version=0.0.3004-544"]).ok();
    // Fails before: `--yes` was enough to end the upgrades.
    let run = stage.az("platform", &["prepare", "--yes"]).ends(Exit::Usage.code());
    run.says("no longer gets security updates")
        .says("az aksbackup init --set extension.version= --set extension.auto_upgrade=true");
    stage
        .az("platform", &["prepare", "--yes", "--reduce-protection"])
        .ok()
        .says("automatic upgrades: on → off; version: 0.0.3100-1201 → 0.0.3004-544");
    assert_eq!(properties(&stage)["currentVersion"], "0.0.3004-544");
    set(
        &stage,
        &[
            "extension.version=",
            "extension.auto_upgrade=true",
            "extension.release_train=preview",
        ],
    )
    .ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ok()
        .says("automatic upgrades: off → on; release train: ");
    let own = properties(&stage);
    assert_eq!(
        (&own["version"], &own["autoUpgradeMinorVersion"]),
        (&Value::Null, &json!(true))
    );
    assert_eq!(own["releaseTrain"], "preview");
}

#[test]
fn what_someone_changes_in_azure_is_told_and_put_back_or_kept_by_the_printed_command() {
    let stage = prepared();
    set(&stage, &["extension.memory_limit=4Gi"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let id = stage.value("/cloud/extension/extension");
    let other = || {
        let pointer = format!("/properties/configurationSettings/{MEMORY}");
        assert!(stage.sandbox.azure().change(&id, &pointer, json!("1280Mi")));
    };
    other();
    stage
        .az("everything", &["verify"])
        .says("memory limit: 1280Mi (the target has 4Gi)")
        .says("az aksbackup init --set extension.memory_limit=1280Mi");
    stage.az("platform", &["prepare", "--yes"]).ok();
    assert_eq!(properties(&stage)["configurationSettings"][MEMORY], "4Gi");
    other();
    set(&stage, &["extension.memory_limit=1280Mi"]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
    // A lost file has what was set in Azure, and nothing else.
    std::fs::remove_file(stage.state()).unwrap();
    stage.init("platform").ok();
    assert_eq!(stage.value("/target/extension/memory_limit"), "1280Mi");
    assert!(!stage.state_text().contains("release_train"), "{}", stage.state_text());
}

#[test]
fn the_settings_of_the_extension_are_adopted_from_azure() {
    let stage = super::faults::changes::protected(&["--set", "extension.memory_limit=4Gi"]);
    let id = stage.value("/cloud/extension/extension");
    let pointer = format!("/properties/configurationSettings/{MEMORY}");
    assert!(stage.sandbox.azure().change(&id, &pointer, json!("8Gi")));
    let upgrades = "/properties/autoUpgradeMinorVersion";
    assert!(stage.sandbox.azure().change(&id, upgrades, json!(false)));
    stage.az("platform", &["init", "--from-azure", "--yes"]).ok();
    assert_eq!(stage.value("/target/extension/memory_limit"), "8Gi");
    assert!(
        stage.state_text().contains("auto_upgrade = false"),
        "{}",
        stage.state_text()
    );
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
}

#[test]
fn settings_that_cannot_be_are_refused_before_anything_is_written() {
    let stage = prepared();
    let (text, mark) = (stage.state_text(), stage.mark());
    for (sets, says) in [
        (&["extension.memory_limit=lots"][..], "amount of memory"),
        (&["extension.cpu_limit=2Gi"], "amount of CPU"),
        (&["extension.cpu_limit=1m"], "Microsoft's default CPU limit is 1000m"),
        (&["extension.memory_limit=1Mi"], "or at least 256Mi"),
        (&["extension.auto_upgrade=maybe"], "true or false"),
        (
            &["extension.version=1.2.3", "extension.auto_upgrade=true"],
            "contradict each other",
        ),
        (
            &["extension.version=1.2.3", "extension.release_train=preview"],
            "no effect without automatic upgrades",
        ),
        (
            &["extension.memory_request=2Gi", "extension.memory_limit=1Gi"],
            "the memory request is 2Gi, and the limit is 1Gi",
        ),
    ] {
        set(&stage, sets).ends(Exit::Usage.code()).says(says);
    }
    assert_eq!(stage.state_text(), text, "the file is as it was");
    // By hand, such a file is refused as a whole: no step writes.
    let both = "[target.extension]\nversion = \"1.2.3\"\nauto_upgrade = true";
    std::fs::write(stage.state(), text.replace("[target.extension]", both)).unwrap();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Usage.code())
        .says("extension.version and extension.auto_upgrade contradict each other");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}
