//! Whether pods really run with workload identity, and what a trial pod tells of the webhook.

use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::names::USE_LABEL;

use crate::cluster::client::stripped;
use crate::cluster::deployments::{Deployment, Rollout};
use crate::cluster::error::is_denied;
use crate::cluster::injected::{Expected, Injected, Lack};
use crate::cluster::pods::Pod;
use crate::cluster::quantity::has_room_in_place;
use crate::cluster::rehearsal::{Made, Trial, TrialOutcome};
use crate::cluster::surroundings::WEBHOOK;
use crate::steps::context::Context;
use crate::steps::obstacles::skip_patch;
use crate::steps::passing::Around;

/// The pods of `deployment` that are not on their way out.
pub(crate) fn live<'a>(deployment: &Deployment, pods: &'a [Pod]) -> Vec<&'a Pod> {
    let own = |pod: &&Pod| !pod.ending && pod.deployment.as_deref() == Some(deployment.name.as_str());
    pods.iter().filter(own).collect()
}

/// What a pod lacks to use workload identity as `expected`, for people; `None` where it lacks nothing.
pub(crate) fn lack(pod: &Pod, expected: &Expected) -> Option<String> {
    let name = &pod.name;
    if pod.containers.is_empty() {
        return Some(format!("no container of pod {name} could use workload identity"));
    }
    let first = pod
        .containers
        .iter()
        .find_map(|own| Some((own, own.lacks(expected).into_iter().next()?)));
    let (own, lack) = first?;
    let container = &own.container;
    Some(match lack {
        Lack::TokenFile => format!("pod {name} runs without workload identity: container {container} {lack}"),
        Lack::ClientId { from: false } => {
            format!(
                "container {container} of pod {name} has a token file but no client ID ({})",
                lack.variable()
            )
        }
        Lack::OtherClientId(other) => format!("container {container} of pod {name} uses client ID {other}"),
        lack => format!("pod {name}: container {container} {lack}"),
    })
}

/// What the webhook does to new pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Webhook {
    /// New pods get the client ID.
    Ready,
    /// The webhook does not see an annotation of a service account yet.
    Behind(String),
}

/// Judges the trial pods, each over all of its containers. `around` is what was read of the webhook where it left one alone.
///
/// # Errors
/// There is no webhook, it does not answer, it passes the pods by, or a container never gets what it needs: waiting would
/// not help.
pub(crate) fn webhook(trials: &[Trial], around: &Around, expected: &Expected, context: &Context) -> Outcome<Webhook> {
    let mut behind = None;
    for trial in trials {
        match &trial.outcome {
            TrialOutcome::Made(made) => behind = behind.or(made_as(trial, made, around, expected, context)?),
            // Policies may refuse bare pods and let those of a deployment pass: only the rollout itself can tell.
            TrialOutcome::Refused(why) if is_denied(why) && !why.contains(WEBHOOK) => {}
            // The trial pod comes beside the old ones, and the new pod in the place of one.
            TrialOutcome::Refused(why) if trial.in_place && has_room_in_place(why) => {}
            TrialOutcome::Refused(why) => return refused(trial.deployment.as_str(), why, context),
        }
    }
    Ok(behind.map_or(Webhook::Ready, Webhook::Behind))
}

/// What a trial pod that would be created still waits for.
///
/// # Errors
/// As [`webhook`].
fn made_as(
    trial: &Trial,
    made: &Made,
    around: &Around,
    expected: &Expected,
    context: &Context,
) -> Outcome<Option<String>> {
    let deployment = &trial.deployment;
    if !made.labelled {
        let (label, pods) = (
            format!("label {USE_LABEL}"),
            format!("new pods of deployment {deployment}"),
        );
        return stripped(&label, &pods, &context.namespace);
    }
    if made.is_untouched() {
        return around.passed_by(trial, made, context);
    }
    let mut behind = None;
    for own in &made.containers {
        for lack in own.lacks(expected) {
            match lack {
                Lack::TokenFile | Lack::Token(_) | Lack::ClientId { from: true } => {
                    return never(trial, made, (own, &lack), around, context);
                }
                Lack::ClientId { from: false } | Lack::OtherClientId(_) | Lack::Tenant(_) => {
                    behind = behind.or_else(|| {
                        Some(format!(
                            "the webhook doesn't use the annotations of service account {} yet: container {} of a \
                             new pod of deployment {deployment} {lack}",
                            trial.service_account, own.container
                        ))
                    });
                }
            }
        }
    }
    Ok(behind)
}

