//! The last backup.

use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::console::human;
use aksbackup_shared::fix;
use jiff::Timestamp;

use crate::arm::backups::{Job, JobState};
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Jobs;
const NAME: &str = "last backup";
/// Microsoft's least frequent schedule is a week: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-overview>.
const LONGEST: i64 = 8 * 24 * 3600;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    if matches!(view.jobs, Seen::Unasked) {
        return vec![Check::ok(LINK, NAME, "no vault to read jobs from")];
    }
    if let Some(check) = view.jobs.unread(LINK, NAME, "the jobs of the vault") {
        return vec![check];
    }
    vec![last(view)]
}

/// The backups of the cluster that have ended, the latest first.
pub(crate) fn ended(view: &View) -> impl Iterator<Item = &Job> {
    let all = view.jobs.here().into_iter().flatten();
    all.filter(|job| is_ended(job))
}

/// Whether a job is a backup that has ended.
pub(crate) fn is_ended(job: &Job) -> bool {
    job.is_backup() && job.state() != JobState::Running
}

/// How the last backup that ended stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// It failed.
    Failed,
    /// It completed without everything.
    Incomplete,
    /// It is older than any schedule of Azure Backup waits.
    Overdue(Duration),
    /// It is complete and recent.
    Good,
}

/// Judges a backup that has ended.
pub(crate) fn judged(job: &Job, now: Timestamp) -> Last {
    let at = job.properties.end_time.or(job.properties.start_time);
    if job.state() == JobState::Failed {
        Last::Failed
    } else if job.is_incomplete() {
        Last::Incomplete
    } else {
        at.and_then(|at| overdue(now, at)).map_or(Last::Good, Last::Overdue)
    }
}

fn last(view: &View) -> Check {
    let Some(job) = ended(view).next() else {
        return Check::ok(LINK, NAME, "no backup job has finished yet");
    };
    let properties = &job.properties;
    let (name, status) = (job.name(), &properties.status);
    let at = properties.end_time.or(properties.start_time);
    let when = at
        .map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default();
    let facts = format!("{name}: properties.status = {status}, properties.endTime = {when}");
    let doctor = fix![
        "to see the cause: ",
        az("doctor"),
        "; when the cause is fixed: ",
        az("backup")
    ];
    match judged(job, view.now) {
        Last::Failed => return failed(job, &when, doctor, facts),
        Last::Incomplete => incomplete(job, &when, doctor),
        Last::Overdue(age) => {
            let age = human(age);
            let says = format!("the last backup finished {age} ago, longer than the longest schedule of Azure Backup");
            let hint = fix!["to list the jobs: ", az("jobs"), "; to start a backup: ", az("backup")];
            Check::warning(LINK, NAME, says, hint)
        }
        Last::Good => Check::ok(LINK, NAME, format!("{status} on {when}")),
    }
    .because(facts)
}

fn failed(job: &Job, when: &str, doctor: Fix, facts: String) -> Check {
    let errors = job.errors();
    let said: Vec<String> = errors
        .iter()
        .map(|error| format!("{}: {}", error.code, error.message))
        .collect();
    let says = format!(
        "the last backup ({when}) is {}. {}",
        job.properties.status,
        said.join("; ")
    );
    let check = Check::error(LINK, NAME, says.trim_end(), doctor).because(facts);
    errors.iter().fold(check, |check, error| {
        check.because(format!("errorDetails[].code = {}", error.code))
    })
}

fn incomplete(job: &Job, when: &str, doctor: Fix) -> Check {
    let warnings = job.warnings();
    let (says, hint) = match warnings.is_empty() {
        false => (
            format!("the last backup ({when}) is incomplete: {}", warnings.join("; ")),
            doctor,
        ),
        // Azure's list of jobs leaves out what a warning is about; the word alone says that something is missing.
        true => {
            let status = &job.properties.status;
            let name = job.name();
            (
                format!("the last backup ({when}) is {status}: some resources are missing"),
                fix!["to see the warnings: ", az(format!("jobs {name}"))],
            )
        }
    };
    Check::warning(LINK, NAME, says, hint).proves("JOB-WARN")
}

fn overdue(now: Timestamp, last: Timestamp) -> Option<Duration> {
    let age = now.duration_since(last);
    (age.as_secs() > LONGEST).then(|| Duration::try_from(age).ok())?
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::chain::check::Verdict;
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::view::tests::{found, view};

    fn verdict(jobs: Value) -> (Verdict, Check) {
        let mut view = view();
        view.jobs = found(jobs);
        let check = checks(&view).remove(0);
        (check.verdict, check)
    }

    fn job(status: &str, ended: &str) -> Value {
        json!({ "id": "/x/backupJobs/j", "properties": { "status": status, "operationCategory": "Backup", "endTime": ended } })
    }

    #[test]
    fn the_last_backup_that_ended_counts() {
        let (now, old) = ("2026-01-02T00:00:00Z", "2025-12-01T00:00:00Z");
        assert_eq!(verdict(json!([])).0, Verdict::Ok);
        assert_eq!(
            verdict(json!([job("InProgress", now), job("Completed", now)])).0,
            Verdict::Ok
        );
        assert_eq!(
            verdict(json!([job("Completed", now), job("Failed", now)])).0,
            Verdict::Ok
        );
        assert_eq!(
            verdict(json!([job("Failed", now), job("Completed", now)])).0,
            Verdict::Error
        );
        assert_eq!(verdict(json!([job("Completed", old)])).0, Verdict::Warning);
    }

    #[test]
    fn the_words_of_a_failed_one_are_kept() {
        let mut failed = job("Failed", "2026-01-02T00:00:00Z");
        failed["properties"]["errorDetails"] = json!([{ "code": "UserErrorX", "message": "no" }]);
        let (_, check) = verdict(json!([failed]));
        assert!(check.says.contains("UserErrorX: no") && check.evidence.iter().any(|fact| fact.contains("UserErrorX")));
    }
}
