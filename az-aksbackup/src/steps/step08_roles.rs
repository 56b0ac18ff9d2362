//! Step 8, "Grant Storage Permissions", and the roles that the guide forgot: of the vault on the cluster and the snapshot
//! group, and of the cluster on the snapshot group.
//!
//! Stands for `az role assignment create --assignee-object-id … --assignee-principal-type ServicePrincipal` once a row.
//! Who runs it may do more than who wrote the state file. So it assigns only roles that are constants of this program, to
//! principals that Azure itself has just named, on scopes that belong together according to Azure. Vault, snapshot group and
//! storage account are vouched for by the person, at the prompt or by flags: who owns a whole cluster can point its
//! extension and its trusted access at whatever the subscription holds. An inherited assignment counts.
//!
//! Rights: `Microsoft.Authorization/roleAssignments/{read,write}` on the storage account, the cluster, the snapshot group.

use std::cell::RefCell;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, SubscriptionId};
use aksbackup_shared::state::schema::{CloudTables, RolesTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};
use uuid::Uuid;

use crate::arm::client::{Reader, Writer};
use crate::arm::roles;
use crate::plane::{self, Azure};
use crate::steps::needed::{self, Checked, Holder, Need, Row};
use crate::steps::options::GrantOptions;
use crate::steps::world::{self, Proof};
use crate::steps::{turns, wanted};

const ACTION: &str = "Microsoft.Authorization/roleAssignments/write";

/// Step 8.
#[derive(Debug, Default)]
pub(crate) struct Roles {
    options: GrantOptions,
    /// Names that turned out to be those of other assignments.
    taken: RefCell<Vec<Uuid>>,
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    /// The needs with what Azure lists for them, or whose turn it is before they can be known.
    roles: Result<Vec<Checked>, Turn>,
    taken: Vec<Uuid>,
}

/// A role to be assigned.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Assign {
    need: Need,
    name: Uuid,
    holder: String,
    subscription: SubscriptionId,
    /// The flags with which whoever may assign it vouches for the target.
    vouchers: String,
}

impl Change for Assign {
    fn note(&self) -> ChangeNote {
        let Need {
            role, principal, scope, ..
        } = &self.need;
        ChangeNote {
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
            warning: None,
        }
    }
}

impl Step for Roles {
    type Plane = Azure;
    type Seen = Seen;
    type Change = Assign;

