//! `grant` may do more than whoever wrote the file: what the file cannot prove is refused and named, and nothing is assigned.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::Value;

const FOREIGN: &str = "0b1f6471-1bf0-4dda-aec3-000000000666";
const OTHER_SUBSCRIPTION: &str = "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22";

/// `grant` of the file as it is now, by an owner who vouches for whatever it names.
fn refused(stage: &Stage, what: &str) -> Run {
    let mark = stage.mark();
    let run = stage.grant("owner");
    assert_ne!(run.code, 0, "{what}\n{run}");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{what}\n{run}");
    run
}

/// Tampers with the file, sees it refused, and puts it right again.
fn tampered(stage: &Stage, old: &str, new: &str) -> Run {
    let text = stage.state_text();
    assert!(text.contains(old), "{old} is in the file\n{text}");
    std::fs::write(stage.state(), text.replace(old, new)).unwrap();
    let run = refused(stage, new);
    std::fs::write(stage.state(), text).unwrap();
    run
}

fn line(key: &str, value: &str) -> String {
    format!("{key} = \"{value}\"")
}

#[test]
fn foreign_principals_are_named_and_nothing_is_assigned() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    for (pointer, key) in [
        ("/cloud/identity/principal", "principal"),
        ("/cloud/vault/principal", "principal"),
        ("/cloud/prerequisites/cluster_principal", "cluster_principal"),
    ] {
        let own = stage.value(pointer);
        tampered(&stage, &line(key, &own), &line(key, FOREIGN))
            .ends(Exit::Failed.code())
            .says(FOREIGN)
            .says(&own);
    }
}

#[test]
fn foreign_scopes_subscriptions_and_tenants_are_named_and_nothing_is_assigned() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (account, group) = (
        stage.value("/cloud/storage/account"),
        stage.value("/cloud/storage/snapshot_group"),
    );
    let own = stage.value("/target/subscription");
    let victim = account.replace("rg-backup", "rg-aks");
    tampered(&stage, &line("account", &account), &line("account", &victim)).says(&victim);
    for victim in [
        group.replace("rg-snapshots", "rg-elsewhere"),
        group.replace(&own, OTHER_SUBSCRIPTION),
    ] {
        tampered(
            &stage,
            &line("snapshot_group", &group),
            &line("snapshot_group", &victim),
        )
        .says(&victim);
    }
    tampered(
        &stage,
        &line("subscription", &own),
        &line("subscription", OTHER_SUBSCRIPTION),
    )
    .says(OTHER_SUBSCRIPTION);
    let tenant = stage.value("/target/tenant");
    tampered(&stage, &line("tenant", &tenant), &line("tenant", FOREIGN))
        .ends(Exit::NotPermitted.code())
        .says(FOREIGN);
    let cloud = line("cloud", &stage.value("/target/cloud"));
    tampered(&stage, &cloud, &line("cloud", "AzureChinaCloud")).says("AzureChinaCloud");
}

#[test]
fn a_role_that_no_backup_needs_is_named_and_nothing_is_assigned() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (principal, vault) = (
        stage.value("/cloud/identity/principal"),
        stage.value("/cloud/vault/vault"),
    );
    let claim = format!(
        "\n[[cloud.roles.assignments]]\nrole = \"Owner\"\nholder = \"extension identity\"\n\
         principal = \"{principal}\"\nscope = \"{vault}\"\n"
    );
    std::fs::write(stage.state(), stage.state_text() + &claim).unwrap();
    refused(&stage, "another role").ends(Exit::Failed.code()).says("Owner");
}

#[test]
fn storage_that_the_extension_does_not_use_is_named_and_nothing_is_assigned() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let account = stage.value("/target/storage/account");
    tampered(&stage, &account, "stvictim")
        .ends(Exit::Failed.code())
        .says("stvictim")
        .says(&account);
    let container = stage.value("/target/storage/container");
    tampered(&stage, &container, "victims-data").says("victims-data");
}

