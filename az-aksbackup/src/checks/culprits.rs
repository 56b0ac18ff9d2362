//! A second look where a credential or a role is missing: whether somebody gave it to another identity, or elsewhere.
//! Who may not look goes without: the first look has told what is missing.

use aksbackup_shared::ids::{PrincipalId, ResourceId};
use futures::future::join_all;

use crate::arm::client::Reader;
use crate::arm::clusters::Cluster;
use crate::arm::identities::{self, FederatedCredential, Identity};
use crate::arm::roles::{self, Assignment};
use crate::checks::view::View;

/// More identities of a node group are not asked one by one.
const MOST: usize = 12;

/// What the second look found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Culprits {
    /// Identities of the node group, without the extension's own, with their credentials.
    pub(crate) credentials: Vec<(String, Vec<FederatedCredential>)>,
    /// The principals of those identities.
    pub(crate) principals: Vec<PrincipalId>,
    /// All assignments of the extension's identity in the subscription.
    pub(crate) elsewhere: Vec<Assignment>,
    /// Everybody's assignments at the container and above.
    pub(crate) others: Vec<Assignment>,
}

impl Culprits {
    /// A credential with this subject and issuer, and the identity that it is on.
    pub(crate) fn credential(&self, subject: &str, issuer: &str) -> Option<(&str, &FederatedCredential)> {
        let all = self.credentials.iter();
        let mut pairs = all.flat_map(|(name, own)| own.iter().map(move |own| (name.as_str(), own)));
        pairs.find(|(_, own)| own.properties.subject == subject && own.properties.issuer == issuer)
    }
}

/// Looks for them.
pub(crate) async fn look(reader: &Reader, view: &View) -> Culprits {
    let subscription = view.id.subscription();
    let nodes = view.cluster.here().and_then(Cluster::node_resource_group);
    let principal = view.extension().and_then(|own| own.principal());
    let neighbours = async {
        let Some(nodes) = nodes else { return Vec::new() };
        let group = ResourceId::group(&subscription, nodes);
        let all = identities::in_group(reader, &group).await.unwrap_or_default();
        let others = all
            .into_iter()
            .filter(|own| Some(&own.properties.principal_id) != principal);
        others.take(MOST).collect::<Vec<Identity>>()
    };
    let elsewhere = async {
        let principal = principal?;
        roles::of_principal(reader, &subscription, principal).await.ok()
    };
    let others = async {
        let container = view.places.container.as_ref()?;
        roles::at_scope(reader, container).await.ok()
    };
    let (neighbours, elsewhere, others) = futures::join!(neighbours, elsewhere, others);
    let reads = neighbours.iter().map(|own| identities::credentials(reader, &own.id));
    let credentials = join_all(reads).await;
    let named = neighbours.iter().map(|own| own.id.name().to_owned());
    Culprits {
        credentials: named
            .zip(credentials.into_iter().map(Result::unwrap_or_default))
            .collect(),
        principals: neighbours.into_iter().map(|own| own.properties.principal_id).collect(),
        elsewhere: elsewhere.unwrap_or_default(),
        others: others.unwrap_or_default(),
    }
}
