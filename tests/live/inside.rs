//! What is read in the cluster.

use crate::door::{Door, Reading};
use crate::seen::{Seen, Target, items, text};

/// What the API server answered, if it is that of the named cluster.
#[derive(Debug)]
pub(crate) struct Inside {
    pub(crate) deployments: Reading,
    pub(crate) pods: Reading,
    pub(crate) locations: Reading,
    pub(crate) issuer: Reading,
}

impl Inside {
    /// Returns a view in which nothing was read, for one reason.
    pub(crate) fn nothing(why: &str) -> Self {
        let missing = || Reading::Missing(why.to_owned());
        Self {
            deployments: missing(),
            pods: missing(),
            locations: missing(),
            issuer: missing(),
        }
    }

    /// Reads the cluster, if one of its nodes is in the node resource group that Azure names.
    pub(crate) async fn read(door: Result<Door, String>, target: &Target, seen: &Seen) -> Self {
        let door = match door {
            Ok(door) => door,
            Err(why) => return Self::nothing(&why),
        };
        if let Err(why) = is_named(&door, target, seen).await {
            return Self::nothing(&why);
        }
        let own = seen
            .extension()
            .map_or("", |one| text(one, "/properties/scope/cluster/releaseNamespace"));
        let namespace = if own.is_empty() {
            "dataprotection-microsoft"
        } else {
            own
        };
        let deployments = format!("/apis/apps/v1/namespaces/{namespace}/deployments");
        let pods = format!("/api/v1/namespaces/{namespace}/pods");
        let locations = format!("/apis/velero.io/v1/namespaces/{namespace}/backupstoragelocations");
        let (deployments, pods, locations, issuer) = tokio::join!(
            door.get(&deployments),
            door.get(&pods),
            door.get(&locations),
            door.get("/.well-known/openid-configuration"),
        );
        Self {
            deployments,
            pods,
            locations,
            issuer,
        }
    }
}

/// Compares a node's provider ID with the node resource group of the named cluster.
async fn is_named(door: &Door, target: &Target, seen: &Seen) -> Result<(), String> {
    let first = door.get("/api/v1/nodes?limit=1").await;
    let node = items(&first).and_then(|all| all.first());
    let Some(node) = node.map(|node| text(node, "/spec/providerID")) else {
        let why = first.words();
        return Err(format!("no node of the kubeconfig's cluster could be read ({why})"));
    };
    let group = seen
        .cluster
        .body()
        .map_or("", |body| text(body, "/properties/nodeResourceGroup"));
    let own = format!("{}/resourceGroups/{group}/", target.subscription()).to_ascii_lowercase();
    if group.is_empty() || !node.to_ascii_lowercase().contains(&own) {
        return Err(
            "the kubeconfig does not lead to the named cluster: its nodes are in another resource group".to_owned(),
        );
    }
    Ok(())
}
