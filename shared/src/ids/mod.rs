//! Identifiers as types with their real rules, so that nothing from a file or a flag comes near a URL unchecked.

mod letters;
mod names;
mod resource;

pub use letters::{folded, look_alikes, same};
pub use names::{
    BackupInstanceName, ClientId, CloudName, ClusterName, ContainerName, ExtensionName, FederatedCredentialName,
    InvalidId, IssuerUrl, NamespaceName, ObjectName, PolicyName, PrincipalId, Region, ResourceGroupName,
    StorageAccountName, SubscriptionId, TenantId, VaultName,
};
pub use resource::ResourceId;
