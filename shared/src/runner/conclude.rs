//! The end of a command: what was done, what is left, and for whom.

use serde_json::json;

use crate::args::Format;
use crate::command_line::ours;
use crate::console::{Console, Tone};
use crate::exit::Exit;
use crate::guide::StepName;
use crate::process::document;
use crate::program::Program;
use crate::runner::report::{Ending, Report, StepReport, turn_lines};
use crate::step::{ChangeNote, Deviation, Turn};

/// Prints the end of `command` and gives its exit code. `next` is whose turn it is once nothing is left here.
#[must_use]
pub fn conclude(
    console: &Console,
    format: Format,
    command: &str,
    dry_run: bool,
    report: &Report,
    next: Option<&Turn>,
) -> Exit {
    console.clear();
    let report = &report.told(console);
    let exit = exit(report, dry_run);
    for step in &report.steps {
        match &step.ending {
            Ending::Failed { error, changed } => {
                console.error(format_args!("{}: {error}{}", step.step, achieved(changed)));
            }
            // A run says at its start what is done, and what the account lacks; so does one that changes nothing.
            Ending::Done {
                evidence, drift: None, ..
            } if dry_run => {
                console.finish(&step.step.to_string(), Tone::Good, evidence);
            }
            _ => {}
        }
    }
    let lines = text(console, command, dry_run, report, next);
    match format {
        Format::Json | Format::Yaml => {
            // Whoever watches is told too; the document is for whatever reads the result.
            lines.iter().for_each(|line| console.say(line));
            console.document(&document(json!({
                "command": command,
                "exit": exit,
                "dry_run": dry_run,
                "steps": report.steps,
                "turns": report.turns(),
                "next": next,
            })));
        }
        Format::Text => lines.iter().for_each(|line| console.text(line)),
    }
    exit
}

/// What a step changed before it failed: it may stand in no file.
fn achieved(changed: &[ChangeNote]) -> String {
    let each = changed
        .iter()
        .map(|change| format!("\n  completed before: {}", change.summary));
    each.collect()
}

/// A dry run that would change something says so by its code; otherwise the worst step decides.
fn exit(report: &Report, dry_run: bool) -> Exit {
    let exit = report.exit();
    let only_turns = exit == Exit::TheirTurn;
    if dry_run && (only_turns || exit == Exit::Done) && !report.pending().is_empty() {
        Exit::Pending
    } else {
        exit
    }
}

fn text(console: &Console, command: &str, dry_run: bool, report: &Report, next: Option<&Turn>) -> Vec<String> {
    let mut lines = Vec::new();
    let pending = report.pending().len();
    if dry_run {
        lines.extend(report.plan(console, true));
        lines.extend(report.steps.iter().filter_map(awaited));
    }
    lines.extend(report.handover(console));
    lines.extend(drifted(console, report));
    lines.push(match (dry_run, pending) {
        (true, 0) if report.has_failed() => {
            format!("{command}: dry run: cannot determine the changes; no changes were made")
        }
        (true, 0) if !report.drifts().is_empty() => {
            format!("{command}: dry run: {}", differing(report))
        }
        (true, 0) if report.steps.iter().any(|step| awaited(step).is_some()) => {
            format!("{command}: dry run: nothing to change until the wait is over")
        }
        (true, 0) if !report.turns().is_empty() => {
            format!("{command}: dry run: nothing to change until another person has acted")
        }
        (true, 0) => format!("{command}: dry run: nothing to change"),
        (true, count) => format!("{command}: dry run: {} pending; no changes were made", changes(count)),
        (false, _) => summary(command, report),
    });
    if let (Exit::Done, Some(turn)) = (report.exit(), next) {
        lines.extend(turn_lines(console, turn));
    }
    if !report.unrequested().is_empty() {
        let continuing = ours(worker(report), command.to_owned()).again();
        lines.push(format!("    Run: {continuing}"));
    }
    lines
}

/// What differs from the target and stays so, with what can be done about it.
fn drifted(console: &Console, report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (step, drift) in report.drifts() {
        let title = console.paint(Tone::Attention, &format!("{step}:"));
        lines.extend(drift.differences.iter().map(|own| format!("{title} {own}")));
        let hints = drift.hints.iter();
        lines.extend(hints.map(|hint| format!("    hint: {}", hint.lines().join("\n      "))));
    }
    lines
}

fn differing(report: &Report) -> String {
    let drifts = report.drifts();
    let of_target = drifts.iter().filter(|(_, drift)| drift.deviation == Deviation::Target);
    match of_target.map(|(_, drift)| drift.differences.len()).sum() {
        0_usize => "finished with warnings".to_owned(),
        1 => "1 setting differs from the target, and this command doesn't change it".to_owned(),
        count => format!("{count} settings differ from the target, and this command doesn't change them"),
    }
}

/// What a step of a dry run would wait for first.
fn awaited(step: &StepReport) -> Option<String> {
    match &step.ending {
        Ending::Waiting { why, .. } => Some(format!("{}: would wait: {why}", step.step)),
        _ => None,
    }
}

fn summary(command: &str, report: &Report) -> String {
    if report.is_unchanged() {
        return format!(
            "{command}: nothing to do, all {} steps are complete",
            report.steps.len()
        );
    }
    let done = report.steps.iter().filter(|step| step.ending.is_done()).count();
    let made = report.changed().count();
    let steps = report.steps.len();
    let begun = begun_steps(report).next().is_some();
    match (done == steps, begun) {
        (true, _) if !report.drifts().is_empty() => {
            format!(
                "{command}: {} ({steps} of {steps} steps, {})",
                differing(report),
                changes(made)
            )
        }
        (true, _) => format!("{command}: complete ({steps} of {steps} steps, {})", changes(made)),
        (false, true) => {
            let waiting = report.unrequested();
            match waiting.is_empty() {
                true => format!(
                    "{command}: started, {}; {} continues by itself",
                    changes(made),
                    continuing(report)
                ),
                false => format!(
                    "{command}: started {} ({done} of {steps} steps complete, {}); not requested yet: {}; once {} has finished, run \
                     {command} again",
                    titles(begun_steps(report)),
                    changes(made),
                    titles(waiting.into_iter()),
                    continuing(report)
                ),
            }
        }
        (false, false) => format!("{command}: incomplete ({done} of {steps} steps, {})", changes(made)),
    }
}

fn titles(steps: impl Iterator<Item = StepName>) -> String {
    steps.map(StepName::title).collect::<Vec<_>>().join(", ")
}

/// The steps that were only begun.
fn begun_steps(report: &Report) -> impl Iterator<Item = StepName> {
    let begun = report.steps.iter();
    begun
        .filter(|own| matches!(own.ending, Ending::Begun { .. }))
        .map(|own| own.step)
}

/// The program whose steps were begun.
fn worker(report: &Report) -> Program {
    match begun_steps(report).any(|step| step.program() == Program::Az) {
        true => Program::Az,
        false => Program::Kubectl,
    }
}

/// Who works on what was started.
fn continuing(report: &Report) -> &'static str {
    match worker(report) {
        Program::Az => "Azure",
        Program::Kubectl => "Kubernetes",
    }
}

fn changes(count: usize) -> String {
    match count {
        0 => "no changes".to_owned(),
        1 => "1 change".to_owned(),
        count => format!("{count} changes"),
    }
}

#[cfg(test)]
mod tests;
