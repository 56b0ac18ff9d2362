//! Policy and vault, at last: Azure deletes a vault only once it has no backup instances and no policies, and one that keeps
//! soft-deleted backups only when they are purged.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/{read,delete}` and `…/backupPolicies/{read,delete}` on the vault.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn, Wait};

use super::data::Fate;
use super::{Common, Memory, deletion, roles};
use crate::arm::client::{Reader, Writer};
use crate::arm::inventory::{self, ListedPolicy};
use crate::arm::marker;
use crate::arm::vaults::{self, Vault};
use crate::arm::visible::Sight;
use crate::checks::own_assignments::vault_principals;
use crate::platform::{self, Azure};
use crate::steps::old_policies;
use crate::target_ids;

/// The step.
pub(crate) struct VaultAndPolicy(pub(crate) Memory);

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    pub(super) vault: Option<Vault>,
    pub(super) policies: Vec<ListedPolicy>,
    /// Scopes outside of the target on which the vault has roles, as far as the account can see them.
    pub(super) elsewhere: Vec<String>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

impl Seen {
    /// Reads the vault, and what tells whose it is and who uses it.
    pub(super) async fn look(common: Common, reader: &Reader) -> Outcome<Self> {
        let id = target_ids::vault(&common.claims.target);
        let (vault, policies) = futures::join!(vaults::vault(reader, &id), inventory::policies(reader, &id));
        let vault = vault?;
        let principals = vault_principals(vault.as_ref());
        let elsewhere = roles::elsewhere(reader, &common.claims.target, &principals).await?;
        Ok(Seen {
            elsewhere: elsewhere.into_iter().map(|(_, scope)| scope).collect(),
            vault,
            // A vault that is gone has none.
            policies: match Sight::of(policies.map(Some))? {
                Sight::Here(policies) => policies,
                Sight::Absent => Vec::new(),
                Sight::Hidden(refusal) => return Err(refusal),
            },
            common,
        })
    }

    /// Why the vault stays; `None` if it is deleted, or gone.
    pub(super) fn stays(&self) -> Option<String> {
        let vault = self.vault.as_ref()?;
        let used = users(self);
        match (ours(self, vault), used.is_empty()) {
            (Err(why), _) => Some(why),
            (Ok(()), false) => Some(used.join(", ")),
            (Ok(()), true) => self
                .keeps_backups(vault)
                .then(|| "it retains the soft-deleted backups".to_owned()),
        }
    }

    /// Whether the vault will keep the backups that are about to be deleted.
    fn keeps_backups(&self, vault: &Vault) -> bool {
        matches!(self.common.fate(), Some(Fate::Going(_))) && vault.soft_delete() != Some("Off")
    }
}

/// What is deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum VaultEnd {
    /// The policy.
    Policy(ResourceId, ResourceId),
    /// The vault; `soft` says that it might have to be kept for soft-deleted backups.
    Vault(ResourceId, bool),
}

impl Change for VaultEnd {
    fn note(&self) -> ChangeNote {
        match self {
            Self::Policy(policy, vault) => deletion(
                format!("delete backup policy {} in vault {}", policy.name(), vault.with_group()),
                "Microsoft.DataProtection/backupVaults/backupPolicies/delete",
                vault,
                None,
            ),
            Self::Vault(vault, soft) => deletion(
                format!("delete Backup vault {}", vault.with_group()),
                "Microsoft.DataProtection/backupVaults/delete",
                vault,
                soft.then(|| {
                    "only if it contains no soft-deleted backups; otherwise, it is kept until they are \
                     purged"
                        .to_owned()
                }),
            ),
        }
    }
}

impl Step for VaultAndPolicy {
    type Platform = Azure;
    type Seen = Seen;
    type Change = VaultEnd;

    fn name(&self) -> StepName {
        StepName::VaultAndPolicy
    }

    fn after(&self) -> &'static [StepName] {
        &[StepName::BackupInstance, StepName::TrustedAccess, StepName::Roles]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self
            .0
            .common(reader, state, |target| vec![target_ids::vault(target)])
            .await?;
        Seen::look(common, reader).await
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<VaultEnd>> {
        let target = &seen.common.claims.target;
        let id = target_ids::vault(target);
        if let Some(decision) = seen.common.gate() {
            return Ok(decision);
        }
        let Some(vault) = &seen.vault else {
            return Ok(Decision::Done(format!("vault {} doesn't exist", id.with_group())));
        };
        if let Err(why) = ours(seen, vault) {
            return Ok(Decision::Done(stays(&id, &why)));
        }
        if let Some("Deleting" | "Updating" | "Provisioning") = vault.properties.provisioning_state.as_deref() {
            return Ok(Decision::Wait(Wait::for_(format!(
                "Backup vault {}: an operation is in progress",
                id.with_group()
            ))));
        }
        let free = seen.policies.iter().filter(|own| is_free(seen, own));
        let policy = |own: &ListedPolicy| VaultEnd::Policy(id.child("backupPolicies", &own.name), id.clone());
        let mut changes: Vec<VaultEnd> = free.map(policy).collect();
        let used = users(seen);
        if used.is_empty() {
            let soft = matches!(seen.common.fate(), Some(Fate::Going(_)));
            changes.push(VaultEnd::Vault(id, soft));
        } else if changes.is_empty() {
            return Ok(Decision::Done(stays(&id, &used.join(", "))));
        }
        seen.common.unlocked(changes)
    }

