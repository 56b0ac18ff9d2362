//! The people and pipelines that sign in: service principals with different rights.

use serde::{Deserialize, Serialize};

use super::ids;
use crate::kubernetes;

/// A service principal that can sign in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Persona {
    /// Its name, for people.
    pub name: String,
    /// `appid` of its tokens: AZURE_CLIENT_ID.
    pub client_id: String,
    /// `oid` of its tokens: the principal of its role assignments.
    pub object_id: String,
    /// AZURE_CLIENT_SECRET.
    pub secret: String,
}

/// The names of all personas.
pub const NAMES: [&str; 12] = [
    "everything",
    "platform",
    "platform-no-node",
    "contributor",
    "owner",
    "owner-storage-only",
    "reader",
    "stranger",
    "pipeline",
    "consultant",
    "central",
    "partner",
];

/// The persona of that name.
#[must_use]
pub fn persona(name: &str) -> Persona {
    Persona {
        name: name.to_owned(),
        client_id: ids::named(name),
        object_id: ids::named(&format!("{name}/object")),
        secret: format!("{name}-secret"),
    }
}

impl Persona {
    /// The same application in a tenant: in each it has another service principal.
    #[must_use]
    pub fn in_tenant(mut self, tenant: &str) -> Self {
        if !tenant.eq_ignore_ascii_case(ids::TENANT) {
            self.object_id = ids::named(&format!("{}/object/{}", self.name, tenant.to_ascii_lowercase()));
        }
        self
    }

    /// The tenant that this persona signs in to.
    #[must_use]
    pub fn tenant(&self) -> &'static str {
        match self.name.as_str() {
            "partner" => ids::OTHER_TENANT,
            _ => ids::TENANT,
        }
    }
}

/// All personas.
#[must_use]
pub fn all() -> Vec<Persona> {
    NAMES.iter().map(|name| persona(name)).collect()
}

/// The bearer token with which an account of Entra is known to the cluster, by its object ID.
pub(crate) fn kubernetes_token(object_id: &str) -> String {
    ids::named(&format!("{object_id}/kubernetes"))
}

/// The accounts of Entra as users of the cluster: by object ID, without any permission there, except for the member of its
/// group of administrators (`aadProfile.adminGroupObjectIDs`).
pub(crate) fn in_cluster() -> Vec<kubernetes::Persona> {
    let user = |known: Persona| {
        let admin = known.name == "everything";
        let rules = if admin {
            vec![kubernetes::Rule::everything()]
        } else {
            Vec::new()
        };
        let mut user = kubernetes::Persona::new(&known.object_id, rules);
        user.token = kubernetes_token(&known.object_id);
        match admin {
            true => user.with_group(&ids::named("cluster-admins")),
            false => user,
        }
    };
    all().into_iter().map(user).collect()
}

/// Role and scope of each assignment that `name` starts with.
pub(crate) fn rights(name: &str) -> Vec<(&'static str, String)> {
    let subscription = ids::subscription_id();
    let groups = |role, groups: &[&str]| groups.iter().map(|group| (role, ids::group_id(group))).collect();
    match name {
        "everything" => vec![("Owner", subscription)],
        "platform" | "pipeline" => {
            let own = [
                ids::CLUSTER_GROUP,
                ids::NODE_GROUP,
                ids::BACKUP_GROUP,
                ids::SNAPSHOT_GROUP,
            ];
            groups("Contributor", &own)
        }
        "platform-no-node" => groups(
            "Contributor",
            &[ids::CLUSTER_GROUP, ids::BACKUP_GROUP, ids::SNAPSHOT_GROUP],
        ),
        "contributor" => vec![("Contributor", subscription)],
        "owner" => vec![
            ("Reader", subscription.clone()),
            ("Role Based Access Control Administrator", subscription),
        ],
        "owner-storage-only" => vec![
            ("Reader", subscription),
            (
                "Role Based Access Control Administrator",
                ids::group_id(ids::BACKUP_GROUP),
            ),
        ],
        "reader" => vec![("Reader", subscription)],
        "consultant" => vec![
            ("Reader", subscription),
            ("Owner", format!("/subscriptions/{}", ids::OTHER_SUBSCRIPTION)),
        ],
        "central" => vec![
            ("Owner", subscription),
            ("Owner", format!("/subscriptions/{}", ids::OTHER_SUBSCRIPTION)),
        ],
        "partner" => vec![("Owner", format!("/subscriptions/{}", ids::FOREIGN_SUBSCRIPTION))],
        _ => Vec::new(),
    }
}
