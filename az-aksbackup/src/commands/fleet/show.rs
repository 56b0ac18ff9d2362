//! The end of a command over several clusters: a table, what failed, whose turn it is, and how many clusters are how far.

use std::collections::BTreeMap;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::same;
use aksbackup_shared::metrics::Metrics;
use aksbackup_shared::process::document;
use serde_json::{Map, Value, json};

use super::MOST_FAILURES;
use super::came::{Came, Mark};
use super::each::Fleet;
use super::folder::Unusable;
use super::look::quoted;

const CLUSTERS: (&str, &str) = (
    "aksbackup_fleet_clusters",
    "Number of clusters of the folder by the exit code that verify has for each of them, in the label exit.",
);

const FILES: (&str, &str) = (
    "aksbackup_fleet_unusable_files",
    "Number of files of the folder that can't be used, so that their clusters aren't checked.",
);

/// A name is cut behind so many characters.
const MOST_NAME: usize = 40;

/// Shows what came of the clusters, and returns the exit code of the command: the worst of them.
///
/// # Errors
/// The events could not be written.
pub(super) fn end(fleet: &Fleet<'_>, came: &[Came], is_plan: bool) -> Outcome<Exit> {
    let exit = fleet.exit(came.iter().map(|own| own.exit));
    let counts = counts(came);
    tell(fleet, came, exit, &counts, is_plan);
    fleet.finished(exit, &Value::Object(counts))?;
    Ok(exit)
}

/// As [`end`], with an exit code that the command decided.
pub(super) fn tell(fleet: &Fleet<'_>, came: &[Came], exit: Exit, counts: &Map<String, Value>, is_plan: bool) {
    let console = &fleet.console;
    let summary = summary(fleet.name, came, fleet.folder.unread().count());
    if fleet.cli.common.output.is_document() {
        console.say(&summary);
        let clusters: Vec<Value> = came.iter().map(Came::document).collect();
        console.document(&document(json!({
            "command": fleet.name, "exit": exit, "folder": fleet.args.folder, "digest": fleet.digest.to_string(),
            "shard": fleet.shard.map(|own| own.to_string()), "counts": counts, "clusters": clusters,
            "unusable": fleet.folder.unusable.iter().map(Unusable::document).collect::<Vec<_>>(),
        })));
        return;
    }
    if came.is_empty() && fleet.folder.unusable.is_empty() {
        let init = az(format!("fleet init {}", quoted(&fleet.args.folder)));
        console.say(format!(
            "nothing to work on in folder {}; to create state files, run: {init}",
            fleet.args.folder.display()
        ));
    }
    lines(console, came).iter().for_each(|line| console.result(line));
    complain(console, came);
    let unread: Vec<Failure> = fleet.folder.unread().map(|own| own.failure.clone()).collect();
    super::complain(console, &unread);
    turns(came).iter().for_each(|line| console.text(line));
    console.text(&summary);
    let pending = came.iter().any(|own| own.exit == Exit::Pending);
    if is_plan && pending {
        console.text(&format!("Digest: {}", fleet.digest));
        console.text(&format!("Run: {}", az(format!("fleet apply {}", fleet.part()))));
    }
}

/// Shows a plan that is asked about.
pub(super) fn plan(fleet: &Fleet<'_>, came: &[Came]) {
    lines(&fleet.console, came)
        .iter()
        .for_each(|line| fleet.console.say(line));
    complain(&fleet.console, came);
    for own in came {
        for change in &own.changes {
            fleet.console.say(format!("  {}: {change}", name(own)));
        }
    }
    for own in came {
        for reduced in &own.reduces {
            let text = format!("  {}: reduces protection: {reduced}", name(own));
            fleet.console.say(fleet.console.paint(Tone::Bad, &text));
        }
    }
}

/// The number of clusters for each exit code, by its name.
pub(super) fn counts(came: &[Came]) -> Map<String, Value> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for own in came {
        *counts.entry(name_of(own)).or_default() += 1;
    }
    counts.into_iter().map(|(name, count)| (name, count.into())).collect()
}

