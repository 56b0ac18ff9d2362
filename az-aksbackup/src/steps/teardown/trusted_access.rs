//! The vault's access to the cluster, after the backup instance: without it no backup can be deleted.
//!
//! Right: `Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/delete` on the cluster.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn, Wait};

use super::{Common, Memory, deletion, in_cluster};
use crate::arm::client::{Reader, Writer};
use crate::arm::trusted_access::{self, Binding};
use crate::platform::{self, Azure};
use crate::steps::trusted_access::new_name;
use crate::target_ids;

/// The step.
pub(crate) struct TrustedAccess(pub(crate) Memory);

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    pub(super) bindings: Vec<Binding>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

/// A binding to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unbind {
    pub(super) binding: ResourceId,
    vault: ResourceId,
    cluster: ResourceId,
}

impl Change for Unbind {
    fn note(&self) -> ChangeNote {
        deletion(
            format!("delete Trusted Access role binding {}", self.binding.name()),
            "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/delete",
            &self.cluster,
            format!(
                "vault {} can no longer access cluster {}",
                self.vault.with_group(),
                self.cluster.with_group()
            ),
        )
    }
}

impl Step for TrustedAccess {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Unbind;

    fn name(&self) -> StepName {
        StepName::TrustedAccess
    }

    fn after(&self) -> &'static [StepName] {
        &[StepName::BackupInstance]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self
            .0
            .common(reader, state, |target| vec![target.cluster.clone()])
            .await?;
        let bindings = trusted_access::bindings(reader, &common.claims.target.cluster).await?;
        Ok(Seen { common, bindings })
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<Unbind>> {
        if let Some(decision) = seen.common.gate() {
            return Ok(decision);
        }
        let target = &seen.common.claims.target;
        let vault = target_ids::vault(target);
        let Some(own) = seen.bindings.iter().find(|own| own.is_of(&vault)) else {
            return Ok(Decision::Done(format!(
                "vault {} has no access to cluster {}",
                vault.with_group(),
                target.cluster.with_group()
            )));
        };
        let Some(own) = ours(seen) else {
            return Ok(Decision::Done(format!(
                "kept: role binding {} of vault {} (this tool didn't create it)",
                own.name,
                vault.with_group()
            )));
        };
        match own.properties.provisioning_state.as_deref().unwrap_or("Succeeded") {
            "Succeeded" | "Failed" | "Canceled" => seen.common.unlocked(vec![Unbind {
                binding: id(seen),
                vault,
                cluster: target.cluster.clone(),
            }]),
            other => Ok(Decision::Wait(Wait::for_(format!(
                "Trusted Access role binding {}: {other}",
                own.name
            )))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &Unbind) -> Outcome<Applied> {
        let delete = async || {
            let answer = trusted_access::delete_binding(writer, &change.binding).await;
            in_cluster(answer, writer, change.note().summary)
        };
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let vault = target_ids::vault(&seen.common.claims.target);
        if !seen.bindings.iter().any(|own| own.is_of(&vault)) {
            tables.trusted_access = None;
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let cluster = &seen.common.claims.target.cluster;
        let is_there = |object: &str| {
            let mut ids = seen.bindings.iter();
            ids.any(|own| same(trusted_access::binding_id(cluster, &own.name).as_str(), object))
        };
        platform::forget(tables, |made| {
            made.step == StepName::TrustedAccess && !is_there(&made.object)
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &Unbind, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::PlatformTeam, change, failure)
    }
}

/// The ID that this tool gives a binding of the vault.
fn id(seen: &Seen) -> ResourceId {
    let target = &seen.common.claims.target;
    trusted_access::binding_id(&target.cluster, &new_name(&target_ids::vault(target)))
}

/// The binding of the vault that this tool created: by its name, which is derived.
fn ours(seen: &Seen) -> Option<&Binding> {
    let (id, vault) = (id(seen), target_ids::vault(&seen.common.claims.target));
    let mut named = seen.bindings.iter().filter(|own| same(&own.name, id.name()));
    named.find(|own| own.is_of(&vault) && seen.common.claims.has_made(id.as_str()))
}
