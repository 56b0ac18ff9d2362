//! The backup instance: its protection is stopped and its backups are kept, or it is deleted with them if the person named the
//! cluster for that.
//!
//! Azure Backup deletes backups through the extension, so the cluster has to run and the extension has to work:
//! <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix>. Snapshots in the operational tier
//! aren't protected by soft delete (same page), so that a deletion is announced as final.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/backupInstances/{read,delete,stopProtection/action}` and
//! `…/backupJobs/read` on the vault.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, folded};
use aksbackup_shared::schema::{CloudTables, InstanceTable, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn, Wait};

use super::data::{self, Fate};
use super::{Common, Memory, deletion};
use crate::arm::backups::{self, Instance, Job, JobState};
use crate::arm::client::{Reader, Writer};
use crate::arm::extensions::{self, Extension};
use crate::arm::guards;
use crate::arm::lifecycle::{self, Act};
use crate::arm::storage::{self, Container};
use crate::arm::vaults;
use crate::arm::versions;
use crate::arm::visible::Sight;
use crate::checks::guard::{self, Critical, Guard};
use crate::checks::protection::{self, Pause};
use crate::platform::{self, Azure};
use crate::target_ids;

/// The step.
pub(crate) struct BackupInstance(pub(crate) Memory);

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    pub(super) guard: Option<Guard>,
    /// The jobs of the cluster that run.
    pub(super) running: Vec<Job>,
    /// The container; hidden or absent ones hold nothing that is known.
    pub(super) container: Sight<Container>,
    /// Whether the cluster has an extension that works, as far as the account can see.
    pub(super) extension_works: Option<bool>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

/// What is done with the instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// Its protection is stopped, and its backups are kept.
    Stop(ResourceId),
    /// It is deleted, with its backups.
    Delete(ResourceId),
}

impl Change for End {
    fn note(&self) -> ChangeNote {
        match self {
            Self::Stop(instance) => ChangeNote {
                reduces: vec![format!("scheduled backups of backup instance {} stop", instance.name())],
                ..deletion(
                    format!("stop the protection of backup instance {}", instance.name()),
                    Act::Stop.action(),
                    instance,
                    "no more scheduled backups; existing backups never expire, and their storage is billed".to_owned(),
                )
            },
            Self::Delete(instance) => deletion(
                format!("delete backup instance {} and all its backups", instance.name()),
                "Microsoft.DataProtection/backupVaults/backupInstances/delete",
                instance,
                "this is final: snapshots in the operational tier are permanently deleted and can't be restored"
                    .to_owned(),
            ),
        }
    }
}

impl Step for BackupInstance {
    type Platform = Azure;
    type Seen = Seen;
    type Change = End;

    fn name(&self) -> StepName {
        StepName::BackupInstance
    }

    fn after(&self) -> &'static [StepName] {
        &[]
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self
            .0
            .common(reader, state, |target| vec![target_ids::vault(target)])
            .await?;
        let target = &common.claims.target;
        let (vault_id, container_id) = (target_ids::vault(target), target_ids::container(target));
        let (vault, jobs, container, extensions) = futures::join!(
            vaults::vault(reader, &vault_id),
            backups::jobs(reader, &vault_id),
            storage::container(reader, &container_id),
            extensions::of_backup(reader, &target.cluster),
        );
        let extensions = Sight::of(extensions.map(Some))?;
        // A vault that is gone has no jobs; who can't see them can't delete the instance either.
        let jobs = Sight::of(jobs.map(Some))?.here().cloned().unwrap_or_default();
        let runs = |job: &Job| job.is_of(&target.cluster) && job.state() == JobState::Running;
        let (vault, id) = (vault?, target_ids::vault(&common.claims.target));
        Ok(Seen {
            guard: guard::of_vault(reader, &id, vault.as_ref()).await?,
            running: jobs.into_iter().filter(runs).collect(),
            container: Sight::of(container)?,
            extension_works: extensions.here().map(|all| all.iter().any(Extension::is_installed)),
            common,
        })
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<End>> {
        let Some(fate) = seen.common.fate() else {
            return Ok(seen.common.gate().unwrap_or_else(|| Decision::Done(String::new())));
        };
        let target = &seen.common.claims.target;
        let Some(known) = ours(seen) else {
            return Ok(Decision::Done(match fate {
                Fate::Kept(why) => format!("kept: {why}"),
                Fate::None | Fate::Going(_) => gone(seen),
            }));
        };
        let (own, state, delete) = (data::id(known, target), known.protection(), seen.common.deletes());
        if !delete && protection::pause(known) == Some(Pause::Stopped) {
            return Ok(Decision::Done(format!(
                "backup instance {}: {state}; its backups are kept, with all resources that restoring or deleting them requires",
                own.name()
            )));
        }
        if let Some(wait) = busy(seen, known) {
            return Ok(Decision::Wait(wait));
        }
        if let Some(turn) = guarded(seen) {
            return Ok(Decision::Blocked(vec![], vec![turn]));
        }
        match delete {
            true => {
                not_held(seen)?;
                deletable(seen)?;
                seen.common.unlocked(vec![End::Delete(own)])
            }
            false => seen.common.unlocked(vec![End::Stop(own)]),
        }
    }

