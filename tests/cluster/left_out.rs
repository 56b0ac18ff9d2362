//! What backups leave out, from the finding to the entry that records it.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use serde_json::json;

use crate::doctor::small;
use crate::stages::configured;

#[test]
fn what_backups_leave_out_is_told_with_its_size_and_recorded_by_the_printed_command() {
    let stage = configured(Backend::Small);
    let place = |kind: &str, name: &str, spec: serde_json::Value| {
        let metadata = json!({ "name": name });
        small(&stage).place(json!({ "apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec }));
    };
    for name in ["shop", "web"] {
        place("Namespace", name, json!({}));
    }
    for (name, namespace, size) in [("a", "shop", "2Ti"), ("b", "shop", "512Gi"), ("c", "web", "8Gi")] {
        let csi = json!({ "driver": "disk.csi.azure.com", "volumeHandle": name });
        let claim = json!({ "name": name, "namespace": namespace });
        let spec = json!({ "claimRef": claim, "csi": csi, "capacity": { "storage": size }, "storageClassName": "managed-csi" });
        place("PersistentVolume", name, spec);
    }
    let init = |set: &str| stage.az("platform", &["init", "--set", set, "--yes"]).ok();
    let verify = || stage.kubectl("viewer", &["verify"]);
    verify().ok().says("the target selects all: 3 volumes, 2.5 TiB");

    init("instance.included_namespaces=webb,web");
    let typo = "included, but not in the cluster: webb (did you mean web?)";
    stage.configure("cluster-admin", &[]).ok().says(typo);
    let run = verify().ends(Exit::Pending.code()).says(typo);
    let printed = "az aksbackup init --set left_out+=namespace/shop";
    let run = run.says("the target selects 1 of 3: 1 volume, 8 GiB").says(printed);
    run.says("the target doesn't include 2 volumes, 2.5 TiB in namespace shop");

    init("instance.included_namespaces=web");
    init(printed.rsplit(' ').next().unwrap());
    verify().ok().says("intentional exclusions: 2 volumes, 2.5 TiB");
    init("left_out+=namespace/gone");
    verify()
        .ends(Exit::Pending.code())
        .says("left_out has entries that don't exist or are backed up: namespace/gone");
}
