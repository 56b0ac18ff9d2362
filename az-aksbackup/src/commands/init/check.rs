//! Asks Azure whether a target can work, before it is written down.

use std::path::{Path, PathBuf};

use aksbackup_shared::command_line::az;
use aksbackup_shared::digest::Digest;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::regular;
use aksbackup_shared::schema::{State, Target};
use serde_json::Value;

use super::settings::Fixed;
use super::world::{World, group_of};
use crate::arm::client::Reader;
use crate::arm::storage::Account;
use crate::arm::{groups, inventory, storage, vaults};
use crate::checks::account;
use crate::checks::creation_settings;
use crate::checks::policy::has_vault_tier;
use crate::checks::policy_file::{self, MOST_BYTES};
use crate::checks::{subscription_rules, vault_rules};
use crate::target_ids;

/// What of a target is there already; `None` where the caller may not see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Existing {
    pub(super) account: Option<bool>,
    /// Whether the extension stores backups in an account that doesn't exist any more.
    pub(super) account_is_gone: bool,
    pub(super) vault: Option<bool>,
    pub(super) policy: Option<bool>,
    pub(super) storage_group: Option<bool>,
    pub(super) vault_group: Option<bool>,
    pub(super) snapshot_group: Option<bool>,
    /// What Azure has of the keys that can't be changed once it has something.
    pub(super) kept: Vec<(&'static str, String)>,
}

impl Existing {
    /// Returns what can't be set any more.
    pub(super) fn fixed(&self, world: &World) -> Fixed {
        Fixed {
            policy: self.policy == Some(true),
            vault: self.vault == Some(true),
            account: self.account == Some(true),
            instance: world.protected.is_some(),
            extension: world.extension.is_some(),
        }
    }

    /// Takes the SKU of an account that exists into the target, which Azure doesn't change, unless a flag says another one.
    pub(super) fn adopt(&self, is_said: bool, target: &mut Target) {
        let sku = self.kept.iter().find(|(key, _)| *key == creation_settings::SKU);
        if let Some((_, sku)) = sku.filter(|_| !is_said) {
            target.storage.sku.clone_from(sku);
        }
    }
}

/// Checks names, regions and kinds of what the target names.
///
/// # Errors
/// Something that exists will not do, or a name is taken by somebody else.
pub(super) async fn check(reader: &Reader, target: &Target, world: &World) -> Outcome<Existing> {
    let (vault_id, policy_id) = (target_ids::vault(target), target_ids::policy(target));
    let (account, vault, policy) = futures::join!(
        check_account(reader, target, world),
        vaults::vault(reader, &vault_id),
        vaults::policy(reader, &policy_id),
    );
    let vault_group = foreign_group(reader, target).await?;
    let vault = seen(vault)?;
    let policy = seen(policy)?;
    if let Some(Some(vault)) = &vault {
        vault_rules::usable(vault, target)?;
    }
    if let Some(Some(policy)) = &policy {
        usable_policy(policy, target)?;
    }
    let has_group = |name| (!world.groups.is_empty()).then(|| world.has_group(name));
    let account = account?;
    let kept = creation_settings::live(
        account.as_ref().and_then(Option::as_ref),
        vault.as_ref().and_then(Option::as_ref),
    );
    let account = account.map(|own| own.is_some());
    let extension = world.extension.as_slice();
    let gone = account::vanished(&State::default(), target, extension, (false, false)).is_some();
    Ok(Existing {
        account,
        account_is_gone: account == Some(false) && gone,
        vault: vault.map(|vault| vault.is_some()),
        policy: policy.map(|policy| policy.is_some()),
        storage_group: has_group(&target.storage.resource_group),
        vault_group: vault_group.unwrap_or_else(|| has_group(&target.vault.resource_group)),
        snapshot_group: has_group(&target.snapshots.resource_group),
        kept,
    })
}

/// Whether the group of a vault in another subscription is there. That subscription has to be one that a vault can be in.
async fn foreign_group(reader: &Reader, target: &Target) -> Outcome<Option<Option<bool>>> {
    let Some(id) = target.foreign_subscription() else {
        return Ok(None);
    };
    let group = target_ids::vault_group(target);
    let (own, group) = futures::join!(groups::subscription(reader, id), groups::group(reader, &group));
    let own = own.map_err(|failure| subscription_rules::in_tenant(id.as_str(), failure));
    match seen(own)? {
        Some(Some(own)) => subscription_rules::of_vault(id, &own, target)?,
        Some(None) => return Err(Box::new(subscription_rules::absent(id))),
        None => {}
    }
    Ok(Some(seen(group)?.map(|group| group.is_some())))
}

