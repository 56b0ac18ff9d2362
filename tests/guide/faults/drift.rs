//! What is backed up is compared with what the target says, whoever changed which of them.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use serde_json::{Value, json};

const PARAMETERS: &str = "/properties/policyInfo/policyParameters/backupDatasourceParametersList/0";

/// A protected cluster, with a target by these flags.
fn protected(flags: &[&str]) -> Stage {
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
    let verdict = format!("{what} is {live} (the target says {wanted})");
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
    for word in ["nothing to do", "nothing is left", "nothing is wrong", "holds"] {
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
    assert_eq!(parameter(&stage, "includedNamespaces"), json!(["db", "shop"]));
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
        .says("backup hooks no longer has shop/quiesce")
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
    stage.az("platform", &["prepare", "--yes"]).ok();
    let mark = stage.mark();
    let text = stage.state_text();
    stage
        .az("platform", &["protect", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("reduces protection: excluded namespaces now has scratch")
        .says("reduces protection: new backups are kept for P1D instead of P7D");
    for command in ["protect", "up"] {
        stage
            .az("everything", &[command, "--yes"])
            .ends(Exit::Usage.code())
            .says("new backups are kept for P1D instead of P7D")
            .says("excluded namespaces now has scratch");
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
            .says("write instance.excluded_namespaces if you meant that");
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

#[test]
fn a_policy_of_the_same_name_with_other_rules_is_never_nothing_to_do() {
    let stage = Stage::with(&["vault_by_hand=true"]).unwrap();
    let own = ["--vault", "bv-by-hand", "--policy", "by-hand", "--schedule", "4h"];
    stage.az("platform", &[&INIT[..], &own[..]].concat()).ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Pending.code())
        .says("schedule is P1W (the target says PT4H)");
    stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code());
    stage.az("platform", &["status", "--check"]).ends(Exit::Pending.code());
    stage
        .az("platform", &["verify"])
        .says("schedule is P1W (the target says PT4H)");
}

#[test]
fn a_lost_file_is_made_again_with_what_is_backed_up_and_a_flag_wins() {
    let flags = [
        "--include-namespace",
        "shop",
        "--include-namespace",
        "db",
        "--no-snapshot-volumes",
    ];
    let rules = ["--no-cluster-scope-resources", "--schedule", "4h", "--retention", "14d"];
    let more = [
        "--vault-tier-retention",
        "90d",
        "--redundancy",
        "GRS",
        "--soft-delete-days",
        "30",
        "--friendly-name",
        "shop",
    ];
    let stage = protected(&[&flags[..], &rules[..], &more[..]].concat());
    let target = |stage: &Stage| -> toml::Value {
        let state: toml::Value = toml::from_str(&stage.state_text()).unwrap();
        state["target"].clone()
    };
    let lost = target(&stage);
    std::fs::remove_file(stage.state()).unwrap();
    stage.az("platform", &["init", "--yes"]).ok();
    let found = target(&stage);
    for table in ["vault", "policy", "instance"] {
        let set = |own: &toml::Value| own[table].as_table().unwrap().clone();
        let (mut found, mut lost) = (set(&found), set(&lost));
        for own in [&mut found, &mut lost] {
            own.get_mut("included_namespaces")
                .and_then(|own| own.as_array_mut())
                .into_iter()
                .for_each(|own| {
                    own.sort_by_key(ToString::to_string);
                });
        }
        assert_eq!(found, lost, "{table}");
    }
    std::fs::remove_file(stage.state()).unwrap();
    let flags = [
        "init",
        "--yes",
        "--include-namespace",
        "db",
        "--snapshot-volumes",
        "--retention",
        "60d",
    ];
    stage.az("platform", &flags).ok();
    let found = target(&stage);
    assert_eq!(found["instance"]["included_namespaces"].as_array().unwrap().len(), 1);
    assert_eq!(found["instance"]["snapshot_volumes"].as_bool(), Some(true));
    assert_eq!(found["policy"]["retention"].as_str(), Some("P60D"));
}

#[test]
fn storage_that_existed_and_is_gone_is_not_created_again_unless_that_is_asked_for() {
    let stage = Stage::new().unwrap();
    stage.prepared().ok();
    let account = stage.value("/cloud/storage/account");
    let container = format!(
        "{account}/blobServices/default/containers/{}",
        stage.value("/cloud/storage/container")
    );
    for (id, what) in [(&container, "container"), (&account, "storage account")] {
        stage.sandbox.azure().remove(id);
        let mark = stage.mark();
        for command in [&["prepare", "--yes"][..], &["prepare", "--dry-run"]] {
            stage
                .az("platform", command)
                .ends(Exit::Failed.code())
                .says(&format!("{what} "))
                .says("is gone, with the backups in it")
                .says("recover it first")
                .says("--recreate-storage");
        }
        created_only_if_that_is_requested(&stage, mark, id);
    }
}

/// Nothing was created since `mark`, `verify` names the storage account or container as gone, and `--recreate-storage` creates it.
fn created_only_if_that_is_requested(stage: &Stage, mark: usize, id: &str) {
    let run = stage
        .az("platform", &["verify"])
        .ends(Exit::Pending.code())
        .says("recover it first");
    assert!(!run.stdout.contains("does not exist in group"), "{run}");
    let writes = stage.writes_since(mark);
    assert!(
        !writes.iter().any(|write| write.contains("/storageAccounts/")),
        "{writes:#?}"
    );
    stage.az("platform", &["prepare", "--recreate-storage", "--yes"]).ok();
    assert!(stage.sandbox.resource(id).is_some());
}

/// Where the state file is lost, the settings of the installed extension still tell that the storage existed.
#[test]
fn storage_that_only_the_extension_knows_is_not_created_again() {
    let stage = Stage::new().unwrap();
    stage.prepared().ok();
    let account = stage.value("/cloud/storage/account");
    let text = stage.state_text();
    let target = text.split("\n[cloud").next().unwrap();
    std::fs::write(stage.state(), format!("{target}\n")).unwrap();
    stage.sandbox.azure().remove(&account);
    let mark = stage.mark();
    for command in [&["prepare", "--yes"][..], &["prepare", "--dry-run"]] {
        stage
            .az("platform", command)
            .ends(Exit::Failed.code())
            .says("is gone, with the backups in it")
            .says("--recreate-storage");
    }
    created_only_if_that_is_requested(&stage, mark, &account);
    // A new file takes the storage from the extension's settings.
    stage.sandbox.azure().remove(&account);
    std::fs::remove_file(stage.state()).unwrap();
    stage
        .init("platform")
        .ok()
        .says("(deleted: the extension still uses it; recover it first)");
}
