//! The last backup.

use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::console::{human, minute};
use aksbackup_shared::fix;
use jiff::Timestamp;

use crate::arm::backups::{Job, JobState};
use crate::checks::policy::{self, retention};
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Jobs;
const NAME: &str = "last backup";
/// Microsoft's least frequent schedule is a week: <https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-overview>.
const LONGEST: i64 = 8 * 24 * 3600;
/// How far back a cluster that was stopped is of interest, in seconds: each night of a week.
const RECENT: i64 = 7 * 24 * 3600;
/// Azure's code for a backup of a cluster that is stopped.
const STOPPED: &str = "UserErrorKubernetesBackupClusterIsStopped";

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    if matches!(view.jobs, Seen::Unasked) {
        return vec![Check::ok(LINK, NAME, "no vault to read jobs from")];
    }
    if let Some(check) = view.jobs.unread(LINK, NAME, "the jobs of the vault") {
        return vec![check];
    }
    let mut all = vec![last(view)];
    all.extend(missed(view));
    all.extend(stopped(view));
    all
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
    let when = at.map(minute).unwrap_or_default();
    let facts = format!("{name}: properties.status = {status}, properties.endTime = {when}");
    let doctor = fix![
        "to see the cause: ",
        az("doctor"),
        "; fix the cause, then run: ",
        az("backup")
    ];
    match judged(job, view.now) {
        Last::Failed => return failed(job, &when, doctor, facts),
        Last::Incomplete => incomplete(job, &when, doctor),
        Last::Overdue(age) => {
            let age = human(age);
            let says = format!(
                "the last backup finished {age} ago: its age exceeds the longest backup interval of Azure Backup"
            );
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
        "the last backup ({when}) is in state {}. {}",
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
                format!("the last backup ({when}) is in state {status}: some resources are missing"),
                fix!["to see the warnings: ", az(format!("jobs {name}"))],
            )
        }
    };
    Check::warning(LINK, NAME, says, hint).proves("JOB-WARN")
}

/// Backups that Azure Backup didn't even start. A backup starts up to two hours late (frequently asked questions about AKS backup).
fn missed(view: &View) -> Option<Check> {
    const NAME: &str = "scheduled backups";
    let policy = policy::facts(view.policy.here()?, "").ok()?;
    let interval = i64::try_from(retention::hours(&policy.schedule)?).ok()?;
    let mut instances = view.instances.here()?.iter();
    instances.find(|own| own.protection() == "ProtectionConfigured")?;
    let backups = view.jobs.here()?.iter().filter(|job| job.is_backup());
    let started = backups.filter_map(|job| job.properties.start_time).max()?;
    let age = view.now.duration_since(started).as_secs();
    // Beyond the longest schedule, the check of the last backup says it.
    let late = age > interval * 3600 * 3 / 2 + 2 * 3600 && age <= LONGEST;
    late.then(|| {
        let at = minute(started);
        let says =
            format!("no backup has started since {at}, although the policy schedules one every {interval} hours");
        let hint = fix!["to list the jobs: ", az("jobs"), "; to see the cause: ", az("doctor")];
        Check::warning(LINK, NAME, says, hint).because(format!("policy schedule = {}", policy.schedule))
    })
}

