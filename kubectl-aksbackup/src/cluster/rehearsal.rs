//! What the webhook would do to a pod of a template: a pod is created with `dryRun=All`, so that nothing is kept.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ObjectName;
use aksbackup_shared::names::USE_LABEL;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ObjectMeta, PostParams};

use crate::cluster::client::Reader;
use crate::cluster::deployments::Deployment;
use crate::cluster::error::Doing;
use crate::cluster::injected::{Injected, injected};
use crate::cluster::ownership::MANAGER;
use crate::cluster::pods::SKIP_ANNOTATION;
use crate::cluster::velero;

/// What came back of a pod that was created for trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// The deployment whose template it was.
    pub(crate) deployment: ObjectName,
    /// Its service account.
    pub(crate) service_account: ObjectName,
    /// Whether its new pods take the places of old ones.
    pub(crate) in_place: bool,
    /// What the webhook did.
    pub(crate) outcome: TrialOutcome,
}

/// What became of a trial pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialOutcome {
    /// It would be created.
    Made(Made),
    /// The pod was refused, in the API server's words.
    Refused(String),
}

/// A trial pod as admission left it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    /// Whether it still has the label that the webhook selects pods by.
    pub(crate) labelled: bool,
    /// What each container has that the webhook was not told to skip.
    pub(crate) containers: Vec<Injected>,
    /// The container that Velero runs in.
    pub(crate) velero: Option<String>,
    /// The pod's labels.
    pub(crate) labels: BTreeMap<String, String>,
    /// The containers that the webhook was told to skip, as the annotation lists them.
    pub(crate) skipped: String,
}

impl Made {
    /// Whether the webhook left the pod alone.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.containers.iter().any(|own| own.token_file)
    }
}

impl Reader {
    /// Creates a pod of `deployment`'s template with the webhook's label, for trial only.
    ///
    /// # Errors
    /// The API server cannot be reached, or the caller may not create pods. That the pod is refused is an answer.
    pub(crate) async fn trial(&self, deployment: &Deployment) -> Outcome<Trial> {
        let pod = trial_pod(deployment, self.namespace());
        let doing = Doing::new(
            "create",
            "pods",
            format!("a trial pod of deployment {}", deployment.name),
            self.namespace(),
        );
        let answer = self
            .connection()
            .send(&doing, async |client| {
                let parameters = PostParams {
                    dry_run: true,
                    field_manager: Some(MANAGER.into()),
                };
                Api::<Pod>::namespaced(client, self.namespace())
                    .create(&parameters, &pod)
                    .await
            })
            .await;
        let outcome = match answer {
            Ok(pod) => TrialOutcome::Made(made(&pod)),
            Err(failure) if failure.exit == aksbackup_shared::exit::Exit::Failed && failure.code.is_some() => {
                TrialOutcome::Refused(failure.why.join("; "))
            }
            Err(failure) => return Err(failure),
        };
        Ok(Trial {
            deployment: deployment.name.clone(),
            service_account: deployment.service_account.clone(),
            in_place: deployment.in_place,
            outcome,
        })
    }
}

fn trial_pod(deployment: &Deployment, namespace: &str) -> Pod {
    let template = deployment.template.clone();
    let of_template = template.metadata.unwrap_or_default();
    let mut labels = of_template.labels.unwrap_or_default();
    labels.insert(USE_LABEL.into(), "true".into());
    Pod {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", deployment.name)),
            namespace: Some(namespace.to_owned()),
            labels: Some(labels),
            annotations: of_template.annotations,
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

fn made(pod: &Pod) -> Made {
    let annotations = pod.metadata.annotations.as_ref();
    let skipped = annotations.and_then(|all| all.get(SKIP_ANNOTATION));
    let skipped = skipped.cloned().unwrap_or_default();
    let spec = pod.spec.clone().unwrap_or_default();
    let labels = pod.metadata.labels.clone().unwrap_or_default();
    Made {
        labelled: labels.get(USE_LABEL).is_some_and(|own| own == "true"),
        containers: injected(&spec, &skipped),
        velero: velero::container(&spec).map(str::to_owned),
        labels,
        skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_trial_tells_what_became_of_label_and_containers() {
        let file = json!([{ "name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/x" }]);
        let pod = |labels: serde_json::Value, env: serde_json::Value| {
            let containers = json!([{ "name": "velero", "env": env }, { "name": "sidecar" }]);
            let pod = json!({ "metadata": { "labels": labels }, "spec": { "containers": containers } });
            made(&serde_json::from_value(pod).unwrap())
        };
        let own = pod(json!({ USE_LABEL: "true" }), file);
        assert!(own.labelled && !own.is_untouched() && own.containers.len() == 2);
        let own = pod(json!({}), json!([]));
        assert!(!own.labelled && own.is_untouched());
    }
}
