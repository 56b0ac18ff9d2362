//! Namespace, deployments, pods, and what Kubernetes says about them.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az, kubectl, shell};
use aksbackup_shared::console::human;
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::names::AGENT_DEPLOYMENT;

use crate::cluster::deployments::Rollout;
use crate::cluster::pods::Pod;
use crate::cluster::surroundings::extension_elsewhere;
use crate::commands::checks::{Faults, Sight, admission, some_of, unreadable};
use crate::steps::injection::{halted, live};

const LINK: Link = Link::Pods;

pub(super) fn checks(sight: &Sight) -> Vec<Check> {
    let mut all = vec![of_extension(sight), extension(sight)];
    all.extend(agents(sight));
    if sight.deployments().is_empty() && sight.deployments.is_some() {
        return all;
    }
    all.extend(rollouts(sight));
    all.extend(refusals(sight));
    all.extend(pods(sight));
    all.push(events(sight));
    all
}

/// Phase of the namespace; empty where there is none.
pub(crate) fn namespace(phase: Option<&str>, name: &NamespaceName) -> Check {
    const NAME: &str = "namespace";
    match phase {
        None => unreadable(
            LINK,
            NAME,
            &format!("namespace {name}"),
            &format!("get namespaces in namespace {name}"),
        ),
        Some("") => Check::ok(LINK, NAME, format!("{name} doesn't exist; the extension creates it")),
        Some("Terminating") => Check::error(
            LINK,
            NAME,
            format!("{name} is being deleted; nothing can be created in it until the deletion finishes"),
            fix![
                "check status.conditions to find out what blocks the deletion: ",
                shell(format!("kubectl get namespace {name} -o yaml")),
                ", then run: ",
                az("prepare")
            ],
        )
        .because("status.phase = Terminating")
        .proves("EXT-NS-TERMINATING"),
        Some(phase) => Check::ok(LINK, NAME, format!("{name} is {phase}")),
    }
}

/// The same where the extension should have made it.
fn of_extension(sight: &Sight) -> Check {
    const NAME: &str = "namespace";
    let (phase, name) = (sight.around.namespace.as_deref(), &sight.namespace);
    let says = format!("namespace {name} doesn't exist");
    match (phase, elsewhere(sight)) {
        (Some(""), Some(other)) => Check::error(LINK, NAME, says, in_namespace(other)),
        (Some(""), None) => Check::error(LINK, NAME, says, az("prepare")).proves("K8S-NS-ABSENT"),
        _ => namespace(phase, name),
    }
}

/// The namespace that has the extension, where it isn't the one that was checked.
fn elsewhere(sight: &Sight) -> Option<&str> {
    extension_elsewhere(sight.around.veleros.as_deref())
}

fn in_namespace(other: &str) -> Fix {
    fix![
        "check the namespace of the extension: ",
        kubectl(format!("verify --namespace {other}"))
    ]
}

fn extension(sight: &Sight) -> Check {
    const NAME: &str = "extension";
    let namespace = &sight.namespace;
    match sight.deployments.as_deref() {
        None => unreadable(
            LINK,
            NAME,
            "deployments",
            &format!("list deployments.apps in namespace {namespace}"),
        ),
        Some([]) if sight.without_velero.is_some() => {
            let says = sight.without_velero.clone().unwrap_or_default();
            let fix = fix![
                "compare the containers with those that this program recognizes, and update the program: ",
                shell(format!("kubectl get deployments --namespace {namespace} --output wide"))
            ];
            Check::error(LINK, NAME, says, fix)
        }
        Some([]) if elsewhere(sight).is_some() => {
            let other = elsewhere(sight).unwrap_or_default();
            let says = format!("the backup extension is in namespace {other}, not in namespace {namespace}");
            Check::error(LINK, NAME, says, in_namespace(other))
        }
        Some([]) => {
            let missing = format!("deployment {AGENT_DEPLOYMENT} doesn't exist in namespace {namespace}");
            let says = match sight.around.veleros {
                Some(_) => format!("the backup extension isn't installed: {missing}, and no other namespace has it"),
                None => missing,
            };
            let check = Check::error(LINK, NAME, says, az("prepare"));
            // Without the namespace there is nothing more to be said than that.
            match sight.around.namespace.as_deref() {
                Some("") => check,
                _ => check.proves("EXT-MISSING"),
            }
        }
        Some([_]) => Check::ok(LINK, NAME, "1 deployment"),
        Some(all) => Check::ok(LINK, NAME, format!("{} deployments", all.len())),
    }
}

