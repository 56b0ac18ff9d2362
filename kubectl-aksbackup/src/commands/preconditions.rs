//! What `verify --pre` checks, as a pure function of what was seen: whether the extension can be installed at all.

use aksbackup_shared::args::with_state;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::state::schema::State;

use crate::cluster::surroundings::{Node, Quota, Surroundings};
use crate::commands::checks::{Check, Verdict, same_cluster};

/// Where Velero and the extension's other pods can run: their images are built for nothing else (Microsoft's support
/// matrix of AKS backup).
const PLATFORM: &str = "linux/amd64";
/// What Velero asks of a node unless told otherwise, in thousandths of a processor (Velero's documentation).
const CPU: i128 = 500;
/// The same of memory, in bytes.
const MEMORY: i128 = 128 << 20;
/// The extension's pods, and as many again while they are rolled out.
const PODS: i128 = 6;

/// Every check. `state_flag` goes behind the commands that cure.
pub(crate) fn preconditions(
    around: &Surroundings,
    issuer: Option<&str>,
    namespace: &NamespaceName,
    state: &State,
    state_flag: &str,
) -> Vec<Check> {
    let identity = same_cluster(issuer, state);
    if identity.verdict == Verdict::Finding {
        return vec![identity];
    }
    let mut all = vec![
        identity,
        self::namespace(around.namespace.as_deref(), namespace),
        veleros(around.veleros.as_deref()),
        webhook(around.webhooks.as_deref()),
        nodes(around.nodes.as_deref()),
        quotas(around.quotas.as_deref(), namespace),
    ];
    for cure in all.iter_mut().filter_map(|check| check.cure.as_mut()) {
        *cure = with_state(cure, state_flag);
    }
    all
}

fn unreadable(check: &'static str, what: &str) -> Check {
    Check::unknown(check, format!("{what} may not be read with this login"))
}

fn namespace(phase: Option<&str>, name: &NamespaceName) -> Check {
    const NAME: &str = "namespace";
    match phase {
        None => unreadable(NAME, &format!("namespace {name}")),
        Some("") => Check::good(NAME, format!("{name} does not exist; the extension makes it")),
        Some("Terminating") => Check::finding(
            NAME,
            format!("{name} is being deleted, and nothing can be made in it until it is gone"),
            format!("kubectl get namespace {name} -o yaml (status.conditions names what keeps it)"),
        ),
        Some(phase) => Check::good(NAME, format!("{name} is {phase}")),
    }
}

fn veleros(found: Option<&[String]>) -> Check {
    const NAME: &str = "other velero";
    match found {
        None => unreadable(NAME, "deployments of other namespaces"),
        Some([]) => Check::good(NAME, "there is none"),
        Some(found) => Check::finding(
            NAME,
            format!(
                "the cluster has another Velero ({}), and both would use the same custom resources",
                found.join(", ")
            ),
            "remove it together with its custom resource definitions: velero uninstall --namespace NAMESPACE",
        ),
    }
}

fn webhook(found: Option<&[String]>) -> Check {
    const NAME: &str = "webhook";
    match found {
        None => unreadable(NAME, "mutating webhook configurations"),
        Some([]) => Check::finding(
            NAME,
            "the webhook of workload identity is not installed",
            "az aksbackup prepare (switches workload identity on)",
        ),
        Some([one]) => Check::good(NAME, format!("workload identity has its webhook, in {one}")),
        Some(several) => Check::finding(
            NAME,
            format!(
                "the webhook of workload identity is installed more than once: {}",
                several.join(", ")
            ),
            "remove the one that was installed by hand, and keep that of AKS",
        ),
    }
}

fn nodes(found: Option<&[Node]>) -> Check {
    const NAME: &str = "nodes";
    let Some(all) = found else {
        return unreadable(NAME, "nodes");
    };
    let fitting = all.iter().filter(|node| unfit(node).is_none()).count();
    if fitting > 0 {
        return Check::good(NAME, format!("{fitting} of {} have room for Velero", all.len()));
    }
    let why: Vec<String> = all
        .iter()
        .filter_map(|node| Some(format!("{} {}", node.name, unfit(node)?)))
        .take(5)
        .collect();
    let why = match why.is_empty() {
        true => "there is no node".to_owned(),
        false => format!("no node has room for Velero: {}", why.join("; ")),
    };
    Check::finding(
        NAME,
        why,
        format!("add a node pool of {PLATFORM} without taints, or scale one up: az aks nodepool scale"),
    )
}

