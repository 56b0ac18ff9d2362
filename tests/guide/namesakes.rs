//! What another team has under a name that `init` would choose, or that a flag names, is left to that team.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage};
use aksbackup_tests::terminal::answered;
use serde_json::json;

const ACCOUNTS: &str = "Microsoft.Storage/storageAccounts";
const VAULTS: &str = "Microsoft.DataProtection/backupVaults";
const DEFAULTS: [&str; 5] = ["init", "--resource-group", "rg-aks", "--cluster-name", "aks-demo"];
const OWN_ACCOUNT: [&str; 4] = [
    "--storage-account",
    "stdemoown1",
    "--storage-resource-group",
    "rg-backup",
];

/// Gives another team a resource in a resource group of its own.
fn foreign(stage: &Stage, kind: &str, name: &str, group: &str) {
    let group = format!("/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/{group}");
    let id = format!("{group}/providers/{kind}/{name}");
    stage.sandbox.azure().place(json!({
        "id": group, "name": group.rsplit('/').next(), "type": "Microsoft.Resources/resourceGroups",
        "location": "westeurope", "properties": { "provisioningState": "Succeeded" },
    }));
    let mut body = json!({
        "id": id, "name": name, "type": kind, "location": "westeurope",
        "properties": { "provisioningState": "Succeeded", "storageSettings": [
            { "datastoreType": "VaultStore", "type": "ZoneRedundant" },
        ] },
    });
    if kind == ACCOUNTS {
        body["kind"] = json!("StorageV2");
        body["sku"] = json!({ "name": "Standard_LRS" });
        body["properties"] = json!({
            "provisioningState": "Succeeded", "allowSharedKeyAccess": false,
            "primaryEndpoints": { "blob": format!("https://{name}.blob.core.windows.net/") },
        });
    }
    stage.sandbox.azure().place(body);
}

fn init(stage: &Stage, flags: &[&str]) -> Run {
    stage.az("everything", &[&DEFAULTS[..], flags, &["--yes"]].concat())
}

/// Fails before default names were kept to the chosen resource group: `init` took both, and `prepare --yes` wrote to them.
#[test]
fn default_names_resolve_to_nothing_in_another_resource_group() {
    let stage = Stage::new().unwrap();
    init(&stage, &[]).ok();
    let account = stage.value("/target/storage/account");
    std::fs::remove_file(stage.state()).unwrap();
    foreign(&stage, VAULTS, "bv-aks-demo", "rg-aaa");
    init(&stage, &[]).ok();
    assert_eq!(stage.value("/target/vault/resource_group"), "rg-aks-demo-backup");
    assert_eq!(stage.value("/target/vault/redundancy"), "LocallyRedundant");
    std::fs::remove_file(stage.state()).unwrap();
    // Fails before: exit 3, because the policies of a vault in another resource group were listed.
    stage.az("everything", &INIT).ok();
    std::fs::remove_file(stage.state()).unwrap();

    foreign(&stage, ACCOUNTS, &account, "rg-aaa");
    init(&stage, &[])
        .ends(Exit::Usage.code())
        .says("exists in resource group rg-aaa")
        .says("--storage-resource-group rg-aaa");
    assert!(!stage.state().exists());
    let adopted = ["--storage-account", &account, "--storage-resource-group", "rg-aaa"];
    init(&stage, &adopted).ok();
    assert_eq!(stage.value("/target/storage/resource_group"), "rg-aaa");
}

