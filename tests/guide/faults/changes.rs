//! A protected cluster's backup instance is changed to what the target says, and nothing else is.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

const PARAMETERS: &str = "/properties/policyInfo/policyParameters/backupDatasourceParametersList/0";

/// A protected cluster, with a target by these flags.
pub(crate) fn protected(flags: &[&str]) -> Stage {
    let stage = Stage::new().unwrap();
    stage.az("platform", &[&INIT[..], flags].concat()).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage.grant("owner").ok();
    stage.configure("cluster-admin", &[]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage
}

fn change(stage: &Stage, pointer: &str, value: Value) {
    let instance = stage.value("/cloud/instance/instance");
    assert!(stage.sandbox.azure().change(&instance, pointer, value));
}

/// Every command that looks at the instance tells the difference, exits with code 8, changes nothing and calls nothing done.
fn told_by_all(stage: &Stage, what: &str, live: &str, wanted: &str) {
    let mark = stage.mark();
    let step = format!("{what}: {live} → {wanted}");
    let verdict = format!("{what}: {live} (the target has {wanted})");
    let commands: [(&[&str], &str); 5] = [
        (&["protect", "--dry-run"], &step),
        (&["up", "--dry-run"], &step),
        (&["status", "--check"], &step),
        (&["verify"], &verdict),
        (&["doctor"], &verdict),
    ];
    for (command, text) in commands {
        let run = stage.az("everything", command).ends(Exit::Pending.code()).says(text);
        calls_nothing_done(&run);
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// What the live instance has now.
fn parameter(stage: &Stage, key: &str) -> Value {
    let instance = stage.value("/cloud/instance/instance");
    let body = stage.sandbox.resource(&instance).unwrap();
    body.pointer(&format!("{PARAMETERS}/{key}"))
        .cloned()
        .unwrap_or_default()
}

fn calls_nothing_done(run: &Run) {
    for word in ["nothing to do", "all steps complete", "no findings", "holds"] {
        assert!(!run.stdout.contains(word), "{word}\n{run}");
    }
    let all = format!("{}{}", run.stdout, run.stderr).to_lowercase();
    assert!(
        !all.contains("delete the") && !all.contains("remove the instance"),
        "{run}"
    );
}

#[test]
fn a_namespace_that_the_target_gains_is_told_by_every_command_and_protect_adds_it() {
    let stage = protected(&["--include-namespace", "shop"]);
    let more = ["init", "--set", "instance.included_namespaces=shop,db", "--yes"];
    stage.az("platform", &more).ok();
    told_by_all(&stage, "included namespaces", "shop", "db, shop");
    let instance = stage.value("/cloud/instance/instance");
    let before = stage.sandbox.resource(&instance).unwrap();
    stage.az("platform", &["protect", "--yes"]).ok();
    assert_eq!(parameter(&stage, "includedNamespaces"), json!(["shop", "db"]));
    // Everything that the target says nothing of is as it was.
    let mut after = stage.sandbox.resource(&instance).unwrap();
    *after.pointer_mut(&format!("{PARAMETERS}/includedNamespaces")).unwrap() = json!(["shop"]);
    assert_eq!(after, before);
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
    stage.az("everything", &["verify"]).ok();
}

#[test]
fn what_someone_narrows_in_the_portal_is_told_by_every_command_and_made_good_or_adopted() {
    let stage = protected(&[]);
    let narrow = || {
        for (key, value) in [
            ("includedNamespaces", json!(["only-this"])),
            ("snapshotVolumes", json!(false)),
            ("includeClusterScopeResources", json!(false)),
            ("labelSelectors", json!(["app=web"])),
            ("excludedResourceTypes", json!(["v1/Secret"])),
            (
                "backupHookReferences",
                json!([{ "name": "quiesce", "namespace": "shop" }]),
            ),
        ] {
            change(&stage, &format!("{PARAMETERS}/{key}"), value);
        }
    };
    narrow();
    for (what, live, wanted) in [
        ("included namespaces", "only-this", "all"),
        ("volume snapshots", "off", "on"),
        ("cluster-scoped resources", "off", "on"),
        ("label selectors", "app=web", "none"),
        ("excluded resource types", "v1/Secret", "none"),
        ("backup hooks", "shop/quiesce", "none"),
    ] {
        told_by_all(&stage, what, live, wanted);
    }
    // The instance runs a hook that the target doesn't have: that alone is less than there is now.
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("backup hooks no longer include shop/quiesce")
        .says("--reduce-protection");
    stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    assert_eq!(parameter(&stage, "snapshotVolumes"), json!(true));
    assert_eq!(parameter(&stage, "labelSelectors"), Value::Null);
    narrow();
    stage.az("platform", &["init", "--from-azure", "--yes"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
    assert_eq!(stage.value("/target/instance/label_selectors/0"), "app=web");
    assert_eq!(stage.value("/target/instance/backup_hooks/0"), "shop/quiesce");
}

#[test]
fn what_protects_less_is_agreed_to_apart_and_nothing_is_changed_before() {
    let stage = protected(&[]);
    let less = ["init", "--exclude-namespace", "scratch", "--retention", "4h", "--yes"];
    stage.az("platform", &less).ends(Exit::Usage.code());
    let less = [
        "init",
        "--exclude-namespace",
        "scratch",
        "--set",
        "policy.retention=1d",
        "--yes",
    ];
    stage.az("platform", &less).ok();
    stage.az("platform", &["prepare", "--yes", "--reduce-protection"]).ok();
    let mark = stage.mark();
    let text = stage.state_text();
    stage
        .az("platform", &["protect", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("reduces protection: excluded namespaces now include scratch")
        .says("reduces protection: new backups are kept for P1D instead of P7D");
    for command in ["protect", "up"] {
        stage
            .az("everything", &[command, "--yes"])
            .ends(Exit::Usage.code())
            .says("new backups are kept for P1D instead of P7D")
            .says("excluded namespaces now include scratch");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(stage.state_text(), text, "the file is as it was");
    stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    assert_eq!(parameter(&stage, "excludedNamespaces"), json!(["scratch"]));
}

/// A filter with a typo was ignored, and every command called the rest as expected.
#[test]
fn a_key_that_the_target_does_not_have_is_refused_with_its_place() {
    let stage = protected(&[]);
    let text = stage.state_text();
    let typo = text.replace(
        "[target.instance]",
        "[target.instance]\nexcluded_namespace = [\"scratch\"]",
    );
    std::fs::write(stage.state(), &typo).unwrap();
    let line = 1 + typo
        .lines()
        .position(|line| line.starts_with("excluded_namespace "))
        .unwrap();
    let mark = stage.mark();
    for command in [&["protect", "--yes"][..], &["verify"], &["status"], &["init", "--yes"]] {
        stage
            .az("platform", command)
            .ends(Exit::StateUnreadable.code())
            .says(&format!("aksbackup.toml:{line}:1"))
            .says("use instance.excluded_namespaces if you meant that");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    assert_eq!(stage.state_text(), typo, "the file is as it was");
}

#[test]
fn filters_that_leave_nothing_to_back_up_are_refused_by_init_and_by_protect() {
    let stage = protected(&[]);
    let both = [
        "--set",
        "instance.included_namespaces=shop",
        "--set",
        "instance.excluded_namespaces=shop",
    ];
    stage
        .az("platform", &[&["init", "--yes"][..], &both].concat())
        .ends(Exit::Usage.code())
        .says("nothing would be backed up");
    let lists = "[target.instance]\nincluded_namespaces = [\"shop\"]\nexcluded_namespaces = [\"shop\"]";
    std::fs::write(stage.state(), stage.state_text().replace("[target.instance]", lists)).unwrap();
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("az aksbackup init --set instance.excluded_namespaces=");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn another_policy_is_attached_once_it_exists_and_the_instance_is_never_deleted() {
    let stage = protected(&[]);
    stage.az("platform", &["init", "--retention", "30d", "--yes"]).ok();
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::TheirTurn.code())
        .says("policy aks-daily-30d doesn't exist in vault")
        .says("az aksbackup prepare");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.az("platform", &["prepare", "--yes"]).ok();
    told_by_all(&stage, "policy", "aks-daily-7d", "aks-daily-30d");
    stage.az("platform", &["protect", "--yes"]).ok();
    let instance = stage.value("/cloud/instance/instance");
    let body = stage.sandbox.resource(&instance).unwrap();
    let policy = body["properties"]["policyInfo"]["policyId"].as_str().unwrap();
    assert!(policy.ends_with("/aks-daily-30d"), "{policy}");
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
}

/// Fails before: the policy was attached without the roles of the vault tier, and the instance ended in ProtectionError.
#[test]
fn a_policy_with_the_vault_tier_waits_for_its_roles() {
    let stage = protected(&[]);
    let tier = ["init", "--set", "policy.vault_tier_retention=90d", "--yes"];
    stage.az("platform", &tier).ok();
    stage.az("platform", &["prepare", "--yes"]).says("az aksbackup grant");
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::TheirTurn.code())
        .says("role assignments are missing")
        .says("az aksbackup grant");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.grant("owner").ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let instance = stage.value("/cloud/instance/instance");
    let body = stage.sandbox.resource(&instance).unwrap();
    assert_eq!(body["properties"]["currentProtectionState"], "ProtectionConfigured");
    let puts = stage.writes_since(mark);
    let puts = puts
        .iter()
        .filter(|write| write.starts_with("PUT ") && write.contains("/backupInstances/"));
    assert_eq!(puts.count(), 1);
}

/// Fails before: an instance in an error was written again with everything that the file says, whatever that protects less.
#[test]
fn a_failed_instance_is_repaired_with_all_that_azure_has_and_no_less() {
    let stage = protected(&[]);
    let instance = stage.value("/cloud/instance/instance");
    assert!(
        stage
            .sandbox
            .azure()
            .change(&instance, "/tags", json!({ "team": "shop" }))
    );
    stage.sandbox.set("instance_state=ProtectionError").unwrap();
    let less = ["init", "--set", "instance.snapshot_volumes=false", "--yes"];
    stage.az("platform", &less).ok();
    let mark = stage.mark();
    stage
        .az("platform", &["protect", "--yes"])
        .ends(Exit::Usage.code())
        .says("repair backup instance")
        .says("volume snapshots are no longer backed up");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage
        .az(
            "platform",
            &["init", "--set", "instance.snapshot_volumes=true", "--yes"],
        )
        .ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    let body = stage.sandbox.resource(&instance).unwrap();
    assert_eq!(body["tags"]["team"], "shop");
    assert_eq!(body["properties"]["currentProtectionState"], "ProtectionConfigured");
}

/// Fails before: what `--set` refused, a flag did.
#[test]
fn what_exists_can_t_be_changed_by_a_flag_either_and_another_place_has_its_cost() {
    let stage = protected(&[]);
    let text = stage.state_text();
    for flags in [
        ["--vault", "other"],
        ["--redundancy", "GRS"],
        ["--instance", "another"],
        ["--snapshot-group", "rg-backup"],
    ] {
        stage
            .az("platform", &["init", "--yes", flags[0], flags[1]])
            .ends(Exit::Usage.code())
            .says("exists");
    }
    assert_eq!(stage.state_text(), text);
    let container = stage.value("/target/storage/container");
    stage
        .az("platform", &["init", "--yes", "--container", "other"])
        .ok()
        .says("recovery points aren't moved");
    let back = stage.az("platform", &["init", "--yes", "--container", &container]).ok();
    assert!(!back.stderr.contains("storage.container was"), "{back}");
    assert_eq!(stage.value("/target/storage/container"), container);
}

/// Fails before: after `init` and `prepare`, nothing named `protect` as what is left.
#[test]
fn a_change_that_is_left_is_what_comes_next() {
    let stage = protected(&[]);
    stage
        .az(
            "platform",
            &["init", "--yes", "--set", "instance.excluded_namespaces=dev"],
        )
        .ok()
        .says("az aksbackup protect");
    stage.az("platform", &["handoff"]).ok().says("az aksbackup protect");
    stage.az("platform", &["protect", "--yes", "--reduce-protection"]).ok();
    stage.az("platform", &["status", "--offline", "--check"]).ok();
    stage.az("platform", &["init", "--yes", "--retention", "30d"]).ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ok()
        .says("az aksbackup protect");
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["status", "--offline", "--check"]).ok();
}
