//! `grant` may do more than whoever wrote the file: what the file cannot prove is refused and named, and nothing is assigned.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, PRINTED_GRANT, Run, Stage};
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
    let grant = |flags: &[String]| {
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        stage
            .az("owner", &[&["grant", "--yes"], flags.as_slice()].concat())
            .ends(Exit::Usage.code())
    };
    // The first pair is the subscription: without it the other three name nothing.
    for at in 0..vouchers.len() / 2 {
        let mut left_out = vouchers.clone();
        left_out.drain(at * 2..at * 2 + 2);
        let run = grant(&left_out);
        match at {
            0 => run.says("doesn't specify the subscription"),
            // What the person said is kept, and what is missing is left open.
            _ => run.says(&format!("az aksbackup grant {} RESOURCE-GROUP", vouchers[at * 2])),
        };
        if at > 0 {
            let mut wrong = vouchers.clone();
            wrong[at * 2 + 1] = "rg-other/another1"
                .split('/')
                .take(if at == 4 { 1 } else { 2 })
                .collect::<Vec<_>>()
                .join("/");
            grant(&wrong).says(&format!("{} is rg-other", wrong[at * 2]));
        }
        if (1..4).contains(&at) {
            let mut bare = vouchers.clone();
            bare[at * 2 + 1] = bare[at * 2 + 1].split('/').next_back().unwrap().to_owned();
            grant(&bare).says("doesn't name the resource group");
        }
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

/// A file with nothing but a target, as a stranger sends it.
fn only_target(stage: &Stage) -> String {
    stage.state_text().split("\n[cloud").next().unwrap().to_owned()
}

/// Fails before clusters had to be confirmed: the attacker's extension got to write and delete every backup.
#[test]
fn a_namesake_of_the_cluster_in_another_resource_group_gets_no_role() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (vouchers, own) = (stage.vouchers(), stage.value("/target/cluster"));
    let evil = stage.sandbox.azure().namesake(&own, "rg-evil", "attacker");
    std::fs::write(stage.state(), only_target(&stage).replace(&own, &evil)).unwrap();
    let mark = stage.mark();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    stage
        .az("owner", &[&["grant", "--yes"], flags.as_slice()].concat())
        .ends(Exit::Usage.code())
        .says(&format!(
            "--cluster is rg-aks/aks-demo, but the state file specifies cluster {evil}"
        ));
    let run = stage.az("owner", &["grant", "--dry-run"]).ends(Exit::Pending.code());
    run.says("cluster rg-evil/aks-demo")
        .says("the extension's identity of cluster rg-evil/aks-demo");
    // Neither may the platform team let its vault into that cluster, or send backups from it, because a file says so.
    for command in ["prepare", "protect", "up"] {
        stage
            .az("platform", &[&[command, "--yes"], flags.as_slice()].concat())
            .ends(Exit::Usage.code())
            .says("rg-evil");
    }
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Whoever does mean that cluster says so.
    let honest = stage.grant("owner").ok();
    honest.says("rg-evil/aks-demo");
}

