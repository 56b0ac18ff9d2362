//! The role assignments, before the identities that hold them: those of a principal that is gone stay behind.
//!
//! Right: `Microsoft.Authorization/roleAssignments/delete` on the storage account, the cluster, the snapshot resource group.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{PrincipalId, ResourceId, same};
use aksbackup_shared::schema::{CloudTables, Intent, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn};

use super::{Common, Memory, deletion, extension};
use crate::arm::client::{Reader, Writer};
use crate::arm::inventory::{self, ListedPolicy};
use crate::arm::roles::{self, Assignment, Role};
use crate::arm::vaults;
use crate::arm::visible::Sight;
use crate::arm::{clusters, extensions};
use crate::checks::own_assignments::{former_holders, holders, is_own, names, vault_principals};
use crate::checks::role_requirements::Holder;
use crate::platform::{self, Azure};
use crate::steps::old_policies;
use crate::target_ids;

/// The step.
pub(crate) struct Roles(pub(crate) Memory);

/// An assignment that this tool might have made, and what Azure lists of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    pub(super) role: Role,
    pub(super) holder: Holder,
    pub(super) principal: PrincipalId,
    pub(super) assignment: Assignment,
}

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    /// The assignments with names that this tool would give.
    pub(super) found: Vec<Found>,
    /// Whether others use the vault's roles: the policies in it that weren't created for the cluster.
    pub(super) other_policies: usize,
    /// Scopes outside of the target on which the vault has roles, each with its principal there, as far as the account can see them.
    pub(super) elsewhere: Vec<(PrincipalId, String)>,
    /// Whether other clusters can have the cluster's identity.
    pub(super) shared_identity: bool,
    /// Recorded assignments that exist, of principals that aren't known any more: nothing proves that this tool made them.
    pub(super) orphans: Vec<ResourceId>,
    /// Why the extension stays, with the role of its identity.
    pub(super) extension_stays: Option<String>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

/// A role assignment to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unassign {
    pub(super) id: String,
    role: Role,
    holder: Holder,
    principal: PrincipalId,
    scope: ResourceId,
}

impl Change for Unassign {
    fn note(&self) -> ChangeNote {
        deletion(
            format!(
                "remove {} of the {} (principal {}) on {}",
                self.role.name,
                self.holder,
                self.principal,
                self.scope.name()
            ),
            "Microsoft.Authorization/roleAssignments/delete",
            &self.scope,
            None,
        )
    }
}

impl Step for Roles {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Unassign;

    fn name(&self) -> StepName {
        StepName::Roles
    }