    async fn apply(&self, writer: &Writer, change: &VaultEnd) -> Outcome<Applied> {
        let title = change.note().summary;
        let delete = async || match change {
            VaultEnd::Policy(policy, _) => {
                let answer = vaults::delete_policy(writer, policy).await?;
                Ok(answer.deleted(writer, title))
            }
            VaultEnd::Vault(vault, _) => {
                let answer = vaults::delete_vault(writer, vault).await?;
                Ok(answer.deleted(writer, title))
            }
        };
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let policy = target_ids::policy(&seen.common.claims.target);
        if seen.vault.is_none() || !seen.policies.iter().any(|own| same(&own.name, policy.name())) {
            tables.vault = None;
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let id = target_ids::vault(&seen.common.claims.target);
        let is_gone = |object: &str| match same(object, id.as_str()) {
            true => seen.vault.is_none(),
            false => {
                let name = object.rsplit('/').next().unwrap_or_default();
                same(object, id.child("backupPolicies", name).as_str())
                    && !seen.policies.iter().any(|own| same(&own.name, name))
            }
        };
        platform::forget(tables, |made| {
            made.step == StepName::VaultAndPolicy && is_gone(&made.object)
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &VaultEnd, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::PlatformTeam, change, failure)
    }
}

/// Whether the vault is this tool's.
///
/// # Errors
/// The reason why it isn't proven to be that, in words.
fn ours(seen: &Seen, vault: &Vault) -> Result<(), String> {
    let (claims, target) = (&seen.common.claims, &seen.common.claims.target);
    let id = target_ids::vault(target);
    if !claims.has_made(id.as_str()) {
        return Err("this tool didn't create it".into());
    }
    match marker::is_in(vault.tags.as_ref(), &target.cluster, &id) {
        true => Ok(()),
        false => Err(format!(
            "nothing in Azure confirms that this tool created it for this cluster: it lacks tag {}",
            marker::TAG
        )),
    }
}

/// Whether this tool created the policy, and no instance uses it, not even a soft-deleted one that can be undeleted.
fn is_free(seen: &Seen, policy: &ListedPolicy) -> bool {
    let target = &seen.common.claims.target;
    let id = target_ids::vault(target).child("backupPolicies", &policy.name);
    let backups = seen.common.backups.here().cloned().unwrap_or_default();
    let going = backups.in_vault.iter().filter(|own| !own.protects(&target.cluster));
    let mut users = going.chain(&backups.deleted);
    is_our_policy(seen, policy) && !users.any(|own| same(&own.properties.policy_info.policy_id, id.as_str()))
}

/// Whether the policy is this tool's: the file says so, and Azure confirms it.
fn is_our_policy(seen: &Seen, policy: &ListedPolicy) -> bool {
    let target = &seen.common.claims.target;
    let id = target_ids::vault(target).child("backupPolicies", &policy.name);
    let tags = seen.vault.as_ref().and_then(|vault| vault.tags.as_ref());
    seen.common.claims.has_made(id.as_str()) && old_policies::is_ours(tags, target, &id, &policy.properties)
}

/// What keeps the vault, in words. An instance that is about to be deleted doesn't.
fn users(seen: &Seen) -> Vec<String> {
    let target = &seen.common.claims.target;
    let backups = seen.common.backups.here().cloned().unwrap_or_default();
    let mut users = Vec::new();
    let others = backups.of_others(target);
    if !others.is_empty() {
        let names: Vec<&str> = others.iter().map(|own| own.id.name()).collect();
        users.push(format!("other backup instances: {}", names.join(", ")));
    }
    for own in &backups.deleted {
        users.push(format!(
            "soft-deleted backup instance {}, which will be purged on {}",
            own.id.name(),
            own.purged_on()
                .unwrap_or_else(|| "a date that Azure doesn't report".to_owned())
        ));
    }
    if let Some(scope) = seen.elsewhere.first() {
        users.push(format!(
            "the vault has a role on {scope}: another cluster might be prepared for it"
        ));
    }
    let is_other = |own: &&ListedPolicy| !is_our_policy(seen, own);
    let other: Vec<&str> = seen
        .policies
        .iter()
        .filter(is_other)
        .map(|own| own.name.as_str())
        .collect();
    if !other.is_empty() {
        users.push(format!("policies that this tool didn't create: {}", other.join(", ")));
    }
    users
}

/// What is said of a vault that stays.
fn stays(vault: &ResourceId, why: &str) -> String {
    format!("kept: vault {} ({why})", vault.with_group())
}
