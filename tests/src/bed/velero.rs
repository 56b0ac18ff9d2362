//! The stand-in for Velero: it takes what its pod really got to the sandbox's Azure and writes down how that went.

use std::time::Instant;

use kube::Error;
use serde_json::{Value, json};

use super::cluster::Inner;
use crate::azure::assertion;
use crate::kubernetes::validation::{Rhythm, Validation};
use crate::kubernetes::velero::{CONTAINER, Way, validates, verdict};
use crate::kubernetes::{path_of, place, uid, velero_log};

/// Does what is due for every running Velero. Gives when to look again.
pub(crate) async fn step(inner: &Inner, memory: &mut Validation) -> Option<Instant> {
    let mut pods = inner.pods.list();
    pods.retain(validates);
    let rhythm = Rhythm {
        clock: inner.clock,
        start: inner.settings.validation_start,
        period: inner.settings.validation_period,
    };
    let mut wake = Vec::new();
    for pod in &pods {
        let (own, namespace) = (uid(pod), place(pod).0);
        if !memory.knows(&own, &pods) {
            let lines = velero_log::greeting(namespace).into_iter();
            lines.for_each(|line| inner.logs.push(&own, CONTAINER, line));
        }
        let location = location(inner, namespace);
        let due = memory.due(&own, &location, rhythm);
        if due.is_some_and(|at| at <= Instant::now()) && validate(inner, pod, &location).await.is_ok() {
            memory.done(&own, &location);
        }
        wake.extend(memory.due(&own, &location, rhythm));
    }
    wake.into_iter().min()
}

fn location(inner: &Inner, namespace: &str) -> Value {
    let mut all = inner.locations.list().into_iter();
    all.find(|location| place(location) == (namespace, "default"))
        .unwrap_or_default()
}

/// One validation, written to the location and to the log.
async fn validate(inner: &Inner, pod: &Value, location: &Value) -> Result<(), Error> {
    let namespace = place(pod).0;
    let say = |line: String| inner.logs.push(&uid(pod), CONTAINER, line);
    if location.is_null() {
        say(velero_log::no_location());
        return Ok(());
    }
    inner.tokens.mount(inner, pod).await?;
    let (dialect, release, keys) = {
        let state = inner.state();
        (state.dialect, state.release.clone(), state.keys.clone())
    };
    let own = release
        .map(|held| held.release.client_id)
        .filter(|client_id| !client_id.is_empty());
    let token = inner.tokens.of(pod).map(|(token, _)| token).unwrap_or_default();
    let way = Way {
        cloud: inner.cloud.as_ref(),
        own: own.as_deref(),
        presented: assertion::believe(&token, &keys),
    };
    let outcome = way.reach(pod, &location["spec"]);
    velero_log::report(namespace, &outcome).into_iter().for_each(say);
    let mut status = verdict(&location["status"], &outcome, dialect);
    if outcome.is_ok() {
        // In a merge patch null takes a field away.
        status["message"] = Value::Null;
    }
    let path = format!("{}?fieldManager=velero-server", path_of(location, true));
    inner.api.merge(&path, &json!({ "status": status })).await?;
    Ok(())
}