/// A read, `None` where the caller may not.
pub(super) fn seen<T>(read: Outcome<T>) -> Outcome<Option<T>> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.exit == Exit::NotPermitted => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// The account; `None` if the signed-in account isn't authorized to read it.
async fn check_account(reader: &Reader, target: &Target, world: &World) -> Outcome<Option<Option<Account>>> {
    match seen(storage::account(reader, &target_ids::account(target)).await)? {
        None => Ok(None),
        Some(Some(account)) => account::usable(&account, target).map(|()| Some(Some(account))),
        Some(None) => {
            let name = &target.storage.account;
            if let Some(group) = group_of(&world.accounts, name.as_str()) {
                return Failure::missing(format!(
                    "storage account {name} is in resource group {group}, not in {}",
                    target.storage.resource_group
                ))
                .hint(az(format!(
                    "init --storage-account {name} --storage-resource-group {group}"
                )))
                .err();
            }
            let refusal = seen(storage::refusal_of_name(reader, &target.subscription, name).await)?;
            match refusal.flatten() {
                None => Ok(Some(None)),
                Some(why) => {
                    let failure = Failure::failed(format!("storage account name {name} isn't available")).because(why);
                    account::other_name(failure).err()
                }
            }
        }
    }
}

fn usable_policy(policy: &Value, target: &Target) -> Outcome<()> {
    if inventory::is_for_clusters(policy) {
        return Ok(());
    }
    Failure::failed(format!(
        "policy {} in vault {} isn't for AKS clusters",
        target.policy.name,
        target_ids::vault(target).with_group()
    ))
    .because(format!("its data source type is {}", policy["datasourceTypes"]))
    .hint(fix!["choose another policy, or a new name: ", az("init --policy NAME")])
    .err()
}

/// A policy file as the state file keeps it.
#[derive(Debug, Clone)]
pub(super) struct PolicyFile {
    /// Relative to the state file.
    pub(super) path: String,
    /// Of its content.
    pub(super) digest: Digest,
    /// Whether it copies backups to the vault tier.
    pub(super) vault_tier: bool,
}

/// Checks a policy file, which must be in the folder of the state file or below it.
///
/// # Errors
/// Exit 2: it cannot be read, is no JSON, is no policy for AKS clusters, or is elsewhere.
pub(super) fn policy_file(file: &Path, state: &Path) -> Outcome<PolicyFile> {
    let unusable = |why: String| Failure::usage(format!("cannot use policy file {}", file.display())).because(why);
    let text = regular::read(file, MOST_BYTES).or_else(|error| unusable(error.to_string()).err())?;
    let asked = policy_file::parse(&String::from_utf8_lossy(&text), &file.display().to_string())?;
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute(state)
        .parent()
        .map(Path::to_owned)
        .unwrap_or_else(PathBuf::new);
    let file = absolute(file);
    match file.strip_prefix(&folder) {
        Ok(path) => Ok(PolicyFile {
            path: path.display().to_string(),
            digest: Digest::of_bytes(&text),
            vault_tier: has_vault_tier(&asked.properties),
        }),
        Err(_) => unusable(format!(
            "the file must be in {} or a subdirectory, so that it can be passed on with the state file",
            folder.display()
        ))
        .err(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::policy::tests::made;
    use serde_json::json;

    #[test]
    fn a_policy_for_disks_is_refused() {
        let target = target_ids::tests::example();
        assert!(usable_policy(&json!({ "datasourceTypes": ["Microsoft.Compute/disks"] }), &target).is_err());
    }

    #[test]
    fn a_policy_file_is_checked_and_kept_relative_to_the_state_file() {
        let folder = std::env::temp_dir().join(format!("aksbackup-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir_all(folder.join("policies")).unwrap();
        let (file, state) = (folder.join("policies/own.json"), folder.join("aksbackup.toml"));
        std::fs::write(&file, made(|_| ()).to_string()).unwrap();
        assert_eq!(policy_file(&file, &state).unwrap().path, "policies/own.json");
        // Fails before: a retention that Azure doesn't keep was written down.
        let long = made(|_| ()).to_string().replace("P7D", "P400D");
        std::fs::write(&file, long).unwrap();
        let failure = policy_file(&file, &state).unwrap_err();
        assert!(failure.why[0].contains("deleteAfter.duration is P400D"), "{failure}");
        std::fs::write(&file, "{}").unwrap();
        assert_eq!(policy_file(&file, &state).unwrap_err().exit, Exit::Usage);
        assert_eq!(policy_file(&folder.join("none"), &state).unwrap_err().exit, Exit::Usage);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
