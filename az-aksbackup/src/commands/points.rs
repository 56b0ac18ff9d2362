//! `points`: the recovery points of the cluster's backup instance.

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone, one_line};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::process::document;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::arm::backups::{self, Instance};
use crate::arm::client::Reader;
use crate::arm::recovery_points::{self, RecoveryPoint};
use crate::arm::visible::Sight;
use crate::checks::overview;
use crate::checks::protection::{self, Pause};
use crate::checks::recovery_points::{self as points, absent, newest_first, shown};
use crate::cli::{Cli, PointsArgs};
use crate::commands::examined::Subject;
use crate::target_ids;

/// Lists recovery points.
///
/// # Errors
/// Exit 3: neither state file nor cluster, no backup instance, or no recovery point at the time of `--at`. Exit 4: not permitted or not
/// signed in.
pub(crate) async fn run(cli: &Cli, args: &PointsArgs) -> Outcome<Exit> {
    let subject = Subject::of(cli, &args.cluster).await?;
    let reader = subject.sign_in(cli).await?;
    let (instance, others) = instance(&reader, &subject).await?;
    let id = place(&instance);
    let mut all = newest_first(recovery_points::of_instance(&reader, &id).await?);
    if let Some(at) = args.at {
        let one = points::not_after(&all, at).cloned();
        all = vec![
            one.ok_or_else(|| Box::new(absent(&all, &format!("recovery point from {at} or earlier"), id.name())))?,
        ];
    }
    let found = all.len();
    all.truncate(args.limit);
    let console = cli.common.console();
    let now = Timestamp::now();
    if cli.common.output.is_document() {
        let points: Vec<Value> = all.iter().map(|own| machine(own, now)).collect();
        console.document(&document(json!({
            "command": "points", "exit": Exit::Done, "cluster": subject.cluster, "instance": id, "points": points,
            "left_out": found - all.len(), "other_instances": others.iter().map(place).collect::<Vec<_>>(),
        })));
        return Ok(Exit::Done);
    }
    for line in introduction(&instance, &others) {
        console.say(line);
    }
    show(&console, &instance, &all, now);
    if found > all.len() {
        console.say(format!(
            "older recovery points not listed: {}; to list all of them: --limit {found}",
            found - all.len()
        ));
    }
    Ok(Exit::Done)
}

/// What is listed: without a state file no one has named the vault, and a cluster can have instances in several.
fn introduction(own: &Instance, others: &[Instance]) -> Vec<String> {
    let mut lines = vec![format!("Recovery points of {}", protection::in_vault(own))];
    lines.extend(others.iter().map(|own| {
        format!(
            "not listed: recovery points of {}, which also protects the cluster ({})",
            protection::in_vault(own),
            own.protection()
        )
    }));
    lines
}

/// Returns the backup instance of the cluster, and the others that it has.
///
/// # Errors
/// Exit 3: there is none, or it was deleted.
async fn instance(reader: &Reader, subject: &Subject) -> Outcome<(Instance, Vec<Instance>)> {
    let mut all = backups::of_cluster(reader, &subject.cluster).await?;
    let target = subject.state.target.as_ref();
    let own = match target {
        Some(target) => protection::chosen(target, &all).cloned(),
        None => overview::foremost(all.clone()),
    };
    match own {
        Some(own) if protection::pause(&own) == Some(Pause::Deleted) => Err(Box::new(deleted(&own))),
        Some(own) => {
            all.retain(|other| other.id != own.id);
            Ok((own, all))
        }
        None => {
            let gone = match target {
                Some(target) => {
                    let vault = target_ids::vault(target);
                    Sight::of(backups::deleted(reader, &vault, &subject.cluster).await.map(Some))?
                }
                None => Sight::Absent,
            };
            match gone.here().and_then(|all| all.first()) {
                Some(own) => Err(Box::new(deleted(own))),
                None => Failure::missing(format!(
                    "cluster {} has no backup instance",
                    subject.cluster.with_group()
                ))
                .because("the cluster isn't backed up, so there are no recovery points")
                .hint(fix!["protect the cluster: ", az("protect")])
                .err(),
            }
        }
    }
}

/// The failure of an instance that was soft-deleted: Azure lists its recovery points again once it is back.
fn deleted(own: &Instance) -> Failure {
    let until = own
        .purged_on()
        .map(|day| format!(", and purges it on {day}"))
        .unwrap_or_default();
    Failure::missing(format!(
        "{} is in state {}",
        protection::in_vault(own),
        own.protection()
    ))
    .because(format!("Azure retains the deleted backup instance{until}"))
    .hint(fix![
        "to undelete the backup instance first: ",
        az("undelete --keep-stopped")
    ])
}

/// The resource ID of an instance in its vault, whatever Azure spells.
fn place(own: &Instance) -> ResourceId {
    match own.vault() {
        Some(vault) => vault.child("backupInstances", own.id.name()),
        None => own.id.clone(),
    }
}

fn show(console: &Console, instance: &Instance, points: &[RecoveryPoint], now: Timestamp) {
    if points.is_empty() {
        console.say(format!(
            "{} has no recovery points: no backup has finished yet, or all recovery points have expired; to list \
             the backup jobs, run: {}",
            protection::in_vault(instance),
            az("jobs")
        ));
        return;
    }
    let rows: Vec<[String; 5]> = points.iter().map(cells).collect();
    let titles = ["RECOVERY POINT", "TIME", "TIER", "TAG", "EXPIRES"];
    let widths: Vec<usize> = (0..titles.len())
        .map(|at| {
            let cells = rows
                .iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count());
            cells
                .chain(titles.get(at).map(|title| title.len()))
                .max()
                .unwrap_or_default()
        })
        .collect();
    let line = |cells: &[String], last: &str| {
        let cells = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}  "));
        format!("{}{last}", cells.collect::<String>())
    };
    console.result(&line(&titles.map(str::to_owned), "STATE"));
    for (row, point) in rows.iter().zip(points) {
        let state = one_line(point.state().unwrap_or("-"));
        let last = match points::obstacle(point, now) {
            Some(why) => console.paint(
                Tone::Attention,
                &format!("{state} (can't be restored: {})", one_line(&why)),
            ),
            None => state,
        };
        console.result(&line(row, &last));
    }
}

fn cells(point: &RecoveryPoint) -> [String; 5] {
    let tiers: Vec<&str> = point.stores().iter().filter_map(|own| own.tier.as_deref()).collect();
    let tiers = if tiers.is_empty() {
        "-".to_owned()
    } else {
        tiers.join("+")
    };
    let cells = [point.id(), &tiers, point.retention_tag().unwrap_or("-")].map(one_line);
    let [id, tiers, tag] = cells;
    [id, shown(point.time()), tiers, tag, shown(point.expires())]
}

fn machine(point: &RecoveryPoint, now: Timestamp) -> Value {
    let tiers: Vec<Value> = point
        .stores()
        .iter()
        .map(|own| json!({ "tier": own.tier, "state": own.state, "expires_at": own.expiry_time }))
        .collect();
    let obstacle = points::obstacle(point, now);
    json!({
        "id": point.id(),
        "time": point.time(),
        "tiers": tiers,
        "retention_tag": point.retention_tag(),
        "expires_at": point.expires(),
        "state": point.state(),
        "restorable": obstacle.is_none(),
        "obstacle": obstacle,
    })
}
