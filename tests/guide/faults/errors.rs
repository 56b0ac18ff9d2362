//! Every refusal of every write reaches the person whole: Azure's code and message, both ids, the object, a command.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage};

use crate::made::{self, beside_each_other};
use crate::part::Part;

/// Each write of the cloud plane: who sends it, the request, what it is called.
const WRITES: [(Part, &str, &str); 11] = [
    (
        Part::Prepare,
        "PUT:managedClusters/aks-demo?",
        "cluster rg-aks/aks-demo",
    ),
    (
        Part::Prepare,
        "PUT:storageAccounts/staksdemo2e8dd73a?",
        "storage account staksdemo",
    ),
    (Part::Prepare, "PUT:blobServices", "container aks-aks-demo"),
    (Part::Prepare, "PUT:backupVaults/bv-aks-demo?", "vault bv-aks-demo"),
    (Part::Prepare, "PUT:backupPolicies", "policy aks-daily-7d"),
    (Part::Prepare, "PUT:/extensions/", "extension azure-aks-backup"),
    (
        Part::Prepare,
        "PUT:trustedAccessRoleBindings",
        "vault rg-backup/bv-aks-demo",
    ),
    (
        Part::Prepare,
        "PUT:federatedIdentityCredentials",
        "federated credential dataprotection",
    ),
    (Part::Grant, "PUT:roleAssignments", "Storage Blob Data Contributor"),
    (Part::Protect, "PUT:backupInstances", "backup instance aks-demo"),
    (Part::Backup, "POST:/backup?", "aks-demo"),
];

/// What a report must hold, beside the code and the object.
const ALWAYS: [&str; 3] = [
    "struck by a fault of the \"sandbox\".",
    "It says so in two lines.",
    "hint: ",
];

fn is_whole(stage: &Stage, mark: usize, run: &Run, code: &str, object: &str) {
    for words in ALWAYS.iter().chain(&[code, object]) {
        assert!(run.stderr.contains(words), "{words:?} is missing\n{run}");
    }
    let named = stage.since(mark).into_iter().any(|entry| {
        !entry.request_id.is_empty()
            && run.stderr.contains(&entry.request_id)
            && run.stderr.contains(&entry.correlation_id)
    });
    assert!(named, "no request is named by both ids\n{run}");
    assert!(run.stderr.contains("az "), "no command to go on with\n{run}");
}

/// Runs a part whose write is struck for good, and then without.
fn refused(part: Part, fault: &str, code: &str, object: &str) {
    let stage = part.stage();
    let mark = stage.mark();
    stage.sandbox.set(&format!("fault={fault}")).unwrap();
    let run = match part {
        // Only who may see the operations of the subscription is told why one of them failed.
        Part::Prepare => stage.az("everything", &["prepare", "--yes"]),
        _ => part.run(&stage),
    };
    let run = run.ends(Exit::Failed.code());
    is_whole(&stage, mark, &run, code, object);
    made::nothing_twice(&stage);
    made::state_parses(&stage);
}

#[test]
fn every_write_that_is_refused_says_by_whom_why_and_what_next() {
    beside_each_other(&WRITES, |(part, target, object)| {
        refused(*part, &format!("400/BadThing@{target}:9"), "BadThing", object);
    });
}

#[test]
fn every_operation_that_fails_says_so_with_http_200() {
    let operations: Vec<_> = WRITES
        .into_iter()
        .filter(|(_, target, _)| {
            let none = ["blobServices", "backupPolicies", "federated", "roleAssignments"];
            !none.iter().any(|name| target.contains(name))
        })
        .collect();
    beside_each_other(&operations, |(part, target, object)| {
        refused(
            *part,
            &format!("failed/SandboxBroken@{target}:9"),
            "SandboxBroken",
            object,
        );
    });
}

#[test]
fn a_server_that_fails_for_good_is_named() {
    refused(
        Part::Prepare,
        "500@GET:backupVaults/bv-aks-demo?:99",
        "InternalServerError",
        "bv-aks-demo",
    );
}

#[test]
fn who_may_not_see_why_an_operation_failed_is_told_where_to_look() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=failed/SandboxBroken@PUT:managedClusters/aks-demo?:9")
        .unwrap();
    let cluster = stage.value("/target/cluster");
    Part::Prepare
        .run(&stage)
        .ends(Exit::Failed.code())
        .says("cluster rg-aks/aks-demo")
        .says("the provisioning state is Failed")
        .says(&format!(
            "az monitor activity-log list --resource-id {cluster} --status Failed"
        ));
}
