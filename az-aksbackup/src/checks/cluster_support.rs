//! What Azure Backup wants of any cluster, whether something is installed already or not:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.

use aksbackup_shared::args::quoted;
use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::handoff::invoke;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{ApiServerAccess, Target};

use crate::arm::clusters::Cluster;

const LINK: Link = Link::Cluster;

/// Whose cluster is judged, and by which target, where there is one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ClusterRef<'a> {
    /// Azure's ID of the cluster.
    pub(crate) id: &'a ResourceId,
    /// What is to be protected.
    pub(crate) target: Option<&'a Target>,
}

impl ClusterRef<'_> {
    /// The flags for the Azure CLI that name the cluster.
    fn flags(&self) -> String {
        flags(self.id)
    }
}

/// The flags for the Azure CLI that name a cluster.
pub(crate) fn flags(cluster: &ResourceId) -> String {
    format!(
        "--name {} --resource-group {} --subscription {}",
        quoted(cluster.name()),
        quoted(cluster.resource_group().as_str()),
        cluster.subscription()
    )
}

/// What has to hold before anything is installed, and ever after.
pub(crate) fn checks(of: ClusterRef<'_>, cluster: &Cluster) -> Vec<Check> {
    let mut all = vec![state(of, cluster)];
    all.extend(essential(of, cluster));
    all.push(pod_identity(of, cluster));
    all.push(api_server(of, cluster));
    all.push(availability_sets(cluster));
    all.extend(for_installation(of, cluster));
    all
}

/// What every step requires.
fn essential(of: ClusterRef<'_>, cluster: &Cluster) -> [Check; 5] {
    [
        power(of, cluster),
        identity(of, cluster),
        region(of, cluster),
        drivers(of, cluster),
        metadata_service(of, cluster),
    ]
}

/// What the installation of the extension requires. One that runs has found its images and a node.
fn for_installation(of: ClusterRef<'_>, cluster: &Cluster) -> [Check; 2] {
    [network(cluster), pools(of, cluster)]
}

/// Refuses a cluster in which Azure Backup can't work as it is now: for each error of the checks that a command depends on. `installs`
/// says that the extension is still to be installed.
///
/// # Errors
/// The first of these errors, with its fix.
pub(crate) fn must_be_fit(of: ClusterRef<'_>, cluster: &Cluster, installs: bool) -> Outcome<()> {
    let essential = essential(of, cluster).into_iter();
    let for_installation = for_installation(of, cluster).into_iter().filter(|_| installs);
    let mut errors = essential
        .chain(for_installation)
        .filter(|check| check.verdict == Verdict::Error);
    let Some(check) = errors.next() else { return Ok(()) };
    let failure = Failure::failed(format!(
        "cluster {} can't be protected in its current state",
        of.id.with_group()
    ));
    let failure = check
        .evidence
        .iter()
        .fold(failure.because(check.says), |failure, fact| {
            failure.because(fact.clone())
        });
    match check.hint {
        Some(hint) => failure.hint(hint).err(),
        None => failure.err(),
    }
}

fn state(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "cluster";
    let (name, state) = (of.id.name(), cluster.provisioning_state());
    let fact = format!("properties.provisioningState = {state}");
    let hint = fix![
        "check the cluster's state: ",
        shell(format!("az aks show {}", of.flags()))
    ];
    match state {
        "Succeeded" => Check::ok(LINK, NAME, format!("{name} exists")),
        "Failed" | "Canceled" => {
            let says = format!("the last operation on cluster {name} ended in state {state}");
            Check::warning(LINK, NAME, says, shell(format!("az aks update {}", of.flags())))
        }
        _ => Check::warning(
            LINK,
            NAME,
            format!("cluster {name} is {state}: other operations have to wait"),
            hint,
        )
        .proves("ARM-BUSY"),
    }
    .because(fact)
}

fn power(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "power";
    let fact = format!("properties.powerState.code = {}", cluster.power());
    match cluster.is_running() {
        true => Check::ok(LINK, NAME, "running"),
        false => {
            let says = format!("cluster {} is stopped, so it can't be backed up", of.id.with_group());
            Check::error(LINK, NAME, says, shell(format!("az aks start {}", of.flags()))).proves("CLU-STOPPED")
        }
    }
    .because(fact)
}

