//! The cluster itself: whether it is the state file's, and what else is in it.

use std::collections::BTreeMap;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl, shell};
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::names::NAMESPACE;
use aksbackup_shared::schema::State;

use crate::cluster::neighbours::Webhook;
use crate::cluster::surroundings::{Node, Surroundings};
use crate::commands::checks::{Sight, some_of, unreadable};
use crate::steps::passing::passing;

/// Where the extension's images run (Microsoft's support matrix of AKS backup).
const PLATFORM: &str = "linux/amd64";

pub(super) fn checks(sight: &Sight) -> Vec<Check> {
    let mut all = Vec::new();
    all.extend(issuer(sight.issuer.as_deref()));
    all.push(other_veleros(sight.around.veleros.as_deref()));
    all.push(nodes(sight.around.nodes.as_deref()));
    all
}

/// Whether the API server that names `issuer` is that of the state file.
pub(crate) fn same_cluster(issuer: Option<&str>, state: &State) -> Check {
    const NAME: &str = "cluster";
    const LINK: Link = Link::Cluster;
    let wanted = state.cloud.prerequisites.as_ref().map(|table| table.issuer.as_str());
    match (wanted, issuer) {
        (Some(wanted), Some(own)) if wanted == own => Check::ok(LINK, NAME, format!("issuer {own}")),
        (Some(wanted), Some(own)) => another(wanted, own),
        (Some(_), None) => Check::unknown(
            LINK,
            NAME,
            "the signed-in user isn't authorized to read the issuer, so the cluster can't be matched with the state \
             file",
        )
        .hinted("ask a cluster admin for permission to get /.well-known/openid-configuration"),
        (None, Some(own)) => Check::ok(LINK, NAME, format!("issuer {own}; no state file to compare it with")),
        (None, None) => Check::unknown(LINK, NAME, "neither the API server nor a state file has an issuer")
            .hinted("ask a cluster admin for permission to get /.well-known/openid-configuration"),
    }
}

fn another(wanted: &str, own: &str) -> Check {
    let says = format!("the API server's issuer is {own}, but the state file has {wanted}: this is another cluster");
    let cure = match wanted.trim_end_matches('/') == own.trim_end_matches('/') {
        true => fix![
            "read the issuer from Azure again, because only the trailing slash differs: ",
            az("prepare")
        ],
        false => "select the correct cluster or state file: --context NAME, or --state FILE".into(),
    };
    Check::error(Link::Cluster, "cluster", says, cure)
        .because(format!("issuer of the API server = {own}"))
        .because(format!("issuer in the state file = {wanted}"))
        .proves("K8S-WRONG-CONTEXT")
}

/// An issuer that nobody but the cluster itself can read: AKS's OIDC issuer is off.
fn issuer(own: Option<&str>) -> Option<Check> {
    let own = own?;
    let host = own.strip_prefix("https://")?.split('/').next()?;
    let inner = host.starts_with("kubernetes.default.svc") || host.ends_with(".azmk8s.io");
    inner.then(|| {
        let says = format!(
            "the issuer of tokens is the API server's own address ({own}), which Microsoft Entra ID can't read"
        );
        Check::error(Link::Cluster, "issuer", says, az("prepare"))
            .because(format!("issuer = {own}"))
            .proves("CLU-OIDC-OFF")
    })
}

/// Whether another Velero is in the cluster.
pub(crate) fn other_veleros(found: Option<&[String]>) -> Check {
    const NAME: &str = "other velero";
    const LINK: Link = Link::Cluster;
    match found {
        None => unreadable(LINK, NAME, "deployments of other namespaces", "list deployments.apps"),
        Some([]) => Check::ok(LINK, NAME, "none found"),
        // What was asked for by --namespace has no extension: its Velero is no rival.
        Some(found) if found.iter().all(|own| own.starts_with(&format!("{NAMESPACE}/"))) => Check::error(
            LINK,
            NAME,
            format!("Velero of the backup extension runs in namespace {NAMESPACE}, which this command didn't check"),
            fix!["check that namespace, without --namespace: ", kubectl("verify")],
        ),
        Some(found) => Check::error(
            LINK,
            NAME,
            format!(
                "the cluster has another Velero installation ({}), and both would use the same custom resources",
                some_of(found)
            ),
            "decide with the owner of the other installation which one to keep: removing one along with its custom \
             resource definitions also deletes the backup objects of the other",
        )
        .proves("CLU-OTHER-VELERO"),
    }
}

