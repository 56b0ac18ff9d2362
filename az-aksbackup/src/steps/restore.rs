//! A restore to the original cluster, from the operational tier, followed to its end.
//!
//! Stands for `az dataprotection backup-instance validate-for-restore` and `… restore trigger`, and the look-ups of the job. Each run restores,
//! except that a run which was interrupted is taken up again, so that nothing is restored twice: its intent has the recovery point, a digest of
//! the command, and the job as soon as Azure names it. Without that name, a job of that minute and of that point can be another person's, and
//! the person has to tell.
//!
//! Rights: `Microsoft.DataProtection/backupVaults/backupInstances/{recoveryPoints/read,validateRestore/action,restore/action}` and
//! `…/backupJobs/read` on the vault, `Microsoft.DataProtection/backupInstances/read` on the cluster.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{CloudTables, Intent, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Deviation, Drift, Right, Step, Turn, Wait};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::backups::{self, Job, JobState};
use crate::arm::client::{Reader, Told, Writer};
use crate::arm::restores;
use crate::arm::user_error::UserError;
use crate::arm::visible;
use crate::checks::recovery_points::shown;
use crate::checks::restore as checks;
use crate::checks::restore_point::Wanted;
use crate::platform::Azure;
use crate::steps::fresh::JustRead;
use crate::steps::jobs::{self, Started};
use crate::steps::options::RestoreOptions;
use crate::steps::turns;

mod before;

use before::{Before, FORGOTTEN, JOB};

/// Restores.
pub(crate) struct Restore {
    options: RestoreOptions,
    /// The recovery point: the one that was shown is restored, whatever becomes the newest meanwhile.
    point: RefCell<Wanted>,
    read: JustRead,
    /// The job that this run has started or found.
    job: Rc<RefCell<Option<ResourceId>>>,
    /// The recovery point of a restore that an earlier run has started.
    taken_up: RefCell<Option<String>>,
    /// The digest of the command, which its intents have.
    digest: RefCell<Option<String>>,
    /// Why it isn't known whether Azure has taken the request of this run.
    unanswered: RefCell<Option<Box<Failure>>>,
    /// How long the last restore took.
    usual: RefCell<Option<String>>,
    /// Whether the job was seen running in this run.
    followed: Cell<bool>,
}

const UNANSWERED: &str = "Azure didn't respond to the restore request; looking for its job";

impl Restore {
    /// As `restore` was told.
    pub(crate) fn new(options: RestoreOptions, read: &JustRead) -> Self {
        Self {
            point: RefCell::new(options.point.clone()),
            options,
            read: read.clone(),
            job: Rc::default(),
            taken_up: RefCell::default(),
            digest: RefCell::default(),
            unanswered: RefCell::default(),
            usual: RefCell::default(),
            followed: Cell::default(),
        }
    }

    /// Whether a restore that was begun is taken up. A plan shows what a new one would do, and `--again` wants one, whatever was begun before
    /// this run.
    fn takes_up(&self) -> bool {
        !self.options.plan && (!self.options.again || self.unanswered.borrow().is_some())
    }

    /// Whether an intent is one of this command.
    fn is_own(&self, intent: &Intent) -> bool {
        let digest = self.digest.borrow();
        let digest = digest.as_deref().map(|own| format!("/{own}/"));
        intent.step == StepName::Restore && digest.is_some_and(|own| intent.object.contains(&own))
    }
}

/// What is there.
pub(crate) enum Seen {
    /// The job of this run, or of one that is taken up; none if Azure doesn't show it yet.
    Job(Option<Box<Job>>),
    /// Nothing has been restored.
    Before(Box<Before>),
}

/// A restore as it is requested.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Request {
    pub(crate) vault: ResourceId,
    pub(crate) instance: ResourceId,
    /// The ID of the recovery point.
    point: String,
    /// The request.
    pub(crate) body: Value,
    /// What is restored from which point, in words.
    summary: String,
    /// What the person should know.
    warning: String,
    /// What the intent has: recovery point and digest.
    intent: String,
}

/// What is asked of the vault.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RestoreChange {
    /// Whether it would work.
    Validate(Box<Request>),
    /// To restore.
    Restore(Box<Request>),
}

impl Request {
    /// Returns what the vault is asked first.
    pub(crate) fn validation(&self) -> String {
        format!("validate the restore with vault {}", self.vault.with_group())
    }
}

