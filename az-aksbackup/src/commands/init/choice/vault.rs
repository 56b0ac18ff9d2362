//! Decides vault and policy.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PolicyName, ResourceGroupName, ResourceId, VaultName};
use aksbackup_shared::schema::{PolicyTarget, VaultTarget};

use super::{Choice, adopted, offered, taken};
use crate::arm::inventory::{self, Listed};
use crate::arm::marker;
use crate::arm::vaults::{self, Vault};
use crate::checks::policy::{self, naming, retention};
use crate::checks::vault_drift;
use crate::commands::init::check;
use crate::commands::init::pick::Picker;
use crate::commands::init::world::is_in;

impl Choice<'_> {
    /// The vault; a new one lies beside the storage account. One that exists keeps its settings, which the file then has.
    pub(super) async fn vault(&self, storage_group: &ResourceGroupName) -> Outcome<VaultTarget> {
        let (flags, base) = (self.flags, self.base.map(|base| &base.vault));
        let (name, resource_group) = self.vault_place(storage_group)?;
        let same = base.filter(|base| base.name == name && base.resource_group == resource_group);
        let same = same.filter(|base| base.subscription == self.vault_subscription);
        let live = match same {
            Some(_) if !flags.from_azure => None,
            _ => self.existing_vault(&resource_group, &name).await?,
        };
        let live = live.as_ref();
        let word = |said: Option<&'static str>, live: Option<String>, had: Option<&String>, default: &str| {
            said.map(str::to_owned)
                .or(live)
                .or_else(|| had.cloned())
                .unwrap_or_else(|| default.to_owned())
        };
        let protected = self.world.protected.as_ref().filter(|own| own.vault == name);
        let identity = match self.of_file() {
            Some(base) => base.vault.identity.clone(),
            None => protected.and_then(|own| own.identity.clone()),
        };
        let mut target = VaultTarget {
            identity,
            name,
            resource_group,
            immutability: base.and_then(|base| base.immutability.clone()),
            cross_region_restore: base.and_then(|base| base.cross_region_restore),
            cross_subscription_restore: base.and_then(|base| base.cross_subscription_restore.clone()),
            job_failure_alerts: base.and_then(|base| base.job_failure_alerts),
            subscription: self.vault_subscription.clone(),
            redundancy: word(
                flags.redundancy.map(|own| own.word()),
                live.and_then(|own| own.redundancy()).map(str::to_owned),
                base.map(|base| &base.redundancy),
                "LocallyRedundant",
            ),
            soft_delete: word(
                flags.soft_delete.map(|own| own.word()),
                live.and_then(|own| own.soft_delete()).map(reversible),
                base.map(|base| &base.soft_delete),
                "On",
            ),
            soft_delete_days: flags
                .soft_delete_days
                .or_else(|| live?.soft_delete_days())
                .or_else(|| base.map(|base| base.soft_delete_days))
                .unwrap_or(14),
        };
        if let Some(live) = live {
            let id = self.vault_id(&target.resource_group, &target.name);
            // The file that created the vault had alerts, unless someone decided otherwise.
            if base.is_none()
                && marker::is_in(live.tags.as_ref(), self.cluster, &id)
                && live.alerts() == Some("Enabled")
            {
                target.job_failure_alerts = Some(true);
            }
            vault_drift::adopted(&mut target, live, flags.from_azure);
        }
        Ok(target)
    }

    /// A vault that is known to exist; one that cannot be read is as if it were not there.
    async fn existing_vault(&self, group: &ResourceGroupName, name: &VaultName) -> Outcome<Option<Vault>> {
        let protected = self.world.protected.as_ref();
        let is_known = is_in(&self.world.vaults, name.as_str(), group)
            || protected.is_some_and(|own| own.vault == *name && own.vault_group == *group);
        match is_known {
            true => Ok(check::seen(vaults::vault(self.reader, &self.vault_id(group, name)).await)?.flatten()),
            false => Ok(None),
        }
    }

    fn vault_id(&self, group: &ResourceGroupName, name: &VaultName) -> ResourceId {
        let own = self
            .vault_subscription
            .clone()
            .unwrap_or_else(|| self.cluster.subscription());
        ResourceId::group(&own, group).resource(vaults::KIND, name.as_str())
    }

    fn vault_place(&self, storage_group: &ResourceGroupName) -> Outcome<(VaultName, ResourceGroupName)> {
        let flags = self.flags;
        let protected = self.world.protected.as_ref().map(|own| (&own.vault, &own.vault_group));
        let base = self.base.map(|base| (&base.vault.name, &base.vault.resource_group));
        // Where Azure's settings are asked for, the vault that protects the cluster is the right one, whatever the file has.
        let known = self.first(base, protected);
        if let Some(name) = flags.vault.clone().or_else(|| known.map(|(name, _)| name.clone())) {
            let own = [known, base, protected]
                .into_iter()
                .flatten()
                .find(|(vault, _)| **vault == name);
            let group = match flags.vault_resource_group.as_ref().or(own.map(|(_, group)| group)) {
                Some(group) => Some(group.clone()),
                None => match &self.vault_subscription {
                    // A resource group of the same name in another subscription isn't one of this setup.
                    Some(_) => self.elsewhere(&self.world.vaults, &adopted::VAULT, name.as_str())?,
                    None => self.adopted(&self.world.vaults, &adopted::VAULT, name.as_str(), Some(storage_group))?,
                },
            };
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
        // Vault names are unique only within a resource group: one of this name elsewhere isn't in the way.
        let group = flags.vault_resource_group.clone();
        Ok((name, group.unwrap_or_else(|| storage_group.clone())))
    }

    /// The policy of `vault`. One that exists keeps its rules, which the file then has.
    pub(super) async fn policy(&self, vault: &VaultTarget) -> Outcome<PolicyTarget> {
        let (flags, base) = (self.flags, self.of_file().map(|base| &base.policy));
        let preset = flags.schedule.is_some() || flags.retention.is_some() || flags.vault_tier_retention.is_some();
        let mut target = match base {
            Some(base) => base.clone(),
            None => daily()?,
        };
        let said = |value: &mut String, flag: &Option<String>| flag.iter().for_each(|own| value.clone_from(own));
        said(&mut target.schedule, &flags.schedule);
        said(&mut target.retention, &flags.retention);
        target.vault_tier_retention = flags.vault_tier_retention.clone().or(target.vault_tier_retention);
        // The file of a policy that the instance still uses describes it better than its default rules.
        let used = self.world.protected.as_ref().and_then(|own| own.policy.as_ref());
        let described = self.base.map(|base| &base.policy).filter(|own| used == Some(&own.name));
        let kept = base
            .or(described.filter(|_| flags.from_azure))
            .filter(|_| !preset)
            .map(|base| (base.file.clone(), base.file_digest.clone(), base.file_vault_tier));
        (target.file, target.file_digest, target.file_vault_tier) = match &self.policy_file {
            Some(own) => (Some(own.path.clone()), Some(own.digest.clone()), own.vault_tier),
            None => kept.unwrap_or_default(),
        };
        if self.policy_file.is_some() {
            // A file has all rules of its policy.
            retention::adopt(&mut target, &retention::Rules::default());
        }
        let default = naming::of_rules(&target);
        let changed = base.is_none_or(|base| base.rules() != target.rules() || base.file_digest != target.file_digest);
        target.name = self
            .policy_name(vault, &default, (preset || self.policy_file.is_some(), changed))
            .await?;
        // What the file has for this very policy is the wish of whoever wrote it; Azure's rules are then compared with it.
        let wished = base.is_some_and(|base| base.name == target.name);
        if !wished && target.file.is_none() {
            self.adopt_rules(vault, &mut target).await?;
        }
        Ok(target)
    }

    /// Takes the rules of the policy, where it exists, for what no flag says.
    async fn adopt_rules(&self, vault: &VaultTarget, target: &mut PolicyTarget) -> Outcome<()> {
        if self.existing_vault(&vault.resource_group, &vault.name).await?.is_none() {
            return Ok(());
        }
        let id = self
            .vault_id(&vault.resource_group, &vault.name)
            .child("backupPolicies", target.name.as_str());
        let Some(live) = check::seen(vaults::policy(self.reader, &id).await)?.flatten() else {
            return Ok(());
        };
        let (facts, flags) = (policy::facts(&live, target.name.as_str())?, self.flags);
        let tier = facts.vault_tier_retention().map(str::to_owned);
        if flags.schedule.is_none() && !facts.schedule.is_empty() {
            target.schedule = facts.schedule;
        }
        if flags.retention.is_none() && !facts.retention.is_empty() {
            target.retention = facts.retention;
        }
        if facts.time != policy::TIME {
            target.time = facts.time.parse().ok();
        }
        let vault_tier_retention = flags.vault_tier_retention.clone().or(tier);
        retention::adopt(target, &facts.first);
        target.vault_tier_retention = vault_tier_retention;
        Ok(())
    }

    async fn policy_exists(&self, vault: &VaultTarget, name: &PolicyName) -> Outcome<bool> {
        let vault = self.vault_id(&vault.resource_group, &vault.name);
        let id = vault.child("backupPolicies", name.as_str());
        Ok(check::seen(vaults::policy(self.reader, &id).await)?.flatten().is_some())
    }

    /// The policy's name. Azure does not let a policy for AKS be changed, so that other rules make another default name.
    async fn policy_name(
        &self,
        vault: &VaultTarget,
        default: &str,
        (preset, changed): (bool, bool),
    ) -> Outcome<PolicyName> {
        let flag = "--policy NAME";
        let base = self.of_file().map(|base| &base.policy);
        // One that exists keeps its rules, so that others need another name.
        let exists = match base.filter(|_| preset && changed) {
            Some(base) => self.policy_exists(vault, &base.name).await?,
            None => false,
        };
        let automatic = exists || base.is_some_and(|base| base.name.as_str() == naming::of_rules(base));
        let had = base
            .filter(|_| !(preset && changed && automatic))
            .map(|base| base.name.clone());
        let protected = self
            .world
            .protected
            .as_ref()
            .filter(|own| !preset && own.vault == vault.name);
        let protected = protected.and_then(|own| own.policy.clone());
        if let Some(name) = self.flags.policy.clone().or(had).or(protected) {
            return Ok(name);
        }
        let exists = is_in(&self.world.vaults, vault.name.as_str(), &vault.resource_group);
        if preset || !exists {
            return Picker::silent().name("Policy", default, flag);
        }
        let id = self.vault_id(&vault.resource_group, &vault.name);
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

/// The policy where nothing is said.
fn daily() -> Outcome<PolicyTarget> {
    let name = Picker::silent().name("Policy", "aks-daily-7d", "--policy NAME")?;
    Ok(PolicyTarget::new(name, "P1D", "P7D"))
}

/// Soft delete of a vault as it would be asked for again: `AlwaysOn` cannot be undone, and is never asked for.
fn reversible(state: &str) -> String {
    match state {
        "AlwaysOn" => "On".to_owned(),
        other => other.to_owned(),
    }
}
