//! How long the cluster alone keeps `configure` waiting: until its own times prove that Velero has reached its storage, the
//! old one before the rollout and the new one after it. They have whole seconds, however fast the sandbox is.

use std::io;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use aksbackup_tests::log::Entry;
use aksbackup_tests::sandbox::Sandbox;
use serde_json::Value;

use super::{DEPLOYMENTS, NAMESPACE};
use crate::measured::{self, Usage};

/// How often it is looked at the cluster, which is in this process.
const GLANCE: Duration = Duration::from_millis(5);

/// Runs `configure`, and gives what it used, and for how many seconds of it the cluster had proved nothing.
///
/// # Errors
/// As [`measured::run`].
pub(super) fn beside(sandbox: &Sandbox, command: &Command) -> io::Result<(Usage, f64)> {
    let (mark, over) = (sandbox.log().entries().len(), AtomicBool::new(false));
    thread::scope(|scope| {
        let cluster = scope.spawn(|| rollout(sandbox, mark, &over));
        let used = measured::run(command);
        over.store(true, Ordering::Relaxed);
        let rollout = cluster.join().unwrap_or(0.0);
        Ok((used?, rollout))
    })
}

fn rollout(sandbox: &Sandbox, mark: usize, over: &AtomicBool) -> f64 {
    let log = sandbox.log();
    let rolls = |entry: &&Entry| {
        let own = entry.method == "PATCH" && entry.target.contains("/deployments/");
        own && !entry.target.contains("dryRun")
    };
    let (mut waited, mut last) = (Duration::ZERO, Instant::now());
    while !over.load(Ordering::Relaxed) {
        thread::sleep(GLANCE);
        let patches = log.entries().iter().skip(mark).filter(rolls).count();
        let proved = proved(sandbox, patches > 0);
        let now = Instant::now();
        // Between its first write and its last one the program is at work, whatever the cluster has proved.
        let at_work = patches > 0 && patches < DEPLOYMENTS.len();
        if !proved && !at_work {
            waited += now - last;
        }
        last = now;
    }
    waited.as_secs_f64()
}

/// Whether the storage location was validated after the start of the one Velero that is there: by the node's identity
/// before the rollout, by a token file after it.
fn proved(sandbox: &Sandbox, rolled: bool) -> bool {
    let cluster = sandbox.cluster();
    let is_velero = |pod: &Value| pod["metadata"]["labels"]["name"] == "velero";
    let pods: Vec<Value> = cluster.objects("Pod").into_iter().filter(is_velero).collect();
    let ([pod], Some(location)) = (
        pods.as_slice(),
        cluster.object("BackupStorageLocation", NAMESPACE, "default"),
    ) else {
        return false;
    };
    let injected = pod["spec"]["containers"]
        .to_string()
        .contains("AZURE_FEDERATED_TOKEN_FILE");
    let mut containers = pod["status"]["containerStatuses"].as_array().into_iter().flatten();
    let started = containers
        .find(|own| own["name"] == "velero")
        .and_then(|own| own["state"]["running"]["startedAt"].as_str());
    // Times of the same form, in UTC, are in the order of their texts.
    let validated = location["status"]["lastValidationTime"].as_str();
    injected == rolled && location["status"]["phase"] == "Available" && started.is_some() && validated > started
}
