//! Identifiers as types with their real rules, so that nothing from a file or a flag comes near a URL unchecked.

mod amounts;
mod left_out;
mod letters;
mod names;
mod nearest;
mod resource;
mod selectors;

pub use amounts::{CpuAmount, CrossSubscriptionRestore, ExtensionVersion, Immutability, MemoryAmount, ReleaseTrain};
pub use left_out::{Left, LeftOut};
pub use letters::{folded, look_alikes, same};
pub use names::{
    BackupInstanceName, ClientId, CloudName, ClusterName, ContainerName, ExtensionName, FederatedCredentialName,
    HookName, InvalidId, IssuerUrl, NamespaceName, ObjectName, PolicyName, PrincipalId, Region, ResourceGroupName,
    ResourceType, StorageAccountName, SubscriptionId, Tag, TenantId, TimeOfDay, VaultName, VolumeType,
};
pub use nearest::{distance, nearest};
pub use resource::ResourceId;
pub use selectors::LabelSelector;
