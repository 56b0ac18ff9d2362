//! The whole hand-off of three people: cloud side on the sandbox's Azure, cluster side on a real control plane.

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use serde_json::Value;

use crate::looks::location;

#[test]
fn three_people_end_with_a_protected_cluster_and_a_completed_backup() {
    let stage = Stage::on(Backend::Real, &[]).unwrap();
    stage.prepared();
    stage.grant("owner").ok().says("kubectl aksbackup configure");
    let configured = stage.configure("cluster-admin", &[]).ok();
    configured.says("az aksbackup protect");
    stage.kubectl("viewer", &["verify"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();

    let instance = stage
        .sandbox
        .resource(&stage.value("/cloud/instance/instance"))
        .unwrap();
    let state = instance.pointer("/properties/currentProtectionState");
    assert_eq!(state, Some(&Value::from("ProtectionConfigured")));
    assert_eq!(stage.value("/cloud/backup/status"), "Completed");
    assert_eq!(location(&stage)["status"]["phase"], "Available");
}
