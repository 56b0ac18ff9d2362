//! Which backup job a run is about.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{self, ResourceId};
use aksbackup_shared::process;
use aksbackup_shared::schema::State;
use aksbackup_shared::step::{Local, Operation, Progress};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::backups::{self, Job, JobState};
use crate::arm::client::Reader;
use crate::arm::operation::{ArmOperation, Polled};
use crate::arm::vaults;
use crate::checks::policy;

/// How far the clocks of this machine and of Azure may differ.
const CLOCK_SKEW: Duration = Duration::from_secs(60);

/// The job of this run (`known`); else one that an interrupted run asked for; else one that is running now.
///
/// # Errors
/// As the reads of jobs.
pub(crate) async fn of_interest(
    reader: &Reader,
    vault: &ResourceId,
    instance: &ResourceId,
    known: Option<ResourceId>,
    state: &State,
) -> Outcome<Option<Job>> {
    if let Some(known) = known {
        return backups::job(reader, &known).await;
    }
    let intents = state
        .cloud
        .intents
        .iter()
        .filter(|intent| intent.step == StepName::Backup);
    let intended = intents.map(|intent| intent.at).max();
    let recorded = state.cloud.backup.as_ref().map(|table| table.job.as_str());
    let jobs = backups::jobs(reader, vault).await?;
    Ok(pick(jobs, instance, intended, recorded))
}

fn pick(jobs: Vec<Job>, instance: &ResourceId, intended: Option<Timestamp>, recorded: Option<&str>) -> Option<Job> {
    let own = |job: &Job| {
        let about = job.properties.backup_instance_id.as_deref().unwrap_or_default();
        let backs_up = job
            .properties
            .operation_category
            .as_deref()
            .is_none_or(|kind| kind.eq_ignore_ascii_case("Backup"));
        backs_up && same(about, instance.as_str())
    };
    let mut own: Vec<Job> = jobs.into_iter().filter(own).collect();
    own.sort_by_key(|job| std::cmp::Reverse(job.properties.start_time));
    let asked_for = |job: &Job| {
        let new = recorded.is_none_or(|recorded| !same(recorded, &job.id));
        let by_person = job.properties.is_user_triggered.unwrap_or(true);
        let after = |asked: Timestamp| {
            let since = asked.checked_sub(CLOCK_SKEW).unwrap_or(asked);
            job.properties.start_time.is_some_and(|start| start >= since)
        };
        // A failed one is over and reported nowhere: asking again means a new backup.
        new && by_person && job.state() != JobState::Failed && intended.is_some_and(after)
    };
    let at = own.iter().position(asked_for);
    let at = at.or_else(|| own.iter().position(|job| job.state() == JobState::Running));
    at.map(|at| own.swap_remove(at))
}

fn same(one: &str, other: &str) -> bool {
    ids::same(one.trim_end_matches('/'), other.trim_end_matches('/'))
}

/// Returns backup rule and retention tag of `policy`, the one that the instance has: as the file has them where it is about the same
/// policy, else as Azure has them. The policy that the file asks for might be another one that `protect` has yet to attach.
///
/// # Errors
/// The policy cannot be read, or has no backup rule.
pub(crate) async fn rule_and_tag(reader: &Reader, policy: &ResourceId, state: &State) -> Outcome<(String, String)> {
    if let Some(table) = state.cloud.vault.as_ref().filter(|own| own.policy == *policy) {
        return Ok((table.rule.clone(), table.retention_tag.clone()));
    }
    match vaults::policy(reader, policy).await? {
        Some(own) => policy::facts(&own, policy.name()).map(|facts| (facts.rule, facts.retention_tag)),
        None => Failure::missing(format!("backup policy {} doesn't exist", policy.name()))
            .because("the backup instance refers to it")
            .hint(az("verify"))
            .err(),
    }
}