    fn after(&self) -> &'static [StepName] {
        &[StepName::BackupInstance, StepName::TrustedAccess]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self.0.common(reader, state, places).await?;
        let target = &common.claims.target;
        let vault_id = target_ids::vault(target);
        let (cluster, extensions, vault, policies) = futures::join!(
            clusters::existing(reader, &target.cluster),
            extensions::of_backup(reader, &target.cluster),
            vaults::vault(reader, &vault_id),
            inventory::policies(reader, &vault_id),
        );
        let (cluster, vault) = (cluster?, vault?);
        let now = holders(target, &cluster, &extensions?, vault.as_ref());
        // What a former identity of the vault was assigned was created by this tool too.
        let holders = former_holders(&now, vault.as_ref());
        let other_policies = match (policies, &vault) {
            (Ok(all), _) => all
                .iter()
                .filter(|own| !is_own_policy(&common, vault.as_ref(), own))
                .count(),
            (Err(_), None) => 0,
            (Err(failure), Some(_)) => return Err(failure),
        };
        Ok(Seen {
            elsewhere: elsewhere(reader, target, &vault_principals(vault.as_ref())).await?,
            found: look(reader, target, &holders).await?,
            shared_identity: cluster.has_assigned_identity(),
            orphans: orphans(reader, &common, &holders).await?,
            extension_stays: extension::Seen::look(common.clone(), reader).await?.stays(),
            other_policies,
            common,
        })
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<Unassign>> {
        if let Some(decision) = seen.common.gate() {
            return Ok(decision);
        }
        let (mut changes, mut left) = (Vec::new(), Vec::new());
        for own in seen.found.iter().filter(|own| is_ours(own, &seen.common)) {
            let Ok(scope) = own.assignment.properties.scope.parse::<ResourceId>() else {
                continue;
            };
            match used_by_others(own, &scope, seen) {
                Some(why) => left.push(format!(
                    "{} of the {} on {} ({why})",
                    own.role.name,
                    own.holder,
                    scope.name()
                )),
                None => changes.push(Unassign {
                    id: own.assignment.id.clone(),
                    role: own.role,
                    holder: own.holder,
                    principal: own.principal.clone(),
                    scope,
                }),
            }
        }
        left.extend(seen.orphans.iter().map(|own| {
            format!(
                "role assignment {own} (nothing confirms whom it was created for: its principal is no longer part \
                 of this setup)"
            )
        }));
        match changes.is_empty() {
            false => seen.common.unlocked(changes),
            true if left.is_empty() => Ok(Decision::Done(
                "no role assignment that this tool created is left".into(),
            )),
            true => Ok(Decision::Done(format!("kept: {}", left.join(", ")))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &Unassign) -> Outcome<Applied> {
        let delete = async || roles::unassign(writer, &change.id).await.map(|_| Applied::Done);
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        if seen.common.is_clear() && !seen.found.iter().any(|own| is_ours(own, &seen.common)) {
            tables.roles = None;
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let there = |object: &str| {
            let found = seen.found.iter().any(|own| same(&own.assignment.id, object));
            found || seen.orphans.iter().any(|own| same(own.as_str(), object))
        };
        platform::forget(tables, |made| made.step == StepName::Roles && !there(&made.object));
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &Unassign, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::SubscriptionOwner, change, failure)
    }
}

/// The scopes of the roles.
fn places(target: &Target) -> Vec<ResourceId> {
    vec![
        target_ids::account(target),
        target.cluster.clone(),
        target_ids::snapshot_group(target),
    ]
}

/// Reads the assignments of the holders, and keeps those with names that this tool would give.
async fn look(reader: &Reader, target: &Target, holders: &[(Holder, PrincipalId)]) -> Outcome<Vec<Found>> {
    let mut found: Vec<Found> = Vec::new();
    for own in holders {
        let (names, (holder, principal)) = (names(target, own), own);
        let mut scopes: Vec<&ResourceId> = Vec::new();
        names.iter().for_each(|name| {
            if !scopes.contains(&&name.scope) {
                scopes.push(&name.scope);
            }
        });
        let lists = scopes.iter().map(|scope| roles::assignments(reader, scope, principal));
        for list in futures::future::join_all(lists).await {
            // On a scope that is gone nothing is assigned.
            let Sight::Here(list) = Sight::of(list.map(Some))? else {
                continue;
            };
            for assignment in list {
                let Some(name) = names.iter().find(|name| same(&name.id, &assignment.id)) else {
                    continue;
                };
                let own = Found {
                    role: name.role,
                    holder: *holder,
                    principal: principal.clone(),
                    assignment,
                };
                if !found.contains(&own) {
                    found.push(own);
                }
            }
        }
    }
    Ok(found)
}

/// Whether the file records it, and no principal of this setup explains its name.
fn is_orphaned(made: &Intent, target: &Target, holders: &[(Holder, PrincipalId)]) -> bool {
    let mut names = holders.iter().flat_map(|own| names(target, own));
    made.step == StepName::Roles && !names.any(|name| same(&name.id, &made.object))
}

/// Looks up the recorded assignments of principals that aren't known any more: Azure keeps them when a principal is deleted.
async fn orphans(reader: &Reader, common: &Common, holders: &[(Holder, PrincipalId)]) -> Outcome<Vec<ResourceId>> {
    let target = &common.claims.target;
    let recorded = common
        .claims
        .made
        .iter()
        .filter(|made| is_orphaned(made, target, holders));
    let ids: Vec<ResourceId> = recorded.filter_map(|made| made.object.parse().ok()).collect();
    let reads = futures::future::join_all(ids.iter().map(|id| roles::assignment(reader, id))).await;
    let mut found = Vec::new();
    for (id, read) in ids.iter().zip(reads) {
        // What can't be seen might be there.
        if !matches!(Sight::of(read)?, Sight::Absent) {
            found.push(id.clone());
        }
    }
    Ok(found)
}

/// Whether this tool made it: the file says so, and the GUID is the one of exactly what Azure says that it assigns.
pub(super) fn is_ours(own: &Found, common: &Common) -> bool {
    let holder = (own.holder, own.principal.clone());
    common.claims.has_made(&own.assignment.id) && is_own(&common.claims.target, &holder, &own.assignment)
}

/// Why others need an assignment that this tool made.
fn used_by_others(own: &Found, scope: &ResourceId, seen: &Seen) -> Option<String> {
    let target = &seen.common.claims.target;
    match own.holder {
        Holder::ExtensionIdentity => seen.extension_stays.clone(),
        Holder::Cluster if seen.shared_identity => {
            Some("other clusters might also use the cluster's user-assigned identity".into())
        }
        Holder::Cluster => None,
        Holder::Vault if *scope == target.cluster => None,
        Holder::Vault => {
            let backups = seen.common.backups.here()?;
            match (
                backups.of_others(target).len(),
                seen.other_policies,
                seen.elsewhere.iter().find(|(whose, _)| *whose == own.principal),
            ) {
                (0, 0, None) => None,
                (0, 0, Some((_, scope))) => Some(format!("the vault also has a role on {scope}")),
                (0, policies, _) => Some(format!("the vault has {policies} other policies")),
                (others, ..) => Some(format!("the vault has {others} other backup instances")),
            }
        }
    }
}

/// Whether a policy doesn't show that others use the vault: it is the target's, or was created for the cluster before.
fn is_own_policy(common: &Common, vault: Option<&vaults::Vault>, policy: &ListedPolicy) -> bool {
    let target = &common.claims.target;
    let id = target_ids::vault(target).child("backupPolicies", &policy.name);
    let tags = vault.and_then(|vault| vault.tags.as_ref());
    let is_ours = || old_policies::is_ours(tags, target, &id, &policy.properties);
    id == target_ids::policy(target) || common.claims.has_made(id.as_str()) && is_ours()
}

/// The scopes outside of the target on which a vault has roles: another cluster is prepared for it. An account that can't see the
/// whole subscription doesn't see them.
pub(super) async fn elsewhere(
    reader: &Reader,
    target: &Target,
    vault: &[PrincipalId],
) -> Outcome<Vec<(PrincipalId, String)>> {
    let mut all = Vec::new();
    for principal in vault {
        for own in std::iter::once(&target.subscription).chain(target.foreign_subscription()) {
            let listed = roles::of_principal(reader, own, principal).await;
            let listed = Sight::of(listed.map(Some))?.here().cloned().unwrap_or_default();
            let scopes = listed.into_iter().map(|own| own.properties.scope);
            all.extend(scopes.map(|scope| (principal.clone(), scope)));
        }
    }
    let (places, container) = (places(target), target_ids::container(target));
    let is_own = |scope: &str| places.iter().chain([&container]).any(|own| same(own.as_str(), scope));
    all.retain(|(_, scope)| !is_own(scope));
    Ok(all)
}
