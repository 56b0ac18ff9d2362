//! The cluster: what Azure Backup and workload identity want of it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;

use crate::arm::clusters::Cluster;
use crate::examine::credentials;
use crate::examine::view::{Seen, View};

const LINK: Link = Link::Cluster;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let cluster = match existence(view) {
        Ok(cluster) => cluster,
        Err(check) => return vec![*check],
    };
    let mut all = conditions(view, cluster);
    all.extend([
        issuer(view, cluster),
        workload_identity(cluster),
        locks(view),
        node_group(view, cluster),
    ]);
    all
}

/// The cluster, or the check that it is not there.
pub(crate) fn existence(view: &View) -> Result<&Cluster, Box<Check>> {
    const NAME: &str = "cluster";
    if let Some(check) = view.cluster.unread(LINK, NAME, "the cluster") {
        return Err(Box::new(check));
    }
    view.cluster.here().ok_or_else(|| {
        let hint = format!("az aks list --subscription {} --output table", view.id.subscription());
        let says = format!(
            "cluster {} does not exist in group {}",
            view.id.name(),
            view.id.resource_group()
        );
        Box::new(Check::error(LINK, NAME, says, hint).proves("ARM-NOT-FOUND"))
    })
}

/// What has to hold before anything is installed, and ever after.
pub(crate) fn conditions(view: &View, cluster: &Cluster) -> Vec<Check> {
    vec![
        state(view, cluster),
        power(view, cluster),
        identity(view, cluster),
        region(view, cluster),
        drivers(view, cluster),
        network(cluster),
        metadata_service(view, cluster),
        pod_identity(view, cluster),
        pools(view, cluster),
    ]
}

fn state(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "cluster";
    let (name, state) = (view.id.name(), cluster.provisioning_state());
    let fact = format!("properties.provisioningState = {state}");
    let hint = format!("see how it ends: az aks show {}", view.cluster_flags());
    match state {
        "Succeeded" => Check::ok(LINK, NAME, format!("{name} is there")),
        "Failed" | "Canceled" => {
            let says = format!("the last operation on cluster {name} is {state}");
            Check::warning(LINK, NAME, says, format!("az aks update {}", view.cluster_flags()))
        }
        _ => Check::warning(
            LINK,
            NAME,
            format!("cluster {name} is {state}: others have to wait"),
            hint,
        )
        .proves("ARM-BUSY"),
    }
    .because(fact)
}

fn power(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "power";
    let fact = format!("properties.powerState.code = {}", cluster.power());
    match cluster.is_running() {
        true => Check::ok(LINK, NAME, "it runs"),
        false => {
            let says = format!("cluster {} is stopped: nothing in it can be backed up", view.id.name());
            Check::error(LINK, NAME, says, format!("az aks start {}", view.cluster_flags())).proves("CLU-STOPPED")
        }
    }
    .because(fact)
}

fn identity(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "managed identity";
    match cluster.has_managed_identity() {
        true => Check::ok(LINK, NAME, "the cluster has one"),
        false => {
            let says = "the cluster runs as a service principal; extensions need a managed identity";
            let hint = format!("az aks update {} --enable-managed-identity", view.cluster_flags());
            Check::error(LINK, NAME, says, hint)
                .because("identity.type = None")
                .proves("CLU-SERVICE-PRINCIPAL")
        }
    }
}

fn region(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "region";
    let own = cluster.region();
    let text = own.as_ref().map(ToString::to_string).unwrap_or_default();
    match (view.target(), own) {
        (Some(target), Some(own)) if own != target.region => {
            let says = format!("the cluster is in {own}, the state file says {}", target.region);
            Check::error(LINK, NAME, says, "az aksbackup init").proves("CLU-REGION-MISMATCH")
        }
        _ => Check::ok(LINK, NAME, format!("it is in {text}")),
    }
    .because(format!("location = {text}"))
}

fn drivers(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "CSI drivers";
    let volumes = view.target().is_none_or(|target| target.instance.snapshot_volumes);
    let (disk, snapshots) = (cluster.has_disk_driver(), cluster.has_snapshot_controller());
    let off: Vec<(&str, &str)> = [
        (disk, "diskCSIDriver", "--enable-disk-driver"),
        (snapshots, "snapshotController", "--enable-snapshot-controller"),
    ]
    .into_iter()
    .filter(|(on, _, _)| *on == Some(false))
    .map(|(_, name, flag)| (name, flag))
    .collect();
    if off.is_empty() || !volumes {
        return Check::ok(LINK, NAME, "nothing keeps volumes from being snapshotted");
    }
    let flags: Vec<&str> = off.iter().map(|(_, flag)| *flag).collect();
    let hint = format!("az aks update {} {}", view.cluster_flags(), flags.join(" "));
    let says = "volumes cannot be backed up: the disk driver or the snapshot controller is off";
    let check = Check::error(LINK, NAME, says, hint).proves("CLU-CSI-OFF");
    off.iter().fold(check, |check, (name, _)| {
        check.because(format!("properties.storageProfile.{name}.enabled = false"))
    })
}

