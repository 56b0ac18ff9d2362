//! Step 12, "Test Backup Operation": a backup on demand, followed to its end.
//!
//! Stands for `az dataprotection backup-instance adhoc-backup --rule-name … --retention-tag-override …` and the look-ups of
//! its job. It is an action: each run takes a backup, except that a run which was interrupted is taken up again, and that a
//! backup which is still running is followed instead of starting a second one.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/backupInstances/backup/action` and `…/backupJobs/read` on the vault.

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{BackupTable, CloudTables, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Deviation, Drift, Right, Step, Turn, Wait};

use crate::arm::backups::{self, Instance, Job, JobState};
use crate::arm::client::{Reader, Told, Writer};
use crate::arm::user_error::UserError;
use crate::arm::visible::{self, Sight};
use crate::checks::protection::{self, Protection};
use crate::platform::Azure;
use crate::steps::fresh::{Fresh, JustRead};
use crate::steps::jobs::{self, Started};
use crate::steps::options::BackupOptions;
use crate::steps::turns;
use crate::target_ids;

/// Step 12.
#[derive(Debug, Default)]
pub(crate) struct Backup {
    options: BackupOptions,
    /// The instances of the cluster as preflight has just seen them.
    instances: Fresh<Vec<Instance>>,
    /// The protected instance, once it was seen.
    instance: OnceCell<Protected>,
    /// The command for an instance that isn't protected.
    way_back: Cell<Option<&'static str>>,
    /// The job that this run has started or found.
    job: Rc<RefCell<Option<ResourceId>>>,
    /// Until when the job of a request is looked for that Azure has left without an answer.
    doubt: Cell<Option<Instant>>,
}

const UNANSWERED: &str = "Azure didn't respond to the backup request; looking for its job";

/// How long a job may take to show.
const SHOWING: Duration = Duration::from_secs(120);

impl Backup {
    /// As `backup` was told.
    pub(crate) fn new(options: BackupOptions, read: &JustRead) -> Self {
        Self {
            options,
            instances: read.instances.clone(),
            ..Self::default()
        }
    }
}

/// An instance that protects the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Protected {
    id: ResourceId,
    /// The policy that it has now.
    policy: ResourceId,
}

/// What is there.
pub(crate) struct Seen {
    vault: ResourceId,
    /// The protected instance; none means that there is nothing to back up yet.
    instance: Option<ResourceId>,
    /// The command that would bring one about.
    way_back: &'static str,
    rule: String,
    tag: String,
    /// The job of this run, or one that is taken up.
    job: Option<Job>,
    /// Azure gave no answer to the request for a job, which may show yet.
    doubtful: bool,
}

/// A backup to be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StartBackup {
    vault: ResourceId,
    instance: ResourceId,
    rule: String,
    tag: String,
}

impl Change for StartBackup {
    fn note(&self) -> ChangeNote {
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!(
                "start an on-demand backup of {} (rule {}, retention tag {})",
                self.instance.name(),
                self.rule,
                self.tag
            ),
            right: Right::new(
                "Microsoft.DataProtection/backupVaults/backupInstances/backup/action",
                &self.vault,
            ),
            creates: Some(self.instance.to_string()),
            warning: None,
        }
    }
}

impl Step for Backup {
    type Platform = Azure;
    type Seen = Seen;
    type Change = StartBackup;

