//! A container that two clusters would store backups in.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage, finish};
use serde_json::json;

/// Installs the extension of another cluster, with the storage of this one's target.
fn neighbor(stage: &Stage) -> String {
    let id = stage.value("/target/cluster").replace("aks-demo", "aks-neighbor");
    let id = format!("{id}/providers/Microsoft.KubernetesConfiguration/extensions/azure-aks-backup");
    stage.sandbox.azure().place(json!({
        "id": id, "name": "azure-aks-backup", "type": "Microsoft.KubernetesConfiguration/extensions",
        "properties": {
            "extensionType": "Microsoft.DataProtection.Kubernetes", "provisioningState": "Succeeded",
            "configurationSettings": {
                "configuration.backupStorageLocation.bucket": stage.value("/target/storage/container"),
                "configuration.backupStorageLocation.config.storageAccount": stage.value("/target/storage/account"),
            },
        },
    }));
    id
}

/// Fails before: both clusters stored backups in it, and each could delete those of the other.
#[test]
fn one_that_another_cluster_uses_is_refused_before_the_extension_is_installed() {
    let stage = Stage::new().unwrap();
    stage.az("platform", &INIT).ok();
    stage.az("platform", &["prepare", "--only", "storage", "--yes"]).ok();
    let id = neighbor(&stage);
    let mark = stage.mark();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Usage.code())
        .says("another cluster uses this one: rg-aks/aks-neighbor")
        .says("az aksbackup init --container NAME");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new());
    // Fails before: a table of another cluster's file ended the check.
    let text = stage.state_text();
    let claimed = format!(
        "{text}\n[cloud.extension]\nextension = \"{id}\"\nprincipal = \"0f8fad5b-d9cb-469f-a165-70867728950e\"\n"
    );
    std::fs::write(stage.state(), claimed).unwrap();
    let mut again = stage.az_command("platform", &["prepare", "--yes"]);
    let again = finish(again.args(stage.vouchers()));
    assert_ne!(again.code, 0, "{again}");
    assert_eq!(stage.writes_since(mark), Vec::<String>::new(), "{again}");
    std::fs::write(stage.state(), text).unwrap();
    stage
        .az("platform", &["init", "--container", "of-its-own", "--yes"])
        .ok();
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage
        .az("platform", &["verify"])
        .says("none is known to use container of-its-own");
    // The neighbor follows once the extension of this cluster is installed: it still works, and `verify` tells.
    stage.sandbox.azure().remove(&id);
    neighbor(&stage);
    stage.az("platform", &["prepare", "--yes"]).ok();
    stage
        .az("platform", &["verify"])
        .ends(Exit::Pending.code())
        .says("cluster rg-aks/aks-neighbor stores backups in container of-its-own, too");
}
