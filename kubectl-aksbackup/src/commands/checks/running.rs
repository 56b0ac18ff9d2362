//! The pods that run: what the webhook put into each container. Nothing else proves that workload identity is in use.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::names::AUDIENCE;
use aksbackup_shared::state::schema::State;
use jiff::Timestamp;

use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::pods::{Injected, Pod};
use crate::commands::checks::{CONFIGURE, Faults, Sight, unreadable};
use crate::steps::cause::cause;
use crate::steps::injection::live;

const LINK: Link = Link::Injection;
const NAME: &str = "running pods";

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let namespace = &sight.namespace;
    let right = match (&sight.pods, &sight.deployments) {
        (None, _) => Some(format!("list pods in namespace {namespace}")),
        (_, None) => Some(format!("list deployments.apps in namespace {namespace}")),
        _ => None,
    };
    if let Some(right) = right {
        return vec![unreadable(LINK, NAME, "what the extension's pods carry", &right)];
    }
    let eye = Eye {
        client_id: sight.expected(state),
        tenant: state.target.as_ref().map(|target| target.tenant.to_string()),
        issuer: sight
            .issuer
            .clone()
            .or_else(|| Some(state.cloud.prerequisites.as_ref()?.issuer.to_string())),
        webhook: sight.around.webhooks.iter().flatten().find_map(|own| own.created),
    };
    let mut faults = Faults::default();
    for own in sight.deployments().iter().filter(|own| own.rollout != Rollout::Empty) {
        let pods = live(own, sight.pods());
        if pods.is_empty() {
            faults.add("", format!("deployment {} has no pod", own.name));
        }
        pods.iter().for_each(|pod| eye.look(own, pod, sight, &mut faults));
    }
    let judge = |failure: &str| match failure {
        "CLU-OIDC-JUST-ENABLED" => (Verdict::Warning, CONFIGURE.to_owned()),
        "" => (
            Verdict::Error,
            format!("kubectl describe replicasets --namespace {namespace}"),
        ),
        _ => (Verdict::Error, CONFIGURE.to_owned()),
    };
    let well = || {
        format!(
            "use client id {} with a token file",
            eye.client_id.clone().unwrap_or_default()
        )
    };
    faults.checks(LINK, NAME, well, judge)
}

/// What pods are compared with.
struct Eye {
    client_id: Option<String>,
    tenant: Option<String>,
    issuer: Option<String>,
    webhook: Option<Timestamp>,
}

impl Eye {
    fn look(&self, deployment: &Deployment, pod: &Pod, sight: &Sight, faults: &mut Faults) {
        let name = &pod.name;
        if pod.containers.is_empty() {
            return faults.add(
                "WI-NOT-INJECTED",
                format!("pod {name} has no container that could use workload identity"),
            );
        }
        let bare = pod.containers.iter().find(|own| !own.token_file || !for_entra(own));
        if let Some(bare) = bare {
            return self.bare(deployment, pod, bare, faults);
        }
        for own in &pod.containers {
            self.client(deployment, pod, own, sight, faults);
            self.tenant(pod, own, faults);
        }
        self.rolled_out_for_another_issuer(pod, sight, faults);
    }

    /// A container without a token for Entra.
    fn bare(&self, deployment: &Deployment, pod: &Pod, own: &Injected, faults: &mut Faults) {
        let (name, container) = (&pod.name, &own.container);
        let says = match (&own.audience, own.token_file) {
            (Some(audience), true) => {
                format!("pod {name} has a token for {audience} and not {AUDIENCE} in container {container}")
            }
            (None, true) => {
                format!("pod {name} names a token file in container {container}, and no token is mounted there")
            }
            (_, false) => format!("pod {name} runs without workload identity: container {container} has no token file"),
        };
        let older = |since: Option<Timestamp>| pod.created.zip(since).is_some_and(|(own, since)| own < since);
        let failure = match () {
            () if pod.skips_velero => "WI-SKIP",
            () if deployment.is_labelled() && (!pod.labelled || older(self.webhook)) => "WI-POD-STALE",
            () => "WI-NOT-INJECTED",
        };
        faults.add(failure, says);
    }

    fn client(&self, deployment: &Deployment, pod: &Pod, own: &Injected, sight: &Sight, faults: &mut Faults) {
        let (name, container) = (&pod.name, &own.container);
        let account = sight
            .accounts()
            .iter()
            .find(|account| account.name == deployment.service_account);
        let annotated = account.and_then(|account| account.client_id.as_deref());
        let uses = own.client_id.as_deref().filter(|id| !id.is_empty());
        match (uses, self.client_id.as_deref()) {
            (Some(uses), Some(wanted)) if uses.eq_ignore_ascii_case(wanted) => {}
            (None, _) => {
                let failure = if annotated.is_some() {
                    "WI-POD-STALE"
                } else {
                    "WI-SA-NO-CLIENT"
                };
                let says = format!("pod {name} has a token file and no client id in container {container}");
                faults.add(failure, says);
            }
            (Some(uses), wanted) => {
                let preset = deployment.preset_client_id().is_some_and(|(_, value)| value == uses);
                let failure = match () {
                    () if preset => "WI-ENV-PRESET",
                    () if annotated.is_some_and(|own| !own.eq_ignore_ascii_case(uses)) => "WI-POD-STALE",
                    () => "",
                };
                let wanted = wanted.map(|wanted| format!(" and not {wanted}")).unwrap_or_default();
                faults.add(
                    failure,
                    format!("pod {name} uses client id {uses} in container {container}{wanted}"),
                );
            }
        }
    }

    fn tenant(&self, pod: &Pod, own: &Injected, faults: &mut Faults) {
        let (name, container) = (&pod.name, &own.container);
        match (&own.tenant_id, &self.tenant) {
            (Some(uses), Some(wanted)) if !uses.eq_ignore_ascii_case(wanted) => faults.add(
                "WI-TENANT",
                format!("pod {name} signs in to tenant {uses} in container {container}, the state file says {wanted}"),
            ),
            (None, _) => faults.add(
                "WI-TENANT",
                format!("pod {name} has no tenant in container {container}"),
            ),
            _ => {}
        }
    }

    /// The rollout's note is a hash of client id, issuer and account. The client id is as it should be; where no account of
    /// the namespace makes the note right, it was another issuer.
    fn rolled_out_for_another_issuer(&self, pod: &Pod, sight: &Sight, faults: &mut Faults) {
        let (Some(client_id), Some(issuer), Some(own)) = (&self.client_id, &self.issuer, &pod.cause) else {
            return;
        };
        let mut accounts = sight.accounts().iter().map(|account| account.name.as_str());
        let right = |account: &str| *own == cause(client_id, issuer, account);
        if pod.uses(client_id) && !right(&pod.service_account) && !accounts.any(right) {
            let says = format!(
                "pod {} was rolled out while the cluster had another issuer than {issuer}",
                pod.name
            );
            faults.add("CLU-OIDC-JUST-ENABLED", says);
        }
    }
}

/// Whether the container's token is for Entra, in whichever cloud (`api://AzureADTokenExchangeChina` in China's).
fn for_entra(own: &Injected) -> bool {
    own.audience
        .as_deref()
        .is_some_and(|audience| audience.starts_with(AUDIENCE))
}
