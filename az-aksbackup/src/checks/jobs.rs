//! The last backup.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::az;
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
        return vec![Check::ok(LINK, NAME, "there is no vault whose jobs could be read")];
    }
    if let Some(check) = view.jobs.unread(LINK, NAME, "the jobs of the vault") {
        return vec![check];
    }
    vec![last(view)]
}

/// The backups of the cluster that have ended, the latest first.
pub(crate) fn ended(view: &View) -> impl Iterator<Item = &Job> {
    let all = view.jobs.here().into_iter().flatten();
    all.filter(|job| job.is_backup() && job.state() != JobState::Running)
}

fn last(view: &View) -> Check {
    let Some(job) = ended(view).next() else {
        return Check::ok(LINK, NAME, "none has ended yet");
    };
    let properties = &job.properties;
    let (name, status) = (job.id.rsplit('/').next().unwrap_or_default(), &properties.status);
    let at = properties.end_time.or(properties.start_time);
    let when = at
        .map(|at| at.strftime("%Y-%m-%d %H:%M").to_string())
        .unwrap_or_default();
    let facts = format!("{name}: properties.status = {status}, properties.endTime = {when}");
    let doctor = fix!["see the cause: ", az("doctor"), "; once it is cured: ", az("backup")];
    if job.state() == JobState::Failed {
        let errors = job.errors();
        let said: Vec<String> = errors
            .iter()
            .map(|error| format!("{}: {}", error.code, error.message))
            .collect();
        let says = format!("the last backup ({when}) is {status}. {}", said.join("; "));
        let check = Check::error(LINK, NAME, says.trim_end(), doctor).because(facts);
        return errors.iter().fold(check, |check, error| {
            check.because(format!("errorDetails[].code = {}", error.code))
        });
    }
    let warnings = job.warnings();
    if !warnings.is_empty() {
        let says = format!("the last backup ({when}) is incomplete: {}", warnings.join("; "));
        return Check::warning(LINK, NAME, says, doctor)
            .because(facts)
            .proves("JOB-WARN");
    }
    // Azure's list of jobs leaves out what a warning is about; the word alone says that something is missing.
    if job.is_incomplete() {
        let says = format!("the last backup ({when}) is {status}: something of it is missing");
        let hint = fix!["see what Azure says of it: ", az(format!("jobs {name}"))];
        return Check::warning(LINK, NAME, says, hint).because(facts).proves("JOB-WARN");
    }
    match at.and_then(|at| overdue(view.now, at)) {
        Some(age) => {
            let says = format!("the last backup ended {age} ago, longer than any schedule of Azure Backup waits");
            Check::warning(
                LINK,
                NAME,
                says,
                fix!["see what runs: ", az("jobs"), "; a backup now: ", az("backup")],
            )
        }
        None => Check::ok(LINK, NAME, format!("{status} on {when}")),
    }
    .because(facts)
}

fn overdue(now: Timestamp, last: Timestamp) -> Option<String> {
    let age = now.duration_since(last);
    let age = (age.as_secs() > LONGEST).then(|| std::time::Duration::try_from(age))?;
    age.ok().map(human)
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
