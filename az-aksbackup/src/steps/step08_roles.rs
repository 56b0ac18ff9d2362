//! Step 8, "Grant Storage Permissions", and the roles that the guide forgot: of the vault on the cluster and the snapshot
//! group, and of the cluster on the snapshot group.
//!
//! Stands for `az role assignment create --assignee-object-id … --assignee-principal-type ServicePrincipal` once a row.
//! Who runs it may do more than who wrote the state file. So it assigns only roles that are constants of this program, to
//! principals that Azure itself has just named, on scopes that belong together according to Azure. Cluster, vault, snapshot
//! resource group, storage account and a user-assigned identity of the vault are confirmed by the person, at the prompt or by flags
//! (`confirm`). An inherited assignment counts.
//!
//! Rights: `Microsoft.Authorization/roleAssignments/{read,write}` on the storage account, the cluster, the snapshot group.

use crate::arm::visible::{self, Sight};
use std::cell::RefCell;

use aksbackup_shared::command_line::{CommandLine, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, SubscriptionId, same};
use aksbackup_shared::schema::{CloudTables, RolesTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};
use uuid::Uuid;

use crate::arm::client::{Reader, Writer};
use crate::arm::roles;
use crate::checks::role_requirements::{self, Checked, Holder, Need, Row};
use crate::platform::{self, Azure};
use crate::steps::fresh::{Fresh, JustRead};
use crate::steps::options::GrantOptions;
use crate::steps::roles_seen::{self, Looked, RolesSeen};
use crate::steps::turns;
use crate::steps::world::{self, Proof};
use crate::target_ids;

const ACTION: &str = "Microsoft.Authorization/roleAssignments/write";

/// Step 8.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    options: GrantOptions,
    /// Names that turned out to be those of other assignments.
    taken: RefCell<Vec<Uuid>>,
    /// What it reads, for the step that requires the roles.
    looked: Fresh<Looked>,
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    /// The needs with what Azure lists for them, or whose turn it is before they can be known.
    roles: Result<Vec<Checked>, Turn>,
    /// Whether the live policy copies to a vault tier that the target doesn't ask for: no roles are assigned for it.
    unasked_tier: bool,
    /// Whether the vault's user-assigned identity protects the cluster already: no one has to name it where it gets no role.
    identity_in_use: bool,
    taken: Vec<Uuid>,
}

/// A role to be assigned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assign {
    need: Need,
    name: Uuid,
    holder: String,
    /// The command for another person.
    command: CommandLine,
    subscription: SubscriptionId,
    warning: Option<String>,
}

impl Change for Assign {
    fn note(&self) -> ChangeNote {
        let Need {
            role, principal, scope, ..
        } = &self.need;
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!(
                "assign {} to {} (principal {principal}) on {}",
                role.name,
                self.holder,
                place(scope)
            ),
            right: Right::new(ACTION, scope),
            creates: Some(format!(
                "{scope}/providers/Microsoft.Authorization/roleAssignments/{}",
                self.name
            )),
            warning: self.warning.clone(),
        }
    }
}

impl Step for Roles {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Assign;

