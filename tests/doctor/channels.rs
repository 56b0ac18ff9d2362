//! The places where the sandbox says a text, each on a world that is else in order.

use std::time::{Duration, Instant};

use aksbackup_tests::harness::{Run, Stage};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::samples::{Place, Sample};

pub(crate) const NAMESPACE: &str = "dataprotection-microsoft";
pub(crate) const ON: &[&str] = &["issuer_on=true", "workload_identity_on=true"];

/// Looks until there is something to see, two minutes at the most.
pub(crate) fn until<T>(what: &str, look: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look() {
            return seen;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{what}: not within two minutes"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The ids of what `doctor` found, in its order.
pub(crate) fn found(run: &Run) -> Vec<String> {
    let document = run.json();
    let all = document["findings"].as_array().cloned().unwrap_or_default();
    all.iter()
        .map(|finding| finding["id"].as_str().unwrap_or_default().to_owned())
        .collect()
}

/// The hand-off up to `configure`, with a storage location that is Available.
pub(crate) fn configured() -> Stage {
    let stage = Stage::with(ON).unwrap();
    stage.configured();
    until("the storage location is available", || {
        let found = stage
            .sandbox
            .kubernetes()
            .object("BackupStorageLocation", NAMESPACE, "default")?;
        (found["status"]["phase"] == "Available").then_some(())
    });
    stage
}

/// The whole hand-off, and a backup, long ago: roles that are young would be what is wrong.
pub(crate) fn protected() -> Stage {
    let stage = configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage.az("platform", &["backup", "--yes"]).ok();
    stage.sandbox.azure().age_roles();
    stage
}

pub(crate) fn kubectl_doctor(stage: &Stage) -> Run {
    stage.kubectl("cluster-admin", &["doctor", "-o", "json"])
}

pub(crate) fn az_doctor(stage: &Stage) -> Run {
    stage.az("everything", &["doctor", "-o", "json"])
}

/// Says the text of `sample` in its place, for as long as `look` runs.
pub(crate) fn with<T>(stage: &Stage, sample: &Sample, look: impl FnOnce(&Stage) -> T) -> T {
    let text = sample.text.as_str();
    match sample.place {
        Place::StorageLocation => with_location(stage, text, look),
        Place::VeleroLog => {
            let line = json!(text).to_string();
            let line = format!(
                "time=\"{}\" level=error msg={line} logSource=\"pkg/x.go:1\"",
                Timestamp::now()
            );
            with_log(stage, "velero", line, look)
        }
        Place::PodLog => with_log(stage, "", text.to_owned(), look),
        Place::Event => with_event(stage, sample, look),
        Place::Extension => with_resource(
            stage,
            "Microsoft.KubernetesConfiguration/extensions",
            |own| fail_extension(own, text),
            look,
        ),
        Place::Protection => with_resource(
            stage,
            "Microsoft.DataProtection/backupVaults/backupInstances",
            |own| fail_instance(own, text),
            look,
        ),
        Place::Job => with_resource(
            stage,
            "Microsoft.DataProtection/backupVaults/backupJobs",
            |own| fail_job(own, text),
            look,
        ),
        Place::Refusal => {
            let (code, message) = parts(text);
            set(stage, &format!("fault_message={message}"));
            set(stage, &format!("fault=409/{code}@GET:trustedaccessrolebindings:1000"));
            let seen = look(stage);
            set(stage, "faults=[]");
            seen
        }
        Place::SignIn => {
            set(stage, &format!("sign_in_refused={text}"));
            let seen = look(stage);
            set(stage, "sign_in_refused=");
            seen
        }
        Place::Unit | Place::Harmless => panic!("{} has no place in the world", sample.id),
    }
}

fn set(stage: &Stage, assignment: &str) {
    stage.sandbox.set(assignment).unwrap();
}

fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Velero has looked, and says why it cannot use its storage; it looks no more.
fn with_location<T>(stage: &Stage, text: &str, look: impl FnOnce(&Stage) -> T) -> T {
    let cluster = stage.sandbox.kubernetes();
    let own = cluster.object("BackupStorageLocation", NAMESPACE, "default").unwrap();
    cluster.set_velero_hangs(true);
    let message = format!("BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = {text}");
    cluster.alter("BackupStorageLocation", NAMESPACE, "default", |live| {
        live["status"] = json!({ "phase": "Unavailable", "message": message, "lastValidationTime": now() });
    });
    let seen = look(stage);
    let status = own["status"].clone();
    cluster.alter("BackupStorageLocation", NAMESPACE, "default", |live| {
        live["status"] = status;
    });
    seen
}

/// A line in the log of `container`, or of any other than Velero where it is empty.
fn with_log<T>(stage: &Stage, container: &str, line: String, look: impl FnOnce(&Stage) -> T) -> T {
    let cluster = stage.sandbox.kubernetes();
    let has = |pod: &Value, wanted: &dyn Fn(&str) -> bool| {
        let all = pod["spec"]["containers"].as_array().cloned().unwrap_or_default();
        let mut names = all.iter().filter_map(|own| own["name"].as_str().map(str::to_owned));
        names.find(|name| wanted(name))
    };
    let wanted = |name: &str| {
        if container.is_empty() {
            name != "velero"
        } else {
            name == container
        }
    };
    let pods = cluster.objects("Pod");
    let mut own = pods
        .iter()
        .filter(|pod| pod["metadata"]["namespace"] == NAMESPACE && pod["metadata"]["deletionTimestamp"].is_null());
    let (pod, name) = own.find_map(|pod| Some((pod, has(pod, &wanted)?))).unwrap();
    // What Velero said before its last good look is history, and that look may have been in this very second.
    let location = cluster.object("BackupStorageLocation", NAMESPACE, "default").unwrap();
    cluster.set_velero_hangs(true);
    let validated: Timestamp = location["status"]["lastValidationTime"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    until("the next second has come", || {
        (Timestamp::now().as_second() > validated.as_second()).then_some(())
    });
    cluster.write_log(pod, &name, line);
    let seen = look(stage);
    cluster.clear_logs(pod);
    seen
}

/// The pods of a ReplicaSet cannot be made.
fn with_event<T>(stage: &Stage, sample: &Sample, look: impl FnOnce(&Stage) -> T) -> T {
    let cluster = stage.sandbox.kubernetes();
    let name = sample.id.to_ascii_lowercase();
    if cluster.object("Event", NAMESPACE, &name).is_none() {
        let sets = cluster.objects("ReplicaSet");
        let set = sets
            .iter()
            .find(|set| set["metadata"]["namespace"] == NAMESPACE)
            .unwrap();
        cluster.place(json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": NAMESPACE },
            "involvedObject": {
                "kind": "ReplicaSet", "apiVersion": "apps/v1", "namespace": NAMESPACE, "name": set["metadata"]["name"],
                "uid": set["metadata"]["uid"],
            },
            "type": "Warning", "reason": "FailedCreate", "message": "", "count": 1,
            "source": { "component": "replicaset-controller" }, "reportingComponent": "", "reportingInstance": "",
            "eventTime": null, "firstTimestamp": now(), "lastTimestamp": now(),
        }));
    }
    let say = |message: &str| {
        cluster.alter("Event", NAMESPACE, &name, |event| {
            event["message"] = json!(message);
            event["lastTimestamp"] = json!(now());
        });
    };
    say(&sample.text);
    let seen = look(stage);
    say("");
    seen
}

/// A resource of Azure as `change` makes it, and then again as it was.
fn with_resource<T>(stage: &Stage, kind: &str, change: impl FnOnce(&mut Value), look: impl FnOnce(&Stage) -> T) -> T {
    let azure = stage.sandbox.azure();
    let own = azure
        .resources(kind)
        .pop()
        .unwrap_or_else(|| panic!("there is no {kind}"));
    let mut changed = own.clone();
    change(&mut changed);
    azure.place(changed);
    let seen = look(stage);
    azure.place(own);
    seen
}

fn fail_extension(own: &mut Value, text: &str) {
    let message = format!("Error: [ InnerError: [{text}]] occurred while doing the operation : [Create] on the config");
    let properties = &mut own["properties"];
    properties["provisioningState"] = json!("Failed");
    properties["errorInfo"] = json!({ "code": "ExtensionOperationFailed", "message": message, "details": [] });
    properties["statuses"] = json!([{
        "code": "InstallationFailed", "displayStatus": "Failed", "level": "Error", "message": message, "time": now(),
    }]);
}

fn fail_instance(own: &mut Value, text: &str) {
    let properties = &mut own["properties"];
    properties["currentProtectionState"] = json!("ProtectionError");
    properties["protectionStatus"] =
        json!({ "status": "ConfiguringProtectionFailed", "errorDetails": user_error(text) });
    properties["protectionErrorDetails"] = user_error(text);
}

fn fail_job(own: &mut Value, text: &str) {
    let properties = &mut own["properties"];
    properties["status"] = json!("Failed");
    properties["endTime"] = json!(now());
    properties["errorDetails"] = json!([user_error(text)]);
}

/// As Azure Backup tells of an error.
fn user_error(text: &str) -> Value {
    let (code, message) = parts(text);
    json!({
        "code": code, "message": message, "recommendedAction": ["Contact Microsoft support."], "isRetryable": false,
        "isUserError": true, "details": [], "properties": {},
    })
}

/// Code and message of `CODE: message`; of a text that is only one of them, another's code or the code's own name.
fn parts(text: &str) -> (String, String) {
    let is_code = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric());
    match text.split_once(": ") {
        Some((code, message)) if is_code(code) => (code.to_owned(), message.to_owned()),
        _ if is_code(text) => (text.to_owned(), "The operation has failed.".to_owned()),
        _ => ("OperationFailed".to_owned(), text.to_owned()),
    }
}
