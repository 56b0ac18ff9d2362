//! The cluster: what Azure Backup and workload identity want of it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl, shell};
use aksbackup_shared::fix;

use crate::arm::clusters::Cluster;
use crate::checks::cluster_support;
use crate::checks::credentials;
use crate::checks::locks;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Cluster;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let cluster = match existence(view) {
        Ok(cluster) => cluster,
        Err(check) => return vec![*check],
    };
    let mut all = cluster_support::checks(view.cluster_ref(), cluster);
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
        let hint = shell(format!(
            "az aks list --subscription {} --output table",
            view.id.subscription()
        ));
        let says = format!(
            "cluster {} doesn't exist in resource group {}",
            view.id.name(),
            view.id.resource_group()
        );
        Box::new(Check::error(LINK, NAME, says, hint).proves("ARM-NOT-FOUND"))
    })
}

fn issuer(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "OIDC issuer";
    let recorded = view
        .state
        .cloud
        .prerequisites
        .as_ref()
        .map(|table| table.issuer.as_str());
    let prepare = az("prepare");
    match cluster.issuer() {
        None => Check::error(
            LINK,
            NAME,
            "the OIDC issuer is disabled, so tokens of service accounts aren't trusted",
            prepare,
        )
        .because("properties.oidcIssuerProfile.enabled = false")
        .proves("CLU-OIDC-OFF"),
        Some(own) if recorded.is_some_and(|recorded| recorded != own.as_str()) => {
            let says = format!(
                "the issuer is {own}, but the state file has {}: the cluster was re-created",
                recorded.unwrap_or_default()
            );
            Check::error(LINK, NAME, says, prepare).proves("FIC-ISSUER-REBUILT")
        }
        Some(own) => {
            Check::ok(LINK, NAME, "enabled").because(format!("properties.oidcIssuerProfile.issuerURL = {own}"))
        }
    }
}

fn workload_identity(cluster: &Cluster) -> Check {
    const NAME: &str = "workload identity";
    match cluster.has_workload_identity() {
        true => Check::ok(LINK, NAME, "enabled"),
        false => {
            let hint = fix![az("prepare"), ", then ", kubectl("configure")];
            Check::error(
                LINK,
                NAME,
                "workload identity is disabled, so no webhook injects tokens into pods",
                hint,
            )
            .because("properties.securityProfile.workloadIdentity.enabled = false")
            .proves("CLU-WI-OFF")
        }
    }
}

/// Whether a read-only lock keeps anything from being changed.
pub(crate) fn locks(view: &View) -> Check {
    const NAME: &str = "locks";
    let hidden = view.locks.iter().find_map(|(scope, seen)| {
        let what = format!("the locks on resource group {}", scope.name());
        seen.unread(LINK, NAME, &what)
    });
    let all = view.locks.iter().filter_map(|(_, seen)| seen.here()).flatten();
    let mut freezing = all.filter(|lock| lock.properties.level.eq_ignore_ascii_case("ReadOnly"));
    match freezing.next() {
        Some(lock) => {
            let says = format!("lock {} prevents all changes", lock.id);
            Check::error(LINK, NAME, says, locks::whose_lock(lock))
                .because(format!("properties.level = {}", lock.properties.level))
                .proves("ARM-LOCK")
        }
        None => hidden.unwrap_or_else(|| Check::ok(LINK, NAME, "no lock prevents changes")),
    }
}

/// The lock of AKS itself on the node group: it hurts only while there is something to be written there.
pub(crate) fn node_group(view: &View, cluster: &Cluster) -> Check {
    const NAME: &str = "node resource group";
    if !cluster.has_locked_node_group() {
        return Check::ok(LINK, NAME, "not locked down");
    }
    let fact = "properties.nodeResourceGroupProfile.restrictionLevel = ReadOnly";
    let complete = credentials::checks(view).iter().all(|check| !check.is_finding());
    if complete && !matches!(view.credentials, Seen::Unasked) {
        return Check::ok(LINK, NAME, "locked down, but no write is required").because(fact);
    }
    let hint = shell(format!(
        "az aks update {} --nrg-lockdown-restriction-level Unrestricted",
        view.cluster_flags()
    ));
    let says =
        "the node resource group is locked down, so federated credentials can't be written on the extension's identity";
    Check::error(LINK, NAME, says, hint)
        .because(fact)
        .proves("ARM-DENY-ASSIGNMENT")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::arm::clusters::tests::cluster;
    use crate::checks::view::tests::{failures, view};

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut view = view();
        view.cluster = Seen::Here(cluster(change));
        failures(&checks(&view))
    }

    #[test]
    fn each_condition_proves_its_failure() {
        type Case = (fn(&mut Value), &'static str);
        let cases: [Case; 11] = [
            (
                |own| own["agentPoolProfiles"][0]["type"] = json!("AvailabilitySet"),
                "CLU-AVSET",
            ),
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
