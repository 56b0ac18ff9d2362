//! Step 3, "Create Azure Backup Vault and Policy".
//!
//! Stands for `az dataprotection backup-vault create --type SystemAssigned …` and `… backup-policy create --policy …`. The
//! vault is in the cluster's region and has an identity of its own; its soft delete stays reversible. What exists keeps its
//! settings: a second PUT would replace them, and Azure does not let a policy for AKS be changed.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/{read,write}`, `…/operationStatus/read`, `…/backupPolicies/{read,write}`
//! on the vault's group.

use std::path::PathBuf;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{Region, ResourceId};
use aksbackup_shared::state::schema::{CloudTables, State, Target, VaultTable};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};
use serde_json::Value;

use crate::arm::client::{Reader, Writer};
use crate::arm::groups::{self, Group};
use crate::arm::vaults::{self, NewVault, Vault};
use crate::arm::{region, versions};
use crate::plane::Azure;
use crate::steps::policy::{self, Facts};
use crate::steps::turns::{self, Sight};
use crate::steps::wanted;

/// Step 3.
pub(crate) struct VaultAndPolicy {
    /// The folder of the state file, which a policy file is relative to.
    pub(crate) folder: PathBuf,
    /// The state flag for printed commands.
    pub(crate) state_flag: String,
}

/// What is there, and what a new policy would be.
pub(crate) struct Seen {
    target: Target,
    group: Sight<Group>,
    vault: Option<Vault>,
    /// The policy that exists.
    policy: Option<Facts>,
    /// The `properties` of one that does not.
    new_policy: Option<Value>,
}

/// What can be made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum VaultChange {
    /// The vault's group.
    CreateGroup { group: ResourceId, region: Region },
    /// The vault; `group` where its group has to be made first.
    CreateVault {
        vault: ResourceId,
        new: NewVault,
        group: Option<Turn>,
    },
    /// An identity for a vault that has none.
    AddIdentity { vault: ResourceId },
    /// The policy; `group` as above.
    CreatePolicy {
        policy: ResourceId,
        vault: ResourceId,
        properties: Value,
        group: Option<Turn>,
    },
}

impl Change for VaultChange {
    fn note(&self) -> ChangeNote {
        let note =
            |summary: String, action: &str, scope: &dyn std::fmt::Display, creates: Option<&ResourceId>| ChangeNote {
                summary,
                right: Right::new(action, scope),
                creates: creates.map(ToString::to_string),
                warning: None,
            };
        match self {
            Self::CreateGroup { group, region } => note(
                format!("create resource group {} in {region}", group.name()),
                "Microsoft.Resources/subscriptions/resourceGroups/write",
                &format!("/subscriptions/{}", group.subscription()),
                Some(group),
            ),
            Self::CreateVault { vault, new, .. } => note(
                format!(
                    "create Backup vault {} ({}, soft delete {}) in group {}, {}",
                    vault.name(),
                    new.redundancy,
                    new.soft_delete,
                    vault.resource_group(),
                    new.region
                ),
                "Microsoft.DataProtection/backupVaults/write",
                &vault.resource_group_id(),
                Some(vault),
            ),
            Self::AddIdentity { vault } => note(
                format!("give Backup vault {} a system-assigned identity", vault.name()),
                "Microsoft.DataProtection/backupVaults/write",
                vault,
                None,
            ),
            Self::CreatePolicy { policy, vault, .. } => note(
                format!("create backup policy {} in vault {}", policy.name(), vault.name()),
                "Microsoft.DataProtection/backupVaults/backupPolicies/write",
                vault,
                Some(policy),
            ),
        }
    }
}

impl Step for VaultAndPolicy {
    type Plane = Azure;
    type Seen = Seen;
    type Change = VaultChange;