#[test]
fn a_vault_that_the_cluster_does_not_let_in_is_named_and_nothing_is_assigned() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (own, name) = (stage.value("/cloud/vault/vault"), stage.value("/target/vault/name"));
    let foreign = own.replace(&name, "bv-foreign");
    let mut body = stage.sandbox.resource(&own).unwrap();
    body["id"] = Value::from(foreign.clone());
    body["name"] = Value::from("bv-foreign");
    body["identity"]["principalId"] = Value::from(FOREIGN);
    stage.sandbox.azure().place(body);
    tampered(&stage, &name, "bv-foreign")
        .ends(Exit::Failed.code())
        .says(&foreign)
        .says(&name);
}

#[test]
fn yes_alone_vouches_for_nothing() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let vouchers = stage.vouchers();
    let mark = stage.mark();
    for left_out in 0..3 {
        let mut flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
        flags.drain(left_out * 2..left_out * 2 + 2);
        stage
            .az("owner", &[&["grant", "--yes"], flags.as_slice()].concat())
            .ends(Exit::Usage.code())
            .says(&format!("az aksbackup grant {} --yes", vouchers.join(" ")));
        let mut wrong: Vec<&str> = vouchers.iter().map(String::as_str).collect();
        wrong[left_out * 2 + 1] = "another1";
        stage
            .az("owner", &[&["grant", "--yes"], wrong.as_slice()].concat())
            .ends(Exit::Usage.code())
            .says(&format!("{} says another1", wrong[left_out * 2]))
            .says(&vouchers[left_out * 2 + 1]);
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// Who owns a whole cluster can make its extension, its trusted access and the file say whatever they like.
#[test]
fn a_cluster_pointed_at_a_foreign_account_gets_no_role_there() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let own = stage.value("/target/storage/account");
    let vouchers = stage.vouchers();
    let mut victim = stage.sandbox.resource(&stage.value("/cloud/storage/account")).unwrap();
    let id = victim["id"].as_str().unwrap().replace(&own, "stvictim");
    victim["id"] = Value::from(id);
    victim["name"] = Value::from("stvictim");
    stage.sandbox.azure().place(victim);
    let mut extension = stage
        .sandbox
        .resource(&stage.value("/cloud/extension/extension"))
        .unwrap();
    extension["properties"]["configurationSettings"]["configuration.backupStorageLocation.config.storageAccount"] =
        Value::from("stvictim");
    stage.sandbox.azure().place(extension);
    std::fs::write(stage.state(), stage.state_text().replace(&own, "stvictim")).unwrap();

    let mark = stage.mark();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    let run = stage.az("owner", &[&["grant", "--yes"], flags.as_slice()].concat());
    run.ends(Exit::Usage.code()).says(&format!(
        "--storage-account says {own}, the state file says storage account stvictim"
    ));
    stage
        .az("owner", &[&["grant", "--yes"], &flags[..4]].concat())
        .ends(Exit::Usage.code())
        .says("--storage-account stvictim");
    stage
        .az("owner", &["grant", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("on storage account stvictim");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn the_printed_hand_off_names_what_its_reader_vouches_for() {
    let stage = Stage::new().unwrap();
    let prepared = stage.prepared();
    let line = format!("az aksbackup grant {}", stage.vouchers().join(" "));
    assert!(prepared.stdout.contains(&line), "{line}\n{prepared}");
    stage.az("reader", &["status"]).ok().says(&line);
    stage.az("platform", &["status", "--offline"]).ok().says(&line);
    stage.az("platform", &["grant", "--yes"]).ends(Exit::Usage.code());
    let run = stage.grant("platform").ends(Exit::TheirTurn.code());
    assert!(run.stdout.contains(&line), "{line}\n{run}");
    stage
        .az("platform", &["protect", "--yes", "--without-verification"])
        .ends(Exit::TheirTurn.code())
        .says(&line);
    stage
        .configure("cluster-admin", &[])
        .ends(Exit::TheirTurn.code())
        .says(&line);
    // Elsewhere than in the default file, whoever pastes it is led there.
    let elsewhere = stage.folder().join("other.toml");
    std::fs::rename(stage.state(), &elsewhere).unwrap();
    let path = elsewhere.display().to_string();
    let run = stage.az("reader", &["status", "--state", &path]).ok();
    assert!(run.stdout.contains(&format!("{line} --state {path}")), "{run}");
}
