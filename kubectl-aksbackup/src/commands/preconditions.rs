//! What `verify --pre` checks, as a pure function of what was seen: whether the extension can be installed at all.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::schema::State;

use crate::cluster::surroundings::{Node, Quota, Surroundings};
use crate::commands::checks::{namespace, other_veleros, same_cluster, unreadable, webhook};

/// Where Velero and the extension's other pods can run: their images are built for nothing else (Microsoft's support
/// matrix of AKS backup).
const PLATFORM: &str = "linux/amd64";
/// What Velero asks of a node unless told otherwise, in thousandths of a processor (Velero's documentation).
const CPU: i128 = 500;
/// The same of memory, in bytes.
const MEMORY: i128 = 128 << 20;
/// The extension's pods, and as many again while they are rolled out.
const PODS: i128 = 6;

/// Every check.
pub(crate) fn preconditions(
    around: &Surroundings,
    issuer: Option<&str>,
    own: &NamespaceName,
    state: &State,
) -> Vec<Check> {
    let identity = same_cluster(issuer, state);
    if identity.verdict == Verdict::Error {
        return vec![identity];
    }
    vec![
        identity,
        namespace(around.namespace.as_deref(), own),
        other_veleros(around.veleros.as_deref()),
        webhook(around, own, None),
        nodes(around.nodes.as_deref()),
        quotas(around.quotas.as_deref(), own),
    ]
}

fn nodes(found: Option<&[Node]>) -> Check {
    const NAME: &str = "nodes";
    const LINK: Link = Link::Cluster;
    let Some(all) = found else {
        return unreadable(LINK, NAME, "nodes", "list nodes");
    };
    let fitting = all.iter().filter(|node| unfit(node).is_none()).count();
    if fitting > 0 {
        return Check::ok(
            LINK,
            NAME,
            format!("{fitting} of {} have enough capacity for Velero", all.len()),
        );
    }
    let why: Vec<String> = all
        .iter()
        .filter_map(|node| Some(format!("{} {}", node.name, unfit(node)?)))
        .take(5)
        .collect();
    let why = match why.is_empty() {
        true => "there are no nodes".to_owned(),
        false => format!("no node has enough capacity for Velero: {}", why.join("; ")),
    };
    let cure = fix![
        format!("add a {PLATFORM} node pool without taints, or scale one up: "),
        shell("az aks nodepool scale --resource-group GROUP --cluster-name CLUSTER --name POOL --node-count COUNT")
    ];
    let unsuitable = !all.iter().any(|node| node.platform == PLATFORM);
    Check::error(LINK, NAME, why, cure).proves(if unsuitable {
        "CLU-NODES-UNSUITABLE"
    } else {
        "K8S-PENDING"
    })
}

/// Why Velero cannot run on a node.
fn unfit(node: &Node) -> Option<String> {
    if node.platform != PLATFORM {
        return Some(format!("is {}; requires {PLATFORM}", node.platform));
    }
    if node.closed.is_some() {
        return node.closed.clone();
    }
    if node.cpu < CPU {
        return Some(format!("has only {}m CPU free; {CPU}m required", node.cpu.max(0)));
    }
    (node.memory < MEMORY).then(|| {
        let (left, wanted) = (node.memory.max(0) >> 20, MEMORY >> 20);
        format!("has only {left}Mi memory free; {wanted}Mi required")
    })
}

fn quotas(found: Option<&[Quota]>, namespace: &NamespaceName) -> Check {
    const NAME: &str = "quota";
    const LINK: Link = Link::Pods;
    let Some(all) = found else {
        let right = format!("list resourcequotas in namespace {namespace}");
        return unreadable(LINK, NAME, &format!("resource quotas in namespace {namespace}"), &right);
    };
    let tight = all.iter().filter(|own| own.left < needed(&own.resource));
    let bad: Vec<String> = tight
        .map(|own| format!("quota {}: {} {} used", own.name, own.told, own.resource))
        .collect();
    match bad.is_empty() {
        true if all.is_empty() => Check::ok(LINK, NAME, format!("none in namespace {namespace}")),
        true => Check::ok(LINK, NAME, "enough quota is left"),
        false => Check::error(
            LINK,
            NAME,
            format!("{}; the extension requires more", bad.join("; ")),
            fix![
                "ask its owner to raise the quota: ",
                shell(format!("kubectl edit resourcequota --namespace {namespace}"))
            ],
        )
        .proves("K8S-QUOTA"),
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
    use crate::cluster::neighbours::Webhook;
    use crate::steps::testing;

    fn webhook(name: &str) -> Webhook {
        Webhook {
            name: name.into(),
            created: None,
            trusted: true,
            ignores_failure: false,
            namespaces: Default::default(),
            pods: Default::default(),
            reinvoked: true,
        }
    }

    fn node() -> Node {
        Node {
            name: "n".into(),
            platform: PLATFORM.into(),
            is_virtual: false,
            closed: None,
            cpu: CPU,
            memory: MEMORY,
        }
    }

    fn good() -> Surroundings {
        Surroundings {
            namespace: Some(String::new()),
            labels: Some([("team".to_owned(), "backup".to_owned())].into()),
            veleros: Some(Vec::new()),
            webhooks: Some(vec![webhook("w")]),
            nodes: Some(vec![node()]),
            quotas: Some(Vec::new()),
        }
    }

    fn verdicts(around: &Surroundings, verdict: Verdict) -> Vec<String> {
        let namespace = "ns".parse().unwrap();
        let all = preconditions(around, Some(testing::ISSUER), &namespace, &testing::state());
        let own = all.into_iter().filter(|check| check.verdict == verdict);
        own.map(|check| check.check).collect()
    }

    fn finds(change: impl FnOnce(&mut Surroundings)) -> Vec<String> {
        let mut around = good();
        change(&mut around);
        verdicts(&around, Verdict::Error)
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
        for webhooks in [vec![], vec![webhook("a"), webhook("b")]] {
            assert_eq!(finds(|around| around.webhooks = Some(webhooks)), ["webhook"]);
        }
        let mut excluding = webhook("a");
        excluding.namespaces.match_labels = Some([("team".to_owned(), "other".to_owned())].into());
        assert_eq!(finds(|around| around.webhooks = Some(vec![excluding])), ["webhook"]);
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
        assert!(verdicts(&blind, Verdict::Error).is_empty());
        let unknown = ["namespace", "other velero", "webhook", "nodes", "quota"];
        assert_eq!(verdicts(&blind, Verdict::Unknown), unknown);
    }
}