fn network(cluster: &Cluster) -> Check {
    const NAME: &str = "way out";
    match cluster.is_isolated() {
        false => Check::ok(LINK, NAME, "the cluster is not isolated from the network"),
        true => {
            let says = "the cluster has no way out: Azure Backup does not support network isolated clusters";
            Check::error(LINK, NAME, says, "take another cluster, or give this one a way out")
                .because("properties.networkProfile.outboundType = none")
                .proves("CLU-NETWORK-ISOLATED")
        }
    }
}

fn metadata_service(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "metadata service";
    match cluster.is_imds_restricted() {
        false => Check::ok(LINK, NAME, "pods reach it"),
        true => {
            let says = "pods may not reach the instance metadata service, which the extension cannot do without";
            let hint = format!("az aks update {} --disable-imds-restriction", view.cluster_flags());
            Check::error(LINK, NAME, says, hint)
                .because("properties.networkProfile.podLinkLocalAccess = None")
                .proves("CLU-IMDS-BLOCKED")
        }
    }
}

fn pod_identity(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "pod identity";
    match cluster.has_pod_identity() {
        false => Check::ok(LINK, NAME, "the older add-on is off"),
        true => {
            let says = "the older pod identity add-on is on and answers for the instance metadata service";
            let hint = format!(
                "kubectl aksbackup configure, so that it is not asked; later: az aks update {} --disable-pod-identity",
                view.cluster_flags()
            );
            Check::warning(LINK, NAME, says, hint)
                .because("properties.podIdentityProfile.enabled = true")
                .proves("CLU-POD-IDENTITY")
        }
    }
}

fn pools(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "node pools";
    match cluster.has_no_suitable_pool() {
        false => Check::ok(LINK, NAME, "there is one for the extension's pods"),
        true => {
            let hint = format!(
                "az aks nodepool add --cluster-name {} --resource-group {} --name linux --os-type Linux",
                view.id.name(),
                view.id.resource_group()
            );
            Check::error(LINK, NAME, "no pool is Linux on amd64, which the extension needs", hint)
                .because("properties.agentPoolProfiles[].osType, vmSize")
                .proves("CLU-NODES-UNSUITABLE")
        }
    }
}

fn issuer(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "OIDC issuer";
    let recorded = view
        .state
        .cloud
        .prerequisites
        .as_ref()
        .map(|table| table.issuer.as_str());
    let prepare = "az aksbackup prepare";
    match cluster.issuer() {
        None => Check::error(
            LINK,
            NAME,
            "it is off: no token of a service account is trusted",
            prepare,
        )
        .because("properties.oidcIssuerProfile.enabled = false")
        .proves("CLU-OIDC-OFF"),
        Some(own) if recorded.is_some_and(|recorded| recorded != own.as_str()) => {
            let says = format!(
                "it is {own}, the state file knows {}: the cluster was made anew",
                recorded.unwrap_or_default()
            );
            Check::error(LINK, NAME, says, prepare).proves("FIC-ISSUER-REBUILT")
        }
        Some(own) => {
            Check::ok(LINK, NAME, "it is on").because(format!("properties.oidcIssuerProfile.issuerURL = {own}"))
        }
    }
}

fn workload_identity(cluster: &Cluster) -> Check {
    const NAME: &str = "workload identity";
    match cluster.has_workload_identity() {
        true => Check::ok(LINK, NAME, "it is on"),
        false => {
            let hint = "az aksbackup prepare, then kubectl aksbackup configure";
            Check::error(
                LINK,
                NAME,
                "it is off: there is no webhook that injects tokens into pods",
                hint,
            )
            .because("properties.securityProfile.workloadIdentity.enabled = false")
            .proves("CLU-WI-OFF")
        }
    }
}

fn locks(view: &View) -> Check {
    const NAME: &str = "locks";
    let hidden = view.locks.iter().find_map(|(scope, seen)| {
        let what = format!("the locks on group {}", scope.name());
        seen.unread(LINK, NAME, &what)
    });
    let all = view.locks.iter().filter_map(|(_, seen)| seen.here()).flatten();
    let mut freezing = all.filter(|lock| lock.properties.level.eq_ignore_ascii_case("ReadOnly"));
    match freezing.next() {
        Some(lock) => {
            let says = format!("lock {} keeps everything from being changed", lock.id);
            let hint = format!(
                "whoever made it: az lock delete --ids {}",
                aksbackup_shared::args::quoted(&lock.id)
            );
            Check::error(LINK, NAME, says, hint)
                .because(format!("properties.level = {}", lock.properties.level))
                .proves("ARM-LOCK")
        }
        None => hidden.unwrap_or_else(|| Check::ok(LINK, NAME, "none keeps anything from being changed")),
    }
}