/// Fails before a vault was confirmed with its resource group, and its tier by the target.
#[test]
fn a_namesake_of_the_vault_in_another_resource_group_gets_no_role() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let (vouchers, own) = (stage.vouchers(), stage.value("/cloud/vault/vault"));
    let attack = stage.sandbox.azure().namesake(&own, "rg-attack", "attacker");
    // The trap is at its best where the team can work in that resource group too.
    let group = attack.split("/providers/").next().unwrap();
    stage.sandbox.assign_role("platform", "Contributor", group).unwrap();
    let text = only_target(&stage);
    let (head, vault) = text.split_once("[target.vault]").unwrap();
    let vault = vault.replacen("resource_group = \"rg-backup\"", "resource_group = \"rg-attack\"", 1);
    std::fs::write(stage.state(), format!("{head}[target.vault]{vault}")).unwrap();
    assert_eq!(stage.value("/target/vault/resource_group"), "rg-attack");
    let mark = stage.mark();
    let flags: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    for (persona, command) in [
        ("owner", "grant"),
        ("platform", "prepare"),
        ("platform", "protect"),
        ("owner", "up"),
    ] {
        stage
            .az(persona, &[&[command, "--yes"], flags.as_slice()].concat())
            .ends(Exit::Usage.code())
            .says("rg-attack");
    }
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Usage.code())
        .says("az aksbackup prepare --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage
        .az("platform", &["prepare", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("Backup vault rg-attack/bv-");
}

#[test]
fn a_tier_that_only_the_live_policy_has_brings_no_roles() {
    let stage = Stage::new().unwrap();
    stage
        .az(
            "platform",
            &[INIT.as_slice(), &["--vault-tier-retention", "P30D"]].concat(),
        )
        .ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    let text = only_target(&stage);
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("vault_tier_retention"))
        .collect();
    let mark = stage.mark();
    let granted = |target: &str| {
        std::fs::write(stage.state(), target).unwrap();
        stage.grant("owner").ok().says("copies backups to the vault tier");
        let writes = stage.writes_since(mark).into_iter();
        writes.filter(|write| write.contains("/roleAssignments/")).count()
    };
    assert_eq!(granted(&lines.join("\n")), 4);
    // A policy file that nobody has, and that says nothing of a vault tier.
    let claims = lines
        .join("\n")
        .replace("[target.policy]", "[target.policy]\nfile = \"none.json\"");
    assert_eq!(granted(&claims), 4);
}

/// What `init` wrote here is remembered for this user; a file from elsewhere is not, whatever its notes say.
#[test]
fn a_file_gets_the_extension_s_identity_for_no_service_account_of_its_own_choice() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let own = stage.state_text();
    let claim = |namespace: &str, account: &str| {
        let table = format!(
            "\n[cluster.workloads]\nnamespace = \"{namespace}\"\ndeployments = []\nservice_accounts = [\"{account}\"]\n"
        );
        std::fs::write(stage.state(), format!("{own}{table}")).unwrap();
        stage.az("platform", &["prepare", "--yes"])
    };
    let credentials = || {
        let kind = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
        stage.sandbox.azure().resources(kind).len()
    };
    claim("kube-system", "attacker")
        .ends(Exit::Failed.code())
        .says("kube-system");
    claim("dataprotection-microsoft", "default")
        .ends(Exit::Failed.code())
        .says("default");
    assert_eq!(credentials(), 0);
    let subject = "system:serviceaccount:dataprotection-microsoft:attacker";
    claim("dataprotection-microsoft", "attacker")
        .ends(Exit::TheirTurn.code())
        .says(&format!("az aksbackup prepare --subject {subject}"));
    assert_eq!(credentials(), 3, "the guide's three, and no other");
    stage.az("platform", &["prepare", "--yes", "--subject", subject]).ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    assert_eq!(credentials(), 4, "what was named once stays");
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
        "--storage-account is rg-backup/{own}, but the state file specifies storage account"
    ));
    stage
        .az("owner", &["grant", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("on storage account rg-backup/stvictim");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
}

#[test]
fn the_printed_hand_off_leaves_to_its_reader_what_to_confirm() {
    let stage = Stage::new().unwrap();
    let prepared = stage.prepared();
    let line = PRINTED_GRANT;
    assert!(prepared.stdout.contains(line), "{line}\n{prepared}");
    stage.az("reader", &["status"]).ok().says(line);
    stage.az("platform", &["status", "--offline"]).ok().says(line);
    stage.az("platform", &["grant", "--yes"]).ends(Exit::Usage.code());
    let run = stage.grant("platform").ends(Exit::TheirTurn.code());
    assert!(run.stdout.contains(line), "{line}\n{run}");
    stage
        .az("platform", &["protect", "--yes", "--without-verification"])
        .ends(Exit::TheirTurn.code())
        .says(line);
    stage
        .configure("cluster-admin", &[])
        .ends(Exit::TheirTurn.code())
        .says(line);
    // Elsewhere than in the default file, whoever pastes it is led there.
    let elsewhere = stage.folder().join("other.toml");
    std::fs::rename(stage.state(), &elsewhere).unwrap();
    let path = elsewhere.display().to_string();
    let run = stage.az("reader", &["status", "--state", &path]).ok();
    assert!(run.stdout.contains(&format!("{line} --state {path}")), "{run}");
}