/// AKS's own agents, which install the extension; nothing is said where there are none under the known names.
fn agents(sight: &Sight) -> Option<Check> {
    const NAME: &str = "extension agents";
    let Some(all) = sight.agents.as_deref() else {
        return Some(unreadable(
            LINK,
            NAME,
            "pods of kube-system",
            "list pods in namespace kube-system",
        ));
    };
    let standing: Vec<&Pod> = all.iter().filter(|pod| !pod.ending).collect();
    let down: Vec<String> = standing
        .iter()
        .filter(|pod| !pod.ready)
        .map(|pod| format!("{}{}", pod.name, why(pod)))
        .collect();
    match (standing.is_empty(), down.is_empty()) {
        (true, _) => None,
        (_, true) => Some(Check::ok(LINK, NAME, format!("{} running", standing.len()))),
        (_, false) => Some(
            Check::error(
                LINK,
                NAME,
                format!("the AKS extension agents aren't running: {}", some_of(&down)),
                fix![
                    "check the nodes, and find out why the agents aren't running: ",
                    shell("kubectl describe pods --namespace kube-system")
                ],
            )
            .proves("EXT-AGENT-DOWN"),
        ),
    }
}

fn why(pod: &Pod) -> String {
    pod.trouble
        .as_ref()
        .map(|trouble| format!(" ({trouble})"))
        .unwrap_or_default()
}

fn rollouts(sight: &Sight) -> Vec<Check> {
    const NAME: &str = "rollouts";
    let namespace = &sight.namespace;
    let mut all = Vec::new();
    for own in sight.deployments() {
        let name = &own.name;
        let found = match &own.rollout {
            Rollout::Complete => continue,
            Rollout::Going(why) => {
                let cure = fix![
                    "wait for the rollout: ",
                    shell(format!(
                        "kubectl rollout status deployment {name} --namespace {namespace}"
                    ))
                ];
                Check::warning(LINK, NAME, format!("{name}: {why}"), cure)
            }
            Rollout::Stuck(why) => {
                let cure = shell(format!("kubectl describe pods --namespace {namespace}"));
                Check::error(LINK, NAME, format!("{name}: {why}"), cure).proves("K8S-PROGRESS")
            }
            other => {
                let Some((state, cure)) = halted(other, name.as_str(), namespace.as_str()) else {
                    continue;
                };
                Check::error(LINK, NAME, format!("{name} {state}"), cure)
            }
        };
        all.push(found);
    }
    if all.is_empty() && sight.deployments.is_some() {
        all.push(Check::ok(LINK, NAME, "complete"));
    }
    all
}

/// What keeps new pods from being made.
fn refusals(sight: &Sight) -> Vec<Check> {
    let refused = sight
        .deployments()
        .iter()
        .filter_map(|own| Some((own, own.refused.as_deref()?)));
    let check = |(own, words): (&crate::cluster::deployments::Deployment, &str)| {
        let known = admission::known(words, sight.namespace.as_str());
        let says = format!("new pods of deployment {} are rejected: {words}", own.name);
        let check = Check::error(known.link, "admission", says, known.cure)
            .because(format!("condition ReplicaFailure of deployment {} = True", own.name));
        match known.failure {
            "" => check,
            failure => check.proves(failure),
        }
    };
    refused.map(check).collect()
}

/// What keeps the extension's pods from running, by its kind.
fn pods(sight: &Sight) -> Vec<Check> {
    const NAME: &str = "pods";
    let namespace = &sight.namespace;
    if sight.pods.is_none() {
        return vec![unreadable(
            LINK,
            NAME,
            "pods",
            &format!("list pods in namespace {namespace}"),
        )];
    }
    let mut faults = Faults::default();
    let mine = sight.deployments().iter().flat_map(|own| live(own, sight.pods()));
    let mine: Vec<&Pod> = match sight.deployments.is_some() {
        true => mine.collect(),
        false => sight
            .pods()
            .iter()
            .filter(|pod| !pod.ending && pod.runs_velero())
            .collect(),
    };
    mine.iter().for_each(|pod| faults_of(pod, sight, &mut faults));
    let judge = |failure: &str| {
        let verdict = match failure {
            "JOB-OOM" => Verdict::Warning,
            _ => Verdict::Error,
        };
        (verdict, cure(failure, namespace))
    };
    faults.checks(LINK, NAME, || format!("{} running", mine.len()), judge)
}

