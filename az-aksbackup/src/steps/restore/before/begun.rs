//! A restore that an interrupted run of the same command has begun: what its intent says, and which job is its own.

use std::time::Duration;

use aksbackup_shared::command_line::{az, quoted, shell};
use aksbackup_shared::digest::Digest;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{State, Target};
use jiff::Timestamp;
use serde_json::json;

use super::Before;
use crate::arm::backups::{self, Instance, Job, JobState};
use crate::arm::client::Reader;
use crate::checks::recovery_points::shown;
use crate::checks::restore_point::chosen;
use crate::steps::options::RestoreOptions;

/// How long a job may take to show.
pub(super) const SHOWING: Duration = Duration::from_secs(120);
/// How far the clocks of this machine and of Azure may differ. The job before the request excludes older ones by itself.
const CLOCK_SKEW: Duration = Duration::from_secs(10 * 60);

/// A job that finished longer ago is no longer what the same command means: it restores again.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);
/// A request that was sent longer ago is no longer recorded. No restore runs as long: one that does must not be restored a second time.
pub(crate) const FORGOTTEN: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Stands in an intent for the job before, where there was none.
pub(super) const NONE: &str = "none";
/// Stands in an intent before the name of its own job.
pub(crate) const JOB: &str = "/job/";

/// A restore that was asked for, as its intent has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// Its recovery point.
    pub(super) point: String,
    /// The latest restore job before it, or [`NONE`].
    pub(super) after: String,
    /// Its own job, once Azure has named it.
    pub(super) job: Option<String>,
    /// When it was requested, by the clock of that machine.
    pub(super) at: Timestamp,
}

impl Before {
    /// Returns the digest of the command, which its intents have; `None` without an instance.
    pub(crate) fn digest(&self, options: &RestoreOptions) -> Option<String> {
        let own = self.instance.as_ref()?;
        Some(digest(options, &self.target, own))
    }

    /// Returns the jobs that might be the one that was begun, while Azure hasn't named it, the earliest first: none that was there before,
    /// and none that began when the request was long over, although the clocks of this machine and of Azure differ.
    pub(super) fn candidates(&self, begun: &Begun) -> Vec<&Job> {
        let since = self.since(begun);
        let until = begun.at.checked_add(SHOWING + CLOCK_SKEW).unwrap_or(begun.at);
        let is_in_time = |job: &&Job| {
            let by_person = job.properties.is_user_triggered.unwrap_or(true);
            by_person
                && job
                    .properties
                    .start_time
                    .is_some_and(|start| (since..=until).contains(&start))
        };
        let all = self.restores.here().into_iter().flatten();
        let new = all.take_while(|job| !job.name().eq_ignore_ascii_case(&begun.after));
        let mut new: Vec<&Job> = new.filter(is_in_time).collect();
        new.reverse();
        new
    }

    /// Returns the job of a restore that was begun, with its recovery point. One that has failed, or is not what the command means any more,
    /// is over: asking again means a new restore.
    ///
    /// # Errors
    /// Azure never named the job, and there is one that another person can have started as well.
    pub(crate) async fn taken_up(&self, reader: &Reader, options: &RestoreOptions) -> Outcome<Option<(Job, String)>> {
        let Some(begun) = &self.begun else {
            return Ok(None);
        };
        let names = match &begun.job {
            Some(job) => vec![job.as_str()],
            None => self.candidates(begun).into_iter().map(Job::name).collect(),
        };
        let mut meant = Vec::new();
        for name in names {
            // Only the job itself says from which recovery point.
            let full = backups::job(reader, &self.vault.child("backupJobs", name)).await?;
            meant.extend(full.filter(|own| self.is_its(own, begun) && self.is_meant(own, begun, options)));
        }
        match (&begun.job, meant.is_empty()) {
            (_, true) => Ok(None),
            (Some(_), false) => Ok(meant.pop().map(|job| (job, begun.point.clone()))),
            (None, false) => Err(Box::new(untold(
                &meant,
                begun,
                (options, self.instance.as_ref().map(|own| self.id(own))),
            ))),
        }
    }

    /// Whether a job can be the one of the request: from its recovery point, and not older.
    pub(super) fn is_its(&self, job: &Job, begun: &Begun) -> bool {
        let start = job.properties.start_time;
        is_from(job, &begun.point) && start.is_some_and(|start| start >= self.since(begun))
    }

