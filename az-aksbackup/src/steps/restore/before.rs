//! What has to be known before anything is restored.

use std::time::Duration;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::human;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::{Right, Turn, Wait};
use jiff::Timestamp;
use serde_json::json;

use super::{Request, Restore};
use crate::arm::backups::{self, Instance, Job, JobState};
use crate::arm::client::Reader;
use crate::arm::extensions::{self, Extension};
use crate::arm::recovery_points::{self, RecoveryPoint};
use crate::arm::trusted_access::{self, Binding};
use crate::arm::visible::Sight;
use crate::checks::protection::{self, Pause, Protection};
use crate::checks::recovery_points::{newest_first, shown};
use crate::checks::required_permissions::Needed;
use crate::checks::restore as checks;
use crate::checks::restore_point::{Wanted, chosen};
use crate::steps::options::RestoreOptions;
use crate::steps::turns;
use crate::target_ids;

mod begun;

use begun::{Begun, NONE, SHOWING, begun, digest};
pub(crate) use begun::{FORGOTTEN, JOB};

/// What is there before anything is restored.
pub(crate) struct Before {
    target: Target,
    pub(super) vault: ResourceId,
    instance: Option<Instance>,
    /// Those that the vault keeps although they were deleted, where there is no other.
    deleted: Vec<Instance>,
    extensions: Sight<Vec<Extension>>,
    bindings: Sight<Vec<Binding>>,
    points: Sight<Vec<RecoveryPoint>>,
    /// The restores of the instance, the latest first.
    restores: Sight<Vec<Job>>,
    /// What the signed-in account lacks.
    lacks: Vec<Needed>,
    /// The restore that this or an interrupted run has asked for, where it is the same request.
    begun: Option<Begun>,
    /// How long its job may take to show, in our time.
    patience: Duration,
    now: Timestamp,
}

impl Before {
    /// Reads it.
    pub(super) async fn look(step: &Restore, reader: &Reader, state: &State) -> Outcome<Self> {
        let target = target_ids::target(state)?.clone();
        let vault = target_ids::vault(&target);
        let instances = match step.read.instances.take() {
            Some(instances) => instances,
            None => backups::of_cluster(reader, &target.cluster).await?,
        };
        let others = |own: &&Instance| own.vault().is_some_and(|own| own != vault);
        if let Some(other) = instances.iter().find(others) {
            return Err(Box::new(protection::elsewhere(&target, other)));
        }
        let instance = protection::chosen(&target, &instances).cloned();
        let mut own = Self {
            deleted: Vec::new(),
            extensions: Sight::Absent,
            bindings: Sight::Absent,
            points: Sight::Absent,
            restores: Sight::Absent,
            lacks: step.read.rights.peek().map(|own| own.missing).unwrap_or_default(),
            begun: None,
            patience: reader.pace().scaled(SHOWING),
            now: Timestamp::now(),
            instance,
            vault,
            target,
        };
        match &own.instance {
            Some(instance) => {
                let digest = digest(&step.options, &own.target, instance);
                // A plan shows what a new restore would do.
                own.begun = begun(state, &own.id(instance), &digest).filter(|_| step.takes_up());
                own.read(step, reader).await?;
            }
            None => {
                let deleted = backups::deleted(reader, &own.vault, &own.target.cluster).await;
                own.deleted = Sight::of(deleted.map(Some))?.here().cloned().unwrap_or_default();
            }
        }
        Ok(own)
    }

    async fn read(&mut self, step: &Restore, reader: &Reader) -> Outcome<()> {
        let Some(instance) = &self.instance else { return Ok(()) };
        let (id, cluster) = (self.id(instance), &self.target.cluster);
        let extensions = async {
            match step.read.extensions.take() {
                Some(own) => Ok(own),
                None => extensions::of_backup(reader, cluster).await,
            }
        };
        let (extensions, bindings, points, jobs) = futures::join!(
            extensions,
            trusted_access::bindings(reader, cluster),
            recovery_points::of_instance(reader, &id),
            backups::jobs(reader, &self.vault),
        );
        self.extensions = Sight::of(extensions.map(Some))?;
        self.bindings = Sight::of(bindings.map(Some))?;
        self.points = Sight::of(points.map(newest_first).map(Some))?;
        self.restores = Sight::of(jobs.map(|jobs| Some(checks::restores(jobs, &id))))?;
        Ok(())
    }

    /// The resource ID of the instance in the target's vault, whatever Azure spells.
    fn id(&self, instance: &Instance) -> ResourceId {
        self.vault.child("backupInstances", instance.id.name())
    }

    /// Returns the turn of a person with permission to restore, if the signed-in account is known to lack it.
    pub(super) fn lacking(&self, words: String) -> Option<Turn> {
        let rights: Vec<Right> = self
            .lacks
            .iter()
            .map(|own| Right::new(own.action, &own.scope))
            .collect();
        let (first, rest) = rights.split_first()?;
        let why = "the signed-in account lacks permissions for a restore; the Backup Operator or Contributor role includes \
             the permissions on the vault";
        Some(Turn {
            also: rest.to_vec(),
            ..turns::contributor(why, az(words), first.clone())
        })
    }

