//! Claims that the API server's answers show.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::claims::Finding;
use crate::seen::{Seen, items, text};

const LABEL: &str = "/spec/template/metadata/labels/azure.workload.identity~1use";

/// The names of the guide.
const ACCOUNTS: [&str; 3] = [
    "dataprotection-microsoft-controller-sa",
    "dataprotection-microsoft-geneva-sa",
    "dataprotection-microsoft-kubernetes-agent-server",
];

/// Returns the extension's deployments, or why there are none to look at.
fn deployments(seen: &Seen) -> Result<&Vec<Value>, Finding> {
    match items(&seen.inside.deployments) {
        None => Err(Finding::unread("the extension's deployments", &seen.inside.deployments)),
        Some(all) if all.is_empty() => Err(Finding::not_observable(
            "the extension has no deployments in this cluster",
        )),
        Some(all) => Ok(all),
    }
}

pub(crate) fn service_account_names(seen: &Seen) -> Finding {
    let all = match deployments(seen) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let names: BTreeSet<&str> = all
        .iter()
        .map(|one| text(one, "/spec/template/spec/serviceAccountName"))
        .collect();
    let same = names == ACCOUNTS.into_iter().collect();
    let says = if same {
        "they have these names"
    } else {
        "they have other names"
    };
    Finding::of(same, says).with("service accounts of the deployments", &json!(names))
}

/// Returns the names of the environment variables of a pod specification.
fn environment(spec: &Value) -> BTreeSet<&str> {
    let containers = spec["containers"].as_array().into_iter().flatten();
    let all = containers.filter_map(|container| container["env"].as_array()).flatten();
    all.map(|variable| text(variable, "/name")).collect()
}

pub(crate) fn chart_sets_client_id(seen: &Seen) -> Finding {
    let all = match deployments(seen) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let own = |one: &&Value| environment(&one["spec"]["template"]["spec"]).contains("AZURE_CLIENT_ID");
    let setting: Vec<&str> = all.iter().filter(own).map(|one| text(one, "/metadata/name")).collect();
    let says = format!("{} of {} pod templates set it", setting.len(), all.len());
    Finding::of(setting.is_empty(), says).with("deployments that set it", &json!(setting))
}

pub(crate) fn issuer_bytes(seen: &Seen) -> Finding {
    let Some(cluster) = seen.cluster.body() else {
        return Finding::unread("the cluster", &seen.cluster);
    };
    let of_azure = text(cluster, "/properties/oidcIssuerProfile/issuerURL");
    if of_azure.is_empty() {
        return Finding::not_observable("the cluster's OIDC issuer is off");
    }
    let Some(document) = seen.inside.issuer.body() else {
        return Finding::unread("the API server's discovery document", &seen.inside.issuer);
    };
    let own = text(document, "/issuer");
    let says = if own == of_azure {
        "both are the same"
    } else {
        "they are not the same"
    };
    Finding::of(own == of_azure, says)
        .with("Azure: issuerURL", &json!(of_azure))
        .with("API server: issuer", &json!(own))
}

/// An entry of `managedFields` that wrote the object itself.
struct Write<'a> {
    manager: &'a str,
    time: &'a str,
}

fn writes(object: &Value) -> Vec<Write<'_>> {
    let all = object.pointer("/metadata/managedFields").and_then(Value::as_array);
    let main = all
        .into_iter()
        .flatten()
        .filter(|entry| text(entry, "/subresource").is_empty());
    main.map(|entry| Write {
        manager: text(entry, "/manager"),
        time: text(entry, "/time"),
    })
    .collect()
}

