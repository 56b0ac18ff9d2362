//! Decides each value of `[target]`: what was said, else what the file has, else what exists or is chosen, else a default.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{
    NamespaceName, Region, ResourceGroupName, ResourceId, StorageAccountName, SubscriptionId, Tag,
};
use aksbackup_shared::names::EXTENSION;
use aksbackup_shared::schema::{ExtensionTarget, InstanceTarget, SnapshotTarget, StorageTarget, Target};

use self::groups::{Offer, Rank};
use super::check::PolicyFile;
use super::flags::{InitArgs, either};
use super::names::Names;
use super::pick::Picker;
use super::values;
use super::world::{Filters, World, group_of};
use crate::arm::client::Reader;
use crate::arm::inventory::Listed;
use crate::checks::{extension_drift, extension_settings};

mod adopted;
mod groups;
mod vault;

/// All that a choice is made from.
pub(super) struct Choice<'a> {
    pub(super) reader: &'a Reader,
    pub(super) picker: &'a Picker<'a>,
    pub(super) flags: &'a InitArgs,
    /// What the file has for the same cluster.
    pub(super) base: Option<&'a Target>,
    pub(super) world: &'a World,
    pub(super) cluster: &'a ResourceId,
    pub(super) region: &'a Region,
    pub(super) names: Names,
    /// The policy file that a flag names.
    pub(super) policy_file: Option<PolicyFile>,
    /// The subscription of the vault, where it isn't the cluster's.
    pub(super) vault_subscription: Option<SubscriptionId>,
}

