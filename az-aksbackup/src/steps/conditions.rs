//! What has to hold of subscription and cluster, each with its cure.

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::Target;

use crate::arm::client::Reader;
use crate::arm::clusters::Cluster;
use crate::arm::groups::{self, Subscription};
use crate::arm::vaults;
use crate::arm::visible::Sight;
use crate::checks::applying;
use crate::checks::policy::preset;
use crate::checks::subscription_rules;
use crate::target_ids;

/// The subscription is not there for the caller.
pub(crate) fn no_subscription(target: &Target) -> Failure {
    Failure::missing(format!(
        "subscription {} doesn't exist, or the signed-in account has no access to it",
        target.subscription
    ))
    .hint(shell("az account list --output table"))
    .hint(shell(format!("az login --tenant {}", target.tenant)))
}

/// Checks that the subscription takes writes, and is the cluster's.
///
/// # Errors
/// It does not, or is not.
pub(crate) fn subscription(target: &Target, subscription: Option<&Subscription>) -> Outcome<()> {
    if !same(target.cluster.subscription().as_str(), target.subscription.as_str()) {
        return Failure::usage("the state file specifies two subscriptions")
            .because(format!(
                "the cluster is in {}, but the target is in {}; the storage account and the snapshots must be in \
                 the cluster's subscription",
                target.cluster.subscription(),
                target.subscription
            ))
            .hint(az("init"))
            .err();
    }
    let state = subscription.and_then(|own| own.state.as_deref()).unwrap_or("Enabled");
    if ["Disabled", "Deleted"].contains(&state) {
        return Failure::failed(format!("subscription {} is {state}", target.subscription))
            .hint(fix![
                "enable the subscription in the Azure portal, or choose a cluster in another subscription: ",
                az("init")
            ])
            .err();
    }
    Ok(())
}

/// Checks that the cluster is where the target says.
///
/// # Errors
/// It is not; everything else has to be in its region.
pub(crate) fn region(target: &Target, cluster: &Cluster) -> Outcome<()> {
    match cluster.region() {
        Some(region) if region != target.region => Failure::usage(format!(
            "the region in the state file differs from the region of cluster {}",
            target.cluster.with_group()
        ))
        .at_key(
            "target.region",
            format!("the file has {}, but the cluster is in {region}", target.region),
        )
        .hint(az("init"))
        .err(),
        Some(_) | None => Ok(()),
    }
}

/// What a private cluster means for the cluster admin.
const PRIVATE: &str = "the cluster is private: kubectl aksbackup must run on a machine in its network; the API server check of verify \
    prints how to run a single kubectl command from elsewhere";

/// What authorized IP ranges mean for the cluster admin.
const RANGES: &str = "the API server accepts authorized IP ranges only: kubectl aksbackup must run on a machine with an \
     address in one of them";

/// What may become a problem.
pub(crate) fn remarks(cluster: &Cluster) -> Vec<&'static str> {
    let remarks = [
        (cluster.is_private(), PRIVATE),
        (!cluster.is_private() && cluster.authorized_ranges() > 0, RANGES),
        (
            cluster.has_locked_node_group(),
            "the node resource group is locked down: federated credentials can't be written there",
        ),
        (
            cluster.is_isolated(),
            "the cluster is network isolated, which Azure Backup doesn't support",
        ),
    ];
    applying(&remarks)
}

/// Fails if the policy has to be created with rules that Azure Backup doesn't take. One that exists has Azure's rules, whatever they are.
///
/// # Errors
/// Exit 2: the key, with the reason.
pub(super) async fn policy(reader: &Reader, target: &Target) -> Outcome<()> {
    if target.policy.file.is_some() {
        return Ok(());
    }
    let Err(refused) = preset(&target.policy) else {
        return Ok(());
    };
    match Sight::of(vaults::policy(reader, &target_ids::policy(target)).await)? {
        Sight::Absent => Err(refused),
        Sight::Here(_) | Sight::Hidden(_) => Ok(()),
    }
}

/// Checks the subscription of a vault that isn't the cluster's. Microsoft: vault and cluster can be in different subscriptions of the same
/// tenant, and are in the same region:
/// <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>.
///
/// # Errors
/// The signed-in account can't see it, it takes no writes, or it is another tenant's.
pub(super) async fn vault_subscription(reader: &Reader, target: &Target) -> Outcome<()> {
    let Some(id) = target.foreign_subscription() else {
        return Ok(());
    };
    let own = groups::subscription(reader, id).await;
    let own = own.map_err(|failure| subscription_rules::in_tenant(id.as_str(), failure));
    match Sight::of(own)? {
        Sight::Here(own) => subscription_rules::of_vault(id, &own, target),
        Sight::Absent => Err(Box::new(subscription_rules::absent(id))),
        Sight::Hidden(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::arm::clusters::tests::cluster as described;
    use crate::target_ids::tests::example;

    #[test]
    fn another_region_or_subscription_than_the_cluster_s_is_refused() {
        let mut target = example();
        assert!(region(&target, &described(|body| body["location"] = json!("northeurope"))).is_err());
        assert!(subscription(&target, None).is_ok());
        target.subscription = "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22".parse().unwrap();
        assert!(subscription(&target, None).is_err());
    }

    #[test]
    fn a_locked_node_group_is_remarked() {
        let locked = described(|body| {
            body["properties"]["nodeResourceGroupProfile"] = json!({ "restrictionLevel": "ReadOnly" });
        });
        assert_eq!(remarks(&locked).len(), 1);
        assert!(remarks(&described(|_| ())).is_empty());
    }
}
