//! The end of a command over several clusters: a table, what failed, whose turn it is, and how many clusters are how far.

use std::collections::BTreeMap;
use std::path::Path;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::same;
use aksbackup_shared::metrics::Metrics;
use aksbackup_shared::process::document;
use serde_json::{Map, Value, json};

use super::cluster_result::{ClusterResult, StepState};
use super::each::Fleet;
use super::folder::Unusable;
use crate::commands::failures;

const CLUSTERS: (&str, &str) = (
    "aksbackup_fleet_clusters",
    "Number of clusters in the folder, by the exit code of verify in the label exit.",
);

const FILES: (&str, &str) = (
    "aksbackup_fleet_unusable_files",
    "Number of files in the folder that can't be used; their clusters aren't checked.",
);

/// A name is cut behind so many characters.
const MOST_NAME: usize = 40;

/// Shows the results of the clusters, and returns the exit code of the command: the worst of them.
///
/// # Errors
/// The events could not be written.
pub(super) fn end(fleet: &Fleet<'_>, results: &[ClusterResult], is_plan: bool) -> Outcome<Exit> {
    let exit = fleet.exit(results.iter().map(|own| own.exit));
    let counts = counts(results);
    tell(fleet, results, exit, &counts, is_plan);
    fleet.finished(exit, &Value::Object(counts))?;
    Ok(exit)
}

/// As [`end`], with an exit code that the command decided.
pub(super) fn tell(
    fleet: &Fleet<'_>,
    results: &[ClusterResult],
    exit: Exit,
    counts: &Map<String, Value>,
    is_plan: bool,
) {
    let console = &fleet.console;
    let summary = summary(fleet.name, results, fleet.folder.unread().count());
    if fleet.cli.common.output.is_document() {
        console.say(&summary);
        let clusters: Vec<Value> = results.iter().map(ClusterResult::document).collect();
        console.document(&document(json!({
            "command": fleet.name, "exit": exit, "folder": fleet.args.folder, "digest": fleet.digest.to_string(),
            "shard": fleet.shard.map(|own| own.to_string()), "counts": counts, "clusters": clusters,
            "unusable": fleet.folder.unusable.iter().map(Unusable::document).collect::<Vec<_>>(),
        })));
        return;
    }
    if results.is_empty() && fleet.folder.unusable.is_empty() {
        let init = az(format!("fleet init {}", quoted(&fleet.args.folder)));
        console.say(format!(
            "no clusters to process in folder {}; to create state files, run: {init}",
            fleet.args.folder.display()
        ));
    }
    lines(console, results).iter().for_each(|line| console.result(line));
    complain(console, results);
    let unread: Vec<Failure> = fleet.folder.unread().map(|own| own.failure.clone()).collect();
    failures::show(console, &unread, "files");
    turns(results).iter().for_each(|line| console.text(line));
    console.text(&summary);
    let pending = results.iter().any(|own| own.exit == Exit::Pending);
    if is_plan && pending {
        console.text(&format!("Digest: {}", fleet.digest));
        console.text(&format!("Run: {}", az(format!("fleet apply {}", fleet.part()))));
    }
}

/// Shows a plan that is asked about.
pub(super) fn plan(fleet: &Fleet<'_>, results: &[ClusterResult]) {
    lines(&fleet.console, results)
        .iter()
        .for_each(|line| fleet.console.say(line));
    complain(&fleet.console, results);
    for own in results {
        for change in &own.changes {
            fleet.console.say(format!("  {}: {change}", name(own)));
        }
    }
    for own in results {
        for reduced in &own.reduces {
            let text = format!("  {}: reduces protection: {reduced}", name(own));
            fleet.console.say(fleet.console.paint(Tone::Bad, &text));
        }
    }
}

/// The number of clusters for each exit code, by its name.
pub(super) fn counts(results: &[ClusterResult]) -> Map<String, Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for own in results {
        *counts.entry(name_of(own)).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| (name, count.into())).collect()
}

