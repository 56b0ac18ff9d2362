//! The output of `fleet init`, for people and for programs.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::process::document;
use aksbackup_shared::schema::Target;
use serde_json::{Value, json};

use super::folder::Unusable;
use super::init::{Plan, Planned};
use crate::cli::{Cli, FleetInitArgs};
use crate::commands::failures;
use crate::commands::init::adopt::Adopted;
use crate::commands::init::words;
use crate::commands::list::Scope;
use crate::target_ids;

/// A number of state files in words.
pub(super) fn files(count: usize) -> String {
    match count {
        1 => "1 state file".to_owned(),
        count => format!("{count} state files"),
    }
}

/// The clusters that get a state file, a line for each.
pub(super) fn planned(console: &Console, plan: &Plan) -> Vec<String> {
    let line = |own: &Planned| {
        let chosen = own.chosen.as_ref().ok()?;
        let target = &chosen.target;
        let word = match chosen.found {
            Adopted::Nothing => "new",
            Adopted::Extension => "extension adopted",
            Adopted::Instance => "adopted",
        };
        Some(format!(
            "{} {} ({word}): {}; vault {}, account {}, snapshots in {}, {}",
            console.paint(Tone::Good, "+"),
            own.file.display(),
            own.own.id.with_group(),
            target_ids::vault(target).with_group(),
            target_ids::account(target).with_group(),
            target.snapshots.resource_group,
            words::rules(&target.policy)
        ))
    };
    plan.planned.iter().filter_map(line).collect()
}

/// Tells the end of the command, and returns its exit code.
pub(super) fn show(cli: &Cli, console: &Console, args: &FleetInitArgs, scope: &Scope, plan: &Plan) -> Exit {
    let dry_run = args.write.dry_run;
    let failures = all_failures(plan);
    let pending = match dry_run && plan.writable() > 0 {
        true => Exit::Pending,
        false => Exit::Done,
    };
    let exit = failures.iter().fold(pending, |exit, own| exit.worse(own.exit));
    let summary = summary(scope, plan, args);
    if cli.common.output.is_document() {
        console.say(&summary);
        console.document(&document(machine(plan, args, exit)));
        return exit;
    }
    planned(console, plan).iter().for_each(|line| console.result(line));
    for own in &plan.gone {
        console.text(&format!(
            "{} {}: cluster {} no longer exists; the file is kept",
            console.paint(Tone::Attention, "!"),
            own.file.display(),
            own.cluster.with_group()
        ));
    }
    failures::show(console, &failures, "reads");
    console.text(&summary);
    if !plan.folder.members.is_empty() || plan.writable() > 0 && !dry_run {
        let folder = quoted(&args.folder.to_string_lossy());
        console.text(&format!("Run: {}", az(format!("fleet plan {folder}"))));
    }
    exit
}

fn all_failures(plan: &Plan) -> Vec<Failure> {
    let of_clusters = plan.planned.iter().filter_map(|own| own.chosen.as_ref().err());
    let unusable = plan.folder.unusable.iter().map(|own| &own.failure);
    let of_clusters = of_clusters.map(|failure| &**failure);
    let all = of_clusters
        .chain(unusable)
        .chain(&plan.found.unread)
        .chain(&plan.unsure);
    all.cloned().collect()
}

fn summary(scope: &Scope, plan: &Plan, args: &FleetInitArgs) -> String {
    if plan.found.clusters.is_empty() && plan.found.unread.is_empty() {
        let group = args.resource_group.as_ref();
        let place = group.map_or_else(String::new, |group| format!("resource group {group} of "));
        return format!("fleet init: no AKS clusters found in {place}{}", scope.words());
    }
    let failed = plan.planned.len() - plan.writable();
    let written = match args.write.dry_run {
        true => format!("{} to write", files(plan.writable())),
        false => format!("{} written", files(plan.writable())),
    };
    let counts = [
        (plan.folder.members.len() - plan.gone.len(), "unchanged"),
        (plan.excluded.len(), "excluded"),
        (plan.gone.len(), "whose cluster doesn't exist"),
        (
            plan.folder.unusable.iter().flat_map(Unusable::files).count(),
            "that can't be used",
        ),
        (failed, "failed"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: String = counts.map(|(count, word)| format!(", {count} {word}")).collect();
    let dry_run = if args.write.dry_run { "dry run: " } else { "" };
    format!("fleet init: {dry_run}{written}{counts}")
}

fn machine(plan: &Plan, args: &FleetInitArgs, exit: Exit) -> Value {
    let new = plan.planned.iter().map(|own| match &own.chosen {
        Ok(chosen) => json!({
            "cluster": own.own.id, "file": own.file,
            "result": if chosen.found == Adopted::Instance { "adopted" } else { "new" },
            "target": Target { written: None, ..chosen.target.clone() },
        }),
        Err(failure) => json!({ "cluster": own.own.id, "file": own.file, "result": "failed", "error": failure }),
    });
    let is_gone = |own| plan.gone.contains(own);
    let known = plan.folder.members.iter().map(|own| {
        let result = if is_gone(own) { "gone" } else { "unchanged" };
        json!({ "cluster": own.cluster, "file": own.file, "result": result })
    });
    let excluded = plan
        .excluded
        .iter()
        .map(|own| json!({ "cluster": own, "result": "excluded" }));
    let unusable = plan.folder.unusable.iter();
    let unusable: Vec<Value> = unusable.map(Unusable::document).collect();
    json!({
        "command": "fleet init", "exit": exit, "dry_run": args.write.dry_run, "folder": args.folder,
        "source": if plan.found.fallback.is_some() { "resource-manager" } else { "resource-graph" },
        "fallback": plan.found.fallback,
        "clusters": new.chain(known).chain(excluded).collect::<Vec<_>>(),
        "unusable": unusable,
        "unread": plan.found.unread.iter().chain(&plan.unsure).collect::<Vec<_>>(),
    })
}
