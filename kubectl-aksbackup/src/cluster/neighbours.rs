//! What stands beside the extension and decides whether it works: the workload identity webhook, AKS's own agents of
//! extensions, events.

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::Outcome;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Event as LiveEvent, Pod as LivePod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::api::Api;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};
use crate::cluster::lists::{Wanted, unless_forbidden};
use crate::cluster::pods::Pod;
use crate::cluster::surroundings::WEBHOOK;

/// Where AKS's own parts run.
pub(crate) const SYSTEM: &str = "kube-system";
/// The deployment behind the webhook (azure-workload-identity, `deploy/azure-wi-webhook.yaml`).
pub(crate) const INJECTOR: &str = "azure-wi-webhook-controller-manager";
/// The longest message of an event that is kept, in characters; Kubernetes itself keeps 1,024.
const LONGEST: usize = 2048;

/// A configuration that holds the webhook of workload identity.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Webhook {
    /// The configuration's name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// Whether the API server is told whom to trust.
    pub(crate) trusted: bool,
    /// Whether pods pass where the webhook does not answer (`failurePolicy: Ignore`).
    pub(crate) ignores_failure: bool,
    /// Which namespaces it is asked about.
    pub(crate) namespaces: LabelSelector,
    /// Which pods it is asked about.
    pub(crate) pods: LabelSelector,
    /// Whether it is asked again after other webhooks have changed the pod (`reinvocationPolicy: IfNeeded`).
    pub(crate) reinvoked: bool,
}

/// How many pods of a deployment are available, and how many there should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Availability {
    /// Those that answer.
    pub(crate) available: i32,
    /// Those that are wanted.
    pub(crate) wanted: i32,
}

/// A warning of Kubernetes'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// The object that it is about: `Pod agent-1`.
    pub(crate) object: String,
    /// Kubernetes' word.
    pub(crate) reason: String,
    /// Its sentence.
    pub(crate) message: String,
    /// When it was last seen.
    pub(crate) at: Option<Timestamp>,
}

impl Webhook {
    fn from_live(live: MutatingWebhookConfiguration) -> Option<Self> {
        let own = live.webhooks.iter().flatten().find(|own| own.name == WEBHOOK)?;
        let bundle = own.client_config.ca_bundle.as_ref();
        Some(Self {
            trusted: bundle.is_some_and(|bundle| !bundle.0.is_empty()),
            ignores_failure: own.failure_policy.as_deref() == Some("Ignore"),
            namespaces: own.namespace_selector.clone().unwrap_or_default(),
            pods: own.object_selector.clone().unwrap_or_default(),
            reinvoked: own.reinvocation_policy.as_deref() == Some("IfNeeded"),
            created: live.creation_timestamp().map(|time| time.0),
            name: live.name_any(),
        })
    }
}

impl Event {
    fn from_live(live: LiveEvent) -> Self {
        let micro = live.event_time.map(|time| time.0);
        let series = live
            .series
            .and_then(|series| series.last_observed_time)
            .map(|time| time.0);
        let last = live.last_timestamp.map(|time| time.0);
        let first = live.first_timestamp.map(|time| time.0);
        let object = live.involved_object;
        let text = |text: Option<String>| text.unwrap_or_default();
        let message: String = text(live.message).chars().take(LONGEST).collect();
        Self {
            object: format!("{} {}", text(object.kind), text(object.name)),
            reason: text(live.reason),
            message: mask(&message),
            at: series.or(last).or(micro).or(first),
        }
    }
}

impl Reader {
    /// The configurations that hold the webhook of workload identity; `None` where they may not be read.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn webhooks(&self) -> Outcome<Option<Vec<Webhook>>> {
        let wanted = Wanted::everywhere("mutatingwebhookconfigurations");
        self.every(&wanted, Api::all, Webhook::from_live).await
    }

    /// How the deployment behind the webhook is; `None` within where there is none of the known name.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn injector(&self) -> Outcome<Option<Option<Availability>>> {
        let doing = Doing::new("get", "deployments.apps", format!("deployment {INJECTOR}"), SYSTEM);
        let got = self
            .connection()
            .send(&doing, async |client| {
                Api::<Deployment>::namespaced(client, SYSTEM).get(INJECTOR).await
            })
            .await;
        match got {
            Ok(live) => {
                let status = live.status.unwrap_or_default();
                let wanted = live.spec.and_then(|spec| spec.replicas).unwrap_or(1);
                Ok(Some(Some(Availability {
                    available: status.available_replicas.unwrap_or(0),
                    wanted,
                })))
            }
            Err(failure) if is_missing(&failure) => Ok(Some(None)),
            Err(failure) => unless_forbidden(failure),
        }
    }

    /// The pods of AKS's own agents that install extensions; `None` where they may not be read.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn extension_agents(&self) -> Outcome<Option<Vec<Pod>>> {
        let mut wanted = Wanted::everywhere("pods");
        wanted.doing = Doing::new("list", "pods", "pods", SYSTEM);
        let api = |client| Api::<LivePod>::namespaced(client, SYSTEM);
        let known = ["extension-agent-", "extension-operator-"];
        let keep = |live: LivePod| {
            let name = live.name_any();
            known
                .iter()
                .any(|own| name.starts_with(own))
                .then(|| Pod::from_live(live))
        };
        self.every(&wanted, api, keep).await
    }

    /// The newest `most` warnings in a namespace, the newest first, out of at most `pages` pages; `None` where they may not
    /// be read. Kubernetes lists events by name, so that all have to be looked through.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn warnings(&self, namespace: &str, pages: usize, most: usize) -> Outcome<Option<Vec<Event>>> {
        let mut wanted = Wanted::everywhere("events");
        wanted.doing = Doing::new("list", "events", "events", namespace);
        wanted.parameters = wanted.parameters.fields("type=Warning");
        wanted.pages = pages;
        let api = |client| Api::<LiveEvent>::namespaced(client, namespace);
        let listed = self.every(&wanted, api, |live| Some(Event::from_live(live))).await?;
        Ok(listed.map(|mut all| {
            all.sort_by_key(|event| std::cmp::Reverse(event.at));
            all.truncate(most);
            all
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_is_as_old_as_it_was_last_seen_and_its_message_is_bounded() {
        let event = Event::from_live(
            serde_json::from_value(json!({
                "metadata": {}, "involvedObject": { "kind": "Pod", "name": "a" }, "reason": "Failed",
                "message": "x".repeat(10_000), "firstTimestamp": "2026-01-01T00:00:00Z", "lastTimestamp": "2026-01-01T00:05:00Z",
            }))
            .unwrap(),
        );
        assert_eq!(event.object, "Pod a");
        assert_eq!(event.at, "2026-01-01T00:05:00Z".parse().ok());
        assert_eq!(event.message.len(), LONGEST);
    }

    #[test]
    fn a_webhook_without_a_bundle_is_not_trusted() {
        let live = |bundle: &str| {
            let webhook = json!({
                "name": WEBHOOK, "clientConfig": { "caBundle": bundle }, "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
            });
            serde_json::from_value(json!({ "metadata": { "name": "w" }, "webhooks": [webhook] })).unwrap()
        };
        assert!(Webhook::from_live(live("eA==")).unwrap().trusted);
        assert!(!Webhook::from_live(live("")).unwrap().trusted);
    }
}