impl Change for RestoreChange {
    fn note(&self) -> ChangeNote {
        match self {
            Self::Validate(own) => ChangeNote {
                reduces: Vec::new(),
                keeps: None,
                summary: own.validation(),
                right: Right::new(restores::VALIDATE, &own.vault),
                creates: None,
                warning: None,
            },
            Self::Restore(own) => ChangeNote {
                reduces: Vec::new(),
                keeps: None,
                summary: own.summary.clone(),
                right: Right::new(restores::RESTORE, &own.vault),
                creates: Some(own.intent.clone()),
                warning: Some(own.warning.clone()),
            },
        }
    }
}

impl Step for Restore {
    type Platform = Azure;
    type Seen = Seen;
    type Change = RestoreChange;

    fn name(&self) -> StepName {
        StepName::Restore
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let known = self.job.borrow().clone();
        if let Some(known) = known {
            let job = backups::job(reader, &known).await?;
            jobs::followed("restore", job.as_ref());
            return Ok(Seen::Job(job.map(Box::new)));
        }
        let before = Before::look(self, reader, state).await?;
        self.digest.replace(before.digest(&self.options));
        if let Some((job, point)) = before.taken_up(reader, &self.options).await? {
            *self.job.borrow_mut() = Some(backups::job_path(&before.vault, &job.id)?);
            let earlier = self.unanswered.borrow().is_none();
            self.taken_up.replace(earlier.then_some(point));
            jobs::followed("restore", Some(&job));
            return Ok(Seen::Job(Some(Box::new(job))));
        }
        let request = before.request(&self.options, &self.point.borrow());
        if let Ok(Some(request)) = request {
            self.point.replace(Wanted::Id(request.point.clone()));
            self.read.restore.put(request);
        }
        self.usual.replace(before.usual());
        Ok(Seen::Before(Box::new(before)))
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<RestoreChange>> {
        let before = match seen {
            Seen::Job(job) => return self.of_job(job.as_deref()),
            Seen::Before(before) => before,
        };
        if before.is_looking() {
            return Ok(Decision::Wait(Wait::for_(UNANSWERED)));
        }
        if let Some(failure) = self.unanswered.borrow().clone() {
            return Err(Box::new(
                failure
                    .because("Azure lists no job for the request, so it is unknown whether a restore was started")
                    .hint(fix!["check whether a restore is running: ", az("jobs")])
                    .hint("run the command again if no restore is running"),
            ));
        }
        if let Some(turn) = before.lacking(self.options.words()) {
            return Ok(Decision::Blocked(vec![], vec![turn]));
        }
        if let Some(wait) = before.must_be_possible()? {
            return Ok(Decision::Wait(wait));
        }
        match before.request(&self.options, &self.point.borrow())? {
            Some(own) => Ok(Decision::Change(vec![
                RestoreChange::Validate(Box::new(own.clone())),
                RestoreChange::Restore(Box::new(own)),
            ])),
            None => Err(Box::new(before.absent())),
        }
    }

    async fn apply(&self, writer: &Writer, change: &RestoreChange) -> Outcome<Applied> {
        let (reader, title) = (writer.reader(), change.note().summary);
        let own = match change {
            RestoreChange::Validate(own) => {
                let operation = restores::validate(reader, &own.instance, &own.body, title).await?;
                return Ok(operation.map_or(Applied::Done, |own| Applied::Running(Box::new(own))));
            }
            RestoreChange::Restore(own) => own,
        };
        // Another person could have begun one while this one was shown and validated.
        let jobs = checks::restores(backups::jobs(reader, &own.vault).await?, &own.instance);
        checks::must_be_free(&jobs, Timestamp::now())?;
        match restores::start(writer, &own.instance, &own.body).await? {
            Told::Answer(answer) => Ok(match answer.operation(reader, title) {
                Some(operation) => Applied::Running(Box::new(Started::new(operation, own.vault.clone(), &self.job))),
                None => Applied::Done,
            }),
            Told::Nothing(failure) => {
                self.unanswered.replace(Some(failure));
                Ok(Applied::Busy(turns::look_again(UNANSWERED)))
            }
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        // The job that has restored everything stays, so that the same command doesn't restore a second time unasked.
        let job = match seen {
            Seen::Job(Some(job)) if job.state() == JobState::Completed && !job.is_incomplete() => Some(job),
            Seen::Job(_) | Seen::Before(_) => None,
        };
        let is_its = |own: &Intent| {
            job.as_ref()
                .is_some_and(|job| own.object.ends_with(&format!("{JOB}{}", job.name())))
        };
        let is_old = |own: &Intent| Timestamp::now().duration_since(own.at).unsigned_abs() > FORGOTTEN;
        let is_over = |own: &Intent| own.step == StepName::Restore && own.object.contains(JOB) && is_old(own);
        tables
            .intents
            .retain(|own| (!self.is_own(own) || is_its(own)) && !is_over(own));
    }

    fn record_operation(&self, change: &RestoreChange, tables: &mut CloudTables) {
        let job = self.job.borrow();
        let (RestoreChange::Restore(own), Some(job)) = (change, &*job) else {
            return;
        };
        // What an earlier run of the same command has asked for is over, since this one was allowed to begin.
        tables
            .intents
            .retain(|intent| !self.is_own(intent) || intent.object == own.intent);
        for intent in &mut tables.intents {
            if self.is_own(intent) {
                intent.object = format!("{}{JOB}{}", own.intent, job.name());
            }
        }
    }

    /// The request itself is always followed: Azure names the job at its end.
    fn goes_on(&self, seen: &Seen) -> bool {
        matches!(seen, Seen::Job(Some(job)) if job.state() == JobState::Running)
    }

    fn hand_over(&self, change: &RestoreChange, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| turns::not_ours(change.note(), az(self.options.words())))
    }
}

impl Restore {
    /// Returns what a job comes to.
    fn of_job(&self, job: Option<&Job>) -> Outcome<Decision<RestoreChange>> {
        let Some(job) = job else {
            return Ok(Decision::Wait(Wait::for_("Azure doesn't list the restore job yet")));
        };
        match job.state() {
            JobState::Running => {
                self.followed.set(true);
                let usual = self.usual.borrow();
                let usual = usual.as_deref().map(|took| format!(" (the last restore took {took})"));
                let why = format!("{}{}", self.evidence(job), usual.unwrap_or_default());
                Ok(Decision::Wait(Wait::for_(why)))
            }
            JobState::Completed if job.is_incomplete() => Ok(Decision::Differs(self.evidence(job), incomplete(job))),
            // Azure doesn't report which namespaces a job has restored: only the state file says that it was for this command, and what was
            // restored can be gone by now.
            JobState::Completed if self.taken_up.borrow().is_some() && !self.followed.get() => {
                Ok(Decision::Differs(self.evidence(job), self.restored_earlier(job)))
            }
            JobState::Completed => Ok(Decision::Done(self.evidence(job))),
            JobState::Failed => Err(Box::new(self.failed(job))),
        }
    }