/// A container that gets no token, whatever is annotated.
fn never<T>(
    trial: &Trial,
    made: &Made,
    (own, lack): (&Injected, &Lack),
    around: &Around,
    context: &Context,
) -> Outcome<T> {
    let (deployment, container) = (&trial.deployment, &own.container);
    let failure = Failure::failed(format!(
        "new pods of deployment {deployment} aren't injected with workload \
        identity"
    ))
    .because(format!("container {container} of a trial pod {lack}"));
    if made.velero.as_ref() == Some(container) {
        let namespace = &context.namespace;
        return failure
            .hint(fix![
                "find out what sets the variable, such as a policy, and ask its owner: ",
                shell(format!(
                    "kubectl get deployment {deployment} --namespace \
                 {namespace} -o yaml"
                ))
            ])
            .err();
    }
    let list: Vec<&str> = made
        .skipped
        .split(';')
        .map(str::trim)
        .filter(|own| !own.is_empty())
        .collect();
    let value = format!("{:?}", [list.as_slice(), &[container.as_str()]].concat().join(";"));
    let once = around
        .asked_once()
        .map(|name| format!(", and {name} has reinvocationPolicy Never"));
    failure
        .because(format!(
            "another webhook adds or changes the container after the workload identity webhook{}",
            once.unwrap_or_default()
        ))
        .hint(fix![
            "exclude the container from workload identity if it doesn't need an Azure identity: ",
            skip_patch(deployment.as_str(), &context.namespace, &value)
        ])
        .hint("or exclude the extension's namespace from the other webhook")
        .err()
}

fn refused<T>(deployment: &str, why: &str, context: &Context) -> Outcome<T> {
    let failure =
        Failure::failed(format!("new pods of deployment {deployment} would be rejected")).because(why.to_owned());
    if why.contains(WEBHOOK) && why.contains("failed calling webhook") {
        return failure
            .hint(fix![
                "check the workload identity webhook, which doesn't respond: ",
                shell(
                    "kubectl get pods --namespace kube-system \
                 --selector azure-workload-identity.io/system=true"
                )
            ])
            .hint(fix![
                "to let AKS configure it again, run: ",
                shell(format!("az aks update {}", context.cluster_flags))
            ])
            .err();
    }
    if why.contains("exceeded quota") {
        let quota = |verb: &str| {
            shell(format!(
                "kubectl {verb} resourcequota --namespace {}",
                context.namespace
            ))
        };
        return failure
            .hint(fix![
                "check what uses up the quota (nothing was rolled out): ",
                quota("describe")
            ])
            .hint(fix!["then raise the quota and run this command again: ", quota("edit")])
            .err();
    }
    failure
        .hint(
            "fix what rejects the pod, then run this command again; nothing was rolled out, and the current pods \
            keep running",
        )
        .err()
}

/// A deployment that somebody has paused or scaled to zero: it gets no new pods, and waiting for them would not end.
///
/// # Errors
/// There is one, with the command that sets it going.
pub(crate) fn refuse_halted(deployments: &[Deployment], namespace: &str) -> Outcome<()> {
    for deployment in deployments {
        let name = &deployment.name;
        if let Some((state, cure)) = halted(&deployment.rollout, name.as_str(), namespace) {
            return Failure::failed(format!("deployment {name} {state}"))
                .because("no new pods are created for it, so no rollout or check is possible")
                .hint(cure)
                .err();
        }
    }
    Ok(())
}