fn faults_of(pod: &Pod, sight: &Sight, faults: &mut Faults) {
    let name = &pod.name;
    if let Some(why) = &pod.unscheduled {
        faults.add("K8S-PENDING", format!("pod {name} isn't scheduled: {why}"));
    }
    let of_virtual = sight
        .around
        .nodes
        .iter()
        .flatten()
        .find(|node| node.is_virtual && Some(&node.name) == pod.node.as_ref());
    if let Some(node) = of_virtual {
        faults.add(
            "WI-VIRTUAL-NODE",
            format!(
                "pod {name} runs on virtual node {}, where workload identity isn't injected",
                node.name
            ),
        );
    }
    for own in &pod.states {
        let container = &own.container;
        if own.ended.as_deref() == Some("OOMKilled") {
            let says = format!(
                "container {container} of pod {name} was killed because it ran out of memory ({} restarts)",
                own.restarts
            );
            faults.add("JOB-OOM", says);
            continue;
        }
        let Some((reason, message)) = &own.waiting else {
            continue;
        };
        let failure = match reason.as_str() {
            "ImagePullBackOff" | "ErrImagePull" | "InvalidImageName" => "K8S-IMAGEPULL",
            "CrashLoopBackOff" => "K8S-CRASHLOOP",
            "" | "ContainerCreating" | "PodInitializing" => continue,
            _ => "",
        };
        faults.add(
            failure,
            format!("container {container} of pod {name} is waiting: {reason}: {message}"),
        );
    }
}

fn cure(failure: &str, namespace: &NamespaceName) -> Fix {
    match failure {
        "K8S-PENDING" => fix![
            "ask the owner of the taint or quota named in the message, or add nodes: ",
            shell("az aks nodepool scale --resource-group GROUP --cluster-name CLUSTER --name POOL --node-count COUNT")
        ],
        "K8S-IMAGEPULL" => "allow the cluster to reach mcr.microsoft.com and *.data.mcr.microsoft.com".into(),
        "K8S-CRASHLOOP" => kubectl("logs --previous").into(),
        "JOB-OOM" => fix![
            "increase Velero's memory limit and request: ",
            az("init --set extension.memory_limit=4Gi --set extension.memory_request=1Gi"),
            ", then: ",
            az("prepare")
        ],
        "WI-VIRTUAL-NODE" => {
            "keep the extension's pods off virtual nodes: taint the nodes, or set a node selector".into()
        }
        _ => shell(format!("kubectl describe pods --namespace {namespace}")).into(),
    }
}

/// What Kubernetes warned of: shown, and no finding by itself, because a warning stays for an hour after its cause.
fn events(sight: &Sight) -> Check {
    const NAME: &str = "events";
    let Some(all) = sight.warnings.as_deref() else {
        let right = format!("list events in namespace {}", sight.namespace);
        return unreadable(LINK, NAME, "events", &right);
    };
    let Some(newest) = all.first() else {
        return Check::ok(LINK, NAME, "no warnings");
    };
    let age = newest
        .at
        .zip(sight.now)
        .map(|(at, now)| human(now.duration_since(at).unsigned_abs()));
    let age = age.map(|age| format!(" {age} ago")).unwrap_or_default();
    let says = format!(
        "{} warnings, the most recent{age}: {} {}",
        all.len(),
        newest.object,
        newest.reason
    );
    let facts = all
        .iter()
        .take(5)
        .map(|own| format!("{} {}: {}", own.object, own.reason, own.message));
    facts.fold(Check::ok(LINK, NAME, says), Check::because)
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::schema::State;

    use super::*;
    use crate::cluster::surroundings::Surroundings;
    use crate::commands::checks::checks;
    use crate::commands::checks::tests::sight;

    /// Fails before: `prepare` was suggested, which finds the extension installed, and changes nothing.
    #[test]
    fn a_namespace_without_the_extension_is_told_which_one_has_it() {
        let wrong = |veleros: Option<Vec<String>>| Sight {
            deployments: Some(vec![]),
            around: Surroundings {
                veleros,
                ..sight().around
            },
            ..sight()
        };
        let extension = |veleros| {
            let all = checks(&wrong(veleros), &State::default());
            all.into_iter().find(|own| own.check == "extension").unwrap()
        };
        let found = extension(Some(vec![
            "dataprotection-microsoft/dataprotection-microsoft-kubernetes-agent".into(),
        ]));
        assert_eq!(
            found.says,
            "the backup extension is in namespace dataprotection-microsoft, not in namespace ns"
        );
        let hint = found.hint.unwrap().to_string();
        assert!(
            hint.ends_with("kubectl aksbackup verify --namespace dataprotection-microsoft"),
            "{hint}"
        );
        // Everyone who can create deployments can give one that name.
        let found = extension(Some(vec!["tenant/dataprotection-microsoft-kubernetes-agent".into()]));
        assert!(
            found.says.starts_with("the backup extension isn't installed: "),
            "{}",
            found.says
        );
        assert_eq!(found.hint.unwrap(), "az aksbackup prepare");
        // Who can't list the others can't tell.
        let found = extension(None);
        assert!(found.says.starts_with("deployment "), "{}", found.says);
    }
}
