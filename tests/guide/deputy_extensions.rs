//! "The extension of the cluster" has to be one: a second one, one in another namespace, and one that another state file set up
//! get no role, no credential, no access and no other storage.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use serde_json::{Value, json};

const PREPARE: (&str, &str) = ("platform", "prepare");
const PROTECT: (&str, &str) = ("platform", "protect");
const GRANT: (&str, &str) = ("owner", "grant");

/// Runs these commands with everything confirmed; each fails with all `words`, and none writes anything.
fn refused(stage: &Stage, commands: &[(&str, &str)], state: &[&str], words: &[&str]) {
    let mark = stage.mark();
    let vouchers = stage.vouchers();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    for (persona, command) in commands {
        let arguments = [&[*command, "--yes"], flags.as_slice(), state].concat();
        let run = stage.az(persona, &arguments).ends(Exit::Failed.code());
        let all = format!("{}{}", run.stdout, run.stderr);
        for word in words {
            assert!(all.contains(word), "{word}\n{run}");
        }
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

fn extension(stage: &Stage) -> Value {
    stage
        .sandbox
        .resource(&stage.value("/cloud/extension/extension"))
        .unwrap()
}

/// Fails before: of two extensions the first that was installed got the roles, and `verify` was content.
#[test]
fn with_a_second_extension_nothing_is_granted_and_both_are_named() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let mut second = extension(&stage);
    let id = second["id"].as_str().unwrap().replace("azure-aks-backup", "aaa-second");
    second["id"] = json!(id);
    second["name"] = json!("aaa-second");
    second["properties"]["aksAssignedIdentity"]["principalId"] = json!("0b1f6471-1bf0-4dda-aec3-000000000666");
    second["properties"]["scope"]["cluster"]["releaseNamespace"] = json!("attacker");
    stage.sandbox.azure().place(second);
    let words = [
        "cluster rg-aks/aks-demo has 2 Azure Backup extensions",
        "extension aaa-second is Succeeded in namespace attacker",
        "extension azure-aks-backup is Succeeded in namespace dataprotection-microsoft",
        "az k8s-extension list --cluster-name aks-demo",
    ];
    refused(&stage, &[GRANT, PREPARE, PROTECT, ("owner", "up")], &[], &words);
    stage
        .az("reader", &["verify"])
        .ends(Exit::Pending.code())
        .says(words[0]);
    stage
        .az("reader", &["doctor"])
        .ends(Exit::Pending.code())
        .says("aaa-second");
    // One is left: everything goes on.
    stage.sandbox.azure().remove(&id);
    stage.grant("owner").ok();
}

/// Fails before: the identity was federated to service accounts of a namespace in which the extension does not run.
#[test]
fn an_extension_in_another_namespace_gets_nothing() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let id = stage.value("/cloud/extension/extension");
    let place = "/properties/scope/cluster/releaseNamespace";
    assert!(stage.sandbox.azure().change(&id, place, json!("velero")));
    let words = [
        "extension azure-aks-backup of cluster rg-aks/aks-demo is in an unsupported namespace",
        "namespace velero",
    ];
    refused(&stage, &[GRANT, PREPARE, PROTECT], &[], &words);
    stage
        .az("reader", &["verify"])
        .ends(Exit::Pending.code())
        .says(words[0]);
}

/// Fails before: `prepare` created the second file's account, container and vault before it found that the extension stores
/// elsewhere, and `protect` did not look at the storage at all.
#[test]
fn a_second_file_for_the_cluster_does_not_point_its_extension_elsewhere() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let account = stage.value("/target/storage/account");
    let second = stage.folder().join("second.toml");
    let text = stage.state_text();
    let target = text.split("\n[cloud").next().unwrap().replace(&account, "stsecond01");
    std::fs::write(&second, target).unwrap();
    let before = extension(&stage);
    let state = ["--state", second.to_str().unwrap()];
    let confirmed = stage.folder().join("confirmed.toml");
    std::fs::rename(stage.state(), &confirmed).unwrap();
    std::fs::copy(&second, stage.state()).unwrap();
    let words = [
        "extension azure-aks-backup stores backups in a different location",
        &format!("account {account}"),
        "account stsecond01",
    ];
    refused(&stage, &[PREPARE, PROTECT, ("owner", "up")], &state, &words);
    assert_eq!(extension_of(&stage, &before), before);
    // The first file goes on as before.
    std::fs::rename(&confirmed, stage.state()).unwrap();
    stage.az("platform", &["prepare", "--yes"]).ok().says("nothing to do");
}

fn extension_of(stage: &Stage, own: &Value) -> Value {
    stage.sandbox.resource(own["id"].as_str().unwrap()).unwrap()
}
