//! The extension in every state that others may leave it in.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::Value;

use crate::made;
use crate::meddling::{answered, asked, is, while_running};
use crate::part::{PARTS, Part};

/// A cluster that needs no change, so that all that happens is about the extension.
const READY: [&str; 2] = ["issuer_on=true", "workload_identity_on=true"];
/// Where the extension of the other hands stores backups.
const THEIRS: [&str; 4] = ["--storage-account", "contosovelero", "--container", "elsewhere"];

/// A stage whose file wants the extension under its usual name, and the storage of other hands.
fn stage(own: &[&str]) -> Stage {
    let stage = Stage::with(&READY).unwrap();
    stage.init("platform").ok();
    let group = ["--storage-resource-group", "rg-backup", "--yes"];
    stage.az("platform", &[&["init"], own, &group].concat()).ok();
    stage.sandbox.set("extension_name=theirs").unwrap();
    stage
}

fn extension_writes(stage: &Stage) -> Vec<String> {
    let writes = stage.writes_since(0).into_iter();
    writes.filter(|write| write.contains("/extensions/")).collect()
}

/// The standing of each step in `status`.
fn standings(run: &Run) -> Vec<(String, String)> {
    let document = run.json();
    let row = |row: &Value| {
        let text = |name: &str| row[name].as_str().unwrap().to_owned();
        (text("step"), text("standing"))
    };
    document["steps"].as_array().unwrap().iter().map(row).collect()
}

/// The steps that the file has and that are not so any more.
fn drifted(run: &Run) -> Vec<String> {
    let is_gone = |standing: &str| ["drifted", "stale"].contains(&standing);
    let all = standings(run).into_iter();
    all.filter(|(_, standing)| is_gone(standing))
        .map(|(step, _)| step)
        .collect()
}

#[test]
fn one_that_somebody_else_installs_is_waited_for_and_taken_whatever_its_name() {
    let stage = stage(&THEIRS);
    stage.sandbox.set("extension=creating").unwrap();
    let looks = |entry: &_| is(entry, "GET", "/extensions?");
    let run = while_running(&stage, Part::Prepare.command(&stage), (4, looks), |stage| {
        stage.az("reader", &["status"]).ok().says("extension theirs: Creating");
        stage.sandbox.set("extension=succeeded").unwrap();
    });
    run.ok().says("extension theirs: Creating");
    assert_eq!(
        extension_writes(&stage),
        Vec::<String>::new(),
        "nothing is installed beside it"
    );
    assert!(
        stage
            .value("/cloud/extension/extension")
            .ends_with("/extensions/theirs")
    );
    assert!(
        !stage.state_text().contains("/extensions/azure-aks-backup"),
        "{}",
        stage.state_text()
    );
    for part in [Part::Grant, Part::Configure, Part::Protect] {
        part.run(&stage).ok();
    }
}

#[test]
fn one_that_stores_elsewhere_is_named_with_both_cures_and_left_alone() {
    for own in [
        &[][..],
        &["--storage-account", "contosovelero"],
        &["--container", "elsewhere"],
    ] {
        let stage = stage(own);
        stage.sandbox.set("extension=succeeded").unwrap();
        let run = Part::Prepare.run(&stage).ends(Exit::Failed.code());
        assert_eq!(extension_writes(&stage), Vec::<String>::new(), "{run}");
        let run = run
            .says("extension theirs stores backups in a different location")
            .says("current: container elsewhere, account contosovelero")
            .says("az k8s-extension show --name theirs --cluster-name aks-demo");
        let cure = "az aksbackup init --storage-account contosovelero --storage-resource-group rg-backup --container elsewhere";
        run.says(cure);
        let cure: Vec<&str> = cure.split(' ').skip(2).chain(["--yes"]).collect();
        stage.az("platform", &cure).ok();
        // Nothing of that storage exists here, although the extension uses it.
        Part::Prepare
            .run(&stage)
            .ends(Exit::Failed.code())
            .says("existed, but the account");
        stage.az("platform", &["prepare", "--yes", "--recreate-storage"]).ok();
        assert_eq!(extension_writes(&stage), Vec::<String>::new());
    }
}

#[test]
fn one_that_failed_under_any_name_ends_with_azure_s_words_and_its_own_cure() {
    let stage = stage(&THEIRS);
    stage.sandbox.set("extension=failed").unwrap();
    stage.sandbox.set("extension_failures=1").unwrap();
    let run = Part::Prepare.run(&stage).ends(Exit::Failed.code());
    let writes = extension_writes(&stage);
    assert!(
        matches!(writes.as_slice(), [one] if one.starts_with("PATCH ")),
        "it is asked for once: {writes:?}\n{run}"
    );
    run.says("cannot rewrite the settings of extension theirs: it is Failed")
        .says("ExtensionOperationFailed")
        .says("geneva-service is not ready")
        .says("az k8s-extension show --name theirs");
    stage
        .az("reader", &["status"])
        .ok()
        .says("rewrite the settings of extension theirs: it is Failed");
    // The cause is gone: the command that was printed repairs it.
    Part::Prepare.run(&stage).ok();
}

#[test]
fn one_that_was_installed_anew_makes_federation_roles_and_annotations_due_again() {
    let stage = Stage::with(&READY).unwrap();
    stage.init("platform").ok();
    for part in &PARTS[..4] {
        part.run(&stage).ok();
    }
    let (client, principal) = (
        stage.value("/cloud/identity/client_id"),
        stage.value("/cloud/identity/principal"),
    );
    stage.sandbox.set("extension_reinstalled=true").unwrap();

    let status = |persona: &str| stage.az(persona, &["status", "-o", "json"]).ok();
    let run = status("reader");
    let due = [
        "extension-identity",
        "federated-credentials",
        "roles",
        "workload-identity",
        "rollout",
        "verification",
    ];
    assert_eq!(drifted(&run), due, "{run}");
    stage.az("reader", &["status"]).ok().says("az aksbackup prepare");
    let cluster = stage.kubectl("viewer", &["status", "-o", "json"]).ok();
    assert_eq!(drifted(&cluster), ["workload-identity"], "{cluster}");
    assert_ne!(
        stage.kubectl("viewer", &["verify"]).code,
        0,
        "nothing is proved any more"
    );

    let mark = stage.mark();
    Part::Prepare.run(&stage).ok().says("az aksbackup grant");
    assert_ne!(stage.value("/cloud/identity/client_id"), client);
    assert_ne!(stage.value("/cloud/identity/principal"), principal);
    assert_eq!(asked(&stage, mark, "PUT", "federatedIdentityCredentials").len(), 3);
    stage.az("reader", &["status"]).ok().says("az aksbackup grant");
    let mark = stage.mark();
    Part::Grant.run(&stage).ok();
    assert_eq!(
        asked(&stage, mark, "PUT", "roleAssignments").len(),
        1,
        "of four roles one is its identity's"
    );
    stage.az("reader", &["status"]).ok().says("kubectl aksbackup configure");
    Part::Configure.run(&stage).ok();
    stage.kubectl("viewer", &["verify"]).ok();
    Part::Protect.run(&stage).ok().says("nothing to do");
    assert!(drifted(&status("reader")).is_empty());
    made::state_parses(&stage);
}

#[test]
fn an_extension_that_is_absent_is_installed_once() {
    let stage = Part::Grant.stage();
    assert_eq!(answered(&stage, ("PUT", "/extensions/azure-aks-backup?"), 201), 1);
    assert_eq!(extension_writes(&stage).len(), 1);
}