/// Scheduled backups that failed because the cluster was stopped, such as at night. A later backup that succeeds hides them.
fn stopped(view: &View) -> Option<Check> {
    const NAME: &str = "cluster at backup time";
    const SHOWN: usize = 5;
    let scheduled = ended(view).filter(|job| job.properties.is_user_triggered != Some(true));
    let recent = scheduled.filter_map(|job| {
        let at = job.properties.start_time.or(job.properties.end_time)?;
        (view.now.duration_since(at).as_secs() <= RECENT).then_some((job, at))
    });
    let recent: Vec<(&Job, Timestamp)> = recent.collect();
    let failed = recent
        .iter()
        .filter(|(job, _)| job.errors().iter().any(|error| error.code == STOPPED));
    let failed: Vec<Timestamp> = failed.map(|(_, at)| *at).collect();
    if failed.is_empty() {
        return None;
    }
    let times = failed.iter().take(SHOWN).map(|at| minute(*at));
    let more = match failed.len() {
        0..=SHOWN => String::new(),
        count => format!(" and {} more", count - SHOWN),
    };
    let says = format!(
        "the cluster was stopped at the time of {} of the {} scheduled backups of the last 7 days: {}{more}",
        failed.len(),
        recent.len(),
        times.collect::<Vec<_>>().join(", ")
    );
    let hint = fix![
        "start the cluster before its scheduled backups, or change the backup time: ",
        az("init --set policy.time=HH:MM"),
        ", then: ",
        az("prepare"),
        ", then: ",
        az("protect")
    ];
    let check = Check::warning(LINK, NAME, says, hint).because(format!("errorDetails[].code = {STOPPED}"));
    Some(check.proves("JOB-CLUSTER-STOPPED"))
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
    use crate::checks::protection;
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

    /// Fails before: only the last backup was looked at, so that a backup by day hid each one that failed at night.
    #[test]
    fn a_cluster_that_is_stopped_at_night_is_told_though_the_last_backup_succeeded() {
        let night = |day: u32, code: &str| {
            let at = format!("2025-12-{day}T02:00:00Z");
            let error = json!([{ "code": code, "message": "The AKS cluster is stopped." }]);
            json!({ "id": "/x/backupJobs/j", "properties": {
                "status": "Failed", "operationCategory": "Backup", "startTime": at, "endTime": at, "errorDetails": error,
            } })
        };
        let mut jobs = vec![job("Completed", "2026-01-01T12:00:00Z")];
        jobs.extend((20..=31).rev().map(|day| night(day, STOPPED)));
        let told = |jobs: &[Value]| {
            let mut view = view();
            view.now = "2026-01-02T00:00:00Z".parse().unwrap();
            view.jobs = found(json!(jobs));
            checks(&view)
                .into_iter()
                .find(|own| own.check == "cluster at backup time")
        };
        let check = told(&jobs).unwrap();
        assert_eq!(
            check.says,
            "the cluster was stopped at the time of 6 of the 7 scheduled backups of the last 7 days: 2025-12-31 02:00Z, 2025-12-30 02:00Z, \
             2025-12-29 02:00Z, 2025-12-28 02:00Z, 2025-12-27 02:00Z and 1 more"
        );
        assert_eq!(check.failure.as_deref(), Some("JOB-CLUSTER-STOPPED"));
        assert_eq!(told(&[night(31, "UserErrorOther")]), None);
        let mut asked = night(31, STOPPED);
        asked["properties"]["isUserTriggered"] = json!(true);
        assert_eq!(told(&[asked]), None, "the user who starts a backup sees that it fails");
    }

    /// Fails before: backups that weren't started were told after eight days only.
    #[test]
    fn a_backup_that_was_not_started_is_told_by_the_schedule_of_the_policy() {
        let told = |started: &str, state: &str| {
            let mut view = view();
            view.now = "2026-01-03T00:00:00Z".parse().unwrap();
            view.instances = Seen::Here(vec![protection::tests::instance(state, |_| ())]);
            view.policy = Seen::Here(policy::preset(&crate::target_ids::tests::example().policy).unwrap());
            let mut job = job("Completed", started);
            job["properties"]["startTime"] = json!(started);
            view.jobs = found(json!([job]));
            checks(&view)
                .into_iter()
                .find(|own| own.check == "scheduled backups")
                .map(|own| own.says)
        };
        let told_of = |started| told(started, "ProtectionConfigured");
        assert_eq!(told_of("2026-01-01T12:00:00Z"), None);
        let says = told_of("2026-01-01T06:00:00Z").unwrap();
        assert_eq!(
            says,
            "no backup has started since 2026-01-01 06:00Z, although the policy schedules one every 24 hours"
        );
        assert_eq!(told("2026-01-01T06:00:00Z", "ProtectionStopped"), None);
        assert_eq!(told_of("2025-12-01T06:00:00Z"), None, "the last backup is overdue");
    }

    #[test]
    fn the_words_of_a_failed_one_are_kept() {
        let mut failed = job("Failed", "2026-01-02T00:00:00Z");
        failed["properties"]["errorDetails"] = json!([{ "code": "UserErrorX", "message": "no" }]);
        let (_, check) = verdict(json!([failed]));
        assert!(check.says.contains("UserErrorX: no") && check.evidence.iter().any(|fact| fact.contains("UserErrorX")));
    }
}
