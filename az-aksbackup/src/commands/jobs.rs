//! `jobs`: backup jobs, as Azure has them.

use aksbackup_shared::args::Format;
use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone, human};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::process::document;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arm::backups::{self, Job, JobState};
use crate::arm::vaults;
use crate::cli::{Cli, JobsArgs};
use crate::commands::session;
use crate::target_ids;

/// Lists jobs, or shows one.
///
/// # Errors
/// Exit 2: neither state file nor vault. Exit 3: no such job or vault. Exit 4: not permitted or not signed in.
pub(crate) async fn run(cli: &Cli, args: &JobsArgs) -> Outcome<Exit> {
    let console = cli.common.console();
    let (target, vault) = match &args.vault_id {
        Some(vault) => (None, vault.clone()),
        None => {
            let state = session::state(cli)?;
            let target = target_ids::target(&state)?.clone();
            let vault = state
                .cloud
                .vault
                .map_or_else(|| target_ids::vault(&target), |table| table.vault);
            (Some(target), vault)
        }
    };
    if !vault.is_kind(vaults::KIND) {
        return Failure::usage(format!("{vault} isn't the resource ID of a Backup vault")).err();
    }
    let reader = session::sign_in(cli, &console, target.as_ref()).await?;
    if let Some(name) = &args.job {
        let job = backups::job(&reader, &backups::job_path(&vault, name)?).await?;
        return match job {
            Some(job) => Ok(show(&console, cli.common.output, &job)),
            None => Failure::missing(format!("vault {} has no backup job {name}", vault.with_group()))
                .hint(az("jobs --all"))
                .err(),
        };
    }
    let mut jobs = backups::jobs(&reader, &vault)
        .await
        .map_err(|failure| unmade(failure, &vault))?;
    if let Some(target) = target.filter(|_| !args.all) {
        jobs.retain(|job| job.is_of(&target.cluster));
    }
    jobs.sort_by_key(|job| std::cmp::Reverse(job.properties.start_time));
    jobs.truncate(args.limit);
    Ok(list(&console, cli.common.output, &vault, &jobs))
}

/// A list that is not there means that the vault is not.
fn unmade(failure: Box<Failure>, vault: &ResourceId) -> Box<Failure> {
    match failure.exit {
        Exit::Missing => Box::new(
            Failure {
                what: format!("vault {} doesn't exist", vault.with_group()),
                ..*failure
            }
            .hint(fix!["create the vault: ", az("prepare")]),
        ),
        _ => failure,
    }
}

fn list(console: &Console, format: Format, vault: &ResourceId, jobs: &[Job]) -> Exit {
    if format.is_document() {
        let jobs: Vec<Value> = jobs.iter().map(machine).collect();
        console.document(&document(
            json!({ "command": "jobs", "exit": Exit::Done, "vault": vault, "jobs": jobs }),
        ));
        return Exit::Done;
    }
    if jobs.is_empty() {
        console.say(format!(
            "Backup vault {} has no backup jobs to list",
            vault.with_group()
        ));
        return Exit::Done;
    }
    console.result(&format!(
        "{:<36}  {:<12}  {:<16}  {:<7}  STATUS",
        "JOB", "OPERATION", "STARTED", "TOOK"
    ));
    for job in jobs {
        console.result(&line(console, job));
    }
    Exit::Done
}

fn line(console: &Console, job: &Job) -> String {
    let properties = &job.properties;
    let operation = properties.operation_category.as_deref().unwrap_or_default();
    let started = properties.start_time.map(minute).unwrap_or_default();
    let status = console.paint(tone(job), &properties.status);
    format!(
        "{:<36}  {operation:<12}  {started:<16}  {:<7}  {status}",
        job.name(),
        took(job)
    )
}

fn show(console: &Console, format: Format, job: &Job) -> Exit {
    if format.is_document() {
        console.document(&document(
            json!({ "command": "jobs", "exit": Exit::Done, "job": machine(job) }),
        ));
        return Exit::Done;
    }
    let properties = &job.properties;
    let row = |title: &str, text: &str| {
        if !text.is_empty() {
            console.result(&format!("{title:<10} {text}"));
        }
    };
    row("job", job.name());
    row("status", &console.paint(tone(job), &properties.status));
    row(
        "operation",
        properties.operation_category.as_deref().unwrap_or_default(),
    );
    row("instance", properties.backup_instance_id.as_deref().unwrap_or_default());
    row("cluster", properties.data_source_id.as_deref().unwrap_or_default());
    row("started", &properties.start_time.map(minute).unwrap_or_default());
    row("ended", &properties.end_time.map(minute).unwrap_or_default());
    row("took", &took(job));
    for warning in job.warnings() {
        row("warning", &warning);
    }
    for error in job.errors() {
        row(
            "error",
            format!("{}: {}", error.code, error.message).trim_start_matches(": "),
        );
        for advice in &error.advice {
            row("advice", advice);
        }
    }
    Exit::Done
}

fn machine(job: &Job) -> Value {
    let properties = &job.properties;
    let errors: Vec<Value> = job
        .errors()
        .iter()
        .map(|error| json!({ "code": error.code, "message": error.message, "advice": error.advice }))
        .collect();
    json!({
        "id": job.id,
        "name": job.name(),
        "status": properties.status,
        "operation": properties.operation_category,
        "instance": properties.backup_instance_id,
        "cluster": properties.data_source_id,
        "user_triggered": properties.is_user_triggered,
        "started_at": properties.start_time,
        "ended_at": properties.end_time,
        "warnings": job.warnings(),
        "errors": errors,
    })
}

fn minute(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M").to_string()
}

fn took(job: &Job) -> String {
    let (Some(start), Some(end)) = (job.properties.start_time, job.properties.end_time) else {
        return String::new();
    };
    std::time::Duration::try_from(end.duration_since(start))
        .map(human)
        .unwrap_or_default()
}

fn tone(job: &Job) -> Tone {
    match job.state() {
        JobState::Running => Tone::Attention,
        JobState::Completed if job.is_incomplete() => Tone::Attention,
        JobState::Completed => Tone::Good,
        JobState::Failed => Tone::Bad,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        serde_json::from_value(json!({
            "id": "/subscriptions/s/x/backupJobs/j-1",
            "properties": {
                "status": "Failed", "operationCategory": "Backup", "dataSourceId": "/Subscriptions/S/aks/",
                "startTime": "2026-01-02T03:04:05Z", "endTime": "2026-01-02T03:07:16Z",
                "errorDetails": [{"code": "UserErrorX", "message": "no", "recommendedAction": ["do"]}],
            },
        }))
        .unwrap()
    }

    #[test]
    fn a_line_has_name_time_duration_and_azure_s_word() {
        let console = Console::new(aksbackup_shared::console::Talk::Quiet, true);
        let line = line(&console, &job());
        for part in ["j-1", "Backup", "2026-01-02 03:04", "3m11s", "Failed"] {
            assert!(line.contains(part), "{part} in {line}");
        }
    }

    #[test]
    fn a_machine_gets_errors_with_their_advice() {
        let machine = machine(&job());
        assert_eq!(machine["errors"][0]["advice"][0], "do");
        assert_eq!(machine["started_at"], "2026-01-02T03:04:05Z");
    }
}
