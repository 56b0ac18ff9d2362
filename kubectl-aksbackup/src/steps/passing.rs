//! Why the workload identity webhook is not asked about a pod, although it is installed.

use std::collections::BTreeMap;

use aksbackup_shared::command_line::{Fix, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use futures::future::try_join;

use crate::cluster::client::Reader;
use crate::cluster::neighbours::Webhook;
use crate::cluster::rehearsal::{Made, Trial, TrialOutcome};
use crate::cluster::selection::{Unmet, unmet};
use crate::steps::context::Context;

/// Where the webhook's own pods are.
const ITS_PODS: &str = "kubectl get pods --namespace kube-system --selector azure-workload-identity.io/system=true";

/// What decides whether the webhook is asked. `None` is what the caller may not read, or what nobody had to ask.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Around {
    webhooks: Option<Vec<Webhook>>,
    labels: Option<BTreeMap<String, String>>,
}

/// Why a webhook passes pods by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Passing {
    /// The reason, behind "the webhook is installed, in CONFIGURATION, but".
    pub(crate) says: String,
    /// What removes the reason.
    pub(crate) fix: Fix,
}

impl Around {
    /// Reads what decides whether the webhook is asked, if it left a container of a trial pod alone.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn of(reader: &Reader, trials: &[Trial]) -> Outcome<Self> {
        let bare = |made: &Made| made.containers.iter().any(|own| !own.token_file);
        if !trials
            .iter()
            .any(|trial| matches!(&trial.outcome, TrialOutcome::Made(made) if bare(made)))
        {
            return Ok(Self::default());
        }
        let (webhooks, place) = try_join(reader.webhooks(), reader.place()).await?;
        Ok(Self {
            webhooks,
            labels: place.map(|(_, labels)| labels),
        })
    }

    /// The configuration whose webhook is not asked again after another webhook has changed a pod, where that is known.
    pub(crate) fn asked_once(&self) -> Option<&str> {
        let mut all = self.webhooks.iter().flatten();
        all.find(|own| !own.reinvoked).map(|own| own.name.as_str())
    }

    /// A trial pod came back as it was sent.
    ///
    /// # Errors
    /// Always, with the reason as far as it can be known.
    pub(crate) fn passed_by<T>(&self, trial: &Trial, made: &Made, context: &Context) -> Outcome<T> {
        let failure = Failure::failed(format!(
            "new pods of deployment {} aren't injected with workload identity",
            trial.deployment
        ));
        let Some(own) = self.webhooks.iter().flatten().next() else {
            return absent(failure, self.webhooks.is_some(), context);
        };
        let passing = passing(own, &context.namespace, self.labels.as_ref(), Some(&made.labels));
        let (says, fix) = match passing {
            Some(own) => (own.says, own.fix),
            None if own.ignores_failure => (
                "it has failurePolicy Ignore and doesn't respond, so pods are created without it".to_owned(),
                fix!["restore the webhook: ", shell(ITS_PODS)],
            ),
            None => (
                "it skipped a trial pod".to_owned(),
                fix!["check its log for the reason: ", shell(ITS_PODS)],
            ),
        };
        failure
            .because(format!(
                "the workload identity webhook {} is installed, but {says}",
                own.name
            ))
            .hint(fix)
            .hint(fix![
                "to let AKS configure the webhook again, run: ",
                shell(format!("az aks update {}", context.cluster_flags))
            ])
            .err()
    }
}

/// No configuration has the webhook, as far as anybody may read them.
fn absent<T>(failure: Failure, read: bool, context: &Context) -> Outcome<T> {
    let failure = match read {
        true => failure.because(
            "the workload identity webhook isn't installed: nothing was injected into a trial \
            pod",
        ),
        false => failure
            .because(
                "nothing was injected into a trial pod: the workload identity webhook isn't installed, or it skips \
                 the pod",
            )
            .because(
                "permission to list mutatingwebhookconfigurations is required to find out which of the two applies",
            ),
    };
    failure
        .hint(az("prepare"))
        .hint(fix![
            "or: ",
            shell(format!(
                "az aks update {} --enable-workload-identity",
                context.cluster_flags
            ))
        ])
        .err()
}

/// Why `webhook` is not asked about pods with these labels in this namespace; `None` where it is asked. Labels that are
/// not known exclude nothing.
pub(crate) fn passing(
    webhook: &Webhook,
    namespace: &str,
    labels: Option<&BTreeMap<String, String>>,
    pod: Option<&BTreeMap<String, String>>,
) -> Option<Passing> {
    let of_namespace = labels.and_then(|labels| unmet(&webhook.namespaces, labels));
    if let Some(own) = of_namespace {
        let says = format!(
            "its namespaceSelector ({}) excludes namespace {namespace}",
            own.requirement
        );
        return Some(Passing {
            says,
            fix: fix(&own, namespace, webhook),
        });
    }
    let own = pod.and_then(|labels| unmet(&webhook.pods, labels))?;
    Some(Passing {
        says: format!("its objectSelector ({}) excludes the extension's pods", own.requirement),
        fix: edit("objectSelector", webhook),
    })
}

/// A label that excludes the namespace was set by someone, who decides about it; the namespace's own name can't be changed.
fn fix(own: &Unmet, namespace: &str, webhook: &Webhook) -> Fix {
    match own.met_without && own.key != "kubernetes.io/metadata.name" {
        true => fix![
            format!(
                "decide with the owner of label {} whether to include the namespace. To include it, run: ",
                own.key
            ),
            shell(format!("kubectl label namespace {namespace} {}-", own.key))
        ],
        false => edit("namespaceSelector", webhook),
    }
}

fn edit(selector: &str, webhook: &Webhook) -> Fix {
    fix![
        format!("correct its {selector}: "),
        shell(format!("kubectl edit mutatingwebhookconfiguration {}", webhook.name))
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn webhook(namespaces: serde_json::Value, pods: serde_json::Value) -> Webhook {
        Webhook {
            name: "w".into(),
            created: None,
            trusted: true,
            ignores_failure: false,
            namespaces: serde_json::from_value(namespaces).unwrap(),
            pods: serde_json::from_value(pods).unwrap(),
            reinvoked: true,
        }
    }

    #[test]
    fn each_selector_that_excludes_is_named_with_what_removes_it() {
        let labels: BTreeMap<String, String> = [("team".to_owned(), "a".to_owned())].into();
        let asked = |namespaces, pods| passing(&webhook(namespaces, pods), "ns", Some(&labels), Some(&labels));
        assert_eq!(asked(json!({}), json!({})), None);
        let not = json!({ "matchExpressions": [{ "key": "team", "operator": "DoesNotExist" }] });
        let own = asked(not, json!({})).unwrap();
        assert!(
            own.says.contains("!team") && own.fix.to_string().ends_with("kubectl label namespace ns team-"),
            "{own:?}"
        );
        let own = asked(json!({ "matchLabels": { "inject": "yes" } }), json!({})).unwrap();
        assert!(
            own.fix
                .to_string()
                .contains("kubectl edit mutatingwebhookconfiguration w"),
            "{own:?}"
        );
        let own = asked(json!({}), json!({ "matchLabels": { "inject": "yes" } })).unwrap();
        assert!(own.says.contains("objectSelector"), "{own:?}");
    }
}