fn nodes(found: Option<&[Node]>) -> Check {
    const NAME: &str = "nodes";
    const LINK: Link = Link::Cluster;
    let Some(all) = found else {
        return unreadable(LINK, NAME, "nodes", "list nodes");
    };
    let fitting = all
        .iter()
        .filter(|node| node.platform == PLATFORM && !node.is_virtual)
        .count();
    if fitting > 0 {
        return Check::ok(LINK, NAME, format!("{fitting} of {} are {PLATFORM}", all.len()));
    }
    let own: Vec<String> = all
        .iter()
        .map(|node| format!("{} is {}", node.name, node.platform))
        .collect();
    let says = format!(
        "the extension runs only on {PLATFORM}, and no node has that platform: {}",
        some_of(&own)
    );
    Check::error(
        LINK,
        NAME,
        says,
        fix![
            format!("add a {PLATFORM} node pool: "),
            shell("az aks nodepool add --resource-group GROUP --cluster-name CLUSTER --name linux --os-type Linux")
        ],
    )
    .proves("CLU-NODES-UNSUITABLE")
}

/// Whether the webhook of workload identity is installed, and once.
///
/// A namespace that it excludes gets nothing injected: `around` has the namespace's labels, `pod` those of a labelled pod
/// where there are pods yet.
pub(crate) fn webhook(
    around: &Surroundings,
    namespace: &NamespaceName,
    pod: Option<&BTreeMap<String, String>>,
) -> Check {
    const NAME: &str = "webhook";
    const LINK: Link = Link::Injection;
    match around.webhooks.as_deref() {
        None => unreadable(
            LINK,
            NAME,
            "mutating webhook configurations",
            "list mutatingwebhookconfigurations.admissionregistration.k8s.io",
        ),
        Some([]) => Check::error(
            LINK,
            NAME,
            "the workload identity webhook isn't installed",
            fix![
                "enable workload identity: ",
                az("prepare"),
                "; if workload identity is already enabled, let AKS restore the webhook: ",
                shell("az aks update --resource-group GROUP --name CLUSTER")
            ],
        )
        .proves("CLU-WI-OFF"),
        Some([one]) if !one.trusted => Check::error(
            LINK,
            NAME,
            format!(
                "configuration {} has no caBundle, so the API server doesn't trust the webhook",
                one.name
            ),
            fix![
                shell("az aks update --resource-group GROUP --name CLUSTER"),
                " (configures the webhook again)"
            ],
        )
        .because("webhooks[].clientConfig.caBundle is empty")
        .proves("WI-WEBHOOK-CERT"),
        Some([one]) => asked(one, around, namespace, pod),
        Some(several) => {
            let names: Vec<String> = several.iter().map(|own| own.name.clone()).collect();
            let says = format!(
                "the workload identity webhook is installed more than once: {}",
                names.join(", ")
            );
            let cure = fix![
                "decide which webhook to keep; other workloads might depend on the one that AKS didn't install: ",
                shell("kubectl get mutatingwebhookconfigurations")
            ];
            Check::error(LINK, NAME, says, cure).proves("WI-WEBHOOK-DUP")
        }
    }
}

/// Whether the one webhook is asked about the extension's pods.
fn asked(
    one: &Webhook,
    around: &Surroundings,
    namespace: &NamespaceName,
    pod: Option<&BTreeMap<String, String>>,
) -> Check {
    const NAME: &str = "webhook";
    const LINK: Link = Link::Injection;
    let name = &one.name;
    match passing(one, namespace.as_str(), around.labels.as_ref(), pod) {
        None => Check::ok(LINK, NAME, format!("installed: {name}")),
        Some(own) => {
            let says = format!("the workload identity webhook {name} is installed, but {}", own.says);
            Check::error(LINK, NAME, says, own.fix).proves("WI-WEBHOOK-BYPASS")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails before: the extension itself was called a rival of which one had to be removed.
    #[test]
    fn the_extension_is_no_rival_of_an_empty_namespace() {
        let own = other_veleros(Some(&["dataprotection-microsoft/velero".to_owned()]));
        assert!(
            own.hint.unwrap().to_string().contains("kubectl aksbackup verify"),
            "{}",
            own.says
        );
        let foreign = other_veleros(Some(&["velero/velero".to_owned()]));
        assert!(foreign.says.contains("another Velero installation"), "{}", foreign.says);
    }
}