fn identity(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "managed identity";
    match cluster.has_managed_identity() {
        true => Check::ok(LINK, NAME, "assigned"),
        false => {
            let says = "the cluster uses a service principal; extensions require a managed identity";
            let hint = shell(format!("az aks update {} --enable-managed-identity", of.flags()));
            Check::error(LINK, NAME, says, hint)
                .because("identity.type = None")
                .proves("CLU-SERVICE-PRINCIPAL")
        }
    }
}

fn region(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "region";
    let own = cluster.region();
    let text = own.as_ref().map(ToString::to_string).unwrap_or_default();
    match (of.target, own) {
        (Some(target), Some(own)) if own != target.region => {
            let says = format!("the cluster is in {own}, but the state file has {}", target.region);
            Check::error(LINK, NAME, says, az("init")).proves("CLU-REGION-MISMATCH")
        }
        _ => Check::ok(LINK, NAME, text.as_str()),
    }
    .because(format!("location = {text}"))
}

fn drivers(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "CSI drivers";
    let volumes = of.target.is_none_or(|target| target.instance.snapshot_volumes);
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
        return Check::ok(LINK, NAME, "volume snapshots are possible");
    }
    let flags: Vec<&str> = off.iter().map(|(_, flag)| *flag).collect();
    let hint = shell(format!("az aks update {} {}", of.flags(), flags.join(" ")));
    let says = "volumes can't be backed up: the disk driver or the snapshot controller is disabled";
    let check = Check::error(LINK, NAME, says, hint).proves("CLU-CSI-OFF");
    off.iter().fold(check, |check, (name, _)| {
        check.because(format!("properties.storageProfile.{name}.enabled = false"))
    })
}

fn network(cluster: &Cluster) -> Check {
    const NAME: &str = "outbound access";
    match cluster.is_isolated() {
        false => Check::ok(LINK, NAME, "the cluster isn't network isolated"),
        true => {
            let says = "the cluster is network isolated, which Azure Backup doesn't support";
            Check::error(
                LINK,
                NAME,
                says,
                "use another cluster, or enable outbound access for this one",
            )
            .because("properties.networkProfile.outboundType = none")
            .proves("CLU-NETWORK-ISOLATED")
        }
    }
}

fn metadata_service(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "metadata service";
    match cluster.is_imds_restricted() {
        Some(false) => Check::ok(LINK, NAME, "pods can reach the instance metadata service"),
        None => {
            let query = "--query networkProfile.podLinkLocalAccess";
            let hint = fix![
                "install the aks-preview extension, which reads this setting, and run: ",
                shell(format!("az aks show {} {query}", of.flags()))
            ];
            Check::unknown(LINK, NAME, "not reported by this API version")
                .hinted(hint)
                .because("properties.networkProfile.podLinkLocalAccess is not in the response")
        }
        Some(true) => {
            let says = "pods can't reach the instance metadata service, which the extension requires";
            let hint = fix![
                "install the aks-preview extension, which provides the required flag: ",
                shell("az extension add --name aks-preview"),
                ", then run: ",
                shell(format!("az aks update {} --disable-imds-restriction", of.flags()))
            ];
            Check::error(LINK, NAME, says, hint)
                .because("properties.networkProfile.podLinkLocalAccess = None")
                .proves("CLU-IMDS-BLOCKED")
        }
    }
}

fn pod_identity(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "pod identity";
    match cluster.has_pod_identity() {
        false => Check::ok(LINK, NAME, "the pod-managed identity add-on is disabled"),
        true => {
            let says = "the deprecated pod-managed identity add-on is enabled and intercepts requests to the \
                instance metadata service";
            let hint = fix![
                "ask the cluster's owner whether the add-on is still needed, because other pods might get their \
                 tokens from it. Pods with workload identity don't use the add-on; to confirm that for the \
                 extension's pods: ",
                kubectl("verify"),
                "; to show the add-on's settings: ",
                shell(format!("az aks show {} --query podIdentityProfile", of.flags()))
            ];
            Check::warning(LINK, NAME, says, hint)
                .because("properties.podIdentityProfile.enabled = true")
                .proves("CLU-POD-IDENTITY")
        }
    }
}

/// From where `kubectl aksbackup` can work. Not a finding: a private cluster is a decision, and Azure Backup itself reaches it.
fn api_server(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "API server";
    let says = match cluster.api_server_access() {
        None => "the API server has a public address".to_owned(),
        Some(ApiServerAccess::Private) => {
            let other = match cluster.has_run_command() {
                true => format!("to run a single kubectl command through Azure: {}", invoke(of.id)),
                false => "running commands in the cluster through Azure is disabled".to_owned(),
            };
            format!(
                "the API server is private: kubectl aksbackup must run on a machine in the cluster's network; {other}"
            )
        }
        Some(ApiServerAccess::AuthorizedRanges) => format!(
            "{} authorized IP ranges: kubectl aksbackup must run on a machine with an address in one of them",
            cluster.authorized_ranges()
        ),
    };
    Check::ok(LINK, NAME, says)
}