    /// Returns what shows it. A second run must show that nothing is restored a second time.
    fn evidence(&self, job: &Job) -> String {
        let earlier = match &*self.taken_up.borrow() {
            Some(point) => format!(
                " of recovery point {point}, started by an earlier run on {}",
                shown(job.properties.start_time)
            ),
            None => String::new(),
        };
        format!("restore job {}{earlier}: {}", job.name(), job.properties.status)
    }

    /// What is to be said of a job that was over before this run began.
    fn restored_earlier(&self, job: &Job) -> Drift {
        Drift {
            deviation: Deviation::Incomplete,
            differences: vec![format!(
                "this run didn't restore anything: the state file reports that job {} did what this command requests",
                job.name()
            )],
            hints: vec![fix![
                "to restore again: ",
                az(self.options.words()).with("--again").again()
            ]],
        }
    }

    fn failed(&self, job: &Job) -> Failure {
        let failure = Failure::failed(format!("restore job {} is {}", job.name(), job.properties.status));
        UserError::explain(&job.errors(), failure)
            .because("some resources might have been restored")
            .hint(fix!["to see all details of the job: ", az("jobs").with(job.name())])
            .hint(fix!["fix the cause, then run: ", az(self.options.words())])
    }
}

/// Something isn't restored: that is never what was requested.
fn incomplete(job: &Job) -> Drift {
    let warnings = job.warnings();
    let differences = match warnings.is_empty() {
        true => vec!["some resources might not be restored".to_owned()],
        false => warnings,
    };
    Drift {
        deviation: Deviation::Incomplete,
        differences,
        hints: vec![fix!["check what is missing: ", az("jobs").with(job.name())]],
    }
}