    fn name(&self) -> StepName {
        StepName::Backup
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?;
        let vault = target_ids::vault(target);
        let known = self.job.borrow().clone();
        let instance = self.protected(reader, state, target).await?;
        let Some(own) = &instance else {
            return Ok(Seen {
                vault,
                instance: None,
                way_back: self.way_back.get().unwrap_or(PROTECT),
                rule: String::new(),
                tag: String::new(),
                job: None,
                doubtful: false,
            });
        };
        let (job, names) = futures::join!(
            jobs::of_interest(reader, &vault, &own.id, known, state),
            jobs::rule_and_tag(reader, &own.policy, state),
        );
        let (job, (rule, tag)) = (job?, names?);
        jobs::followed("backup", job.as_ref());
        if let Some(job) = &job {
            *self.job.borrow_mut() = Some(backups::job_path(&vault, &job.id)?);
        }
        let rule = self.options.rule.clone().unwrap_or(rule);
        let tag = self.options.retention_tag.clone().unwrap_or(tag);
        Ok(Seen {
            vault,
            instance: Some(own.id.clone()),
            way_back: PROTECT,
            rule,
            tag,
            job,
            doubtful: self.doubt.get().is_some_and(|until| Instant::now() < until),
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<StartBackup>> {
        let Some(instance) = &seen.instance else {
            return Ok(Decision::Blocked(vec![], vec![unprotected(seen.way_back)]));
        };
        let Some(job) = &seen.job else {
            if seen.doubtful {
                return Ok(Decision::Wait(Wait::for_(UNANSWERED)));
            }
            let (vault, instance) = (seen.vault.clone(), instance.clone());
            let (rule, tag) = (seen.rule.clone(), seen.tag.clone());
            return Ok(Decision::Change(vec![StartBackup {
                vault,
                instance,
                rule,
                tag,
            }]));
        };
        match job.state() {
            JobState::Running => Ok(Decision::Wait(Wait::for_(format!(
                "backup job {}: {}",
                job.name(),
                job.properties.status
            )))),
            JobState::Completed if job.is_incomplete() => Ok(Decision::Differs(evidence(job), incomplete(job))),
            JobState::Completed => Ok(Decision::Done(evidence(job))),
            JobState::Failed => Err(Box::new(failed(job))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &StartBackup) -> Outcome<Applied> {
        let note = change.note();
        let answer = match backups::start(writer, &change.instance, &change.rule, &change.tag).await? {
            Told::Answer(answer) => answer,
            Told::Nothing(failure) if self.doubt.get().is_some() => return Err(failure),
            Told::Nothing(_) => {
                let patience = writer.reader().pace().scaled(SHOWING);
                self.doubt.set(Instant::now().checked_add(patience));
                return Ok(Applied::Busy(turns::look_again(UNANSWERED)));
            }
        };
        match answer.operation(writer.reader(), note.summary) {
            Some(operation) => Ok(Applied::Running(Box::new(Started::new(
                operation,
                change.vault.clone(),
                &self.job,
            )))),
            None => Ok(Applied::Done),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        tables.backup = seen.job.as_ref().map(|job| BackupTable {
            job: job.id.clone(),
            status: job.properties.status.clone(),
            started_at: job.properties.start_time,
            ended_at: job.properties.end_time,
            written: None,
        });
    }

    /// The request itself is always followed: Azure names the job at its end.
    fn goes_on(&self, seen: &Seen) -> bool {
        let job = seen.job.as_ref();
        job.is_some_and(|job| matches!(job.state(), JobState::Running))
    }

    fn hand_over(&self, change: &StartBackup, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| turns::not_ours(change.note(), az("backup")))
    }
}

impl Backup {
    /// The instance that protects the cluster, as Azure has it.
    async fn protected(&self, reader: &Reader, state: &State, target: &Target) -> Outcome<Option<Protected>> {
        if let Some(instance) = self.instance.get() {
            return Ok(Some(instance.clone()));
        }
        let instances = match self.instances.take() {
            Some(instances) => Sight::Here(instances),
            None => Sight::of(backups::of_cluster(reader, &target.cluster).await.map(Some))?,
        };
        let instance = match instances {
            Sight::Hidden(refusal) => Some(recorded(state, target).ok_or(refusal)?),
            seen => {
                let all = seen.here().map(Vec::as_slice).unwrap_or_default();
                let paused = |own: &Instance| protection::pause(own).is_some();
                self.way_back
                    .set(protection::chosen(target, all).is_some_and(paused).then_some("resume"));
                own(all, target)
            }
        };
        Ok(instance.map(|instance| self.instance.get_or_init(|| instance).clone()))
    }
}

/// The command for a cluster that nothing protects yet.
const PROTECT: &str = "protect";

fn unprotected(way_back: &'static str) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: "the cluster has no backup instance in state ProtectionConfigured".into(),
        command: az(way_back),
        right: None,
        also: Vec::new(),
    }
}

/// The instance that protects the cluster in the target's vault.
fn own(instances: &[Instance], target: &Target) -> Option<Protected> {
    let vault = target_ids::vault(target);
    let works = |own: &&Instance| own.vault().as_ref() == Some(&vault) && protection::of(own) == Protection::Configured;
    let meant = protection::chosen(target, instances).filter(works);
    let own = meant.or_else(|| instances.iter().find(works))?;
    // A policy is always one of the instance's own vault, whatever Azure spells.
    let policy = own.properties.policy_info.policy_id.rsplit('/').next();
    Some(Protected {
        id: vault.child("backupInstances", own.id.name()),
        policy: match policy {
            Some(name) if !name.is_empty() => vault.child("backupPolicies", name),
            Some(_) | None => target_ids::policy(target),
        },
    })
}

/// The instance as the file has it, for who may not ask the cluster; only one in the target's vault, since the file may
/// come from anybody.
fn recorded(state: &State, target: &Target) -> Option<Protected> {
    let claim = &state.cloud.instance.as_ref()?.instance;
    let id = target_ids::vault(target).child("backupInstances", claim.name());
    let policy = target_ids::policy(target);
    (id == *claim).then_some(Protected { id, policy })
}

fn evidence(job: &Job) -> String {
    format!("backup job {}: {}", job.name(), job.properties.status)
}

/// A recovery point exists, and something is missing in it: that is never a backup as it was requested.
fn incomplete(job: &Job) -> Drift {
    let warnings = job.warnings();
    let differences = match warnings.is_empty() {
        true => vec!["the recovery point might lack resources of the cluster".to_owned()],
        false => warnings,
    };
    let hint = fix!["check what is missing: ", az("jobs").with(job.name())];
    Drift {
        deviation: Deviation::Incomplete,
        differences,
        hints: vec![hint],
    }
}

fn failed(job: &Job) -> Failure {
    let errors = job
        .properties
        .error_details
        .as_ref()
        .map(UserError::all)
        .unwrap_or_default();
    let failure = Failure::failed(format!("backup job {} is {}", job.name(), job.properties.status));
    UserError::explain(&errors, failure)
        .hint(fix!["fix the cause, then run: ", az("backup")])
        .hint(fix!["to see the details of the job: ", az("jobs").with(job.name())])
}

#[cfg(test)]
mod tests;
