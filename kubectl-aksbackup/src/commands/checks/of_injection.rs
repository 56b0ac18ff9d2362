//! The workload identity webhook, the pod templates that it goes by, and what is in the pods that run.

use std::collections::BTreeMap;

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, kubectl, shell};
use aksbackup_shared::fix;
use aksbackup_shared::names::USE_LABEL;
use aksbackup_shared::schema::State;

use crate::cluster::deployments::Deployment;
use crate::cluster::neighbours::{INJECTOR, SYSTEM};
use crate::commands::checks::typos::typos;
use crate::commands::checks::{Faults, Sight, configuration, running, unreadable, webhook};
use crate::steps::goal::Goal;
use crate::steps::obstacles::of_template;

const LINK: Link = Link::Injection;

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let mut all = vec![webhook(&sight.around, &sight.namespace, of_pods(sight).as_ref())];
    all.extend(injector(sight));
    all.extend(templates(sight, state));
    all.extend(running::checks(sight, state));
    all
}

/// The labels that the agent's pods have once they are labelled; `None` where no template was observed.
fn of_pods(sight: &Sight) -> Option<BTreeMap<String, String>> {
    let agent = sight.deployments().iter().find(|own| own.is_agent())?;
    let meta = agent.template.metadata.clone().unwrap_or_default();
    let mut labels = meta.labels.unwrap_or_default();
    labels.insert(USE_LABEL.into(), "true".into());
    Some(labels)
}

/// The deployment behind the webhook; nothing is said where there is none of the known name, as where somebody runs it
/// elsewhere.
fn injector(sight: &Sight) -> Option<Check> {
    const NAME: &str = "webhook's pods";
    match sight.injector {
        None => Some(unreadable(
            LINK,
            NAME,
            &format!("deployment {INJECTOR} of {SYSTEM}"),
            &format!("get deployments.apps in namespace {SYSTEM}"),
        )),
        Some(None) => None,
        Some(Some(own)) if own.available > 0 => Some(Check::ok(
            LINK,
            NAME,
            format!("{} of {} pods are available", own.available, own.wanted),
        )),
        Some(Some(own)) => Some(
            Check::error(
                LINK,
                NAME,
                format!(
                    "0 of {} pods are available, so labeled pods can't be created",
                    own.wanted
                ),
                fix![
                    "check the webhook's pods: ",
                    shell("kubectl get pods --namespace kube-system --selector azure-workload-identity.io/system=true")
                ],
            )
            .because(format!("deployment {SYSTEM}/{INJECTOR}: status.availableReplicas = 0"))
            .proves("WI-WEBHOOK-DOWN"),
        ),
    }
}

fn templates(sight: &Sight, state: &State) -> Vec<Check> {
    const NAME: &str = "pod templates";
    let Some(all) = &sight.deployments else {
        let right = format!("list deployments.apps in namespace {}", sight.namespace);
        return vec![unreadable(LINK, NAME, "deployments", &right)];
    };
    let mut faults = Faults::default();
    let namespace = &sight.namespace;
    let goal = sight.expected(state).map(|client_id| Goal {
        client_id,
        issuer: String::new(),
        tenant: state.target.as_ref().map(|target| target.tenant.to_string()),
    });
    // Each container and each deployment has a command of its own.
    let mut fixes: BTreeMap<&str, Fix> = BTreeMap::new();
    for own in all {
        label(own, state, &mut faults);
        if let Some(goal) = &goal {
            for found in of_template(own, goal, namespace.as_str()) {
                faults.add(found.failure, found.says);
                let fix = fixes.entry(found.failure).or_default();
                let before = std::mem::take(fix);
                *fix = match before.has_command() {
                    true => before.and(", then: ").and(found.fix),
                    false => found.fix.into(),
                };
            }
        }
    }
    let judge = |failure: &str| {
        let cure = match failure {
            "WI-ENV-PRESET" | "WI-SKIP" => fixes.get(failure).cloned().unwrap_or_default(),
            "WI-SA-TYPO" => fix![
                kubectl("configure"),
                " (the misspelled key has no effect; correct it where it is set)"
            ],
            "WI-LABEL-VALUE" => configuration(all.iter().find_map(|own| own.rival())),
            _ => kubectl("configure").into(),
        };
        (Verdict::Error, cure)
    };
    faults.checks(LINK, NAME, || format!("{} have label {USE_LABEL}", all.len()), judge)
}

fn label(own: &Deployment, state: &State, faults: &mut Faults) {
    let name = &own.name;
    match &own.label {
        _ if own.is_labelled() => {}
        Some(value) => faults.add(
            "WI-LABEL-VALUE",
            match own.rival() {
                Some(manager) => format!("{name} has {USE_LABEL}={value:?} instead of \"true\", set by {manager}"),
                None => format!("{name} has {USE_LABEL}={value:?} instead of \"true\""),
            },
        ),
        None => {
            let meta = own.template.metadata.iter();
            let keys = meta.flat_map(|meta| meta.labels.iter().chain(&meta.annotations).flatten());
            if let Some(key) = typos(keys.map(|(key, _)| key.as_str())).first() {
                return faults.add("WI-SA-TYPO", format!("{name} has {key:?} instead of label {USE_LABEL}"));
            }
            match was_labelled(own, state) {
                true => faults.add(
                    "EXT-DRIFT",
                    format!("{name} lacks label {USE_LABEL}, which had been set"),
                ),
                false => faults.add("WI-LABEL-MISSING", format!("{name} lacks label {USE_LABEL}")),
            }
        }
    }
}

/// Whether this program has labelled the template: its note is still there, or the state file says so.
fn was_labelled(own: &Deployment, state: &State) -> bool {
    let rolled = state.cluster.rollout.as_ref();
    own.cause.is_some() || rolled.is_some_and(|table| table.deployments.contains(&own.name))
}