impl Choice<'_> {
    /// The whole target.
    ///
    /// # Errors
    /// A question could not be asked, or was interrupted; or the vault's policies cannot be listed.
    pub(super) async fn target(&self) -> Outcome<Target> {
        let storage = self.storage()?;
        let vault = self.vault(&storage.resource_group).await?;
        let policy = self.policy(&vault).await?;
        Ok(Target {
            cloud: self.reader.cloud().name.clone(),
            tenant: self.reader.caller().tenant.clone(),
            subscription: self.cluster.subscription(),
            cluster: self.cluster.clone(),
            region: self.region.clone(),
            tags: self.tags()?,
            left_out: self.base.map(|base| base.left_out.clone()).unwrap_or_default(),
            snapshots: SnapshotTarget {
                resource_group: self.snapshot_group(&storage.resource_group)?,
            },
            extension: self.extension()?,
            instance: self.instance()?,
            storage,
            vault,
            policy,
            written: None,
        })
    }

    /// The tags that a flag names, else those of the file; an empty one stands for none, as in the Azure CLI.
    fn tags(&self) -> Outcome<Vec<Tag>> {
        let named = &self.flags.tags;
        if named.is_empty() {
            return Ok(self.base.map(|base| base.tags.clone()).unwrap_or_default());
        }
        let given = named.iter().filter(|text| !text.is_empty());
        given
            .map(|text| match text.contains('=') {
                true => text.parse(),
                false => format!("{text}=").parse(),
            })
            .collect::<Result<_, _>>()
            .map_err(|error| Box::new(Failure::usage(format!("{error}"))))
    }

    /// What the file has for the same cluster, unless the live settings are to take its place.
    fn of_file(&self) -> Option<&Target> {
        self.base.filter(|_| !self.flags.from_azure)
    }

    /// What the file has, else what Azure has; the other way round where Azure's settings are asked for.
    fn first<T>(&self, file: Option<T>, live: Option<T>) -> Option<T> {
        match self.flags.from_azure {
            true => live.or(file),
            false => file.or(live),
        }
    }

    fn storage(&self) -> Outcome<StorageTarget> {
        let base = self.base.map(|base| &base.storage);
        let (account, resource_group) = self.account()?;
        let installed = self
            .installed(extension_settings::BUCKET)
            .and_then(|text| text.parse().ok());
        let had = base.map(|base| base.container.clone());
        let container = self.flags.container.clone().or_else(|| self.first(had, installed));
        let container = match container {
            Some(container) => container,
            None => Picker::silent().name("Container", &self.names.container(), "--container")?,
        };
        let sku = self.flags.sku.clone().or_else(|| base.map(|base| base.sku.clone()));
        Ok(StorageTarget {
            account,
            resource_group,
            container,
            sku: sku.unwrap_or_else(|| "Standard_LRS".to_owned()),
        })
    }

    /// A setting of the extension that is there.
    fn installed(&self, key: &str) -> Option<&str> {
        let extension = self.world.extension.as_ref()?;
        Some(extension.setting(key)).filter(|text| !text.is_empty())
    }

    fn account(&self) -> Outcome<(StorageAccountName, ResourceGroupName)> {
        let flags = self.flags;
        let base = self
            .base
            .map(|base| (&base.storage.account, &base.storage.resource_group));
        let installed = self
            .installed(extension_settings::ACCOUNT)
            .and_then(|name| name.parse().ok());
        let had = base.map(|(name, _)| name.clone());
        let known = flags.storage_account.clone().or_else(|| self.first(had, installed));
        if let Some(name) = known {
            let group = match &flags.storage_resource_group {
                Some(group) => Some(group.clone()),
                None => self.group_of_account(&name)?,
            };
            return Ok((name, self.group(group)?));
        }
        let existing: Vec<&Listed> = self.world.accounts_in(self.region).collect();
        let items = offered(&self.names.account(), &existing);
        let at = self.picker.choose(
            "Which storage account should store the backups?",
            &items,
            "--storage-account NAME",
        )?;
        if let Some((Ok(name), group)) = at.checked_sub(1).and_then(|at| existing.get(at)).map(|own| taken(own)) {
            return Ok((name, group));
        }
        let flag = "--storage-account NAME";
        let name: StorageAccountName =
            self.picker
                .name("Name of the new storage account", &self.names.account(), flag)?;
        let group = self.group(flags.storage_resource_group.clone())?;
        self.must_be_new(name.as_str(), &group)?;
        Ok((name, group))
    }

    /// The resource group of an account that is known by name: the file's, or where the account of the installed extension is,
    /// or where one exists among the resource groups of this setup. A new one is created in the file's again.
    fn group_of_account(&self, name: &StorageAccountName) -> Outcome<Option<ResourceGroupName>> {
        let base = self.base.map(|base| &base.storage);
        let had = base.map(|storage| storage.resource_group.clone());
        let accounts = &self.world.accounts;
        let found = match base {
            Some(storage) if storage.account == *name => None,
            _ if self.installed(extension_settings::ACCOUNT) == Some(name.as_str()) => {
                group_of(accounts, name.as_str())
            }
            _ => self.adopted(accounts, &adopted::ACCOUNT, name.as_str(), None)?,
        };
        Ok(found.or(had))
    }

    /// The group of account and vault.
    fn group(&self, known: Option<ResourceGroupName>) -> Outcome<ResourceGroupName> {
        let said = known.or_else(|| self.flags.vault_resource_group.clone());
        match said {
            Some(group) => Ok(group),
            None => self.any_group(
                "Which resource group should contain the storage account and the vault?",
                &self.names.group(),
                "--storage-resource-group NAME",
                |group| groups::for_backups(self.world, self.cluster, group),
            ),
        }
    }

    fn any_group(
        &self,
        question: &str,
        default: &str,
        flag: &str,
        rank: impl Fn(&Listed) -> Rank,
    ) -> Outcome<ResourceGroupName> {
        let offers = groups::offers(self.world, rank);
        let items: Vec<String> = offers.iter().map(|offer| offer.text(default)).collect();
        let at = self.picker.choose(question, &items, flag)?;
        match offers.get(at) {
            Some(Offer::Existing(group)) => {
                self.picker.tell(|| {
                    let name = &group.name;
                    format!(
                        "resource group {name} was chosen because the signed-in account can't create one; to use another one: {flag}"
                    )
                });
                Picker::silent().name(question, &group.name, flag)
            }
            Some(Offer::New { .. }) | None => self.picker.name("Name of the new resource group", default, flag),
        }
    }

    fn snapshot_group(&self, backups: &ResourceGroupName) -> Outcome<ResourceGroupName> {
        let protected = self.world.protected.as_ref().and_then(|own| own.snapshot_group.clone());
        let base = self.of_file().map(|base| base.snapshots.resource_group.clone());
        match self.flags.snapshot_group.clone().or(base).or(protected) {
            Some(group) => Ok(group),
            None => self.any_group(
                "Resource group for disk snapshots? (It can't be changed later.)",
                &self.names.snapshot_group(),
                "--snapshot-group NAME",
                |group| groups::for_snapshots(self.cluster, backups, group),
            ),
        }
    }

    fn extension(&self) -> Outcome<ExtensionTarget> {
        let live = self.world.extension.as_ref();
        let installed = live.and_then(|own| own.name.parse().ok());
        let base = self.base.map(|base| base.extension.clone());
        let known = base.as_ref().map(|base| base.name.clone());
        let name = match self.flags.extension.clone().or(known).or(installed) {
            Some(name) => name,
            None => Picker::silent().name("Extension", EXTENSION, "--extension NAME")?,
        };
        let mut target = ExtensionTarget {
            name: name.clone(),
            ..base.unwrap_or_else(|| ExtensionTarget::new(name))
        };
        // What the file says of one that exists is a wish; without a file, and where Azure's settings are asked for, those are.
        if let (Some(live), None) = (live, self.of_file()) {
            extension_drift::adopted(&mut target, live);
        }
        Ok(target)
    }

    fn instance(&self) -> Outcome<InstanceTarget> {
        self.must_be_held()?;
        let (flags, base) = (self.flags, self.of_file().map(|base| &base.instance));
        let protected = self.world.protected.as_ref().map(|own| own.instance.clone());
        let name = match flags
            .instance
            .clone()
            .or_else(|| base.map(|base| base.name.clone()))
            .or(protected)
        {
            Some(name) => name,
            None => Picker::silent().name("Backup instance", &self.names.instance(), "--instance NAME")?,
        };
        let live = self.world.protected.as_ref();
        let friendly = flags
            .friendly_name
            .clone()
            .or_else(|| base.map(|base| base.friendly_name.clone()))
            .or_else(|| values::friendly_name(live?.friendly_name.as_deref()?).ok());
        let volumes = either(flags.snapshot_volumes, flags.no_snapshot_volumes)
            .or_else(|| base.map(|base| base.snapshot_volumes))
            .or_else(|| live?.snapshot_volumes);
        let scope = either(flags.cluster_scope_resources, flags.no_cluster_scope_resources)
            .or_else(|| base.map(|base| base.include_cluster_scope_resources))
            .or_else(|| live?.cluster_scope);
        let (included_namespaces, excluded_namespaces) = self.namespaces(base);
        let filters = match base {
            Some(base) => Filters::of_target(base),
            None => live.map(|own| own.filters.clone()).unwrap_or_default(),
        };
        Ok(InstanceTarget {
            name,
            friendly_name: friendly.unwrap_or_else(|| format!("{}/aks-backup", self.cluster.name())),
            snapshot_volumes: volumes.unwrap_or(true),
            include_cluster_scope_resources: scope.unwrap_or(true),
            included_namespaces,
            excluded_namespaces,
            label_selectors: filters.labels,
            included_resource_types: filters.included_types,
            excluded_resource_types: filters.excluded_types,
            included_volume_types: filters.volume_types,
            backup_hooks: filters.hooks,
        })
    }

    /// Fails where the live settings are asked for and the file can't hold them: with a filter left out, the next `protect` would change
    /// what is backed up.
    fn must_be_held(&self) -> Outcome<()> {
        let unheld = self
            .world
            .protected
            .as_ref()
            .map(|own| own.unheld.join(", "))
            .unwrap_or_default();
        match (unheld.is_empty(), self.flags.from_azure) {
            (true, _) => Ok(()),
            (false, true) => Failure::failed(format!(
                "the state file can't represent these settings of the backup instance: {unheld}"
            ))
            .because("nothing was written, because the next protect would change what is backed up")
            .hint("keep the target as it is, or change these settings in Azure")
            .err(),
            (false, false) => {
                self.picker
                    .tell(|| format!("the state file can't represent these settings of the backup instance: {unheld}"));
                Ok(())
            }
        }
    }

    /// Included and excluded namespaces. Both lists come from one place, since one of them means nothing without the other.
    fn namespaces(&self, base: Option<&InstanceTarget>) -> (Vec<NamespaceName>, Vec<NamespaceName>) {
        let (included, excluded) = (&self.flags.include_namespace, &self.flags.exclude_namespace);
        if !included.is_empty() || !excluded.is_empty() {
            return (included.clone(), excluded.clone());
        }
        if let Some(base) = base {
            return (base.included_namespaces.clone(), base.excluded_namespaces.clone());
        }
        let live = self.world.protected.as_ref().map(|own| own.namespaces.clone());
        live.unwrap_or_default()
    }
}

/// A new one first, called `name` unless that is there, then what exists.
fn offered(name: &str, existing: &[&Listed]) -> Vec<String> {
    let new = match existing.iter().any(|own| own.name.eq_ignore_ascii_case(name)) {
        true => "a new one".to_owned(),
        false => format!("a new one, {name}"),
    };
    let existing = existing
        .iter()
        .map(|own| format!("{} in {}", own.name, own.id.resource_group()));
    std::iter::once(new).chain(existing).collect()
}

fn taken<T: std::str::FromStr>(own: &Listed) -> (Result<T, T::Err>, ResourceGroupName) {
    (own.name.parse(), own.id.resource_group())
}
