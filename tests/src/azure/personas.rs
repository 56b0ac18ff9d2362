//! The people and pipelines that sign in: service principals with different rights.

use serde::{Deserialize, Serialize};

use super::ids;

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
pub const NAMES: [&str; 8] = [
    "everything",
    "platform",
    "platform-no-node",
    "contributor",
    "owner",
    "owner-storage-only",
    "reader",
    "stranger",
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

/// All personas.
#[must_use]
pub fn all() -> Vec<Persona> {
    NAMES.iter().map(|name| persona(name)).collect()
}

/// Role and scope of each assignment that `name` starts with.
pub(crate) fn rights(name: &str) -> Vec<(&'static str, String)> {
    let subscription = ids::subscription_id();
    let groups = |role, groups: &[&str]| groups.iter().map(|group| (role, ids::group_id(group))).collect();
    match name {
        "everything" => vec![("Owner", subscription)],
        "platform" => {
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
        _ => Vec::new(),
    }
}