    /// The earliest time at which the job of the request can have started, by Azure's clock.
    fn since(&self, begun: &Begun) -> Timestamp {
        begun.at.min(self.now).checked_sub(CLOCK_SKEW).unwrap_or(begun.at)
    }

    /// Whether the job of an earlier run answers the command that is run now: it runs, or it has just finished, and the command would restore
    /// from the same recovery point again.
    pub(super) fn is_meant(&self, job: &Job, begun: &Begun, options: &RestoreOptions) -> bool {
        let ended = job.properties.end_time.unwrap_or(begun.at);
        let is_recent =
            Duration::try_from(self.now.duration_since(ended)).is_ok_and(|age| age < REMEMBERED) || ended > self.now;
        let none = Vec::new();
        let point = chosen(self.points.here().unwrap_or(&none), &options.point, ("", self.now));
        match job.state() {
            JobState::Running => true,
            JobState::Failed => false,
            JobState::Completed => is_recent && point.is_ok_and(|point| point.id().eq_ignore_ascii_case(&begun.point)),
        }
    }

    /// Returns whether the job of a restore that was begun a moment ago might not show yet.
    pub(crate) fn is_looking(&self) -> bool {
        let Some(begun) = self.begun.as_ref().filter(|own| own.job.is_none()) else {
            return false;
        };
        let age = Duration::try_from(self.now.duration_since(begun.at));
        age.is_ok_and(|age| age < self.patience) && self.candidates(begun).is_empty()
    }
}

/// The failure where a job is there, and nothing says whose: a person with the same permissions can have started it from the same recovery
/// point, with other namespaces. To report it as the result would call something restored that isn't.
pub(super) fn untold(
    jobs: &[Job],
    begun: &Begun,
    (options, instance): (&RestoreOptions, Option<ResourceId>),
) -> Failure {
    let names: Vec<&str> = jobs.iter().map(Job::name).collect();
    let instance = instance.map(|own| own.to_string()).unwrap_or_default();
    let failure = Failure::failed(format!(
        "cannot determine whether this command started restore job {}",
        names.join(" or ")
    ));
    failure
        .because(format!(
            "this command requested a restore on {}, and the connection or the run ended before Azure returned the \
             job's ID",
            shown(Some(begun.at))
        ))
        .because(format!(
            "the job restores from the same recovery point {}, but another user might have started it, with other \
             namespaces",
            begun.point
        ))
        .because("this run started no other restore")
        .hint(fix![
            "check who started a restore, and when: ",
            shell(format!(
                "az monitor activity-log list --resource-id {} --offset 30d --query \"[].[eventTimestamp, caller, operationName.value]\" --output table",
                quoted(&instance)
            ))
        ])
        .hint(fix![
            "start another restore if the job isn't the one that you requested: ",
            az(options.words()).with("--again").again()
        ])
}

/// A digest of the command: what it restores, how, and which recovery point it means in the words of the person.
pub(super) fn digest(options: &RestoreOptions, target: &Target, instance: &Instance) -> String {
    let body = json!([format!("{:?}", options.point), options.criteria.body(target, instance)]);
    Digest::of_bytes(body.to_string().as_bytes()).to_string()
}

/// Returns the last restore by this command whose intent is still in the file.
pub(super) fn begun(state: &State, instance: &ResourceId, digest: &str) -> Option<Begun> {
    let intents = state.cloud.intents.iter().filter(|own| own.step == StepName::Restore);
    let parsed = intents.filter_map(|own| {
        let (rest, after) = own.object.rsplit_once("/after/")?;
        let (rest, own_digest) = rest.rsplit_once('/')?;
        let (place, point) = rest.rsplit_once('/')?;
        let (after, job) = after
            .split_once(JOB)
            .map_or((after, None), |(after, job)| (after, Some(job)));
        let is_own = same(place, &format!("{instance}/restores")) && own_digest == digest;
        is_own.then(|| Begun {
            point: point.to_owned(),
            after: after.to_owned(),
            job: job.map(str::to_owned),
            at: own.at,
        })
    });
    parsed.max_by_key(|own| own.at)
}

/// Returns whether a job is known to restore from this recovery point.
pub(super) fn is_from(job: &Job, point: &str) -> bool {
    let info = job.properties.extended_info.as_ref();
    let own = info.and_then(|info| info.pointer("/sourceRecoverPoint/recoveryPointID")?.as_str());
    own.is_some_and(|own| own.eq_ignore_ascii_case(point))
}
