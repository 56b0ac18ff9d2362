//! What is there is compared with what the target says, whichever of them was changed.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

use super::changes::protected;

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
                .says("and its backups no longer exist")
                .says("recover the ")
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
        .says("recover the ");
    assert!(!run.stdout.contains("exist in resource group"), "{run}");
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
            .says("and its backups no longer exist")
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
