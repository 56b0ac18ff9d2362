//! What exists already: it is offered before anything new.

use std::ops::Deref;
use std::rc::Rc;
use std::str::FromStr;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{
    BackupInstanceName, HookName, LabelSelector, NamespaceName, PolicyName, Region, ResourceGroupName, ResourceId,
    ResourceType, SubscriptionId, VaultName, VolumeType, same,
};
use aksbackup_shared::schema::{InstanceTarget, Target};

use super::place::Place;
use crate::arm::backups::{self, Instance};
use crate::arm::client::Reader;
use crate::arm::extensions::{self, Extension};
use crate::arm::inventory::{self, Listed};
use crate::arm::{groups, region, roles, storage, vaults};
use crate::checks::{drift, extension_settings, protection, required_permissions};

/// What exists, as far as the caller may see it.
#[derive(Debug, Default)]
pub(super) struct World {
    /// The cluster's backup extension.
    pub(super) extension: Option<Extension>,
    /// How the cluster is protected already.
    pub(super) protected: Option<Protected>,
    /// What its subscription has.
    pub(super) lists: Rc<Lists>,
}

/// What a subscription has, which is the same for all of its clusters.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lists {
    /// All storage accounts of the subscription.
    pub(super) accounts: Vec<Listed>,
    /// All vaults of the subscription that the target's vault is in.
    pub(super) vaults: Vec<Listed>,
    /// All groups of the subscription; where they belong to one cluster, without that of its nodes.
    pub(super) groups: Vec<Listed>,
    /// Where the caller can't create a group: the existing ones in which it can create storage account and vault.
    pub(super) writable: Option<Vec<ResourceId>>,
}

impl Deref for World {
    type Target = Lists;
    fn deref(&self) -> &Lists {
        &self.lists
    }
}

impl Lists {
    /// Reads them once for several clusters, whose resource groups are named beforehand.
    ///
    /// # Errors
    /// Azure can't be asked.
    pub(crate) async fn read(reader: &Reader, console: &Console, subscription: &SubscriptionId) -> Outcome<Self> {
        let (accounts, vaults, groups) = futures::join!(
            inventory::resources(reader, subscription, storage::KIND),
            inventory::resources(reader, subscription, vaults::KIND),
            inventory::groups(reader, subscription),
        );
        Ok(Self {
            accounts: visible(accounts, console)?,
            vaults: visible(vaults, console)?,
            groups: visible(groups, console)?,
            writable: None,
        })
    }
}

/// A backup instance that protects the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Protected {
    pub(super) instance: BackupInstanceName,
    pub(super) vault_id: ResourceId,
    pub(super) vault: VaultName,
    pub(super) vault_group: ResourceGroupName,
    pub(super) vault_subscription: SubscriptionId,
    pub(super) policy: Option<PolicyName>,
    /// The user-assigned identity that the vault protects with.
    pub(super) identity: Option<ResourceId>,
    pub(super) snapshot_group: Option<ResourceGroupName>,
    pub(super) friendly_name: Option<String>,
    pub(super) snapshot_volumes: Option<bool>,
    pub(super) cluster_scope: Option<bool>,
    /// What else narrows a backup.
    pub(super) filters: Filters,
    /// Included and excluded namespaces.
    pub(super) namespaces: (Vec<NamespaceName>, Vec<NamespaceName>),
    /// Whether its protection was stopped, so that the cluster can be protected elsewhere.
    pub(super) stopped: bool,
    /// The lists in which Azure reports something in a form that the file can't hold, by Azure's names.
    pub(super) unheld: Vec<&'static str>,
}

/// What narrows the backups of an instance besides namespaces.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filters {
    pub(super) labels: Vec<LabelSelector>,
    pub(super) included_types: Vec<ResourceType>,
    pub(super) excluded_types: Vec<ResourceType>,
    pub(super) volume_types: Vec<VolumeType>,
    pub(super) hooks: Vec<HookName>,
}

impl Filters {
    /// Those of a target.
    pub(super) fn of_target(own: &InstanceTarget) -> Self {
        Self {
            labels: own.label_selectors.clone(),
            included_types: own.included_resource_types.clone(),
            excluded_types: own.excluded_resource_types.clone(),
            volume_types: own.included_volume_types.clone(),
            hooks: own.backup_hooks.clone(),
        }
    }

    /// Those of a live instance, as far as the file can hold them.
    fn of_instance(own: &Instance, unheld: &mut Vec<&'static str>) -> Self {
        Self {
            labels: listed(own, "labelSelectors", unheld),
            included_types: listed(own, "includedResourceTypes", unheld),
            excluded_types: listed(own, "excludedResourceTypes", unheld),
            volume_types: listed(own, "includedVolumeTypes", unheld),
            hooks: listed(own, "backupHookReferences", unheld),
        }
    }
}

