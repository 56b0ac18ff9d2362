//! Step 3, "Create Azure Backup Vault and Policy".
//!
//! Stands for `az dataprotection backup-vault create --type SystemAssigned …` and `… backup-policy create --policy …`. The
//! vault is in the cluster's region and has an identity of its own; its soft delete stays reversible. What exists gets the settings that
//! the target has ([`settings`]): a second PUT would replace the others, and Azure does not let a policy for AKS be changed.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/{read,write}`, `…/operationStatus/read`, `…/backupPolicies/{read,write}`
//! on the vault's group.

use std::cell::Cell;

use crate::arm::client::{Reader, Writer};
use crate::arm::groups::{self, Group};
use crate::arm::marker::Origin;
use crate::arm::vaults::{self, NewVault, Vault};
use crate::arm::versions;
use crate::arm::visible::{self, Sight};
use crate::checks::creation_settings;
use crate::checks::drift;
use crate::checks::guard::Guard;
use crate::checks::in_file;
use crate::checks::policy::{self, Facts};
use crate::checks::policy_file::{self, Asked};
use crate::checks::vault_drift;
use crate::checks::vault_rules;
use crate::platform::{self, Azure};
use crate::steps::options::PrepareOptions;
use crate::steps::policy_names::{self, Replaced};
use crate::steps::registration;
use crate::steps::turns;
use crate::target_ids;
use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::{CloudTables, State, Target, VaultTable};
use aksbackup_shared::step::{Applied, Change, Decision, Drift, Step, Turn, Wait};

mod change;
pub(crate) mod settings;

pub(crate) use change::VaultChange;
use settings::{Update, Written};

const NAMESPACE: &str = "Microsoft.DataProtection";

/// Step 3.
pub(crate) struct VaultAndPolicy {
    /// What `prepare` was told.
    pub(crate) options: PrepareOptions,
    /// What this run has sent to the vault.
    pub(crate) written: Cell<Written>,
}

/// What is there, and what a new policy would be.
pub(crate) struct Seen {
    target: Target,
    group: Sight<Group>,
    vault: Option<Vault>,
    /// Whether this tool created it, as far as Azure confirms that.
    ours: bool,
    /// The Resource Guard of the vault, where the vault is to protect less.
    guard: Option<Guard>,
    /// The policy that exists.
    policy: Option<Facts>,
    /// What is to be said of it.
    remark: Option<String>,
    /// One that does not exist yet.
    new_policy: Option<Asked>,
    /// The policy that it is created instead of, and what differs.
    instead: Option<Replaced>,
}

impl Step for VaultAndPolicy {
    type Platform = Azure;
    type Seen = Seen;
    type Change = VaultChange;

