//! User-assigned identities and their federated credentials.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ClientId, IssuerUrl, PrincipalId, ResourceId, SubscriptionId};
use aksbackup_shared::names::{AUDIENCE, is_audience};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::versions;

/// Type of a user-assigned identity.
pub(crate) const KIND: &str = "Microsoft.ManagedIdentity/userAssignedIdentities";

/// How many federated credentials an identity can have.
pub(crate) const CREDENTIAL_LIMIT: usize = 20;

/// A user-assigned identity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Identity {
    /// Its id.
    pub(crate) id: ResourceId,
    /// The rest.
    pub(crate) properties: IdentityProperties,
}

/// Properties of an identity.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IdentityProperties {
    /// What roles are assigned to.
    pub(crate) principal_id: PrincipalId,
    /// What tokens are asked for.
    pub(crate) client_id: ClientId,
}

/// A federated identity credential.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct FederatedCredential {
    /// Its name.
    pub(crate) name: String,
    /// What it trusts.
    pub(crate) properties: CredentialProperties,
}

impl FederatedCredential {
    /// Returns whether it has exactly one audience, and one that Microsoft Entra ID of this cloud exchanges tokens with.
    pub(crate) fn has_audience(&self, cloud: &str) -> bool {
        matches!(self.properties.audiences.as_slice(), [own] if is_audience(cloud, own))
    }
}

/// What a credential trusts. Entra compares all three exactly, the issuer with its trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct CredentialProperties {
    /// Who signs the token.
    pub(crate) issuer: String,
    /// Whom the token is about.
    pub(crate) subject: String,
    /// Whom the token is for: exactly one.
    #[serde(default)]
    pub(crate) audiences: Vec<String>,
}

/// An identity; `None` where there is none.
pub(crate) async fn identity(reader: &Reader, identity: &ResourceId) -> Outcome<Option<Identity>> {
    reader.get(identity.as_str(), versions::MANAGED_IDENTITY).await
}

/// The identities of a group.
pub(crate) async fn in_group(reader: &Reader, group: &ResourceId) -> Outcome<Vec<Identity>> {
    reader
        .list(&format!("{group}/providers/{KIND}"), versions::MANAGED_IDENTITY)
        .await
}

/// The identities of a subscription.
pub(crate) async fn in_subscription(reader: &Reader, subscription: &SubscriptionId) -> Outcome<Vec<Identity>> {
    let path = format!("/subscriptions/{subscription}/providers/{KIND}");
    reader.list(&path, versions::MANAGED_IDENTITY).await
}

/// The id of a federated credential of `identity`.
pub(crate) fn credential_id(identity: &ResourceId, name: &str) -> ResourceId {
    identity.child("federatedIdentityCredentials", name)
}

/// The federated credentials of an identity.
pub(crate) async fn credentials(reader: &Reader, identity: &ResourceId) -> Outcome<Vec<FederatedCredential>> {
    let path = format!("{identity}/federatedIdentityCredentials");
    reader.list(&path, versions::MANAGED_IDENTITY).await
}

/// Makes or replaces a federated credential for Entra's token exchange.
pub(crate) async fn put_credential(
    writer: &Writer,
    credential: &ResourceId,
    issuer: &IssuerUrl,
    subject: &str,
) -> Outcome<Answer> {
    let body = credential_body(issuer.as_str(), subject);
    writer
        .put(credential.as_str(), versions::MANAGED_IDENTITY, &body, None)
        .await
}

/// The body of a federated credential.
pub(crate) fn credential_body(issuer: &str, subject: &str) -> Value {
    json!({ "properties": { "issuer": issuer, "subject": subject, "audiences": [AUDIENCE] } })
}

/// Deletes a federated credential.
pub(crate) async fn delete_credential(writer: &Writer, credential: &ResourceId) -> Outcome<Answer> {
    writer.delete(credential.as_str(), versions::MANAGED_IDENTITY).await
}