fn name_of(own: &ClusterResult) -> String {
    if !own.begun {
        return "not-begun".to_owned();
    }
    if own.is_skipped {
        return "skipped".to_owned();
    }
    let name = serde_json::to_value(own.exit).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

/// Adds how many clusters have which result, and how many files can't be used: what could not be read has no checks.
pub(super) fn measure(metrics: &mut Metrics, results: &[ClusterResult], unread: usize) {
    for (name, count) in counts(results) {
        metrics.add(CLUSTERS, &[("exit", &name)], count);
    }
    metrics.add(FILES, &[], unread);
}

/// The steps that any cluster has, in the order of the guide.
fn steps(results: &[ClusterResult]) -> Vec<StepName> {
    let all = StepName::ALL.into_iter();
    all.filter(|step| results.iter().any(|own| own.mark(*step).is_some()))
        .collect()
}

fn lines(console: &Console, results: &[ClusterResult]) -> Vec<String> {
    let steps = steps(results);
    let width = results
        .iter()
        .map(|own| name(own).chars().count())
        .max()
        .unwrap_or_default();
    let width = width.max("CLUSTER".len());
    let number = |step: &StepName| {
        step.number()
            .map_or_else(|| "+".to_owned(), |number| number.to_string())
    };
    let head: String = steps.iter().map(|step| format!("{:>3}", number(step))).collect();
    let mut lines = vec![format!("{:<width$}{head}  RESULT", "CLUSTER")];
    lines.truncate(results.len());
    let mut last = None;
    for own in results {
        let subscription = own.cluster.subscription();
        if last.as_ref() != Some(&subscription) {
            lines.push(console.paint(Tone::Faint, &format!("subscription {subscription}")));
            last = Some(subscription);
        }
        let marks: String = steps.iter().map(|step| cell(console, own.mark(*step))).collect();
        lines.push(
            format!("{:<width$}{marks}  {}", name(own), own.says)
                .trim_end()
                .to_owned(),
        );
    }
    lines.extend(legend(results));
    lines
}

fn cell(console: &Console, mark: Option<StepState>) -> String {
    let Some(mark) = mark else {
        return "   ".to_owned();
    };
    let tone = match mark {
        StepState::Done => Tone::Good,
        StepState::Failed => Tone::Bad,
        StepState::Reported | StepState::Held => Tone::Faint,
        StepState::Open | StepState::TheirTurn | StepState::Waiting | StepState::Differs | StepState::Unknown => {
            Tone::Attention
        }
    };
    format!("  {}", console.paint(tone, mark.shown().0))
}

/// What the marks of the table stand for.
fn legend(results: &[ClusterResult]) -> Option<String> {
    const ALL: [StepState; 9] = [
        StepState::Done,
        StepState::Reported,
        StepState::Open,
        StepState::TheirTurn,
        StepState::Waiting,
        StepState::Differs,
        StepState::Failed,
        StepState::Unknown,
        StepState::Held,
    ];
    let used = |mark: &StepState| results.iter().any(|own| own.steps.iter().any(|(_, own)| own == mark));
    let used = ALL.into_iter().filter(used).map(StepState::shown);
    let words: Vec<String> = used.map(|(mark, words)| format!("{mark} {words}")).collect();
    (!words.is_empty()).then(|| format!("({})", words.join(", ")))
}

/// The cluster as the table names it.
fn name(own: &ClusterResult) -> String {
    let name = own.cluster.with_group();
    match name.chars().count() > MOST_NAME {
        true => name.chars().take(MOST_NAME - 1).chain(['…']).collect(),
        false => name,
    }
}

/// What failed, in full, each with its cluster.
fn complain(console: &Console, results: &[ClusterResult]) {
    let failed: Vec<&ClusterResult> = results.iter().filter(|own| !own.errors.is_empty()).collect();
    failures::limited(console, &failed, "clusters", |own| {
        own.errors
            .iter()
            .for_each(|error| console.error(format!("{}: {error}", name(own))));
    });
}

/// Whose turn it is, with the command for each cluster.
fn turns(results: &[ClusterResult]) -> Vec<String> {
    let mut by_person: BTreeMap<String, Vec<&ClusterResult>> = BTreeMap::new();
    for own in results {
        if let Some(next) = &own.next {
            by_person.entry(next.who.to_string()).or_default().push(own);
        }
    }
    let mut lines = Vec::new();
    for (who, all) in by_person {
        lines.push(format!("Next: {who}: {}", clusters(all.len())));
        for own in all.iter().take(failures::MOST) {
            if let Some(next) = &own.next {
                lines.push(format!("    Run: {}", next.command));
            }
        }
        if all.len() > failures::MOST {
            lines.push(format!(
                "    and {} more; to list all of them, use -o json",
                all.len() - failures::MOST
            ));
        }
    }
    lines
}

pub(super) fn clusters(count: usize) -> String {
    match count {
        1 => "1 cluster".to_owned(),
        count => format!("{count} clusters"),
    }
}

fn summary(command: &str, results: &[ClusterResult], unread: usize) -> String {
    let mut counts: Vec<(u8, &str, usize)> = Vec::new();
    for own in results {
        let words = match own.begun {
            true => own.counts_as.unwrap_or_else(|| words(own.exit)),
            false => "not started",
        };
        let code = own.exit.code();
        match counts.iter_mut().find(|(_, known, _)| same(known, words)) {
            Some((_, _, count)) => *count += 1,
            None => counts.push((code, words, 1)),
        }
    }
    counts.sort_unstable();
    let parts: Vec<String> = counts
        .iter()
        .map(|(_, words, count)| format!("{count} {words}"))
        .collect();
    let parts = match parts.is_empty() {
        true => String::new(),
        false => format!(": {}", parts.join(", ")),
    };
    let unread = match unread {
        0 => String::new(),
        1 => "; 1 file can't be used".to_owned(),
        count => format!("; {count} files can't be used"),
    };
    format!("{command}: {}{parts}{unread}", clusters(results.len()))
}

const fn words(exit: Exit) -> &'static str {
    match exit {
        Exit::Done => "done",
        Exit::Pending => "with pending changes or findings",
        Exit::TheirTurn => "waiting for another person",
        Exit::NotPermitted => "not authorized",
        Exit::Missing => "missing",
        Exit::Deadline => "timed out",
        Exit::StateHeld => "locked by another process",
        Exit::StateUnreadable => "with a state file that can't be used",
        Exit::Usage => "rejected",
        Exit::Failed => "failed",
        Exit::Interrupted => "interrupted",
    }
}

/// The folder of the command that follows.
pub(super) fn quoted(folder: &Path) -> String {
    aksbackup_shared::args::quoted(&folder.to_string_lossy())
}