/// Why Velero cannot run on a node.
fn unfit(node: &Node) -> Option<String> {
    if node.platform != PLATFORM {
        return Some(format!("is {} and not {PLATFORM}", node.platform));
    }
    if node.closed.is_some() {
        return node.closed.clone();
    }
    if node.cpu < CPU {
        return Some(format!("has {}m of processor left and not {CPU}m", node.cpu.max(0)));
    }
    (node.memory < MEMORY).then(|| {
        let (left, wanted) = (node.memory.max(0) >> 20, MEMORY >> 20);
        format!("has {left}Mi of memory left and not {wanted}Mi")
    })
}

fn quotas(found: Option<&[Quota]>, namespace: &NamespaceName) -> Check {
    const NAME: &str = "quota";
    let Some(all) = found else {
        return unreadable(NAME, &format!("resource quotas in namespace {namespace}"));
    };
    let tight = all.iter().filter(|own| own.left < needed(&own.resource));
    let bad: Vec<String> = tight
        .map(|own| format!("quota {} has used {} {}", own.name, own.told, own.resource))
        .collect();
    match bad.is_empty() {
        true if all.is_empty() => Check::good(NAME, format!("namespace {namespace} has none")),
        true => Check::good(NAME, "leaves enough room"),
        false => Check::finding(
            NAME,
            format!("{}; the extension needs more", bad.join("; ")),
            format!("raise it: kubectl edit resourcequota --namespace {namespace}"),
        ),
    }
}

fn needed(resource: &str) -> i128 {
    match resource.trim_start_matches("requests.") {
        "cpu" => CPU,
        "memory" => MEMORY,
        _ => PODS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    fn node() -> Node {
        Node {
            name: "n".into(),
            platform: PLATFORM.into(),
            closed: None,
            cpu: CPU,
            memory: MEMORY,
        }
    }

    fn good() -> Surroundings {
        Surroundings {
            namespace: Some(String::new()),
            veleros: Some(Vec::new()),
            webhooks: Some(vec!["w".into()]),
            nodes: Some(vec![node()]),
            quotas: Some(Vec::new()),
        }
    }

    fn verdicts(around: &Surroundings, verdict: Verdict) -> Vec<&'static str> {
        let namespace = "ns".parse().unwrap();
        let all = preconditions(around, Some(testing::ISSUER), &namespace, &testing::state(), "");
        let own = all.into_iter().filter(|check| check.verdict == verdict);
        own.map(|check| check.check).collect()
    }

    fn finds(change: impl FnOnce(&mut Surroundings)) -> Vec<&'static str> {
        let mut around = good();
        change(&mut around);
        verdicts(&around, Verdict::Finding)
    }

    #[test]
    fn a_cluster_that_is_ready_has_no_finding() {
        assert!(finds(|_| {}).is_empty());
        assert!(finds(|around| around.namespace = Some("Active".into())).is_empty());
    }

    #[test]
    fn each_obstacle_is_found() {
        assert_eq!(
            finds(|around| around.namespace = Some("Terminating".into())),
            ["namespace"]
        );
        assert_eq!(
            finds(|around| around.veleros = Some(vec!["velero/velero".into()])),
            ["other velero"]
        );
        for webhooks in [vec![], vec!["a".to_owned(), "b".to_owned()]] {
            assert_eq!(finds(|around| around.webhooks = Some(webhooks)), ["webhook"]);
        }
        let quota = Quota {
            name: "q".into(),
            resource: "pods".into(),
            left: PODS - 1,
            told: "1 of 6".into(),
        };
        assert_eq!(finds(|around| around.quotas = Some(vec![quota])), ["quota"]);
    }

    #[test]
    fn one_node_that_fits_is_enough_and_none_is_told_with_its_reason() {
        let unfit: [fn(&mut Node); 4] = [
            |node| node.platform = "linux/arm64".into(),
            |node| node.closed = Some("is cordoned".into()),
            |node| node.cpu -= 1,
            |node| node.memory -= 1,
        ];
        for change in unfit {
            let mut bad = node();
            change(&mut bad);
            assert_eq!(finds(|around| around.nodes = Some(vec![bad.clone()])), ["nodes"]);
            assert!(finds(|around| around.nodes = Some(vec![bad, node()])).is_empty());
        }
        assert_eq!(finds(|around| around.nodes = Some(Vec::new())), ["nodes"]);
    }

    #[test]
    fn what_may_not_be_read_is_unknown_and_no_finding() {
        let blind = Surroundings::default();
        assert!(verdicts(&blind, Verdict::Finding).is_empty());
        let unknown = ["namespace", "other velero", "webhook", "nodes", "quota"];
        assert_eq!(verdicts(&blind, Verdict::Unknown), unknown);
    }
}
