//! What other people and other programs do to the world, before a client comes and while it works.

use serde::{Deserialize, Serialize};

/// What others do. A text that is empty, a number that is 0 and a switch that is off stand for nobody.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct Others {
    /// An operation that the cluster's own state does not show occupies it, until this is off again.
    pub cluster_occupied: bool,
    /// The cluster has members that no published definition knows, in a spelling that few JSON writers keep.
    pub cluster_unknown_members: bool,
    /// An extension of AKS backup that somebody installed: `succeeded`, `creating` (it is until this says otherwise) or
    /// `failed`.
    pub extension: String,
    /// Its name.
    pub extension_name: String,
    /// Where it stores backups: `GROUP/ACCOUNT/CONTAINER`.
    pub extension_storage: String,
    /// Set to `true`, somebody deletes the extension and installs it again with the same settings: its identity is new.
    pub extension_reinstalled: bool,
    /// Set to `true`, somebody deletes the extension's identity.
    pub extension_identity_gone: bool,
    /// So many identities are in the node group before the extension's.
    pub node_identities: usize,
    /// Federated credentials that somebody makes on the extension's identity as soon as it is there, comma-separated:
    /// `renamed` (the three that are wanted, under other names), `wrong-audience` (the same, for another audience),
    /// `other-issuer-N` (N of another issuer), `named-NAME` (one of another issuer under this name).
    pub credentials_there: String,
    /// In the middle of so many credential writes somebody else writes the same one first, under another name.
    pub credential_rivals: u32,
    /// Just before so many role assignments somebody else makes the same one, under another name.
    pub role_rivals: u32,
    /// So many role assignments find their name taken by one of another principal.
    pub role_names_taken: u32,
    /// What becomes of the subscription: `Enabled`, `Warned`, `PastDue` or `Disabled`.
    pub subscription_state: String,
    /// A condition on the right of the persona `owner` to assign roles: `service-principals` (the request has to say that
    /// the principal is one), `blob-roles` (that, and only roles for blobs).
    pub owner_condition: String,
}

impl Default for Others {
    fn default() -> Self {
        Self {
            cluster_occupied: false,
            cluster_unknown_members: false,
            extension: String::new(),
            extension_name: "azure-aks-backup".to_owned(),
            extension_storage: "rg-backup/contosovelero/elsewhere".to_owned(),
            extension_reinstalled: false,
            extension_identity_gone: false,
            node_identities: 2,
            credentials_there: String::new(),
            credential_rivals: 0,
            role_rivals: 0,
            role_names_taken: 0,
            subscription_state: "Enabled".to_owned(),
            owner_condition: String::new(),
        }
    }
}