fn name_of(own: &Came) -> String {
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
pub(super) fn measure(metrics: &mut Metrics, came: &[Came], unread: usize) {
    for (name, count) in counts(came) {
        metrics.add(CLUSTERS, &[("exit", &name)], count);
    }
    metrics.add(FILES, &[], unread);
}

/// The steps that any cluster has, in the order of the guide.
fn steps(came: &[Came]) -> Vec<StepName> {
    let all = StepName::ALL.into_iter();
    all.filter(|step| came.iter().any(|own| own.mark(*step).is_some()))
        .collect()
}

fn lines(console: &Console, came: &[Came]) -> Vec<String> {
    let steps = steps(came);
    let width = came
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
    lines.truncate(came.len());
    let mut last = None;
    for own in came {
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
    lines.extend(legend(came));
    lines
}

fn cell(console: &Console, mark: Option<Mark>) -> String {
    let Some(mark) = mark else {
        return "   ".to_owned();
    };
    let tone = match mark {
        Mark::Done => Tone::Good,
        Mark::Failed => Tone::Bad,
        Mark::Reported | Mark::Held => Tone::Faint,
        Mark::Open | Mark::TheirTurn | Mark::Waiting | Mark::Differs | Mark::Unknown => Tone::Attention,
    };
    format!("  {}", console.paint(tone, mark.shown().0))
}

/// What the marks of the table stand for.
fn legend(came: &[Came]) -> Option<String> {
    const ALL: [Mark; 9] = [
        Mark::Done,
        Mark::Reported,
        Mark::Open,
        Mark::TheirTurn,
        Mark::Waiting,
        Mark::Differs,
        Mark::Failed,
        Mark::Unknown,
        Mark::Held,
    ];
    let used = |mark: &Mark| came.iter().any(|own| own.steps.iter().any(|(_, own)| own == mark));
    let used = ALL.into_iter().filter(used).map(Mark::shown);
    let words: Vec<String> = used.map(|(mark, words)| format!("{mark} {words}")).collect();
    (!words.is_empty()).then(|| format!("({})", words.join(", ")))
}

/// The cluster as the table names it.
fn name(own: &Came) -> String {
    let name = own.cluster.with_group();
    match name.chars().count() > MOST_NAME {
        true => name.chars().take(MOST_NAME - 1).chain(['…']).collect(),
        false => name,
    }
}

/// What failed, in full, each with its cluster.
fn complain(console: &Console, came: &[Came]) {
    let failed: Vec<&Came> = came.iter().filter(|own| !own.errors.is_empty()).collect();
    for own in failed.iter().take(MOST_FAILURES) {
        own.errors
            .iter()
            .for_each(|error| console.error(format!("{}: {error}", name(own))));
    }
    if failed.len() > MOST_FAILURES {
        console.error(format!(
            "{} more clusters failed; see: -o json",
            failed.len() - MOST_FAILURES
        ));
    }
}

/// Whose turn it is, with the command for each cluster.
fn turns(came: &[Came]) -> Vec<String> {
    let mut by_person: BTreeMap<String, Vec<&Came>> = BTreeMap::new();
    for own in came {
        if let Some(next) = &own.next {
            by_person.entry(next.who.to_string()).or_default().push(own);
        }
    }
    let mut lines = Vec::new();
    for (who, all) in by_person {
        lines.push(format!("Next: {who}: {}", clusters(all.len())));
        for own in all.iter().take(MOST_FAILURES) {
            if let Some(next) = &own.next {
                lines.push(format!("    Run: {}", next.command));
            }
        }
        if all.len() > MOST_FAILURES {
            lines.push(format!("    and {} more; see: -o json", all.len() - MOST_FAILURES));
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

fn summary(command: &str, came: &[Came], unread: usize) -> String {
    let mut counts: Vec<(u8, &str, usize)> = Vec::new();
    for own in came {
        let words = match own.begun {
            true => own.counts_as.unwrap_or_else(|| words(own.exit)),
            false => "not begun",
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
    format!("{command}: {}{parts}{unread}", clusters(came.len()))
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
        Exit::Usage => "not confirmed",
        Exit::Failed => "failed",
        Exit::Interrupted => "interrupted",
    }
}
