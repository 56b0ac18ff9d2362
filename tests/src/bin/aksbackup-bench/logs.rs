//! `doctor` where the cluster has much to tell: each line of its logs is held against every failure that is known.

use std::io;
use std::path::Path;
use std::process::Command;

use aksbackup_tests::sandbox::Sandbox;
use serde_json::Value;

use crate::hand_off::environment;
use crate::measured::{self, Usage};

/// Lines of each container that writes. Of one container `doctor` asks for its last 2,000.
const LINES: usize = 2_500;

/// Runs it after a hand-off, on two containers that have written more than is asked for.
///
/// # Errors
/// It finds something, or the hand-off left no such container.
pub(crate) fn doctor(sandbox: &Sandbox, program: &Path, folder: &Path) -> io::Result<Usage> {
    let cluster = sandbox.kubernetes();
    let pods = cluster.objects("Pod");
    let velero = |pod: &&Value| pod["metadata"]["labels"]["name"] == "velero";
    let pod = pods.iter().find(velero);
    let pod = pod.ok_or_else(|| io::Error::other("Velero does not run"))?;
    let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
    for container in containers.filter_map(|own| own["name"].as_str()) {
        for number in 0..LINES {
            let line = format!(
                "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"item {number} of backup \\\"daily\\\" is left out\" \
                 logSource=\"pkg/backup/item_collector.go:{number}\""
            );
            cluster.write_log(pod, container, line);
        }
    }
    let mut command = Command::new(program);
    command
        .args(["doctor", "--context", "cluster-admin"])
        .envs(environment(sandbox, ""))
        .current_dir(folder);
    measured::run(&command)
}