    fn name(&self) -> StepName {
        StepName::Roles
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        self.options.confirm.confirms(&target)?;
        // What the file claims is only good for asking early: a claim that Azure does not confirm is asked for again.
        let claim = world::claim(state);
        let early = async {
            match &claim {
                Some(claim) => role_requirements::check(
                    reader,
                    role_requirements::needs(&target, claim, self.options.on_container),
                )
                .await
                .ok(),
                None => None,
            }
        };
        let confirm = &self.options.confirm;
        let (world, early, identity_in_use) = futures::join!(
            world::look(reader, state, &target),
            early,
            confirm.is_identity_in_use(reader, &target)
        );
        let world = world?;
        let unasked_tier = world.has_unasked_tier(&target);
        let roles = match world::prove(&world, state, &target)? {
            Proof::Proven(proven) => match early.filter(|_| claim.as_ref() == Some(&proven)) {
                Some(checked) => Ok(checked),
                None => Ok(role_requirements::check(
                    reader,
                    role_requirements::needs(&target, &proven, self.options.on_container),
                )
                .await?),
            },
            Proof::NotYet(turn) => Err(turn),
        };
        self.looked.put(Looked {
            roles: match &roles {
                Ok(checked) => roles_seen::of_checked(checked, &target),
                Err(turn) => RolesSeen::Open(turn.clone()),
            },
            policy: world.policy.map_or(Sight::Absent, Sight::Here),
        });
        let taken = self.taken.borrow().clone();
        Ok(Seen {
            target,
            roles,
            unasked_tier,
            identity_in_use,
            taken,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<Assign>> {
        let checked = match &seen.roles {
            Ok(checked) => checked,
            Err(turn) => return Ok(Decision::Blocked(vec![], vec![turn.clone()])),
        };
        let mut missing: Vec<Assign> = checked
            .iter()
            .filter(|own| own.met.is_none())
            .map(|own| self.assign(&own.need, seen))
            .collect();
        let unasked = seen.unasked_tier.then(|| unasked(&seen.target));
        if missing.is_empty() {
            let unasked = unasked.map(|text| format!("; {text}")).unwrap_or_default();
            return Ok(Decision::Done(format!("{} role assignments{unasked}", checked.len())));
        }
        missing[0].warning = unasked;
        // An identity that is in use can have lost a role on purpose, or the file names another snapshot resource group: it is confirmed
        // wherever it gets one.
        let gets_none = missing.iter().all(|own| own.need.holder != Holder::Vault);
        let confirm = &self.options.confirm;
        let confirm = confirm.with_identity(seen.identity_in_use && gets_none, &seen.target);
        if confirm.confirms(&seen.target)? {
            return Ok(Decision::Change(missing));
        }
        if !self.options.in_passing {
            let does = "grants access to these resources";
            return confirm.unconfirmed("grant", does, &seen.target).err();
        }
        let turn = Turn {
            who: Person::SubscriptionOwner,
            why: format!(
                "{} of {} role assignments {} missing, and roles are assigned only on resources that you specify \
                 with flags or confirm at the prompt",
                missing.len(),
                checked.len(),
                if missing.len() == 1 { "is" } else { "are" }
            ),
            command: self.command(&seen.target),
            right: missing.first().map(|own| own.note().right),
            also: Vec::new(),
        };
        Ok(Decision::Blocked(vec![], vec![turn]))
    }

    async fn apply(&self, writer: &Writer, change: &Assign) -> Outcome<Applied> {
        let Need {
            role, principal, scope, ..
        } = &change.need;
        let triple = (*role, principal, scope);
        match roles::assign(writer, change.name, triple, &change.subscription).await {
            Ok(_) => Ok(Applied::Done),
            Err(failure) if failure.has_code("RoleAssignmentExists") => Ok(Applied::Done),
            Err(failure) if failure.has_code("RoleAssignmentUpdateNotPermitted") => {
                self.taken.borrow_mut().push(change.name);
                Ok(Applied::Busy(turns::look_again(format!(
                    "{}: another role assignment has the name {}",
                    change.holder, change.name
                ))))
            }
            // A fresh principal takes a moment until every part of Entra knows it.
            Err(failure) if failure.has_code("PrincipalNotFound") => Ok(Applied::Busy(Wait::for_(format!(
                "{}: the principal isn't available in Microsoft Entra ID yet",
                change.holder
            )))),
            Err(failure) => Err(failure),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let checked = seen.roles.as_ref().map(Vec::as_slice).unwrap_or_default();
        platform::drop_unmade(tables, StepName::Roles, |object| is_met_by(checked, object));
        let assignments = checked.iter().map(Checked::record).collect();
        tables.roles = Some(RolesTable {
            assignments,
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let checked = seen.roles.as_ref().map(Vec::as_slice).unwrap_or_default();
        platform::settle(tables, StepName::Roles, |object| is_met_by(checked, object));
    }

    fn hand_over(&self, change: &Assign, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| {
            let note = change.note();
            Turn {
                who: Person::SubscriptionOwner,
                why: format!("the signed-in account isn't authorized to {}", note.summary),
                command: change.command.clone(),
                right: Some(note.right),
                also: Vec::new(),
            }
        })
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let Some(target) = state.target.as_ref().filter(|_| state.cloud.roles.is_none()) else {
            return Vec::new();
        };
        let vault_tier = target.policy.uses_vault_tier();
        let note = |row: Row| ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!(
                "assign {} to {} on {}",
                row.role.name,
                named(row.holder, target),
                place(&row.scope)
            ),
            right: Right::new(ACTION, &row.scope),
            creates: None,
            warning: None,
        };
        let rows = role_requirements::rows(target, vault_tier, self.options.on_container);
        rows.into_iter().map(note).collect()
    }
}

impl Roles {
    /// As `grant` was told.
    pub(crate) fn new(options: GrantOptions) -> Self {
        Self {
            options,
            taken: RefCell::default(),
            looked: Fresh::default(),
        }
    }

    /// The same, for a command that protects the cluster as well.
    pub(crate) fn sharing(self, read: &JustRead) -> Self {
        let looked = read.looked.clone();
        Self { looked, ..self }
    }

    fn assign(&self, need: &Need, seen: &Seen) -> Assign {
        Assign {
            need: need.clone(),
            name: roles::assignment_name(need.role, &need.principal, &need.scope, &seen.taken),
            holder: named(need.holder, &seen.target),
            command: self.command(&seen.target),
            subscription: seen.target.subscription.clone(),
            warning: None,
        }
    }

    /// `grant` for whoever may assign the roles.
    fn command(&self, target: &Target) -> CommandLine {
        let container = if self.options.on_container {
            " --on-container"
        } else {
            ""
        };
        az(format!("grant{container}{}", Target::confirmations(Some(target))))
    }
}

/// What is said where the live policy has a vault tier that the target doesn't ask for.
fn unasked(target: &Target) -> String {
    format!(
        "policy {} in vault {} copies backups to the vault tier, which [target] doesn't request: no roles are assigned for it",
        target.policy.name,
        target_ids::vault(target).with_group()
    )
}

/// Whether one of the assignments that meet the needs is `object`.
fn is_met_by(checked: &[Checked], object: &str) -> bool {
    let mut ids = checked.iter().flat_map(|own| &own.ids);
    ids.any(|id| same(id, object))
}

/// The holder by name, with its resource group.
fn named(holder: Holder, target: &Target) -> String {
    let cluster = target.cluster.with_group();
    match holder {
        Holder::ExtensionIdentity => format!("the extension's identity of cluster {cluster}"),
        Holder::Vault => {
            let vault = target_ids::vault(target).with_group();
            match &target.vault.identity {
                Some(identity) => format!("identity {} of vault {vault}", identity.with_group()),
                None => format!("vault {vault}"),
            }
        }
        Holder::Cluster => format!("cluster {cluster}"),
    }
}

/// The scope by kind and name.
fn place(scope: &ResourceId) -> String {
    match scope.kind().rsplit('/').next() {
        Some("storageAccounts") => format!("storage account {}", scope.with_group()),
        Some("containers") => {
            let account = scope.as_str().split("/blobServices/").next().unwrap_or_default();
            let account = account.rsplit('/').next().unwrap_or_default();
            format!(
                "container {} in storage account {}/{account}",
                scope.name(),
                scope.resource_group()
            )
        }
        Some("managedClusters") => format!("cluster {}", scope.with_group()),
        Some(_) | None => format!("resource group {}", scope.name()),
    }
}

#[cfg(test)]
mod deputy;
#[cfg(test)]
mod tests;