    /// Checks what the cluster, the instance and the day have to allow. Returns what passes by itself.
    ///
    /// # Errors
    /// What doesn't pass, with what helps.
    pub(super) fn must_be_possible(&self) -> Outcome<Option<Wait>> {
        let Some(own) = &self.instance else {
            return Err(Box::new(self.absent()));
        };
        let state = format!("backup instance {}: {}", own.id.name(), own.protection());
        match protection::of(own) {
            Protection::Changing => return Ok(Some(Wait::for_(state))),
            Protection::Unknown => return Ok(Some(Wait::unless_stuck(state, protection::unknown(own)))),
            Protection::Broken => return Err(Box::new(protection::broken(own))),
            Protection::Paused if protection::pause(own) == Some(Pause::Deleted) => {
                return Err(Box::new(deleted(own)));
            }
            // What is suspended or stopped keeps its recovery points: Microsoft's definitions of suspendBackups and stopProtection.
            Protection::Configured | Protection::Paused => {}
        }
        self.cluster_is_ready()?;
        let hidden = |refusal: &Failure| Err(Box::new(refusal.clone()));
        match (&self.points, &self.restores) {
            (Sight::Hidden(refusal), _) | (_, Sight::Hidden(refusal)) => hidden(refusal),
            (_, restores) => {
                let none = Vec::new();
                checks::must_be_free(restores.here().unwrap_or(&none), self.now)?;
                Ok(None)
            }
        }
    }

    /// Checks extension and Trusted Access. What can't be read is left to Azure's own validation.
    fn cluster_is_ready(&self) -> Outcome<()> {
        let (cluster, vault) = (self.target.cluster.with_group(), self.vault.with_group());
        match self.extensions.here().map(Vec::as_slice) {
            Some([]) => {
                return Failure::failed(format!("cluster {cluster} has no Azure Backup extension"))
                    .because("the extension restores the resources")
                    .hint(fix!["install the extension: ", az("prepare")])
                    .err();
            }
            Some(all) if !all.iter().any(Extension::is_installed) => {
                let states = all
                    .iter()
                    .map(|own| format!("extension {} is {}", own.name, own.provisioning_state()));
                let failure = Failure::failed(format!("the Azure Backup extension of cluster {cluster} isn't ready"));
                let failure = states.fold(failure, Failure::because);
                return failure.hint(fix!["find the cause: ", az("doctor")]).err();
            }
            Some(_) | None => {}
        }
        let reaches = |own: &Binding| own.is_of(&self.vault) && own.lets_back_up();
        match self.bindings.here() {
            Some(all) if !all.iter().any(reaches) => {
                Failure::failed(format!("vault {vault} has no access to cluster {cluster}"))
                    .because(
                        "no Trusted Access role binding of the cluster assigns the role backup-operator to the vault",
                    )
                    .hint(fix!["create the role binding: ", az("prepare")])
                    .err()
            }
            _ => Ok(()),
        }
    }

    /// The failure of a cluster without an instance.
    pub(super) fn absent(&self) -> Failure {
        match self.deleted.first() {
            Some(own) => deleted(own),
            None => Failure::missing(format!(
                "cluster {} has no backup instance",
                self.target.cluster.with_group()
            ))
            .because("the cluster isn't backed up, so there is nothing to restore")
            .hint(fix!["protect the cluster: ", az("protect")]),
        }
    }

    /// Returns the request; `None` where there is no instance.
    ///
    /// # Errors
    /// As [`chosen`].
    pub(super) fn request(&self, options: &RestoreOptions, wanted: &Wanted) -> Outcome<Option<Request>> {
        let Some(own) = &self.instance else { return Ok(None) };
        let id = self.id(own);
        let none = Vec::new();
        let point = chosen(self.points.here().unwrap_or(&none), wanted, (id.name(), self.now))?;
        let mut body = options.criteria.body(&self.target, own);
        body["recoveryPointId"] = json!(point.id());
        let data = if options.criteria.data {
            "with volume data"
        } else {
            "without volume data"
        };
        let scope = match options.criteria.cluster_scope {
            true => "with cluster-scoped resources",
            false => "without cluster-scoped resources",
        };
        Ok(Some(Request {
            summary: format!(
                "restore {} of cluster {} from recovery point {} of {}, {data}, {scope}",
                options.criteria.words(),
                self.target.cluster.with_group(),
                point.id(),
                shown(point.time())
            ),
            warning: options.criteria.warnings(own).join("; "),
            intent: self.intent(&id, point.id(), &digest(options, &self.target, own)),
            vault: self.vault.clone(),
            point: point.id().to_owned(),
            instance: id,
            body,
        }))
    }

    /// Returns what a run that takes this restore up has to know.
    fn intent(&self, instance: &ResourceId, point: &str, digest: &str) -> String {
        let last = self.restores.here().and_then(|all| all.first()).map_or(NONE, Job::name);
        format!("{instance}/restores/{point}/{digest}/after/{last}")
    }

    /// Returns how long the last restore took.
    pub(super) fn usual(&self) -> Option<String> {
        let done = |job: &&Job| job.state() == JobState::Completed;
        let last = self.restores.here()?.iter().find(done)?;
        let (start, end) = (last.properties.start_time?, last.properties.end_time?);
        Duration::try_from(end.duration_since(start)).ok().map(human)
    }
}

fn deleted(own: &Instance) -> Failure {
    Failure::failed(format!(
        "{} is in state {}",
        protection::in_vault(own),
        own.protection()
    ))
    .because("Azure can't restore from a deleted backup instance")
    .hint(fix![
        "to undelete the backup instance first: ",
        az("undelete --keep-stopped")
    ])
}

#[cfg(test)]
mod tests;
