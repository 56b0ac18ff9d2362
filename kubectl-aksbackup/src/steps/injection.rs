//! Whether pods really run with workload identity, and what a trial pod tells of the webhook.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::names::CLIENT_ID_ANNOTATION;

use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::pods::Pod;
use crate::cluster::rehearsal::{Trial, TrialOutcome};
use crate::steps::context::Context;

/// Name of AKS's workload identity webhook, as the API server names it in errors.
const WEBHOOK: &str = "mutation.azure-workload-identity.io";

/// The pods of `deployment` that are not on their way out.
pub(crate) fn live<'a>(deployment: &Deployment, pods: &'a [Pod]) -> Vec<&'a Pod> {
    let own = |pod: &&Pod| !pod.ending && pod.deployment.as_deref() == Some(deployment.name.as_str());
    pods.iter().filter(own).collect()
}

/// What a pod lacks to use `client_id` by workload identity, for people; `None` where it lacks nothing.
pub(crate) fn lack(pod: &Pod, client_id: &str) -> Option<String> {
    if pod.uses(client_id) {
        return None;
    }
    let name = &pod.name;
    let Some(bad) = pod
        .containers
        .iter()
        .find(|own| !own.token_file || own.client_id.as_deref() != Some(client_id))
    else {
        return Some(format!("pod {name} has no container that could use workload identity"));
    };
    let container = &bad.container;
    Some(match (&bad.client_id, bad.token_file) {
        (_, false) => format!("pod {name} runs without workload identity: container {container} has no token file"),
        (None, true) => format!("pod {name} has a token file and no client id in container {container}"),
        (Some(other), true) => format!("pod {name} uses client id {other} in container {container}"),
    })
}

/// What the webhook does to new pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Webhook {
    /// New pods get the client id.
    Ready,
    /// The webhook does not see the annotation yet.
    Behind(String),
}

/// Judges the trial pods.
///
/// # Errors
/// There is no webhook, it does not answer, or a policy refuses the pods: waiting would not help.
pub(crate) fn webhook(trials: &[Trial], client_id: &str, context: &Context) -> Outcome<Webhook> {
    for trial in trials {
        let (deployment, account) = (&trial.deployment, &trial.service_account);
        match &trial.outcome {
            TrialOutcome::Injected(Some(own)) if own == client_id => {}
            TrialOutcome::Injected(_) => {
                return Ok(Webhook::Behind(format!(
                    "the webhook does not see annotation {CLIENT_ID_ANNOTATION} of service account {account} yet"
                )));
            }
            TrialOutcome::Untouched => {
                return Failure::failed(format!("new pods of deployment {deployment} get no workload identity"))
                    .because("the workload identity webhook left a trial pod alone: it is not installed")
                    .hint(context.command("az aksbackup prepare"))
                    .hint(format!(
                        "or: az aks update --enable-workload-identity {}",
                        context.cluster_flags
                    ))
                    .err();
            }
            // Policies may refuse bare pods and let those of a deployment pass: only the rollout itself can tell.
            TrialOutcome::Refused(why) if why.contains("denied the request") => {}
            TrialOutcome::Refused(why) => return refused(deployment.as_str(), why, context),
        }
    }
    Ok(Webhook::Ready)
}

fn refused<T>(deployment: &str, why: &str, context: &Context) -> Outcome<T> {
    let failure =
        Failure::failed(format!("new pods of deployment {deployment} would be refused")).because(why.to_owned());
    if why.contains(WEBHOOK) && why.contains("failed calling webhook") {
        return failure
            .hint(
                "the workload identity webhook does not answer; look at it: kubectl get pods --namespace kube-system \
                 --selector azure-workload-identity.io/system=true",
            )
            .hint(format!(
                "AKS sets it up anew with: az aks update {}",
                context.cluster_flags
            ))
            .err();
    }
    if why.contains("exceeded quota") {
        let (get, edit) = ("kubectl describe resourcequota", "kubectl edit resourcequota");
        let namespace = &context.namespace;
        return failure
            .hint(format!(
                "nothing was rolled out; see what is used up: {get} --namespace {namespace}"
            ))
            .hint(format!(
                "then raise it, and run this again: {edit} --namespace {namespace}"
            ))
            .err();
    }
    failure
        .hint("nothing was rolled out, the pods that run go on; mend what refuses the pod, then run this again")
        .err()
}

/// A client id that the chart itself sets on a container: the webhook never overwrites it.
///
/// # Errors
/// It is another one: no annotation and no rollout can help.
pub(crate) fn refuse_preset(deployments: &[Deployment], client_id: &str) -> Outcome<()> {
    for deployment in deployments {
        if let Some((container, own)) = deployment.preset_client_id()
            && !own.eq_ignore_ascii_case(client_id)
        {
            return Failure::failed(format!("deployment {} keeps to client id {own}", deployment.name))
                .because(format!(
                    "container {container} sets AZURE_CLIENT_ID itself, and the webhook never overwrites a variable"
                ))
                .because(format!("the state file's client id is {client_id}"))
                .hint("if the extension was installed anew, read its identity again: az aksbackup prepare")
                .err();
        }
    }
    Ok(())
}

