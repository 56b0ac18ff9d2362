//! Decides what a name without a resource group refers to. Anyone can give a resource such a name, so it is looked up only in the
//! resource groups of this setup; elsewhere the resource group must be named, or confirmed at the prompt.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ResourceGroupName, SubscriptionId};

use super::Choice;
use crate::arm::inventory::Listed;
use crate::commands::init::world::{groups_of, is_in};

/// A kind of resource with the flags that name one.
pub(super) struct Kind {
    noun: &'static str,
    name_flag: &'static str,
    group_flag: &'static str,
}

/// Storage accounts.
pub(super) const ACCOUNT: Kind = Kind {
    noun: "storage account",
    name_flag: "--storage-account",
    group_flag: "--storage-resource-group",
};

/// Backup vaults.
pub(super) const VAULT: Kind = Kind {
    noun: "Backup vault",
    name_flag: "--vault",
    group_flag: "--vault-resource-group",
};

impl Choice<'_> {
    /// Returns the resource group of the listed resource that has the name; `None` if there is none. `near` is where a new one
    /// would be created.
    ///
    /// # Errors
    /// Exit 2: it exists only outside the resource groups of this setup, and no flag or answer adopts it.
    pub(super) fn adopted(
        &self,
        listed: &[Listed],
        kind: &Kind,
        name: &str,
        near: Option<&ResourceGroupName>,
    ) -> Outcome<Option<ResourceGroupName>> {
        let mut own = near.into_iter().chain(self.own_groups());
        if let Some(group) = own.find(|group| is_in(listed, name, group)) {
            return Ok(Some(group.clone()));
        }
        let cluster = self.cluster.resource_group();
        if is_in(listed, name, &cluster) {
            return Ok(Some(cluster));
        }
        self.elsewhere(listed, kind, name)
    }

    /// Returns the resource group of a listed resource that isn't in the resource groups of this setup, if it is adopted at the prompt.
    ///
    /// # Errors
    /// As [`Choice::adopted`].
    pub(super) fn elsewhere(&self, listed: &[Listed], kind: &Kind, name: &str) -> Outcome<Option<ResourceGroupName>> {
        let elsewhere = groups_of(listed, name);
        for group in &elsewhere {
            let question = format!("{} {name} exists in resource group {group}. Use it?", kind.noun);
            match self.picker.confirm(&question)? {
                Some(true) => return Ok(Some(group.clone())),
                Some(false) => {}
                None => break,
            }
        }
        match elsewhere.first() {
            Some(group) => foreign(kind, name, group, self.vault_subscription.as_ref()).err(),
            None => Ok(None),
        }
    }

    /// Fails if a storage account that is to be created exists in another resource group: its name is unique in all of Azure.
    ///
    /// # Errors
    /// Exit 2: with the resource group, and the flags that use the account.
    pub(super) fn must_be_new(&self, name: &str, group: &ResourceGroupName) -> Outcome<()> {
        let accounts = &self.world.accounts;
        match groups_of(accounts, name).first() {
            Some(other) if !is_in(accounts, name, group) => foreign(&ACCOUNT, name, other, None).err(),
            _ => Ok(()),
        }
    }

    /// The resource groups that flags or the state file name.
    fn own_groups(&self) -> impl Iterator<Item = &ResourceGroupName> {
        let flags = self.flags;
        let named = [
            &flags.storage_resource_group,
            &flags.vault_resource_group,
            &flags.snapshot_group,
        ];
        let base = self.base.map(|base| {
            [
                &base.storage.resource_group,
                &base.vault.resource_group,
                &base.snapshots.resource_group,
            ]
        });
        named.into_iter().flatten().chain(base.into_iter().flatten())
    }
}

fn foreign(kind: &Kind, name: &str, group: &ResourceGroupName, vault: Option<&SubscriptionId>) -> Failure {
    let Kind {
        noun,
        name_flag,
        group_flag,
    } = kind;
    let own = vault.filter(|_| *noun == VAULT.noun);
    let subscription = own.map(|own| format!(" --vault-subscription {own}"));
    Failure::usage(format!("{noun} {name} exists in resource group {group}"))
        .because("it might belong to another team, so it isn't selected by name alone")
        .hint(fix![
            format!("choose another name with {name_flag} NAME, or use this one: "),
            az(format!(
                "init {name_flag} {name} {group_flag} {group}{}",
                subscription.unwrap_or_default()
            ))
        ])
}
