//! What the tests look at.

use std::time::{Duration, Instant};

use aksbackup_tests::harness::Stage;
use jiff::Timestamp;
use serde_json::Value;

pub(crate) const NAMESPACE: &str = "dataprotection-microsoft";

pub(crate) const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
/// Issuer and workload identity are on before anybody comes.
pub(crate) const ON: &[&str] = &["issuer_on=true", "workload_identity_on=true"];

/// The objects of a kind in the extension's namespace.
pub(crate) fn own(stage: &Stage, kind: &str) -> Vec<Value> {
    let mut objects = stage.sandbox.cluster().objects(kind);
    objects.retain(|object| object["metadata"]["namespace"] == NAMESPACE);
    objects
}

/// Looks until there is something to see, a minute at the most.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "{what}: not within a minute");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A time of an object's, by its JSON pointer.
pub(crate) fn time(object: &Value, pointer: &str) -> Timestamp {
    let text = object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    text.parse().unwrap()
}

/// The default storage location.
pub(crate) fn location(stage: &Stage) -> Value {
    let found = stage
        .sandbox
        .cluster()
        .object("BackupStorageLocation", NAMESPACE, "default");
    found.unwrap()
}

/// The extension's pods that are not on their way out.
pub(crate) fn pods(stage: &Stage) -> Vec<Value> {
    let mut pods = own(stage, "Pod");
    pods.retain(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    pods
}

/// A variable of a container.
pub(crate) fn variable<'a>(container: &'a Value, name: &str) -> &'a Value {
    let mut all = container["env"].as_array().into_iter().flatten();
    let found = all.find(|variable| variable["name"] == name);
    found.map_or(&Value::Null, |variable| &variable["value"])
}

/// The cloud's side is done, and the extension's pods are up.
pub(crate) fn granted(stage: Stage) -> Stage {
    stage.granted();
    rolled_out(&stage);
    stage
}

/// Waits until every deployment of the extension has its pods.
pub(crate) fn rolled_out(stage: &Stage) {
    stage.sandbox.cluster().settled().unwrap();
    until("the extension is rolled out", || {
        let deployments = own(stage, "Deployment");
        let up = |own: &&Value| {
            let (status, seen) = (&own["status"], &own["metadata"]["generation"]);
            let pods = ["replicas", "updatedReplicas", "readyReplicas"];
            status["observedGeneration"] == *seen && pods.iter().all(|key| status[*key] == 1)
        };
        (deployments.iter().filter(up).count() == 3).then_some(())
    });
}

/// One check of `verify -o json`.
pub(crate) fn check(document: &Value, name: &str) -> Value {
    let mut all = document["checks"].as_array().into_iter().flatten();
    all.find(|check| check["check"] == name).cloned().unwrap_or_default()
}