/// How deployment `name` is halted, and the command that ends it.
pub(crate) fn halted(rollout: &Rollout, name: &str, namespace: &str) -> Option<(&'static str, CommandLine)> {
    let command = |words: String| shell(format!("kubectl {words} --namespace {namespace}"));
    match rollout {
        Rollout::Paused => Some(("is paused", command(format!("rollout resume deployment {name}")))),
        Rollout::Empty => Some((
            "is scaled to zero",
            command(format!("scale deployment {name} --replicas 1")),
        )),
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
        assert!(failure.hints[0].to_string().starts_with("kubectl rollout resume"));
    }

    fn judged(outcome: TrialOutcome) -> Outcome<Webhook> {
        webhook(
            &[testing::trial(outcome)],
            &Around::default(),
            &testing::expected(),
            &testing::context(),
        )
    }

    #[test]
    fn the_webhook_is_ready_when_it_puts_our_client_id_into_every_container() {
        assert_eq!(judged(testing::made(|_| {})), Ok(Webhook::Ready));
        assert_eq!(
            judged(testing::made(
                |own| own.client_id = Some(testing::CLIENT_ID.to_uppercase())
            )),
            Ok(Webhook::Ready)
        );
        for behind in [None, Some("old".to_owned())] {
            let outcome = testing::made(|own| own.client_id = behind.clone());
            assert!(matches!(judged(outcome), Ok(Webhook::Behind(_))));
        }
    }

    #[test]
    fn one_container_without_a_token_is_enough_to_fail() {
        let TrialOutcome::Made(mut made) = testing::made(|_| {}) else {
            panic!("not made")
        };
        let mut bare = made.containers[0].clone();
        (bare.container, bare.token_file, bare.audience) = ("sidecar".into(), false, None);
        made.containers.push(bare);
        let failure = judged(TrialOutcome::Made(made)).unwrap_err();
        assert!(failure.why[0].contains("container sidecar") && failure.why[0].contains("AZURE_FEDERATED_TOKEN_FILE"));
        assert!(
            failure.hints[0].to_string().contains("skip-containers\":\"sidecar\""),
            "{failure}"
        );
        let from = testing::made(|own| (own.client_id, own.client_id_from) = (None, true));
        assert!(judged(from).unwrap_err().why[0].contains("valueFrom"));
    }

    #[test]
    fn a_pod_without_the_label_was_changed_by_a_policy() {
        let TrialOutcome::Made(mut made) = testing::made(|_| {}) else {
            panic!("not made")
        };
        made.labelled = false;
        assert!(judged(TrialOutcome::Made(made)).unwrap_err().why[0].contains("removes the change"));
    }

    #[test]
    fn a_missing_or_broken_webhook_fails_with_its_cure() {
        let failure = judged(testing::made(|own| own.token_file = false)).unwrap_err();
        assert!(
            failure
                .hints
                .iter()
                .any(|hint| hint.to_string().contains("--enable-workload-identity"))
        );
        let words = "failed calling webhook \"mutation.azure-workload-identity.io\": no endpoints available";
        let failure = judged(TrialOutcome::Refused(words.into())).unwrap_err();
        assert!(failure.why[0].contains("no endpoints") && failure.hints[0].to_string().contains("kube-system"));
    }

    #[test]
    fn a_policy_against_bare_pods_proves_nothing() {
        for words in [
            "admission webhook \"validate.kyverno.svc\" denied the request: naked pods are not allowed",
            "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no bare pods",
        ] {
            assert_eq!(
                judged(TrialOutcome::Refused(words.into())),
                Ok(Webhook::Ready),
                "{words}"
            );
        }
        assert!(judged(TrialOutcome::Refused("exceeded quota: pods".into())).is_err());
        let own = "admission webhook \"mutation.azure-workload-identity.io\" denied the request: token expiration 60";
        assert!(judged(TrialOutcome::Refused(own.into())).is_err());
    }

    #[test]
    fn a_full_quota_stops_only_what_needs_more_pods() {
        let words = "exceeded quota: q, requested: pods=1, used: pods=3, limited: pods=3";
        let mut trial = testing::trial(TrialOutcome::Refused(words.into()));
        for in_place in [false, true] {
            trial.in_place = in_place;
            let trials = [trial.clone()];
            let judged = webhook(&trials, &Around::default(), &testing::expected(), &testing::context());
            assert_eq!(judged.is_ok(), in_place);
        }
    }

    #[test]
    fn what_a_pod_lacks_is_told() {
        let expected = testing::expected();
        assert_eq!(lack(&testing::pod(), &expected), None);
        assert!(lack(&testing::bare_pod(), &expected).unwrap().contains("no token file"));
        let other = Expected {
            client_id: Some("other".into()),
            ..expected
        };
        assert!(lack(&testing::pod(), &other).unwrap().contains(testing::CLIENT_ID));
    }
}
