//! What people are told to type, and what they answer: a command names the state file that it is about, and no is no failure.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage, finish};

use aksbackup_tests::terminal::answered;
use serde_json::json;

#[test]
fn no_is_an_answer_and_not_an_error() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let (before, mark) = (stage.state_text(), stage.mark());
    for (arguments, question, said) in [
        (&["init", "--retention", "30d"][..], "Write ", "was not changed"),
        (&["prepare"], "Apply these changes?", "no changes were made"),
    ] {
        let run = answered(stage.az_command("platform", arguments), question, "n\n")
            .unwrap()
            .ends(Exit::Pending.code())
            .says(said);
        assert!(!run.stderr.contains("error"), "{run}");
    }
    assert_eq!(stage.state_text(), before);
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn enter_is_enough_for_a_new_file_and_not_for_one_that_is_there() {
    let stage = Stage::new().unwrap();
    let init: Vec<&str> = INIT.into_iter().filter(|word| *word != "--yes").collect();
    let flags = ["--storage-account", "stnewaccount", "--vault", "bv-new"];
    let init = [init.as_slice(), &flags].concat();
    answered(stage.az_command("platform", &init), "Write ", "\n")
        .unwrap()
        .ok();
    assert_eq!(stage.value("/target/vault/name"), "bv-new");
    let change = ["init", "--retention", "30d"];
    answered(stage.az_command("platform", &change), "Write ", "\n")
        .unwrap()
        .ends(Exit::Pending.code());
    assert_eq!(stage.value("/target/policy/retention"), "P7D");
}

#[test]
fn cures_name_the_state_file_where_it_is_not_the_default() {
    let stage = Stage::new().unwrap();
    let file = stage.folder().join("prod.toml").display().to_string();
    let state = ["--state", file.as_str()];
    let taken = [&INIT[..], &["--storage-account", "contosobackups"], &state].concat();
    stage
        .az("contributor", &taken)
        .ends(Exit::Failed.code())
        .says("choose another name, because storage account names are unique across Azure: az aksbackup init --storage-account NAME")
        .says(&format!(" --state {file}"));
    stage
        .az("contributor", &[&["prepare", "--yes"], &state[..]].concat())
        .ends(Exit::Missing.code())
        .says(&format!("az aksbackup init --state {file}"));
    stage.az("platform", &[&INIT[..], &state].concat()).ok();
    stage.az("platform", &[&["prepare", "--yes"], &state[..]].concat()).ok();
    let run = stage.kubectl("viewer", &[&["verify"], &state[..]].concat());
    assert!(
        run.stdout
            .contains(&format!("kubectl aksbackup configure --state {file}")),
        "{run}"
    );
    stage.sandbox.set("roles_never_effective=true").unwrap();
    let mut grant = stage.az_command("owner", &[&["grant", "--yes"], &state[..]].concat());
    std::fs::copy(&file, stage.state()).unwrap();
    finish(grant.args(stage.vouchers())).ok();
    stage
        .configure("cluster-admin", &[&["--timeout", "15s"], &state[..]].concat())
        .ends(Exit::Deadline.code())
        .says(&format!(
            "check the assignment, run: az aksbackup verify --state {file}"
        ));
}

#[test]
fn another_account_stays_in_the_group_of_the_file_or_is_taken_where_it_is() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let group = || stage.value("/target/storage/resource_group");
    let init = |account: &str| {
        let run = stage
            .az("platform", &["init", "--storage-account", account, "--yes"])
            .ok();
        assert_eq!(stage.value("/target/storage/account"), account, "{run}");
    };
    init("stanothername");
    assert_eq!(
        (group().as_str(), stage.value("/target/vault/resource_group").as_str()),
        ("rg-backup", "rg-backup")
    );
    // As the cure of a refused account has it: the one that is chosen instead can be made, by the same person.
    stage.az("platform", &["prepare", "--yes"]).ok();
    let cluster = stage.value("/target/cluster");
    let (root, _) = cluster.split_once("/resourceGroups/").unwrap();
    let id = format!("{root}/resourceGroups/rg-snapshots/providers/Microsoft.Storage/storageAccounts/stbyhand");
    stage.sandbox.azure().place(json!({
        "id": id, "name": "stbyhand", "type": "Microsoft.Storage/storageAccounts", "location": "westeurope",
        "kind": "StorageV2", "sku": { "name": "Standard_LRS" },
        "properties": { "provisioningState": "Succeeded", "allowSharedKeyAccess": false },
    }));
    init("stbyhand");
    assert_eq!(group(), "rg-snapshots");
    init("stanothername");
    assert_eq!(group(), "rg-backup");
}