    fn name(&self) -> StepName {
        StepName::VaultAndPolicy
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = wanted::target(state)?.clone();
        let (group_id, vault_id, policy_id) = (
            wanted::vault_group(&target),
            wanted::vault(&target),
            wanted::policy(&target),
        );
        let (group, vault, policy) = futures::join!(
            groups::group(reader, &group_id),
            vaults::vault(reader, &vault_id),
            vaults::policy(reader, &policy_id),
        );
        let policy = policy?.map(|own| policy::facts(&own, policy_id.name())).transpose()?;
        let new_policy = match policy {
            Some(_) => None,
            None => Some(self.new_policy(&target)?),
        };
        Ok(Seen {
            group: Sight::of(group)?,
            vault: vault?,
            policy,
            new_policy,
            target,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<VaultChange>> {
        if let Some(vault) = &seen.vault {
            usable(vault, &seen.target)?;
            let state = vault.properties.provisioning_state.as_deref().unwrap_or("Succeeded");
            if ["Provisioning", "Updating"].contains(&state) {
                return Ok(Decision::Wait(Wait::for_(format!(
                    "Backup vault {}: {state}",
                    seen.target.vault.name
                ))));
            }
        }
        let changes = changes(seen);
        Ok(match changes.is_empty() {
            true => Decision::Done(evidence(seen)),
            false => Decision::Change(changes),
        })
    }

    async fn apply(&self, writer: &Writer, change: &VaultChange) -> Outcome<Applied> {
        let title = change.note().summary;
        let answer = match change {
            VaultChange::CreateGroup { group, region } => groups::put_group(writer, group, region).await,
            VaultChange::CreateVault { vault, new, .. } => vaults::put_vault(writer, vault, new).await,
            VaultChange::AddIdentity { vault } => vaults::add_identity(writer, vault).await,
            VaultChange::CreatePolicy { policy, properties, .. } => {
                vaults::put_policy(writer, policy, properties).await
            }
        };
        match (answer, change) {
            (Ok(answer), VaultChange::CreateVault { vault, .. } | VaultChange::AddIdentity { vault }) => {
                Ok(answer.applied(writer, title, (vault.to_string(), versions::DATA_PROTECTION)))
            }
            (Ok(_), VaultChange::CreateGroup { .. } | VaultChange::CreatePolicy { .. }) => Ok(Applied::Done),
            (Err(failure), _) => turns::busy(failure, &["ResourceGroupBeingDeleted"], &title).map(Applied::Busy),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let principal = seen.vault.as_ref().and_then(Vault::principal);
        let (Some(principal), Some(facts)) = (principal, &seen.policy) else {
            return;
        };
        tables.vault = Some(VaultTable {
            vault: wanted::vault(&seen.target),
            principal: principal.clone(),
            policy: wanted::policy(&seen.target),
            rule: facts.rule.clone(),
            retention_tag: facts.retention_tag.clone(),
            vault_tier: facts.vault_tier,
            written: None,
        });
    }

    fn hand_over(&self, change: &VaultChange, failure: &Failure) -> Option<Turn> {
        let group = match change {
            VaultChange::CreateGroup { group, region } => {
                return turns::is_refused(failure).then(|| turns::create_group(group, region));
            }
            VaultChange::CreateVault { group, .. } | VaultChange::CreatePolicy { group, .. } => group.as_ref(),
            VaultChange::AddIdentity { .. } => None,
        };
        turns::without_group(group, failure).or_else(|| {
            turns::is_refused(failure).then(|| {
                let note = change.note();
                let command = format!("az aksbackup prepare{}", self.state_flag);
                turns::contributor(
                    format!("the signed-in account may not {}", note.summary),
                    command,
                    note.right,
                )
            })
        })
    }
}

impl VaultAndPolicy {
    fn new_policy(&self, target: &Target) -> Outcome<Value> {
        let Some(file) = &target.policy.file else {
            return policy::preset(&target.policy);
        };
        let path = self.folder.join(file);
        let text = std::fs::read_to_string(&path).or_else(|error| {
            Failure::usage(format!("cannot read policy file {}", path.display()))
                .because(error.to_string())
                .err()
        })?;
        policy::parse(&text, file)
    }
}

fn changes(seen: &Seen) -> Vec<VaultChange> {
    let (target, mut changes) = (&seen.target, Vec::new());
    let (vault, region) = (wanted::vault(target), target.region.clone());
    let mut group = None;
    match &seen.vault {
        Some(own) if own.principal().is_none() => changes.push(VaultChange::AddIdentity { vault: vault.clone() }),
        Some(_) => {}
        None => {
            if seen.group.here().is_none() {
                let missing = wanted::vault_group(target);
                group = Some(turns::create_group(&missing, &region));
                changes.push(VaultChange::CreateGroup {
                    group: missing,
                    region: region.clone(),
                });
            }
            let new = NewVault {
                region,
                redundancy: target.vault.redundancy.clone(),
                soft_delete: target.vault.soft_delete.clone(),
                soft_delete_days: target.vault.soft_delete_days,
            };
            changes.push(VaultChange::CreateVault {
                vault: vault.clone(),
                new,
                group: group.clone(),
            });
        }
    }
    if let Some(properties) = seen.new_policy.clone() {
        changes.push(VaultChange::CreatePolicy {
            policy: wanted::policy(target),
            vault,
            properties,
            group,
        });
    }
    changes
}

/// Checks that a vault that exists can protect a cluster in the target's region.
fn usable(vault: &Vault, target: &Target) -> Outcome<()> {
    let name = &target.vault.name;
    if !region::is(&vault.location, &target.region) {
        return Failure::failed(format!("Backup vault {name} cannot protect the cluster"))
            .because(format!(
                "it is in region {}, the cluster is in {}; Azure Backup wants both in the same",
                vault.location, target.region
            ))
            .hint("choose another vault, or a new name: az aksbackup init --vault NAME")
            .err();
    }
    if vault.properties.provisioning_state.as_deref() == Some("Failed") {
        return Failure::failed(format!("Backup vault {name} is in state Failed"))
            .hint("see what is wrong with it in the portal, or choose another: az aksbackup init --vault NAME")
            .err();
    }
    Ok(())
}

/// What proves both, with what is otherwise than the target says.
fn evidence(seen: &Seen) -> String {
    let target = &seen.target;
    let mut text = format!("vault {}, policy {}", target.vault.name, target.policy.name);
    let mut differs = |what: &str, own: &str, wanted: &str| {
        if !own.is_empty() && !own.eq_ignore_ascii_case(wanted) {
            text.push_str(&format!("; {what} is {own} (the target says {wanted})"));
        }
    };
    if let Some(vault) = &seen.vault {
        differs(
            "redundancy",
            vault.redundancy().unwrap_or_default(),
            &target.vault.redundancy,
        );
        differs(
            "soft delete",
            vault.soft_delete().unwrap_or_default(),
            &target.vault.soft_delete,
        );
    }
    if let Some(facts) = seen.policy.as_ref().filter(|_| target.policy.file.is_none()) {
        differs("schedule", &facts.schedule, &target.policy.schedule);
        differs("retention", &facts.retention, &target.policy.retention);
        if facts.vault_tier != target.policy.vault_tier_retention.is_some() {
            let tier = |on: bool| if on { "in use" } else { "not in use" };
            differs("the vault tier", tier(facts.vault_tier), tier(!facts.vault_tier));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::steps::turns::tests::refusal;
    use crate::steps::wanted::tests::{example, state};

    fn step() -> VaultAndPolicy {
        VaultAndPolicy {
            folder: PathBuf::new(),
            state_flag: String::new(),
        }
    }

    fn vault(change: impl FnOnce(&mut Value)) -> Vault {
        let mut body = json!({
            "location": "West Europe", "identity": { "principalId": "55555555-5555-4555-8555-555555555555" },
            "properties": { "provisioningState": "Succeeded", "storageSettings": [{ "type": "LocallyRedundant" }],
                "securitySettings": { "softDeleteSettings": { "state": "On" } } },
        });
        change(&mut body);
        serde_json::from_value(body).unwrap()
    }

    fn there() -> Seen {
        Seen {
            target: example(),
            group: Sight::Here(Group {
                location: "westeurope".into(),
            }),
            vault: Some(vault(|_| ())),
            policy: Some(policy::facts(&policy::tests::made(|_| ()), "p").unwrap()),
            new_policy: None,
        }
    }

    #[test]
    fn satisfied_world_needs_nothing() {
        let decision = step().decide(&there(), &state()).unwrap();
        assert_eq!(decision, Decision::Done("vault bv-aks, policy policy-aks".into()));
        let mut tables = CloudTables::default();
        step().record(&there(), &mut tables);
        let table = tables.vault.unwrap();
        assert_eq!(
            (table.rule.as_str(), table.retention_tag.as_str(), table.vault_tier),
            ("BackupDaily", "Default", false)
        );
    }

    #[test]
    fn an_empty_world_gets_group_vault_and_policy() {
        let mut seen = there();
        (seen.group, seen.vault, seen.policy) = (Sight::Absent, None, None);
        seen.new_policy = Some(policy::tests::made(|_| ()));
        let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
            panic!("no change")
        };
        assert!(matches!(
            &changes[..],
            [
                VaultChange::CreateGroup { .. },
                VaultChange::CreateVault { .. },
                VaultChange::CreatePolicy { .. }
            ]
        ));
        let codes = ["AuthorizationFailed", "ResourceGroupNotFound", "ResourceNotFound"];
        let turns = changes
            .iter()
            .zip(codes)
            .map(|(change, code)| step().hand_over(change, &refusal(code)).unwrap());
        assert!(
            turns
                .into_iter()
                .all(|turn| turn.command.starts_with("az group create --name rg-backup"))
        );
    }

    #[test]
    fn a_vault_without_an_identity_gets_one() {
        let mut seen = there();
        seen.vault = Some(vault(|body| body["identity"] = Value::Null));
        let Decision::Change(changes) = step().decide(&seen, &state()).unwrap() else {
            panic!("no change")
        };
        assert!(matches!(&changes[..], [VaultChange::AddIdentity { .. }]));
        assert!(step().hand_over(&changes[0], &refusal("AuthorizationFailed")).is_some());
    }

    #[test]
    fn a_vault_elsewhere_is_refused_and_one_that_is_being_made_waited_for() {
        let mut seen = there();
        seen.vault = Some(vault(|body| body["location"] = json!("northeurope")));
        assert!(step().decide(&seen, &state()).is_err());
        seen.vault = Some(vault(|body| {
            body["properties"]["provisioningState"] = json!("Provisioning")
        }));
        assert!(matches!(step().decide(&seen, &state()), Ok(Decision::Wait(_))));
    }

    #[test]
    fn settings_of_what_exists_are_kept_and_said() {
        let mut seen = there();
        seen.vault = Some(vault(|body| {
            body["properties"]["storageSettings"][0]["type"] = json!("GeoRedundant")
        }));
        let Decision::Done(evidence) = step().decide(&seen, &state()).unwrap() else {
            panic!("not done")
        };
        assert!(
            evidence.ends_with("redundancy is GeoRedundant (the target says LocallyRedundant)"),
            "{evidence}"
        );
    }
}