/// Fails before a name alone was kept to the cluster's own resource groups.
#[test]
fn a_name_alone_does_not_adopt_what_another_team_has() {
    let stage = Stage::new().unwrap();
    foreign(&stage, VAULTS, "bv-demo", "rg-aaa");
    foreign(&stage, ACCOUNTS, "stdemo", "rg-aaa");
    let vault = [&OWN_ACCOUNT[..], &["--vault", "bv-demo"]].concat();
    init(&stage, &vault)
        .ends(Exit::Usage.code())
        .says("exists in resource group rg-aaa")
        .says("--vault-resource-group rg-aaa");
    init(&stage, &["--storage-account", "stdemo"])
        .ends(Exit::Usage.code())
        .says("--storage-resource-group rg-aaa");
    assert!(!stage.state().exists());
    // On a terminal the question names the resource group.
    let question = "exists in resource group rg-aaa. Use it?";
    let asked = |answer: &str| {
        let arguments = [
            &DEFAULTS[..],
            &vault[..],
            &["--snapshot-group", "rg-snapshots", "--dry-run"],
        ]
        .concat();
        answered(stage.az_command("everything", &arguments), question, answer).unwrap()
    };
    asked("n\n").ends(Exit::Usage.code());
    asked("y\n").ends(Exit::Pending.code()).says("bv-demo in rg-aaa");
    // What the flags name is used: here, and next to the storage account.
    init(&stage, &[&vault[..], &["--vault-resource-group", "rg-aaa"]].concat()).ok();
    assert_eq!(stage.value("/target/vault/resource_group"), "rg-aaa");
    std::fs::remove_file(stage.state()).unwrap();
    foreign(&stage, VAULTS, "bv-demo", "rg-backup");
    init(&stage, &vault).ok();
    assert_eq!(stage.value("/target/vault/resource_group"), "rg-backup");
}

/// Fails before: whatever `init --yes` found under a default name counted as confirmed.
#[test]
fn what_no_flag_named_and_exists_is_not_confirmed_by_yes() {
    let stage = Stage::new().unwrap();
    foreign(&stage, VAULTS, "bv-aks-demo", "rg-aks-demo-backup");
    init(&stage, &[]).ok();
    let mark = stage.mark();
    let prepare = || stage.az("everything", &["prepare", "--yes"]);
    prepare().ends(Exit::Usage.code()).says("--vault RESOURCE-GROUP/NAME");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    std::fs::remove_file(stage.state()).unwrap();
    init(
        &stage,
        &["--vault", "bv-aks-demo", "--vault-resource-group", "rg-aks-demo-backup"],
    )
    .ok();
    let run = stage.az("everything", &["prepare", "--yes", "--dry-run"]);
    run.ends(Exit::Pending.code());
}

/// Fails before: the flag for the resource group counted as naming an account that was found in the extension's settings.
#[test]
fn an_account_of_the_extension_is_not_confirmed_by_the_flag_for_its_resource_group() {
    let switches = ["extension=succeeded", "extension_storage=rg-backup/sttheirs01/aks-old"];
    let stage = Stage::with(&switches).unwrap();
    foreign(&stage, ACCOUNTS, "sttheirs01", "rg-backup");
    let group = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-backup";
    stage.sandbox.azure().place(json!({
        "id": format!("{group}/providers/{ACCOUNTS}/sttheirs01/blobServices/default/containers/aks-old"),
        "name": "aks-old", "type": format!("{ACCOUNTS}/blobServices/containers"), "properties": { "publicAccess": "None" },
    }));
    let vault = ["--vault", "bv-demo", "--vault-resource-group", "rg-backup"];
    let snapshots = ["--snapshot-group", "rg-snapshots"];
    let named = [&vault[..], &snapshots, &["--storage-resource-group", "rg-backup"]].concat();
    init(&stage, &named).ok();
    assert_eq!(stage.value("/target/storage/account"), "sttheirs01");
    let prepare = || stage.az("everything", &["prepare", "--yes"]);
    prepare()
        .ends(Exit::Usage.code())
        .says("--storage-account RESOURCE-GROUP/NAME");
    init(&stage, &[&named[..], &["--storage-account", "sttheirs01"]].concat()).ok();
    prepare().ends(Exit::Usage.code());
    std::fs::remove_file(stage.state()).unwrap();
    init(&stage, &[&named[..], &["--storage-account", "sttheirs01"]].concat()).ok();
    assert_ne!(prepare().code, i32::from(Exit::Usage.code()));
}