/// Whether a deployment was written by Helm or the extension after the label, and whether the label is still there.
pub(crate) fn labels_survive_upgrade(seen: &Seen) -> Finding {
    let all = match deployments(seen) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let (mut kept, mut lost, mut evidence) = (0, 0, Vec::new());
    for one in all {
        let (writes, labeled) = (writes(one), one.pointer(LABEL).is_some());
        let ours = writes
            .iter()
            .filter(|write| write.manager.starts_with("kubectl-aksbackup"));
        let since = ours.map(|write| write.time).max();
        let annotated = one
            .pointer("/spec/template/metadata/annotations/aksbackup.io~1workload-identity")
            .is_some();
        let foreign = |write: &&Write<'_>| !["kubectl-aksbackup", "kube-controller-manager"].contains(&write.manager);
        let later = since.and_then(|since| writes.iter().filter(foreign).find(|write| write.time > since));
        kept += usize::from(labeled && later.is_some());
        lost += usize::from(!labeled && (annotated || since.is_some()));
        let managers: Vec<String> = writes
            .iter()
            .map(|write| format!("{} {}", write.manager, write.time))
            .collect();
        evidence.push((
            text(one, "/metadata/name"),
            json!({ "label": labeled, "writes": managers }),
        ));
    }
    let finding = match (kept, lost) {
        (_, 1..) => Finding::differs(format!(
            "{lost} of {} deployments lost the label that configure added",
            all.len()
        )),
        (1.., 0) => Finding::confirmed(format!("{kept} deployments were changed since, and have the label")),
        (0, 0) => Finding::not_observable("no deployment was changed by anyone else since configure added the label"),
    };
    evidence
        .iter()
        .fold(finding, |finding, (name, value)| finding.with(name, value))
}

/// Judges an unavailable location: only words about another credential than the token contradict the claim.
fn refused(message: &str) -> Finding {
    let others = [
        "account key",
        "listkeys",
        "sharedkey",
        "shared key",
        "keybasedauthentication",
        "managedidentitycredential",
    ];
    let lower = message.to_ascii_lowercase();
    if others.iter().any(|word| lower.contains(word)) {
        return Finding::differs("every pod has a token file, and Velero tried another credential");
    }
    Finding::not_observable("the storage is not accessible for another reason; kubectl aksbackup doctor names it")
}

/// A backup storage location that was validated by pods with a token file, where nothing else than the token could have worked.
pub(crate) fn velero_credentials(seen: &Seen) -> Finding {
    let Some(pods) = items(&seen.inside.pods) else {
        return Finding::unread("the extension's pods", &seen.inside.pods);
    };
    let Some(location) = items(&seen.inside.locations).and_then(|all| all.first()) else {
        return Finding::unread("the backup storage location", &seen.inside.locations);
    };
    let with_token = |pod: &&Value| environment(&pod["spec"]).contains("AZURE_FEDERATED_TOKEN_FILE");
    let tokens = pods.iter().filter(with_token).count();
    let started = pods
        .iter()
        .map(|pod| text(pod, "/metadata/creationTimestamp"))
        .max()
        .unwrap_or_default();
    let (phase, at) = (
        text(location, "/status/phase"),
        text(location, "/status/lastValidationTime"),
    );
    let off = |reading: &crate::door::Reading, pointer: &str, value: Value| {
        reading.body().and_then(|body| body.pointer(pointer)) == Some(&value)
    };
    let keys_off = off(&seen.account, "/properties/allowSharedKeyAccess", json!(false));
    let metadata_off = off(
        &seen.preview,
        "/properties/networkProfile/podLinkLocalAccess",
        json!("None"),
    );
    let finding = if tokens < pods.len() || pods.is_empty() {
        Finding::not_observable(format!(
            "{tokens} of {} pods have a token file; configure comes first",
            pods.len()
        ))
    } else if at <= started {
        Finding::not_observable("the backup storage location was not validated since the pods were created")
    } else if phase != "Available" {
        refused(text(location, "/status/message"))
    } else if keys_off && metadata_off {
        Finding::confirmed(
            "the storage is accessible, account keys and the metadata service are off, so only the token is left",
        )
    } else {
        let says = "the storage is accessible, but not only the token could be the reason: account keys and the metadata \
                    service (podLinkLocalAccess) must both be off to tell";
        Finding::not_observable(says)
    };
    finding
        .with("backup storage location: phase", &json!(phase))
        .with("backup storage location: message", &location["status"]["message"])
        .with("last validation", &json!(at))
        .with("newest pod", &json!(started))
        .with("account keys off", &json!(keys_off))
        .with("metadata service off", &json!(metadata_off))
}