/// The lock of AKS itself on the node group: it hurts only while there is something to be written there.
fn node_group(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "node group";
    if !cluster.has_locked_node_group() {
        return Check::ok(LINK, NAME, "it is not locked down");
    }
    let fact = "properties.nodeResourceGroupProfile.restrictionLevel = ReadOnly";
    let complete = credentials::checks(view).iter().all(|check| !check.is_finding());
    if complete && !matches!(view.credentials, Seen::Unasked) {
        return Check::ok(LINK, NAME, "it is locked down, and nothing has to be written there").because(fact);
    }
    let hint = format!(
        "az aks update {} --nrg-lockdown-restriction-level Unrestricted",
        view.cluster_flags()
    );
    let says = "it is locked down: federated credentials cannot be written on the extension's identity";
    Check::error(LINK, NAME, says, hint)
        .because(fact)
        .proves("ARM-DENY-ASSIGNMENT")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::arm::clusters::tests::cluster;
    use crate::examine::view::tests::{failures, view};

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut view = view();
        view.cluster = Seen::Here(cluster(change));
        failures(&checks(&view))
    }

    #[test]
    fn each_condition_proves_its_failure() {
        type Case = (fn(&mut Value), &'static str);
        let cases: [Case; 10] = [
            (|own| own["powerState"] = json!({ "code": "Stopped" }), "CLU-STOPPED"),
            (|own| own["provisioningState"] = json!("Updating"), "ARM-BUSY"),
            (
                |own| own["oidcIssuerProfile"] = json!({ "enabled": false }),
                "CLU-OIDC-OFF",
            ),
            (
                |own| own["oidcIssuerProfile"]["issuerURL"] = json!("https://new/"),
                "FIC-ISSUER-REBUILT",
            ),
            (|own| own["securityProfile"] = json!({}), "CLU-WI-OFF"),
            (
                |own| own["storageProfile"]["diskCSIDriver"]["enabled"] = json!(false),
                "CLU-CSI-OFF",
            ),
            (
                |own| own["networkProfile"] = json!({ "outboundType": "none" }),
                "CLU-NETWORK-ISOLATED",
            ),
            (
                |own| own["networkProfile"] = json!({ "podLinkLocalAccess": "None" }),
                "CLU-IMDS-BLOCKED",
            ),
            (
                |own| own["podIdentityProfile"] = json!({ "enabled": true }),
                "CLU-POD-IDENTITY",
            ),
            (
                |own| own["agentPoolProfiles"][0]["osType"] = json!("Windows"),
                "CLU-NODES-UNSUITABLE",
            ),
        ];
        for (change, id) in cases {
            assert_eq!(told(|body| change(&mut body["properties"])), [id]);
        }
        assert_eq!(told(|body| body["identity"] = Value::Null), ["CLU-SERVICE-PRINCIPAL"]);
        assert_eq!(
            told(|body| body["location"] = json!("northeurope")),
            ["CLU-REGION-MISMATCH"]
        );
    }

    #[test]
    fn arm_machines_are_told_by_the_letter_behind_their_size() {
        let sized = |size: &str| cluster(|own| own["properties"]["agentPoolProfiles"][0]["vmSize"] = json!(size));
        for (size, unsuitable) in [
            ("Standard_D4ps_v5", true),
            ("Standard_D2plds_v6", true),
            ("Standard_DS2_v2", false),
            ("Standard_D8s_v5", false),
            ("Standard_NP10s", false),
            ("Standard_E4-2ds_v5", false),
        ] {
            assert_eq!(sized(size).has_no_suitable_pool(), unsuitable, "{size}");
        }
    }

    #[test]
    fn a_node_group_that_is_locked_down_hurts_only_while_credentials_are_missing() {
        let locked =
            |own: &mut Value| own["properties"]["nodeResourceGroupProfile"] = json!({ "restrictionLevel": "ReadOnly" });
        assert_eq!(told(locked), Vec::<String>::new());
        let mut view = view();
        view.cluster = Seen::Here(cluster(locked));
        view.credentials = Seen::Here(vec![]);
        assert_eq!(failures(&checks(&view)), ["ARM-DENY-ASSIGNMENT"]);
    }
}