impl World {
    /// Looks at all of it at once. What the caller can't see is as if it didn't exist. Where a resource group is `to_choose`, the groups
    /// that the caller can use are looked up as well.
    ///
    /// # Errors
    /// Azure cannot be asked.
    pub(super) async fn look(
        reader: &Reader,
        console: &Console,
        place: &Place,
        (base, to_choose): (Option<&Target>, bool),
    ) -> Outcome<Self> {
        let (cluster, subscription) = (&place.id, place.id.subscription());
        let (found, instances, accounts, vaults, listed, cannot_create) = futures::join!(
            extensions::of_backup(reader, cluster),
            backups::of_cluster(reader, cluster),
            inventory::resources(reader, &subscription, storage::KIND),
            inventory::resources(reader, &subscription, vaults::KIND),
            inventory::groups(reader, &subscription),
            async { to_choose && groups::cannot_create(reader, &subscription).await },
        );
        let groups = chooseable(visible(listed, console)?, place.cluster.node_resource_group());
        let writable = match cannot_create {
            true => Some(writable(reader, &groups).await),
            false => None,
        };
        Ok(Self {
            extension: visible(found, console)?.into_iter().next(),
            protected: meant(base, &visible(instances, console)?),
            lists: Rc::new(Lists {
                accounts: visible(accounts, console)?,
                vaults: visible(vaults, console)?,
                groups,
                writable,
            }),
        })
    }

    /// As [`World::look`], for one of several clusters of a subscription whose `lists` are known.
    ///
    /// # Errors
    /// Azure can't be asked.
    pub(super) async fn of_one(
        reader: &Reader,
        console: &Console,
        cluster: &ResourceId,
        lists: Rc<Lists>,
    ) -> Outcome<Self> {
        let (found, instances) = futures::join!(
            extensions::of_backup(reader, cluster),
            backups::of_cluster(reader, cluster),
        );
        Ok(Self {
            extension: visible(found, console)?.into_iter().next(),
            protected: meant(None, &visible(instances, console)?),
            lists,
        })
    }

    /// Reads the vaults of the subscription of the target's vault, which isn't the cluster's.
    ///
    /// # Errors
    /// Azure cannot be asked.
    pub(super) async fn look_at_vaults(
        &mut self,
        reader: &Reader,
        console: &Console,
        of: &SubscriptionId,
    ) -> Outcome<()> {
        let listed = inventory::resources(reader, of, vaults::KIND).await;
        Rc::make_mut(&mut self.lists).vaults = visible(listed, console)?;
        Ok(())
    }

    /// What Azure has of the keys that can't be changed once it has something.
    pub(super) fn live(&self) -> Vec<(&'static str, String)> {
        let mut all = Vec::new();
        if let Some(own) = &self.protected {
            all.push(("instance.name", own.instance.to_string()));
            all.push(("vault.name", own.vault.to_string()));
            all.push(("vault.resource_group", own.vault_group.to_string()));
            all.push(("vault.subscription", own.vault_subscription.to_string()));
            all.extend(
                own.snapshot_group
                    .iter()
                    .map(|own| ("snapshots.resource_group", own.to_string())),
            );
        }
        if let Some(own) = &self.extension {
            all.push(("extension.name", own.name.clone()));
            all.push(("storage.account", own.setting(extension_settings::ACCOUNT).to_owned()));
            all.push(("storage.container", own.setting(extension_settings::BUCKET).to_owned()));
        }
        all
    }

    /// The general purpose accounts in `wanted`.
    pub(super) fn accounts_in(&self, wanted: &Region) -> impl Iterator<Item = &Listed> {
        let general = |account: &&Listed| {
            account
                .kind
                .as_deref()
                .is_none_or(|kind| kind.eq_ignore_ascii_case("StorageV2"))
        };
        in_region(&self.accounts, wanted).filter(general)
    }

    /// The vaults in `wanted`.
    pub(super) fn vaults_in(&self, wanted: &Region) -> impl Iterator<Item = &Listed> {
        in_region(&self.vaults, wanted)
    }

    /// Whether a group of this name is there.
    pub(super) fn has_group(&self, name: &ResourceGroupName) -> bool {
        self.groups.iter().any(|group| same(&group.name, name.as_str()))
    }
}

/// The group of the listed resource of this name.
pub(super) fn group_of(listed: &[Listed], name: &str) -> Option<ResourceGroupName> {
    let found = listed.iter().find(|resource| resource.name.eq_ignore_ascii_case(name));
    found.map(|resource| resource.id.resource_group())
}

/// Returns the resource groups of all listed resources of this name.
pub(super) fn groups_of(listed: &[Listed], name: &str) -> Vec<ResourceGroupName> {
    let found = listed
        .iter()
        .filter(|resource| resource.name.eq_ignore_ascii_case(name));
    found.map(|resource| resource.id.resource_group()).collect()
}

/// Whether the list has a resource of this name in this resource group.
pub(super) fn is_in(listed: &[Listed], name: &str, group: &ResourceGroupName) -> bool {
    let mut found = groups_of(listed, name).into_iter();
    found.any(|own| same(own.as_str(), group.as_str()))
}

fn in_region<'a>(listed: &'a [Listed], wanted: &Region) -> impl Iterator<Item = &'a Listed> {
    listed.iter().filter(|resource| region::is(&resource.location, wanted))
}

