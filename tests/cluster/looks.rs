//! What the tests look at.

use std::time::{Duration, Instant};

use aksbackup_tests::harness::Stage;
use jiff::Timestamp;
use serde_json::Value;

pub(crate) const NAMESPACE: &str = "dataprotection-microsoft";

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
