//! What the webhook would do to a pod of a template: a pod is created with `dryRun=All`, so that nothing is kept.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ObjectName;
use aksbackup_shared::names::USE_LABEL;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ObjectMeta, PostParams};

use crate::cluster::client::Reader;
use crate::cluster::deployments::Deployment;
use crate::cluster::error::Doing;
use crate::cluster::ownership::MANAGER;
use crate::cluster::pods::injected;

/// What came back of a pod that was created for trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trial {
    /// The deployment whose template it was.
    pub(crate) deployment: ObjectName,
    /// Its service account.
    pub(crate) service_account: ObjectName,
    /// What the webhook did.
    pub(crate) outcome: TrialOutcome,
}

/// What the webhook did to a trial pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TrialOutcome {
    /// It put a token file into the pod, and this client id.
    Injected(Option<String>),
    /// It left the pod alone: there is no webhook.
    Untouched,
    /// The pod was refused, in the API server's words.
    Refused(String),
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
            Ok(pod) => judged(&pod),
            Err(failure) if failure.exit == aksbackup_shared::exit::Exit::Failed && failure.code.is_some() => {
                TrialOutcome::Refused(failure.why.join("; "))
            }
            Err(failure) => return Err(failure),
        };
        Ok(Trial {
            deployment: deployment.name.clone(),
            service_account: deployment.service_account.clone(),
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

fn judged(pod: &Pod) -> TrialOutcome {
    let annotations = pod.metadata.annotations.as_ref();
    let skipped = annotations.and_then(|all| all.get("azure.workload.identity/skip-containers"));
    let spec = pod.spec.clone().unwrap_or_default();
    let containers = injected(&spec, skipped.map_or("", String::as_str));
    match containers.iter().find(|own| own.token_file) {
        Some(own) => TrialOutcome::Injected(own.client_id.clone()),
        None => TrialOutcome::Untouched,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(env: serde_json::Value) -> Pod {
        serde_json::from_value(json!({ "spec": { "containers": [{ "name": "velero", "env": env }] } })).unwrap()
    }

    #[test]
    fn the_trial_tells_what_the_webhook_did() {
        let file = json!({ "name": "AZURE_FEDERATED_TOKEN_FILE", "value": "/x" });
        let id = json!({ "name": "AZURE_CLIENT_ID", "value": "id" });
        assert_eq!(
            judged(&pod(json!([file, id]))),
            TrialOutcome::Injected(Some("id".into()))
        );
        assert_eq!(judged(&pod(json!([file]))), TrialOutcome::Injected(None));
        assert_eq!(judged(&pod(json!([id]))), TrialOutcome::Untouched);
    }
}