/// AKS owns the group of the nodes, and deletes it with the cluster.
fn chooseable(mut groups: Vec<Listed>, nodes: Option<&ResourceGroupName>) -> Vec<Listed> {
    groups.retain(|group| nodes.is_none_or(|nodes| !same(&group.name, nodes.as_str())));
    groups
}

/// No more groups than these are asked about: an account without a role in the subscription sees few.
const MOST_GROUPS: usize = 100;

/// The groups in which the caller is known to be able to create storage account and vault.
async fn writable(reader: &Reader, groups: &[Listed]) -> Vec<ResourceId> {
    let reads = groups.iter().take(MOST_GROUPS).map(async |group| {
        let roles = roles::permissions(reader, &group.id).await;
        let writable = roles.is_ok_and(|roles| required_permissions::holds_backups(&roles));
        writable.then(|| group.id.clone())
    });
    let found = futures::future::join_all(reads).await;
    found.into_iter().flatten().collect()
}

/// A list, empty where the caller may not see it or Azure has no such list yet.
fn visible<T>(listed: Outcome<Vec<T>>, console: &Console) -> Outcome<Vec<T>> {
    match listed {
        Err(failure) if matches!(failure.exit, Exit::NotPermitted | Exit::Missing) => {
            console.detail(format!("not read: {}", failure.what));
            Ok(Vec::new())
        }
        other => other,
    }
}

/// The instance that the file means, else the first.
fn meant(base: Option<&Target>, instances: &[Instance]) -> Option<Protected> {
    let of_file = base.and_then(|base| protection::chosen(base, instances));
    of_file
        .and_then(protected)
        .or_else(|| instances.iter().find_map(protected))
}

fn protected(instance: &Instance) -> Option<Protected> {
    let vault = instance.vault()?;
    let last = |id: &str| {
        id.trim_end_matches('/')
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let mut unheld = Vec::new();
    Some(Protected {
        instance: instance.id.name().parse().ok()?,
        vault: vault.name().parse().ok()?,
        vault_group: vault.resource_group(),
        vault_subscription: vault.subscription(),
        vault_id: vault,
        policy: last(&instance.properties.policy_info.policy_id).parse().ok(),
        identity: instance.assigned_identity().and_then(|id| id.parse().ok()),
        snapshot_group: instance.snapshot_group().and_then(|id| last(id).parse().ok()),
        friendly_name: instance.properties.friendly_name.clone(),
        snapshot_volumes: flag(instance, "snapshotVolumes"),
        cluster_scope: flag(instance, "includeClusterScopeResources"),
        filters: Filters::of_instance(instance, &mut unheld),
        namespaces: (
            listed(instance, "includedNamespaces", &mut unheld),
            listed(instance, "excludedNamespaces", &mut unheld),
        ),
        stopped: protection::pause(instance) == Some(protection::Pause::Stopped),
        unheld,
    })
}

fn flag(instance: &Instance, key: &str) -> Option<bool> {
    instance.parameters()?.get(key)?.as_bool()
}

fn listed<T: FromStr>(instance: &Instance, key: &'static str, unheld: &mut Vec<&'static str>) -> Vec<T> {
    let names = instance
        .parameters()
        .map(|own| drift::listed(own, key))
        .unwrap_or_default();
    let held: Vec<T> = names.iter().filter_map(|name| name.parse().ok()).collect();
    if held.len() < names.len() {
        unheld.push(key);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::console::Talk;
    use aksbackup_shared::failure::Failure;
    use serde_json::json;

    const GROUP: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg";

    #[test]
    fn a_protected_cluster_tells_its_vault_policy_and_snapshot_group() {
        let vault = format!("{GROUP}/providers/Microsoft.DataProtection/backupVaults/bv");
        let instance: Instance = serde_json::from_value(json!({
            "id": format!("{vault}/backupInstances/aks-1"),
            "properties": {
                "dataSourceInfo": { "resourceID": "x" },
                "policyInfo": {
                    "policyId": format!("{vault}/backupPolicies/daily"),
                    "policyParameters": { "dataStoreParametersList": [{ "resourceGroupId": "/subscriptions/s/resourceGroups/snaps" }] },
                },
            },
        }))
        .unwrap();
        let protected = protected(&instance).unwrap();
        assert_eq!((protected.vault.as_str(), protected.vault_group.as_str()), ("bv", "rg"));
        assert_eq!(protected.policy.unwrap().as_str(), "daily");
        assert_eq!(protected.snapshot_group.unwrap().as_str(), "snaps");
    }

    #[test]
    fn what_may_not_be_seen_is_as_if_it_were_not_there_but_an_outage_is_not() {
        let console = Console::new(Talk::Quiet, true);
        let hidden: Outcome<Vec<u8>> = Failure::not_permitted("x").err();
        assert_eq!(visible(hidden, &console).unwrap(), Vec::<u8>::new());
        assert!(visible::<u8>(Failure::failed("x").err(), &console).is_err());
    }
}
