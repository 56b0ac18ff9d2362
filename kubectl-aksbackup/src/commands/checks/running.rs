//! The pods that run: what the webhook put into each container. Nothing else proves that workload identity is in use.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{kubectl, shell};
use aksbackup_shared::names::AUDIENCE;
use aksbackup_shared::schema::State;
use jiff::Timestamp;

use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::injected::{Expected, Injected, Lack};
use crate::cluster::pods::Pod;
use crate::commands::checks::{Faults, Sight, unreadable};
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
        return vec![unreadable(
            LINK,
            NAME,
            "the environment of the extension's pods",
            &right,
        )];
    }
    let eye = Eye {
        expected: Expected {
            client_id: sight.expected(state),
            tenant: state.target.as_ref().map(|target| target.tenant.to_string()),
        },
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
            faults.add("", format!("deployment {} has no pods", own.name));
        }
        pods.iter().for_each(|pod| eye.look(own, pod, sight, &mut faults));
    }
    let judge = |failure: &str| match failure {
        "CLU-OIDC-JUST-ENABLED" => (Verdict::Warning, kubectl("configure").into()),
        "" => (
            Verdict::Error,
            shell(format!("kubectl describe replicasets --namespace {namespace}")).into(),
        ),
        _ => (Verdict::Error, kubectl("configure").into()),
    };
    let well = || {
        format!(
            "use client ID {} with a token file",
            eye.expected.client_id.clone().unwrap_or_default()
        )
    };
    faults.checks(LINK, NAME, well, judge)
}

/// What pods are compared with.
struct Eye {
    expected: Expected,
    issuer: Option<String>,
    webhook: Option<Timestamp>,
}

impl Eye {
    fn look(&self, deployment: &Deployment, pod: &Pod, sight: &Sight, faults: &mut Faults) {
        let name = &pod.name;
        if pod.containers.is_empty() {
            return faults.add(
                "WI-NOT-INJECTED",
                format!("no container of pod {name} could use workload identity"),
            );
        }
        let lacks: Vec<(&Injected, Vec<Lack>)> = pod
            .containers
            .iter()
            .map(|own| (own, own.lacks(&self.expected)))
            .collect();
        let mut all = lacks
            .iter()
            .flat_map(|(own, lacks)| lacks.iter().map(move |lack| (*own, lack)));
        if let Some((own, lack)) = all
            .clone()
            .find(|(_, lack)| matches!(lack, Lack::TokenFile | Lack::Token(_)))
        {
            return self.bare(deployment, pod, (own, lack), faults);
        }
        all.by_ref().for_each(|(own, lack)| match lack {
            Lack::Tenant(uses) => self.tenant(pod, own, uses.as_deref(), faults),
            lack => self.client(deployment, pod, (own, lack), sight, faults),
        });
        self.rolled_out_for_another_issuer(pod, sight, faults);
    }

    /// A container without a token for Entra.
    fn bare(&self, deployment: &Deployment, pod: &Pod, (own, lack): (&Injected, &Lack), faults: &mut Faults) {
        let (name, container) = (&pod.name, &own.container);
        let says = match lack {
            Lack::Token(Some(audience)) => {
                format!(
                    "container {container} of pod {name} has a token for audience {audience}; expected \
                    {AUDIENCE}"
                )
            }
            Lack::Token(None) => {
                format!("container {container} of pod {name} refers to a token file, but no token is mounted there")
            }
            _ => format!("pod {name} runs without workload identity: container {container} has no token file"),
        };
        let older = |since: Option<Timestamp>| pod.created.zip(since).is_some_and(|(own, since)| own < since);
        let failure = match () {
            () if pod.skips_velero => "WI-SKIP",
            () if deployment.is_labelled() && (!pod.labelled || older(self.webhook)) => "WI-POD-STALE",
            () => "WI-NOT-INJECTED",
        };
        faults.add(failure, says);
    }

    fn client(
        &self,
        deployment: &Deployment,
        pod: &Pod,
        (own, lack): (&Injected, &Lack),
        sight: &Sight,
        faults: &mut Faults,
    ) {
        let (name, container) = (&pod.name, &own.container);
        let mut accounts = sight.accounts().iter();
        let account = accounts.find(|account| account.name == deployment.service_account);
        let annotated = account.and_then(|account| account.client_id.as_deref());
        let wanted = self.expected.client_id.as_deref();
        match lack {
            Lack::ClientId { from: true } => {
                let says =
                    format!("container {container} of pod {name} takes its client ID from another source (valueFrom)");
                faults.add("WI-ENV-PRESET", says);
            }
            Lack::OtherClientId(uses) => {
                let preset = deployment.preset_client_id().is_some_and(|(_, value)| value == uses);
                let failure = match () {
                    () if preset => "WI-ENV-PRESET",
                    () if annotated.is_some_and(|own| !own.eq_ignore_ascii_case(uses)) => "WI-POD-STALE",
                    () => "",
                };
                let wanted = wanted.map(|wanted| format!("; expected {wanted}")).unwrap_or_default();
                faults.add(
                    failure,
                    format!("container {container} of pod {name} uses client ID {uses}{wanted}"),
                );
            }
            _ => {
                let failure = if annotated.is_some() {
                    "WI-POD-STALE"
                } else {
                    "WI-SA-NO-CLIENT"
                };
                let says = format!("container {container} of pod {name} has a token file but no client ID");
                faults.add(failure, says);
            }
        }
    }

    fn tenant(&self, pod: &Pod, own: &Injected, uses: Option<&str>, faults: &mut Faults) {
        let (name, container) = (&pod.name, &own.container);
        let wanted = self.expected.tenant.as_deref().unwrap_or_default();
        faults.add(
            "WI-TENANT",
            match uses {
                Some(uses) => format!(
                    "container {container} of pod {name} signs in to tenant {uses}; the state file has {wanted}"
                ),
                None => format!("container {container} of pod {name} has no tenant ID"),
            },
        );
    }

    /// The rollout's note is a hash of client ID, issuer and account. The client ID is as it should be; where no account of
    /// the namespace makes the note right, it was another issuer.
    fn rolled_out_for_another_issuer(&self, pod: &Pod, sight: &Sight, faults: &mut Faults) {
        let (Some(client_id), Some(issuer), Some(own)) = (&self.expected.client_id, &self.issuer, &pod.cause) else {
            return;
        };
        let mut accounts = sight.accounts().iter().map(|account| account.name.as_str());
        let right = |account: &str| *own == cause(client_id, issuer, account);
        let ours = Expected {
            client_id: self.expected.client_id.clone(),
            tenant: None,
        };
        if pod.uses(&ours) && !right(&pod.service_account) && !accounts.any(right) {
            let says = format!(
                "pod {} was created when the cluster had an issuer other than {issuer}",
                pod.name
            );
            faults.add("CLU-OIDC-JUST-ENABLED", says);
        }
    }
}
