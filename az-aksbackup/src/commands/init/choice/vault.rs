//! Decides vault and policy.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PolicyName, ResourceGroupName, ResourceId, VaultName};
use aksbackup_shared::state::schema::{PolicyTarget, VaultTarget};

use super::{Choice, offered, taken};
use crate::arm::inventory::{self, Listed};
use crate::arm::vaults;
use crate::commands::init::names;
use crate::commands::init::pick::Picker;
use crate::commands::init::world::group_of;

impl Choice<'_> {
    /// The vault; a new one lies beside the storage account.
    pub(super) fn vault(&self, storage_group: &ResourceGroupName) -> Outcome<VaultTarget> {
        let (flags, base) = (self.flags, self.base.map(|base| &base.vault));
        let (name, resource_group) = self.vault_place(storage_group)?;
        let word = |said: Option<&'static str>, had: Option<&String>, default: &str| {
            said.map(str::to_owned)
                .or_else(|| had.cloned())
                .unwrap_or_else(|| default.to_owned())
        };
        Ok(VaultTarget {
            name,
            resource_group,
            redundancy: word(
                flags.redundancy.map(|own| own.word()),
                base.map(|base| &base.redundancy),
                "LocallyRedundant",
            ),
            soft_delete: word(
                flags.soft_delete.map(|own| own.word()),
                base.map(|base| &base.soft_delete),
                "On",
            ),
            soft_delete_days: flags
                .soft_delete_days
                .or_else(|| base.map(|base| base.soft_delete_days))
                .unwrap_or(14),
        })
    }

    fn vault_place(&self, storage_group: &ResourceGroupName) -> Outcome<(VaultName, ResourceGroupName)> {
        let flags = self.flags;
        let protected = self.world.protected.as_ref().map(|own| (&own.vault, &own.vault_group));
        let known = self
            .base
            .map(|base| (&base.vault.name, &base.vault.resource_group))
            .or(protected);
        if let Some(name) = flags.vault.clone().or_else(|| known.map(|(name, _)| name.clone())) {
            let own = known
                .filter(|(vault, _)| **vault == name)
                .map(|(_, group)| group.clone());
            let group = flags
                .vault_resource_group
                .clone()
                .or(own)
                .or_else(|| group_of(&self.world.vaults, name.as_str()));
            return Ok((name, group.unwrap_or_else(|| storage_group.clone())));
        }
        let existing: Vec<&Listed> = self.world.vaults_in(self.region).collect();
        let items = offered(&self.names.vault(), &existing);
        let at = self.picker.choose("Which Backup vault?", &items, "--vault NAME")?;
        if let Some((Ok(name), group)) = at.checked_sub(1).and_then(|at| existing.get(at)).map(|own| taken(own)) {
            return Ok((name, group));
        }
        let flag = "--vault NAME";
        let name: VaultName = self.picker.name("Name of the new vault", &self.names.vault(), flag)?;
        let own = group_of(&self.world.vaults, name.as_str());
        let group = flags.vault_resource_group.clone().or(own);
        Ok((name, group.unwrap_or_else(|| storage_group.clone())))
    }

    /// The policy of `vault`.
    pub(super) async fn policy(&self, vault: &VaultTarget) -> Outcome<PolicyTarget> {
        let (flags, base) = (self.flags, self.base.map(|base| &base.policy));
        let preset = flags.schedule.is_some() || flags.retention.is_some() || flags.vault_tier_retention.is_some();
        let had = |value: Option<&String>, default: &str| value.cloned().unwrap_or_else(|| default.to_owned());
        let schedule = flags
            .schedule
            .clone()
            .unwrap_or_else(|| had(base.map(|base| &base.schedule), "P1D"));
        let retention = flags
            .retention
            .clone()
            .unwrap_or_else(|| had(base.map(|base| &base.retention), "P7D"));
        let old = base.and_then(|base| base.vault_tier_retention.clone());
        let vault_tier_retention = flags.vault_tier_retention.clone().or(old);
        let file = self
            .policy_file
            .clone()
            .or_else(|| base.filter(|_| !preset).and_then(|base| base.file.clone()));
        let default = match &file {
            Some(_) => "aks-own".to_owned(),
            None => names::policy(&schedule, &retention, vault_tier_retention.as_deref()),
        };
        let name = self
            .policy_name(vault, &default, preset || self.policy_file.is_some())
            .await?;
        Ok(PolicyTarget {
            name,
            schedule,
            retention,
            vault_tier_retention,
            file,
        })
    }

    /// The policy's name. Azure does not let a policy for AKS be changed, so that other rules make another default name.
    async fn policy_name(&self, vault: &VaultTarget, default: &str, preset: bool) -> Outcome<PolicyName> {
        let flag = "--policy NAME";
        let base = self.base.map(|base| &base.policy);
        let automatic = base.is_some_and(|base| {
            let own = names::policy(&base.schedule, &base.retention, base.vault_tier_retention.as_deref());
            base.name.as_str() == own
        });
        let had = base.filter(|_| !(preset && automatic)).map(|base| base.name.clone());
        let protected = self
            .world
            .protected
            .as_ref()
            .filter(|own| !preset && own.vault == vault.name);
        let protected = protected.and_then(|own| own.policy.clone());
        if let Some(name) = self.flags.policy.clone().or(had).or(protected) {
            return Ok(name);
        }
        let exists = group_of(&self.world.vaults, vault.name.as_str()).is_some();
        if preset || !exists {
            return Picker::silent().name("Policy", default, flag);
        }
        let id = ResourceId::group(&self.cluster.subscription(), &vault.resource_group)
            .resource(vaults::KIND, vault.name.as_str());
        let mut items: Vec<String> = inventory::policies(self.reader, &id)
            .await?
            .into_iter()
            .filter(|policy| policy.is_for_clusters() && policy.name != default)
            .map(|policy| policy.name)
            .collect();
        items.insert(0, default.to_owned());
        let at = self.picker.choose("Which policy?", &items, flag)?;
        Picker::silent().name("Policy", items.get(at).map_or(default, String::as_str), flag)
    }
}
