//! The extension's identity: named by Azure, looked for, and missing.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;

use crate::meddling::asked;
use crate::part::Part;

const LIST: &str = "/userAssignedIdentities?";

fn lists(stage: &Stage, mark: usize) -> Vec<String> {
    asked(stage, mark, "GET", LIST)
        .into_iter()
        .map(|(target, _)| target)
        .collect()
}

/// The principal that Azure names for the extension is the one in the file.
fn is_the_extension_s(stage: &Stage) {
    let extension = stage
        .sandbox
        .resource(&stage.value("/cloud/extension/extension"))
        .unwrap();
    let identity = stage
        .sandbox
        .resource(&stage.value("/cloud/identity/identity"))
        .unwrap();
    let named = extension["properties"]["aksAssignedIdentity"]["principalId"]
        .as_str()
        .unwrap();
    assert_eq!(stage.value("/cloud/identity/principal"), named);
    assert_eq!(identity["properties"]["principalId"], named);
    assert_eq!(
        identity["properties"]["clientId"],
        stage.value("/cloud/identity/client_id").as_str()
    );
}

#[test]
fn an_identity_that_the_extension_names_is_not_looked_for() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    assert_eq!(lists(&stage, 0), Vec::<String>::new());
    is_the_extension_s(&stage);
}

#[test]
fn an_identity_that_is_only_a_principal_is_found_on_the_last_page_of_the_node_group() {
    let stage = Stage::with(&["extension_names_identity=false", "node_identities=7", "page_size=3"]).unwrap();
    stage.prepared();
    let lists = lists(&stage, 0);
    assert_eq!(lists.len(), 3, "eight identities on pages of three\n{lists:#?}");
    assert!(
        lists.iter().all(|list| list.contains("/resourceGroups/MC_")),
        "{lists:#?}"
    );
    is_the_extension_s(&stage);
}

#[test]
fn an_older_api_version_of_the_extension_leads_to_the_same_identity() {
    let kind = "microsoft.kubernetesconfiguration/extensions";
    let withdrawn = format!("withdrawn_api_versions={kind}@2025-03-01,{kind}@2024-11-01");
    let stage = Stage::with(&[&withdrawn]).unwrap();
    stage.prepared();
    assert!(!lists(&stage, 0).is_empty());
    is_the_extension_s(&stage);
}

#[test]
fn an_identity_that_somebody_deleted_is_named_with_its_cure_and_nothing_is_believed() {
    for names in ["extension_names_identity=true", "extension_names_identity=false"] {
        let stage = Stage::with(&[names]).unwrap();
        stage.granted();
        stage.sandbox.set("extension_identity_gone=true").unwrap();
        let mark = stage.mark();
        let run = Part::Prepare.run(&stage).ends(Exit::Failed.code());
        assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{run}");
        let identity = "ext-azure-aks-backup-aks-demo";
        assert!(
            run.stderr.contains(identity) || run.stderr.contains(&stage.value("/cloud/identity/principal")),
            "{run}"
        );
        let run = run.says("exist").says("az k8s-extension show --name azure-aks-backup");
        let status = stage.az("reader", &["status"]).ok();
        assert!(status.stdout.contains("doesn't exist"), "{names}\n{status}\n{run}");
    }
}
