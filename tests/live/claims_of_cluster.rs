//! Claims that the API server's answers show.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::claims::Finding;
use crate::door::Reading;
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

/// What became of the label of one deployment.
struct Label<'a> {
    is_there: bool,
    /// Whether `configure` has put it there, as far as its traces show.
    was_added: bool,
    /// Who wrote the deployment after that: neither a controller nor a person with kubectl.
    upgraded_by: Option<&'a str>,
}

fn label(deployment: &Value) -> Label<'_> {
    let all = writes(deployment);
    let ours = all
        .iter()
        .filter(|write| write.manager.starts_with("kubectl-aksbackup"));
    let since = ours.map(|write| write.time).max();
    let mark = "/spec/template/metadata/annotations/aksbackup.io~1workload-identity";
    let foreign =
        |write: &&Write<'_>| !write.manager.starts_with("kubectl") && write.manager != "kube-controller-manager";
    let later = |since| all.iter().filter(foreign).find(|write| write.time > since);
    Label {
        is_there: deployment.pointer(LABEL).is_some(),
        was_added: since.is_some() || deployment.pointer(mark).is_some(),
        upgraded_by: since.and_then(later).map(|write| write.manager),
    }
}

/// Whether deployments that were upgraded after `configure` still have its label.
pub(crate) fn labels_survive_upgrade(seen: &Seen) -> Finding {
    let all = match deployments(seen) {
        Ok(all) => all,
        Err(finding) => return finding,
    };
    let labels: Vec<Label<'_>> = all.iter().map(label).collect();
    let lost = labels.iter().filter(|label| !label.is_there && label.was_added).count();
    let by: BTreeSet<&str> = labels
        .iter()
        .filter(|label| label.is_there)
        .filter_map(|label| label.upgraded_by)
        .collect();
    let finding = if lost > 0 {
        Finding::differs(format!(
            "{lost} of {} deployments lost the label that configure added",
            all.len()
        ))
    } else if by.is_empty() {
        Finding::not_observable("no deployment was upgraded since configure added the label")
    } else {
        let by = by.into_iter().collect::<Vec<_>>().join(", ");
        Finding::confirmed(format!("deployments were written since by {by}, and have the label"))
    };
    all.iter().zip(&labels).fold(finding, |finding, (one, label)| {
        let managers: Vec<String> = writes(one)
            .iter()
            .map(|write| format!("{} {}", write.manager, write.time))
            .collect();
        let what = json!({ "label": label.is_there, "writes": managers });
        finding.with(text(one, "/metadata/name"), &what)
    })
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

/// What the claim about Velero's credentials rests on.
struct Credentials<'a> {
    pods: usize,
    with_token: usize,
    newest_pod: &'a str,
    phase: &'a str,
    message: &'a str,
    validated: &'a str,
    keys_off: bool,
    metadata_off: bool,
}

impl<'a> Credentials<'a> {
    fn of(seen: &'a Seen, pods: &'a [Value], location: &'a Value) -> Self {
        let with_token = |pod: &&Value| environment(&pod["spec"]).contains("AZURE_FEDERATED_TOKEN_FILE");
        let is = |reading: &Reading, pointer: &str, value: Value| {
            reading.body().and_then(|body| body.pointer(pointer)) == Some(&value)
        };
        let access = "/properties/networkProfile/podLinkLocalAccess";
        Self {
            pods: pods.len(),
            with_token: pods.iter().filter(with_token).count(),
            newest_pod: pods
                .iter()
                .map(|pod| text(pod, "/metadata/creationTimestamp"))
                .max()
                .unwrap_or_default(),
            phase: text(location, "/status/phase"),
            message: text(location, "/status/message"),
            validated: text(location, "/status/lastValidationTime"),
            keys_off: is(&seen.account, "/properties/allowSharedKeyAccess", json!(false)),
            metadata_off: is(&seen.preview, access, json!("None")),
        }
    }

    /// Confirms only what nothing but the token can have brought about.
    fn judge(&self) -> Finding {
        if self.with_token < self.pods || self.pods == 0 {
            let says = format!(
                "{} of {} pods have a token file; configure comes first",
                self.with_token, self.pods
            );
            Finding::not_observable(says)
        } else if self.validated <= self.newest_pod {
            Finding::not_observable("the backup storage location was not validated since the pods were created")
        } else if self.phase != "Available" {
            refused(self.message)
        } else if self.keys_off && self.metadata_off {
            Finding::confirmed(
                "the storage is accessible; account keys and the metadata service are off, so only the token is left",
            )
        } else {
            let says = "the storage is accessible, but not only the token could be the reason: account keys and the metadata \
                        service (podLinkLocalAccess) must both be off to tell";
            Finding::not_observable(says)
        }
    }
}

/// Judges by the backup storage location and by what else could have opened the storage.
pub(crate) fn velero_credentials(seen: &Seen) -> Finding {
    let Some(pods) = items(&seen.inside.pods) else {
        return Finding::unread("the extension's pods", &seen.inside.pods);
    };
    let Some(location) = items(&seen.inside.locations).and_then(|all| all.first()) else {
        return Finding::unread("the backup storage location", &seen.inside.locations);
    };
    let own = Credentials::of(seen, pods, location);
    own.judge()
        .with("backup storage location: phase", &json!(own.phase))
        .with("backup storage location: message", &json!(own.message))
        .with("last validation", &json!(own.validated))
        .with("newest pod", &json!(own.newest_pod))
        .with("account keys off", &json!(own.keys_off))
        .with("metadata service off", &json!(own.metadata_off))
}
