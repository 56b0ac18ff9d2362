//! What stands beside the extension and decides whether it works: the workload identity webhook, AKS's own agents of
//! extensions, volumes, events.

use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::failure::Outcome;
use jiff::Timestamp;
use k8s_openapi::api::admissionregistration::v1::MutatingWebhookConfiguration;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{
    Event as LiveEvent, PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, Pod as LivePod,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::ResourceExt as _;
use kube::api::Api;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};
use crate::cluster::lists::{Wanted, unless_forbidden};
use crate::cluster::pods::Pod;
use crate::cluster::quantity::bytes;
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

/// A volume that a backup may have to leave out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Volume {
    /// Its name.
    pub(crate) name: String,
    /// The CSI driver; empty for one that Kubernetes mounts itself.
    pub(crate) driver: String,
    /// The namespace of its claim.
    pub(crate) namespace: String,
    /// Why a disk isn't copied to the vault tier; `None` where nothing is known to keep it out.
    pub(crate) untiered: Option<String>,
}

/// A claim that has no volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Claim {
    /// `NAMESPACE/NAME`.
    pub(crate) name: String,
    /// Kubernetes' word for how it is.
    pub(crate) phase: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
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

impl Volume {
    fn from_live(live: PersistentVolume) -> Option<Self> {
        let spec = live.spec.clone()?;
        // A volume without a claim is in no namespace, and so in no backup.
        let claim = spec.claim_ref.as_ref()?;
        Some(Self {
            name: live.name_any(),
            namespace: claim.namespace.clone().unwrap_or_default(),
            untiered: untiered(&spec),
            driver: spec.csi.map(|csi| csi.driver).unwrap_or_default(),
        })
    }
}

/// The size above which a disk isn't copied to the vault tier: 1 TiB (support matrix of AKS backup, January 2026).
const TIERED: i128 = 1 << 40;

/// Why a volume's disk isn't copied to the vault tier, by its size and by what its storage class asked of the disk driver.
fn untiered(spec: &PersistentVolumeSpec) -> Option<String> {
    let size = spec.capacity.as_ref().and_then(|all| all.get("storage"));
    if size.is_some_and(|size| bytes(size) > TIERED) {
        return Some("larger than 1 TiB".into());
    }
    let attributes = spec.csi.as_ref()?.volume_attributes.as_ref()?;
    let value = |key: &str| {
        let found = attributes.iter().find(|(own, _)| own.eq_ignore_ascii_case(key));
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    let access = value("networkAccessPolicy").filter(|own| !own.eq_ignore_ascii_case("AllowAll"));
    let closed = value("publicNetworkAccess").filter(|own| own.eq_ignore_ascii_case("Disabled"));
    match (access.or(closed), value("diskEncryptionSetID")) {
        (Some(_), _) => Some("without public network access".into()),
        (None, Some(_)) => Some("with a disk encryption set".into()),
        (None, None) => None,
    }
}

impl Claim {
    fn from_live(live: PersistentVolumeClaim) -> Option<Self> {
        let phase = live.status.as_ref().and_then(|status| status.phase.clone())?;
        (phase != "Bound").then(|| Self {
            name: format!("{}/{}", live.namespace().unwrap_or_default(), live.name_any()),
            created: live.creation_timestamp().map(|time| time.0),
            phase,
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

    /// Every claimed volume; `None` where they may not be read.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn volumes(&self) -> Outcome<Option<Vec<Volume>>> {
        let wanted = Wanted::everywhere("persistentvolumes");
        self.every(&wanted, Api::all, Volume::from_live).await
    }

    /// Every claim without a volume; `None` where they may not be read.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn unbound_claims(&self) -> Outcome<Option<Vec<Claim>>> {
        let wanted = Wanted::everywhere("persistentvolumeclaims");
        self.every(&wanted, Api::all, Claim::from_live).await
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
    fn only_claimed_volumes_and_unbound_claims_count() {
        let volume = |value| Volume::from_live(serde_json::from_value(value).unwrap());
        assert_eq!(volume(json!({ "metadata": { "name": "v" }, "spec": {} })), None);
        let claimed = json!({ "claimRef": { "name": "c" }, "csi": { "driver": "d", "volumeHandle": "h" } });
        let found = volume(json!({ "metadata": { "name": "v" }, "spec": claimed })).unwrap();
        assert_eq!(found.driver, "d");
        let claim = |phase: &str| {
            let value = json!({ "metadata": { "name": "c", "namespace": "n" }, "status": { "phase": phase } });
            Claim::from_live(serde_json::from_value(value).unwrap()).map(|own| own.name)
        };
        assert_eq!((claim("Bound"), claim("Lost")), (None, Some("n/c".into())));
    }

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