fn availability_sets(cluster: &Cluster) -> Check {
    const NAME: &str = "availability sets";
    let pools = cluster.availability_sets();
    match pools.is_empty() {
        true => Check::ok(LINK, NAME, "not used by any node pool"),
        false => {
            let says = format!(
                "AKS no longer supports node pools in an availability set: {}",
                pools.join(", ")
            );
            let hint = "migrate the cluster to Virtual Machines node pools (see the AKS documentation)";
            Check::warning(LINK, NAME, says, hint)
                .because("properties.agentPoolProfiles[].type = AvailabilitySet")
                .proves("CLU-AVSET")
        }
    }
}

fn pools(of: ClusterRef<'_>, cluster: &Cluster) -> Check {
    const NAME: &str = "node pools";
    match cluster.has_no_suitable_pool() {
        false => Check::ok(LINK, NAME, "a suitable node pool exists"),
        true => {
            let hint = shell(format!(
                "az aks nodepool add --cluster-name {} --resource-group {} --subscription {} --name linux --os-type Linux",
                of.id.name(),
                of.id.resource_group(),
                of.id.subscription()
            ));
            let says = "no node pool has Linux nodes on amd64, which the extension requires";
            // What node auto-provisioning would add is decided in the cluster, which Azure doesn't show.
            match cluster.provisions_nodes() {
                true => {
                    let says = format!("{says}; node auto-provisioning is enabled and might add such a node");
                    Check::warning(LINK, NAME, says, hint)
                }
                false => Check::error(LINK, NAME, says, hint),
            }
            .because("properties.agentPoolProfiles[].osType, vmSize")
            .proves("CLU-NODES-UNSUITABLE")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::arm::clusters::tests::cluster as described;
    use crate::target_ids::tests::example;

    fn fit(target: &Target, cluster: &Cluster, installs: bool) -> Outcome<()> {
        let (id, target) = (&target.cluster, Some(target));
        must_be_fit(ClusterRef { id, target }, cluster, installs)
    }

    #[test]
    fn each_condition_has_its_fix() {
        type Case = (fn(&mut Value), &'static str);
        let cases: [Case; 7] = [
            (
                |body| body["properties"]["powerState"]["code"] = json!("Stopped"),
                "az aks start",
            ),
            (|body| body["identity"] = Value::Null, "--enable-managed-identity"),
            (
                |body| body["properties"]["storageProfile"]["diskCSIDriver"]["enabled"] = json!(false),
                "--enable-disk-driver",
            ),
            (
                |body| body["properties"]["storageProfile"]["snapshotController"]["enabled"] = json!(false),
                "--enable-snapshot-controller",
            ),
            (
                |body| body["properties"]["networkProfile"] = json!({ "podLinkLocalAccess": "None" }),
                "--disable-imds-restriction",
            ),
            (
                |body| body["properties"]["networkProfile"] = json!({ "outboundType": "none" }),
                "use another cluster",
            ),
            (
                |body| {
                    body["properties"]["agentPoolProfiles"] =
                        json!([{ "osType": "Linux", "vmSize": "Standard_D4ps_v5" }]);
                },
                "az aks nodepool add",
            ),
        ];
        for (change, fix) in cases {
            let failure = fit(&example(), &described(change), true).unwrap_err();
            assert!(failure.hints[0].to_string().contains(fix), "{failure}");
            let name = example().cluster.with_group();
            assert!(failure.what.contains(&format!("cluster {name} ")), "{failure}");
        }
        assert!(fit(&example(), &described(|_| ()), true).is_ok());
        let isolated = described(cases[5].0);
        assert!(
            fit(&example(), &isolated, false).is_ok(),
            "the extension is there and runs"
        );
    }

    #[test]
    fn volumes_that_are_not_backed_up_need_no_driver() {
        let mut target = example();
        target.instance.snapshot_volumes = false;
        let without =
            described(|body| body["properties"]["storageProfile"] = json!({ "diskCSIDriver": { "enabled": false } }));
        assert!(fit(&target, &without, true).is_ok());
    }
}
