//! Each person with their own rights only: what they may not do is named, with who may, and the rest is done.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

const THEIRS: u8 = Exit::TheirTurn.code();

#[test]
fn unregistered_providers_are_the_subscription_contributor_s_and_the_rest_is_done() {
    let stage = Stage::with(&["providers_registered=false"]).unwrap();
    stage.init("platform").ok();
    let run = stage.az("platform", &["prepare", "--yes"]).ends(THEIRS);
    assert!(run.stdout.contains("subscription contributor"), "{run}");
    assert!(run.stdout.contains("/register/action"), "{run}");
    assert!(
        !stage.value("/cloud/storage/account").is_empty() || run.stdout.contains("Microsoft.Storage"),
        "{run}"
    );
    stage.az("contributor", &["prepare", "--yes"]).ok();
}

#[test]
fn a_missing_group_is_the_subscription_contributor_s() {
    let stage = Stage::with(&["no_snapshot_group=true"]).unwrap();
    stage.init("platform").ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(THEIRS)
        .says("subscription contributor")
        .says("az group create")
        .says("rg-snapshots")
        .says("Microsoft.Resources/subscriptions/resourceGroups/write");
    assert!(
        !stage.value("/cloud/vault/vault").is_empty(),
        "the vault needs no snapshot group\n{}",
        stage.state_text()
    );
}

#[test]
fn a_node_group_of_others_leaves_only_the_federated_credentials() {
    let stage = Stage::new().unwrap();
    stage.init("platform-no-node").ok();
    let run = stage.az("platform-no-node", &["prepare", "--yes"]).ends(THEIRS);
    assert!(run.stdout.contains("federatedIdentityCredentials/write"), "{run}");
    assert!(
        !stage.value("/cloud/trusted_access/binding").is_empty(),
        "trusted access is done all the same\n{run}"
    );
    stage.az("contributor", &["prepare", "--yes"]).ok();
}

#[test]
fn an_owner_of_one_scope_assigns_there_and_the_others_are_listed() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let run = stage.grant("owner-storage-only").ends(THEIRS);
    assert_eq!(stage.writes_refused(), 3, "three assignments were refused\n{run}");
    assert!(
        run.stdout
            .matches("Microsoft.Authorization/roleAssignments/write")
            .count()
            >= 2,
        "{run}"
    );
    assert!(
        run.stdout.contains("rg-snapshots") && run.stdout.contains("aks-demo"),
        "{run}"
    );
    stage.grant("owner").ok();
}

#[test]
fn nobody_is_told_what_they_may_not_read_as_if_it_were_missing() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage
        .az("stranger", &["prepare", "--yes"])
        .ends(Exit::Missing.code())
        .says("has no access to it");
}

#[test]
fn kubernetes_rights_that_lack_are_all_named_before_anything_is_written() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let mark = stage.mark();
    let run = stage.configure("viewer", &[]).ends(Exit::NotPermitted.code());
    assert!(
        run.stderr.contains("patch") && run.stderr.contains("serviceaccounts") && run.stderr.contains("deployments"),
        "{run}"
    );
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    stage.configure("nobody", &[]).ends(Exit::NotPermitted.code());
}