    async fn apply(&self, writer: &Writer, change: &End) -> Outcome<Applied> {
        let title = change.note().summary;
        let version = versions::DATA_PROTECTION;
        let act = async || match change {
            End::Stop(own) => {
                let state = self.0.state.borrow().clone().unwrap_or_default();
                let vault = target_ids::vault(target_ids::target(&state)?);
                let requests = &self.0.options.requests;
                let answer = lifecycle::ask(writer, (&vault, own.name()), Act::Stop, requests).await?;
                Ok(answer.applied(writer, title, (own.to_string(), version)))
            }
            End::Delete(own) => {
                self.unlock(writer, own).await?;
                let answer = backups::delete(writer, own).await?;
                Ok(answer.deleted(writer, title))
            }
        };
        self.0.make(self, writer, change, act).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        self.record_blocked(seen, tables);
        match ours(seen) {
            Some(own) => {
                let (before, id) = (tables.instance.take(), data::id(own, &seen.common.claims.target));
                tables.instance = Some(InstanceTable::in_state(before, id, own.protection()));
            }
            None if seen.common.is_clear() => (tables.instance, tables.backup) = (None, None),
            None => {}
        }
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let Some(backups) = seen.common.backups.here() else {
            return;
        };
        let target = &seen.common.claims.target;
        let vault = target_ids::vault(target);
        let all = || backups.of_cluster.iter().chain(&backups.in_vault);
        let in_vault = |own: &Instance| own.vault().is_some_and(|own| own == vault);
        // The intent of a backup or a restore is about something in the instance.
        let is_about = |own: &Instance, object: &str| {
            let (id, object) = (folded(data::id(own, target).as_str()), folded(object));
            object
                .strip_prefix(&id)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        // A soft-deleted one can be undeleted: it is still the one that this tool created.
        let kept = backups.deleted.iter().filter(|own| own.protects(&target.cluster));
        let is_there = |object: &str| {
            all().any(|own| in_vault(own) && is_about(own, object)) || kept.clone().any(|own| is_about(own, object))
        };
        platform::forget(tables, |made| {
            matches!(
                made.step,
                StepName::BackupInstance | StepName::Backup | StepName::Restore
            ) && !is_there(&made.object)
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &End, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::PlatformTeam, change, failure)
    }

    fn after_wait(&self, seen: &Seen, _: &State) -> Vec<ChangeNote> {
        let own = ours(seen).map(|own| data::id(own, &seen.common.claims.target));
        let end = own.map(|own| match seen.common.deletes() {
            true => End::Delete(own),
            false => End::Stop(own),
        });
        end.iter().map(Change::note).collect()
    }
}

impl BackupInstance {
    /// Lets the instance be deleted, where the person names the requests to a Resource Guard.
    async fn unlock(&self, writer: &Writer, own: &ResourceId) -> Outcome<()> {
        let requests = &self.0.options.requests;
        if requests.is_empty() {
            return Ok(());
        }
        let state = self.0.state.borrow().clone().unwrap_or_default();
        let vault = target_ids::vault(target_ids::target(&state)?);
        let live = vaults::vault(writer.reader(), &vault).await?;
        if let Some(guard) = guard::of_vault(writer.reader(), &vault, live.as_ref()).await? {
            guards::unlock_delete(writer, &vault, (&guard.proxy, own), requests).await?;
        }
        Ok(())
    }
}

/// The instance of the cluster that this tool created.
fn ours(seen: &Seen) -> Option<&Instance> {
    let backups = seen.common.backups.here()?;
    let mut all = backups.of_cluster.iter().chain(&backups.in_vault);
    all.find(|own| data::is_ours(own, &seen.common.claims))
}

/// What is said where no instance is left.
fn gone(seen: &Seen) -> String {
    let target = &seen.common.claims.target;
    let text = format!("no backup instance protects cluster {}", target.cluster.with_group());
    let deleted = seen
        .common
        .backups
        .here()
        .map(|own| own.deleted.as_slice())
        .unwrap_or_default();
    match deleted.iter().find(|own| own.protects(&target.cluster)) {
        Some(own) => format!(
            "{text}; backup instance {} is soft-deleted and will be purged on {}",
            own.id.name(),
            own.purged_on()
                .unwrap_or_else(|| "a date that Azure doesn't report".to_owned())
        ),
        None => text,
    }
}

/// What has to end before the instance can be stopped or deleted.
fn busy(seen: &Seen, own: &Instance) -> Option<Wait> {
    if let Some(job) = seen.running.first() {
        return Some(running(job));
    }
    let (name, state) = (own.id.name(), own.protection());
    protection::is_changing(own).then(|| Wait::for_(format!("backup instance {name}: {state}")))
}

fn running(job: &Job) -> Wait {
    let (name, kind) = (
        job.name(),
        job.properties.operation_category.as_deref().unwrap_or("backup"),
    );
    Wait::for_(format!("{kind} job {name}: {}", job.properties.status))
}

/// The turn of the owner of the Resource Guard that protects the vault.
fn guarded(seen: &Seen) -> Option<Turn> {
    let options = &seen.common.options;
    let critical = match seen.common.deletes() {
        true => Critical::Delete,
        false => Critical::Stop,
    };
    let vault = target_ids::vault(&seen.common.claims.target);
    seen.guard
        .as_ref()?
        .blocks(critical, &options.requests, &vault, &options.words())
}

/// Refuses a deletion that Azure can't make: it deletes backups through the extension in the cluster.
///
/// # Errors
/// The cluster has no extension, or none that works.
fn deletable(seen: &Seen) -> Outcome<()> {
    if seen.extension_works != Some(false) {
        return Ok(());
    }
    let cluster = seen.common.claims.target.cluster.with_group();
    Failure::failed(format!(
        "cannot delete the backups of cluster {cluster}: it has no working Azure Backup extension"
    ))
    .because("Azure deletes backups through the extension")
    .because("nothing was changed")
    .hint(fix![
        "repair the extension: ",
        az("prepare"),
        ", then ",
        az("grant"),
        "; then run teardown again"
    ])
    .err()
}

/// Refuses a deletion that the container forbids: Azure Backup deletes blobs with the backups.
///
/// # Errors
/// It has a legal hold or an immutability policy.
fn not_held(seen: &Seen) -> Outcome<()> {
    let Some(container) = seen.container.here() else {
        return Ok(());
    };
    let target = &seen.common.claims.target;
    let what = match (
        container.properties.has_legal_hold == Some(true),
        container.properties.has_immutability_policy == Some(true),
    ) {
        (true, _) => "a legal hold",
        (false, true) => "an immutability policy",
        (false, false) => return Ok(()),
    };
    let (account, name) = (target_ids::account(target), &target.storage.container);
    Failure::failed("cannot delete the backups: their container is protected against deletion")
        .because(format!(
            "container {name} in storage account {} has {what}",
            account.with_group()
        ))
        .because("nothing was changed")
        .hint(
            "ask the owner of the storage account why the protection was set, or omit --delete-backups to keep the \
             backups",
        )
        .err()
}
