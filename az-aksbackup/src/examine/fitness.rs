//! What Azure Backup wants of any cluster, whether something is installed already or not:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl, shell};
use aksbackup_shared::fix;

use crate::arm::clusters::Cluster;
use crate::examine::view::View;

const LINK: Link = Link::Cluster;

/// What has to hold before anything is installed, and ever after.
pub(crate) fn checks(view: &View, cluster: &Cluster) -> Vec<Check> {
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
    let hint = fix![
        "see how it ends: ",
        shell(format!("az aks show {}", view.cluster_flags()))
    ];
    match state {
        "Succeeded" => Check::ok(LINK, NAME, format!("{name} is there")),
        "Failed" | "Canceled" => {
            let says = format!("the last operation on cluster {name} is {state}");
            Check::warning(
                LINK,
                NAME,
                says,
                shell(format!("az aks update {}", view.cluster_flags())),
            )
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
            let says = format!(
                "cluster {} is stopped: nothing in it can be backed up",
                view.id.with_group()
            );
            Check::error(
                LINK,
                NAME,
                says,
                shell(format!("az aks start {}", view.cluster_flags())),
            )
            .proves("CLU-STOPPED")
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
            let hint = shell(format!(
                "az aks update {} --enable-managed-identity",
                view.cluster_flags()
            ));
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
            Check::error(LINK, NAME, says, az("init")).proves("CLU-REGION-MISMATCH")
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
    let hint = shell(format!("az aks update {} {}", view.cluster_flags(), flags.join(" ")));
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
        Some(false) => Check::ok(LINK, NAME, "pods can reach it"),
        None => {
            let query = "--query networkProfile.podLinkLocalAccess";
            let hint = fix![
                "install the aks-preview extension, which reads it, and run: ",
                shell(format!("az aks show {} {query}", view.cluster_flags()))
            ];
            Check::unknown(LINK, NAME, "not reported by this api-version")
                .hinted(hint)
                .because("properties.networkProfile.podLinkLocalAccess is not in the response")
        }
        Some(true) => {
            let says = "pods may not reach the instance metadata service, which the extension cannot do without";
            let hint = shell(format!(
                "az aks update {} --disable-imds-restriction",
                view.cluster_flags()
            ));
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
            let hint = fix![
                "run ",
                kubectl("configure"),
                ", so that the extension no longer uses the add-on. Its removal is a decision of the cluster's owner, because other \
                 pods might get their tokens from it: ",
                shell(format!(
                    "az aks show {} --query podIdentityProfile",
                    view.cluster_flags()
                ))
            ];
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
            let hint = shell(format!(
                "az aks nodepool add --cluster-name {} --resource-group {} --name linux --os-type Linux",
                view.id.name(),
                view.id.resource_group()
            ));
            Check::error(LINK, NAME, "no pool is Linux on amd64, which the extension needs", hint)
                .because("properties.agentPoolProfiles[].osType, vmSize")
                .proves("CLU-NODES-UNSUITABLE")
        }
    }
}