/// Remembers a job that is followed, and goes on where this run is interrupted.
pub(crate) fn followed(kind: &str, job: Option<&Job>) {
    let job = job.filter(|own| own.state() == JobState::Running);
    process::continues(job.map(|own| (format!("{kind} job {}", own.name()), az("jobs").with(own.name()))));
}

/// The start of a backup: it ends when Azure names the job.
pub(crate) struct Started {
    operation: ArmOperation,
    vault: ResourceId,
    job: Rc<RefCell<Option<ResourceId>>>,
}

impl Started {
    /// Puts the job that `operation` names into `job`.
    pub(crate) fn new(operation: ArmOperation, vault: ResourceId, job: &Rc<RefCell<Option<ResourceId>>>) -> Self {
        Self {
            operation,
            vault,
            job: Rc::clone(job),
        }
    }
}

impl Operation for Started {
    fn title(&self) -> String {
        self.operation.title()
    }

    fn check(&mut self) -> Local<'_, Outcome<Progress>> {
        Box::pin(async move {
            match self.operation.poll().await? {
                Polled::Running { retry_after, status } => Ok(Progress::Running { retry_after, status }),
                Polled::Finished(body) => {
                    if let Some(job) = job_id(&body) {
                        *self.job.borrow_mut() = Some(backups::job_path(&self.vault, job)?);
                    }
                    Ok(Progress::Finished)
                }
            }
        })
    }
}

/// The job that a finished operation names, under `properties` or at the top.
fn job_id(body: &Value) -> Option<&str> {
    let id = body.pointer("/properties/jobId").or_else(|| body.get("jobId"));
    id.and_then(Value::as_str).filter(|id| !id.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target_ids;
    use crate::target_ids::tests::example;

    fn job(name: &str, status: &str, start: &str) -> Job {
        let target = example();
        serde_json::from_value(
            json!({ "id": format!("{}/backupJobs/{name}", target_ids::vault(&target)), "properties": {
            "status": status, "startTime": start, "operationCategory": "Backup", "isUserTriggered": true,
            "backupInstanceId": target_ids::instance(&target).as_str().to_uppercase() } }),
        )
        .unwrap()
    }

    fn picked(jobs: Vec<Job>, intended: Option<&str>, recorded: Option<&str>) -> Option<String> {
        let intended = intended.map(|at| at.parse().unwrap());
        let job = pick(jobs, &target_ids::instance(&example()), intended, recorded)?;
        Some(job.name().to_owned())
    }

    #[test]
    fn an_old_job_is_none_of_ours() {
        assert_eq!(
            picked(vec![job("old", "Completed", "2026-01-01T00:00:00Z")], None, None),
            None
        );
    }

    #[test]
    fn an_interrupted_run_finds_its_job_even_when_it_has_ended() {
        let jobs = || {
            vec![
                job("old", "Completed", "2026-01-01T00:00:00Z"),
                job("mine", "Completed", "2026-01-02T00:00:05Z"),
            ]
        };
        assert_eq!(
            picked(jobs(), Some("2026-01-02T00:00:00Z"), None).as_deref(),
            Some("mine")
        );
        let failed = vec![job("mine", "Failed", "2026-01-02T00:00:05Z")];
        assert_eq!(picked(failed, Some("2026-01-02T00:00:00Z"), None), None);
        let recorded = jobs()[1].id.clone();
        assert_eq!(picked(jobs(), Some("2026-01-02T00:00:00Z"), Some(&recorded)), None);
    }

    #[test]
    fn a_running_job_is_followed() {
        let jobs = vec![job("runs", "InProgress", "2026-01-01T00:00:00Z")];
        assert_eq!(picked(jobs, None, None).as_deref(), Some("runs"));
    }

    #[test]
    fn a_job_is_named_in_two_places() {
        assert_eq!(job_id(&json!({ "properties": { "jobId": "a" } })), Some("a"));
        assert_eq!(job_id(&json!({ "jobId": "b" })), Some("b"));
        assert_eq!(job_id(&json!({ "status": "Succeeded" })), None);
    }
}