    fn name(&self) -> StepName {
        StepName::Roles
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = wanted::target(state)?.clone();
        self.as_vouched(&target)?;
        // What the file claims is only good for asking early: a claim that Azure does not confirm is asked for again.
        let claim = world::claim(state);
        let early = async {
            match &claim {
                Some(claim) => needed::check(reader, needed::needs(&target, claim, self.options.on_container))
                    .await
                    .ok(),
                None => None,
            }
        };
        let (world, early) = futures::join!(world::look(reader, state, &target), early);
        let roles = match world::prove(&world?, state, &target, &self.options.state_flag)? {
            Proof::Proven(proven) => match early.filter(|_| claim.as_ref() == Some(&proven)) {
                Some(checked) => Ok(checked),
                None => Ok(needed::check(reader, needed::needs(&target, &proven, self.options.on_container)).await?),
            },
            Proof::NotYet(turn) => Err(turn),
        };
        let taken = self.taken.borrow().clone();
        Ok(Seen { target, roles, taken })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<Assign>> {
        let checked = match &seen.roles {
            Ok(checked) => checked,
            Err(turn) => return Ok(Decision::Blocked(vec![], vec![turn.clone()])),
        };
        let missing: Vec<Assign> = checked
            .iter()
            .filter(|own| own.met.is_none())
            .map(|own| assign(&own.need, seen))
            .collect();
        if missing.is_empty() {
            return Ok(Decision::Done(format!("{} role assignments", checked.len())));
        }
        match self.vouched(&seen.target) {
            Ok(()) => Ok(Decision::Change(missing)),
            Err(failure) if self.options.in_passing => {
                let turn = Turn {
                    who: Person::SubscriptionOwner,
                    why: failure.what.clone(),
                    command: format!(
                        "az aksbackup grant{}{}",
                        seen.target.vouchers(),
                        self.options.state_flag
                    ),
                    right: missing.first().map(|own| own.note().right),
                };
                Ok(Decision::Blocked(vec![], vec![turn]))
            }
            Err(failure) => Err(failure),
        }
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
                "{}: Entra does not know the principal yet",
                change.holder
            )))),
            Err(failure) => Err(failure),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let checked = seen.roles.as_ref().map(Vec::as_slice).unwrap_or_default();
        plane::drop_unmade(tables, StepName::Roles, |object| is_met_by(checked, object));
        let assignments = checked.iter().map(Checked::record).collect();
        tables.roles = Some(RolesTable {
            assignments,
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let checked = seen.roles.as_ref().map(Vec::as_slice).unwrap_or_default();
        plane::settle(tables, StepName::Roles, |object| is_met_by(checked, object));
    }

    fn hand_over(&self, change: &Assign, failure: &Failure) -> Option<Turn> {
        turns::is_refused(failure).then(|| {
            let note = change.note();
            let container = if self.options.on_container {
                " --on-container"
            } else {
                ""
            };
            Turn {
                who: Person::SubscriptionOwner,
                why: format!("the signed-in account may not {}", note.summary),
                command: format!(
                    "az aksbackup grant{container}{}{}",
                    change.vouchers, self.options.state_flag
                ),
                right: Some(note.right),
            }
        })
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let Some(target) = state.target.as_ref().filter(|_| state.cloud.roles.is_none()) else {
            return Vec::new();
        };
        let vault_tier = target.policy.vault_tier_retention.is_some();
        let note = |row: Row| ChangeNote {
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
        let rows = needed::rows(target, vault_tier, self.options.on_container);
        rows.into_iter().map(note).collect()
    }
}

impl Roles {
    /// As `grant` was told.
    pub(crate) fn new(options: GrantOptions) -> Self {
        let taken = RefCell::default();
        Self { options, taken }
    }

    /// Compares what the person named with the file.
    fn as_vouched(&self, target: &Target) -> Outcome<()> {
        let pairs = [
            (
                "--vault",
                "vault",
                "target.vault.name",
                &self.options.vault,
                target.vault.name.as_str(),
            ),
            (
                "--snapshot-group",
                "snapshot group",
                "target.snapshots.resource_group",
                &self.options.snapshot_group,
                target.snapshots.resource_group.as_str(),
            ),
            (
                "--storage-account",
                "storage account",
                "target.storage.account",
                &self.options.storage_account,
                target.storage.account.as_str(),
            ),
        ];
        for (flag, what, key, named, claim) in pairs {
            if let Some(named) = named.as_ref().filter(|named| !named.eq_ignore_ascii_case(claim)) {
                return Failure::usage(format!("{flag} says {named}, the state file says {what} {claim}"))
                    .at_key(key, format!("the file says {claim}; no role was assigned"))
                    .hint("ask where the file comes from")
                    .err();
            }
        }
        Ok(())
    }

    /// Checks that a person stands for the three names that Azure cannot prove.
    fn vouched(&self, target: &Target) -> Outcome<()> {
        let own = &self.options;
        let flags = [&own.vault, &own.snapshot_group, &own.storage_account];
        if own.vouched_by_prompt || flags.iter().all(|flag| flag.is_some()) {
            return Ok(());
        }
        Failure::usage("nobody vouches for vault, snapshot group and storage account of the state file")
            .because("roles are given on what the file names, and nobody is asked")
            .hint(format!(
                "if they are right: az aksbackup grant{} --yes{}",
                target.vouchers(),
                own.state_flag
            ))
            .err()
    }
}

/// Whether one of the assignments that meet the needs is `object`.
fn is_met_by(checked: &[Checked], object: &str) -> bool {
    let mut ids = checked.iter().flat_map(|own| &own.ids);
    ids.any(|id| id.eq_ignore_ascii_case(object))
}

/// The holder by name, with its group: who vouches for a vault must not take a namesake for it.
fn named(holder: Holder, target: &Target) -> String {
    let cluster = &target.cluster;
    match holder {
        Holder::ExtensionIdentity => format!("the extension's identity of cluster {}", cluster.name()),
        Holder::Vault => format!("vault {} of group {}", target.vault.name, target.vault.resource_group),
        Holder::Cluster => format!("cluster {} of group {}", cluster.name(), cluster.resource_group()),
    }
}

/// The scope by kind and name.
fn place(scope: &ResourceId) -> String {
    let kind = match scope.kind().rsplit('/').next() {
        Some("storageAccounts") => "storage account",
        Some("containers") => "container",
        Some("managedClusters") => "cluster",
        Some(_) | None => "group",
    };
    format!("{kind} {}", scope.name())
}

fn assign(need: &Need, seen: &Seen) -> Assign {
    Assign {
        need: need.clone(),
        name: roles::assignment_name(need.role, &need.principal, &need.scope, &seen.taken),
        holder: named(need.holder, &seen.target),
        subscription: seen.target.subscription.clone(),
        vouchers: seen.target.vouchers(),
    }
}

#[cfg(test)]
mod tests;