/// A deployment that somebody has paused or scaled to zero: it gets no new pods, and waiting for them would not end.
///
/// # Errors
/// There is one, with the command that sets it going.
pub(crate) fn refuse_halted(deployments: &[Deployment], namespace: &str) -> Outcome<()> {
    for deployment in deployments {
        let name = &deployment.name;
        if let Some((state, cure)) = halted(&deployment.rollout) {
            return Failure::failed(format!("deployment {name} {state}"))
                .because("no new pods are made of it, so that nothing can be rolled out or proved")
                .hint(cure.replace("NAME", name.as_str()) + &format!(" --namespace {namespace}"))
                .err();
        }
    }
    Ok(())
}

/// How a deployment is halted, and the command that ends it for deployment `NAME`.
pub(crate) fn halted(rollout: &Rollout) -> Option<(&'static str, &'static str)> {
    match rollout {
        Rollout::Paused => Some(("is paused", "kubectl rollout resume deployment NAME")),
        Rollout::Empty => Some(("is scaled to zero", "kubectl scale deployment NAME --replicas 1")),
        Rollout::Complete | Rollout::Going(_) | Rollout::Stuck(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    #[test]
    fn who_is_halted_is_named_with_the_command_that_sets_it_going() {
        let mut deployment = testing::deployment();
        assert_eq!(refuse_halted(&[deployment.clone()], "ns"), Ok(()));
        deployment.rollout = Rollout::Empty;
        let failure = refuse_halted(&[deployment.clone()], "ns").unwrap_err();
        let name = &deployment.name;
        assert_eq!(
            failure.hints,
            [format!("kubectl scale deployment {name} --replicas 1 --namespace ns")]
        );
        deployment.rollout = Rollout::Paused;
        let failure = refuse_halted(&[deployment], "ns").unwrap_err();
        assert!(failure.hints[0].starts_with("kubectl rollout resume"));
    }

    fn trial(outcome: TrialOutcome) -> Trial {
        Trial {
            deployment: testing::deployment().name,
            service_account: testing::ACCOUNT.parse().unwrap(),
            outcome,
        }
    }

    fn judged(outcome: TrialOutcome) -> Outcome<Webhook> {
        webhook(&[trial(outcome)], testing::CLIENT_ID, &testing::context())
    }

    #[test]
    fn the_webhook_is_ready_when_it_puts_our_client_id_into_a_pod() {
        assert_eq!(
            judged(TrialOutcome::Injected(Some(testing::CLIENT_ID.into()))),
            Ok(Webhook::Ready)
        );
        for behind in [None, Some("old".to_owned())] {
            assert!(matches!(judged(TrialOutcome::Injected(behind)), Ok(Webhook::Behind(_))));
        }
    }

    #[test]
    fn a_missing_or_broken_webhook_fails_with_its_cure() {
        let failure = judged(TrialOutcome::Untouched).unwrap_err();
        assert!(
            failure
                .hints
                .iter()
                .any(|hint| hint.contains("--enable-workload-identity"))
        );
        let words = "failed calling webhook \"mutation.azure-workload-identity.io\": no endpoints available";
        let failure = judged(TrialOutcome::Refused(words.into())).unwrap_err();
        assert!(failure.why[0].contains("no endpoints") && failure.hints[0].contains("kube-system"));
    }

    #[test]
    fn a_policy_against_bare_pods_proves_nothing() {
        let words = "admission webhook \"validate.kyverno.svc\" denied the request: naked pods are not allowed";
        assert_eq!(judged(TrialOutcome::Refused(words.into())), Ok(Webhook::Ready));
        assert!(judged(TrialOutcome::Refused("exceeded quota: pods".into())).is_err());
    }

    #[test]
    fn what_a_pod_lacks_is_told() {
        assert_eq!(lack(&testing::pod(), testing::CLIENT_ID), None);
        assert!(
            lack(&testing::bare_pod(), testing::CLIENT_ID)
                .unwrap()
                .contains("no token file")
        );
        assert!(lack(&testing::pod(), "other").unwrap().contains(testing::CLIENT_ID));
    }

    #[test]
    fn a_client_id_of_the_chart_is_refused_unless_it_is_ours() {
        let mut deployment = testing::deployment();
        deployment.template = serde_json::from_value(serde_json::json!({ "spec": { "containers": [
            { "name": "velero", "env": [{ "name": "AZURE_CLIENT_ID", "value": testing::CLIENT_ID }] },
        ] } }))
        .unwrap();
        assert_eq!(refuse_preset(&[deployment.clone()], testing::CLIENT_ID), Ok(()));
        assert!(refuse_preset(&[deployment], "other").unwrap_err().why[0].contains("never overwrites"));
    }
}