    fn name(&self) -> StepName {
        StepName::VaultAndPolicy
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let (group_id, vault_id, policy_id) = (
            target_ids::vault_group(&target),
            target_ids::vault(&target),
            target_ids::policy(&target),
        );
        let (group, vault, policy) = futures::join!(
            groups::group(reader, &group_id),
            vaults::vault(reader, &vault_id),
            vaults::policy(reader, &policy_id),
        );
        let vault = vault?;
        let (policy, asked) = (policy?, policy_file::asked(&target.policy, &self.options.folder));
        let facts = policy
            .as_ref()
            .map(|own| policy::facts(own, policy_id.name()))
            .transpose()?;
        policy_names::must_be_usable(&target, &asked, facts.as_ref())?;
        let (remark, new_policy) = match &policy {
            Some(own) => (
                policy_file::compared(&target.policy, own, &asked).and_then(|own| own.remark()),
                None,
            ),
            None => (None, Some(asked?)),
        };
        let instead = match &new_policy {
            Some(asked) => policy_names::replaced(reader, state, asked).await,
            None => None,
        };
        let ours = vault.as_ref().is_some_and(|own| vault_drift::is_ours(state, own));
        Ok(Seen {
            instead,
            ours,
            group: Sight::of(group)?,
            guard: settings::guard(reader, &target, (vault.as_ref(), ours)).await?,
            vault,
            policy: facts,
            remark,
            new_policy,
            target,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<VaultChange>> {
        if let Some(vault) = &seen.vault {
            vault_rules::usable(vault, &seen.target)?;
            let state = vault.properties.provisioning_state.as_deref().unwrap_or("Succeeded");
            if ["Provisioning", "Updating"].contains(&state) {
                return Ok(Decision::Wait(Wait::for_(format!(
                    "Backup vault {}: {state}",
                    target_ids::vault(&seen.target).with_group()
                ))));
            }
        }
        vault_drift::coherent(&seen.target.vault).map_err(in_file::placed)?;
        let updates = settings::updates(seen, &self.options, self.written.get())?;
        if let Some(turn) = settings::guarded(seen, &updates, &self.options) {
            return Ok(Decision::Blocked(changes(seen), vec![turn]));
        }
        let mut changes = changes(seen);
        changes.extend(updates.into_iter().map(VaultChange::Update));
        Ok(match changes.is_empty() {
            true => finished(seen),
            false => Decision::Change(changes),
        })
    }

    async fn apply(&self, writer: &Writer, change: &VaultChange) -> Outcome<Applied> {
        let title = change.note().summary;
        let answer = match change {
            VaultChange::CreateGroup { group, region, origin } => {
                groups::put_group(writer, group, region, origin).await
            }
            VaultChange::CreateVault { vault, new, .. } => vaults::put_vault(writer, vault, new).await,
            VaultChange::AddIdentity { vault, assigned } => {
                vaults::set_identities(writer, vault, (true, assigned)).await
            }
            VaultChange::AssignIdentity {
                vault,
                added,
                assigned,
                system,
            } => {
                let all = [assigned.as_slice(), &[added.to_string()]].concat();
                vaults::set_identities(writer, vault, (*system, &all)).await
            }
            VaultChange::Update(update) => {
                let answer = update.apply(writer).await;
                self.written.set(self.written.get().with(update));
                answer
            }
            VaultChange::CreatePolicy { policy, asked, .. } => {
                vaults::put_policy(writer, policy, &asked.properties).await
            }
        };
        match (answer, change) {
            (
                Ok(answer),
                VaultChange::CreateVault { vault, .. }
                | VaultChange::AddIdentity { vault, .. }
                | VaultChange::AssignIdentity { vault, .. }
                | VaultChange::Update(Update { vault, .. }),
            ) => Ok(answer.applied(writer, title, (vault.to_string(), versions::DATA_PROTECTION))),
            (Ok(_), VaultChange::CreateGroup { .. } | VaultChange::CreatePolicy { .. }) => Ok(Applied::Done),
            (Err(failure), _) => {
                let refused = (failure, &["ResourceGroupBeingDeleted"][..], title.as_str());
                registration::patience(writer, &change.subscription(), NAMESPACE, refused).await
            }
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let identity = seen.target.vault.identity.as_ref();
        let principal = seen.vault.as_ref().and_then(|own| own.principal_of(identity));
        let (Some(principal), Some(facts)) = (principal, &seen.policy) else {
            return;
        };
        tables.vault = Some(VaultTable {
            vault: target_ids::vault(&seen.target),
            principal,
            policy: target_ids::policy(&seen.target),
            rule: facts.rule.clone(),
            retention_tag: facts.retention_tag.clone(),
            vault_tier: facts.vault_tier,
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let target = &seen.target;
        let there = [
            (
                target_ids::vault_group(target),
                seen.vault.is_some() || seen.group.here().is_some(),
            ),
            (target_ids::vault(target), seen.vault.is_some()),
            (target_ids::policy(target), seen.policy.is_some()),
        ];
        platform::settle(tables, StepName::VaultAndPolicy, |object| {
            there.iter().any(|(id, there)| *there && object == id.as_str())
        });
    }

    /// The only wait is for an operation of the vault.
    fn goes_on(&self, seen: &Seen) -> bool {
        seen.vault.is_some()
    }

    fn hand_over(&self, change: &VaultChange, failure: &Failure) -> Option<Turn> {
        let group = match change {
            VaultChange::CreateGroup { group, region, .. } => {
                return visible::is_refused(failure).then(|| turns::create_group(group, region));
            }
            VaultChange::CreateVault { group, .. } | VaultChange::CreatePolicy { group, .. } => group.as_ref(),
            VaultChange::AddIdentity { .. } | VaultChange::AssignIdentity { .. } | VaultChange::Update(_) => None,
        };
        turns::without_group(group, failure)
            .or_else(|| registration::of_failure(failure, NAMESPACE, &change.subscription()))
            .or_else(|| visible::is_refused(failure).then(|| turns::not_ours(change.note(), az("prepare"))))
    }
}

/// Vault and policy are there. Azure doesn't let the rules of a policy for AKS change, so that other rules are told.
fn finished(seen: &Seen) -> Decision<VaultChange> {
    let evidence = vault_rules::evidence(&seen.target, seen.vault.as_ref(), seen.ours);
    let differing = seen.policy.iter().flat_map(|own| drift::of_policy(&seen.target, own));
    let mut differences: Vec<String> = differing
        .map(|own| own.to_string())
        .chain(seen.remark.clone())
        .collect();
    let mut hints = match differences.is_empty() {
        true => Vec::new(),
        false => drift::policy_hints(&seen.target, seen.policy.as_ref()),
    };
    // What is left of the vault's is what Azure can't change.
    let vault = seen.vault.as_ref();
    let vault = vault
        .map(|own| vault_drift::differences(&seen.target.vault, own, seen.ours))
        .unwrap_or_default();
    if !vault.is_empty() {
        differences.extend(vault.iter().map(ToString::to_string));
        hints.extend(vault_drift::hints(&vault));
    }
    if let Some(own) = seen
        .vault
        .as_ref()
        .and_then(|own| creation_settings::of_vault(&seen.target, own))
    {
        differences.push(own.to_string());
        hints.push(own.hint());
    }
    match differences.is_empty() {
        true => Decision::Done(evidence),
        false => Decision::Differs(evidence, Drift::of_target(differences, hints)),
    }
}

/// The identity that a vault lacks to protect the cluster.
fn identity_of(target: &Target, own: &Vault) -> Option<VaultChange> {
    let (vault, assigned) = (target_ids::vault(target), own.assigned_identities());
    match &target.vault.identity {
        // One that Entra has no principal of any more is assigned again.
        Some(added) if own.assigned(added.as_str()).is_none() => Some(VaultChange::AssignIdentity {
            vault,
            added: added.clone(),
            assigned: assigned.into_iter().filter(|id| !same(id, added.as_str())).collect(),
            system: own.principal().is_some(),
        }),
        None if own.principal().is_none() => Some(VaultChange::AddIdentity { vault, assigned }),
        Some(_) | None => None,
    }
}

fn changes(seen: &Seen) -> Vec<VaultChange> {
    let (target, mut changes) = (&seen.target, Vec::new());
    let (vault, region) = (target_ids::vault(target), target.region.clone());
    let mut group = None;
    match &seen.vault {
        Some(own) => changes.extend(identity_of(target, own)),
        None => {
            if seen.group.here().is_none() {
                let missing = target_ids::vault_group(target);
                group = Some(turns::create_group(&missing, &region));
                changes.push(VaultChange::CreateGroup {
                    group: missing,
                    region: region.clone(),
                    origin: Origin::of(target),
                });
            }
            let new = NewVault {
                origin: Origin::of(target),
                policy: target_ids::policy(target),
                region,
                identity: target.vault.identity.clone(),
                redundancy: target.vault.redundancy.clone(),
                soft_delete: target.vault.soft_delete.clone(),
                soft_delete_days: target.vault.soft_delete_days,
                settings: settings::of_new(target),
            };
            changes.push(VaultChange::CreateVault {
                vault: vault.clone(),
                new,
                group: group.clone(),
            });
        }
    }
    if let Some(asked) = seen.new_policy.clone() {
        changes.push(VaultChange::CreatePolicy {
            policy: target_ids::policy(target),
            vault,
            asked,
            instead: seen.instead.clone(),
            group,
        });
    }
    changes
}

#[cfg(test)]
mod tests;
