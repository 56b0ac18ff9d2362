//! Policies that this tool created, and that no backup instance uses any more.
//!
//! Azure doesn't let the rules of a policy for AKS change, so that each change leaves a policy behind. One is deleted only if the state
//! file records its creation, Azure confirms it, by the tag of its vault or by a name that is derived of exactly its rules, and no
//! instance of the vault uses it, not even a soft-deleted one that can be undeleted.
//!
//! Permissions: `Microsoft.DataProtection/backupVaults/{read,backupInstances/read,deletedBackupInstances/read}` and
//! `…/backupPolicies/{read,delete}` on the vault.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, State, Target};
use aksbackup_shared::step::{Applied, ChangeNote, Right};
use serde_json::Value;

use crate::arm::backups::{self, Instance};
use crate::arm::client::{Reader, Writer};
use crate::arm::{inventory, marker, vaults};
use crate::checks::policy::naming;
use crate::platform;
use crate::steps::turns;
use crate::target_ids;

/// A policy of the vault that the file says this tool created, other than the target's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Old {
    /// Its ID.
    pub(crate) policy: ResourceId,
    /// Whether the cluster's own instance uses it.
    pub(crate) in_use: bool,
    /// Why it stays, in words, whatever the cluster's own instance uses.
    pub(crate) kept: Option<String>,
}

/// What the vault has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Policies {
    /// The names of all policies.
    names: Vec<String>,
    /// Those that can be left over.
    pub(crate) old: Vec<Old>,
}

impl Policies {
    /// The deletions that are left once the cluster's instance uses the target's policy: `repointed` says that it does or is about to.
    pub(crate) fn removals(&self, repointed: bool) -> Vec<Removal> {
        let free = |old: &&Old| old.kept.is_none() && (repointed || !old.in_use);
        let all = self.old.iter().filter(free);
        all.map(|old| Removal {
            policy: old.policy.clone(),
        })
        .collect()
    }

    /// What is said of those that stay.
    pub(crate) fn left(&self) -> Vec<String> {
        let why = |old: &Old| Some(format!("policy {} is kept: {}", old.policy.name(), old.kept.as_ref()?));
        self.old.iter().filter_map(why).collect()
    }

    /// Drops the records of policies that are gone.
    pub(crate) fn forget(&self, target: &Target, tables: &mut CloudTables) {
        let vault = target_ids::vault(target);
        platform::forget(tables, |made| {
            made.step == StepName::VaultAndPolicy
                && policy_of(&vault, &made.object)
                    .is_some_and(|own| !self.names.iter().any(|name| same(name, own.name())))
        });
    }
}

/// The ID of a policy of this vault in a record.
fn policy_of(vault: &ResourceId, object: &str) -> Option<ResourceId> {
    let name = object.rsplit('/').next().filter(|name| !name.is_empty())?;
    let policy = vault.child("backupPolicies", name);
    same(policy.as_str(), object).then_some(policy)
}

/// Reads what the vault has.
///
/// # Errors
/// As the reads: what the account can't read isn't assumed to be unused.
pub(crate) async fn look(reader: &Reader, state: &State, target: &Target) -> Outcome<Policies> {
    let id = target_ids::vault(target);
    let (vault, policies, live, deleted) = futures::join!(
        vaults::vault(reader, &id),
        inventory::policies(reader, &id),
        backups::in_vault(reader, &id),
        backups::deleted_in(reader, &id),
    );
    let Some(vault) = vault? else {
        return Ok(Policies::default());
    };
    let (policies, live, deleted) = (policies?, live?, deleted?);
    let wanted = target_ids::policy(target);
    let made = state.cloud.created.iter().chain(&state.cloud.intents);
    let mut candidates: Vec<ResourceId> = made.filter_map(|made| policy_of(&id, &made.object)).collect();
    candidates.sort_by_key(|own| own.as_str().to_ascii_lowercase());
    candidates.dedup();
    let old = candidates
        .into_iter()
        .filter(|own| *own != wanted)
        .filter_map(|policy| {
            let found = policies.iter().find(|own| same(&own.name, policy.name()))?;
            let uses = |own: &&Instance| same(&own.properties.policy_info.policy_id, policy.as_str());
            let (own, others): (Vec<&Instance>, Vec<&Instance>) =
                live.iter().filter(uses).partition(|own| own.protects(&target.cluster));
            let deleted = deleted.iter().filter(uses);
            let is_ours = is_ours(vault.tags.as_ref(), target, &policy, &found.properties);
            Some(Old {
                kept: why_kept(is_ours, &others, deleted),
                in_use: !own.is_empty(),
                policy,
            })
        });
    Ok(Policies {
        old: old.collect(),
        names: policies.iter().map(|own| own.name.clone()).collect(),
    })
}

fn why_kept<'a>(is_ours: bool, others: &[&Instance], deleted: impl Iterator<Item = &'a Instance>) -> Option<String> {
    if !is_ours {
        return Some("nothing in Azure confirms that this tool created it".to_owned());
    }
    if let Some(other) = others.first() {
        return Some(format!("backup instance {} uses it", other.id.name()));
    }
    let mut deleted = deleted;
    deleted.next().map(|own| {
        let until = own.purged_on().map(|day| format!(" until {day}")).unwrap_or_default();
        format!(
            "soft-deleted backup instance {}, which can be undeleted{until}, uses it",
            own.id.name()
        )
    })
}

/// Whether Azure confirms that this tool created a policy: its vault was created with it, or name and rules are what this tool derives.
pub(crate) fn is_ours(
    tags: Option<&BTreeMap<String, String>>,
    target: &Target,
    policy: &ResourceId,
    live: &Value,
) -> bool {
    marker::names_policy(tags, &target.cluster, policy) || naming::is_derived(policy.name(), live)
}

/// The deletion of such a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Removal {
    policy: ResourceId,
}

impl Removal {
    /// How people read it.
    pub(crate) fn note(&self, target: &Target) -> ChangeNote {
        let vault = target_ids::vault(target);
        ChangeNote {
            summary: format!(
                "delete backup policy {} in vault {}",
                self.policy.name(),
                vault.with_group()
            ),
            right: Right::new("Microsoft.DataProtection/backupVaults/backupPolicies/delete", vault),
            creates: None,
            warning: None,
            reduces: Vec::new(),
            keeps: None,
        }
    }

    /// Deletes the policy if Azure still says all that it was decided by.
    ///
    /// # Errors
    /// As the requests.
    pub(crate) async fn apply(&self, writer: &Writer, (state, target): (&State, &Target)) -> Outcome<Applied> {
        let now = look(writer.reader(), state, target).await?;
        if !now.removals(false).contains(self) {
            let why = format!(
                "policy {} isn't unused in Azure yet, or is in use again",
                self.policy.name()
            );
            return Ok(Applied::Busy(turns::look_again(why)));
        }
        let title = self.note(target).summary;
        Ok(vaults::delete_policy(writer, &self.policy)
            .await?
            .deleted(writer, title))
    }
}
