//! The end of a command: what was done, what is left, and for whom.

use serde_json::json;

use crate::args::Format;
use crate::console::{Console, Tone};
use crate::exit::Exit;
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
    lines
}

/// What differs from the target and stays so, with what can be done about it.
fn drifted(console: &Console, report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    for (step, drift) in report.drifts() {
        let title = console.paint(Tone::Attention, &format!("{step}:"));
        lines.extend(drift.differences.iter().map(|own| format!("{title} {own}")));
        lines.extend(drift.hints.iter().map(|hint| format!("    hint: {hint}")));
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
    let begun = report
        .steps
        .iter()
        .any(|step| matches!(step.ending, Ending::Begun { .. }));
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
            let continues = format!("{} continues by itself", continuing(report));
            match held(report) {
                0 => format!("{command}: started, {}; {continues}", changes(made)),
                count => format!(
                    "{command}: started ({done} of {steps} steps complete, {count} waiting, {}); {continues}, and the next run of \
                     {command} resumes",
                    changes(made)
                ),
            }
        }
        (false, false) => format!("{command}: incomplete ({done} of {steps} steps, {})", changes(made)),
    }
}

/// How many steps need what goes on.
fn held(report: &Report) -> usize {
    let held = report.steps.iter();
    held.filter(|own| matches!(own.ending, Ending::Held { .. })).count()
}

/// Who works on what was started.
fn continuing(report: &Report) -> &'static str {
    let mut begun = report
        .steps
        .iter()
        .filter(|own| matches!(own.ending, Ending::Begun { .. }));
    match begun.any(|own| own.step.program() == Program::Az) {
        true => "Azure",
        false => "Kubernetes",
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
mod tests {
    use super::*;
    use crate::command_line::az;
    use crate::console::Talk;
    use crate::guide::{Person, StepName};
    use crate::step::{Drift, Right};

    fn report(ending: Ending) -> Report {
        Report {
            steps: vec![StepReport {
                step: StepName::Storage,
                ending,
                refused: false,
            }],
        }
    }

    fn note() -> ChangeNote {
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: "create x".into(),
            right: Right::new("a", "b"),
            creates: None,
            warning: None,
        }
    }

    fn lines(dry_run: bool, report: &Report) -> Vec<String> {
        text(&Console::new(Talk::Quiet, true), "prepare", dry_run, report, None)
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        let report = report(Ending::Done {
            evidence: "there".into(),
            changed: vec![],
            drift: None,
        });
        assert_eq!(
            lines(false, &report),
            ["prepare: nothing to do, all 1 steps are complete"]
        );
        assert_eq!(exit(&report, false), Exit::Done);
    }

    #[test]
    fn what_differs_is_never_nothing_to_do() {
        let report = report(Ending::Done {
            evidence: "there".into(),
            changed: vec![],
            drift: Some(Drift {
                deviation: Deviation::Target,
                differences: vec!["schedule is P1W (the target has P1D)".into()],
                hints: vec!["az x".into()],
            }),
        });
        let says = "1 setting differs from the target, and this command doesn't change it";
        let expected = [
            "Storage: schedule is P1W (the target has P1D)".to_owned(),
            "    hint: az x".to_owned(),
            format!("prepare: {says} (1 of 1 steps, no changes)"),
        ];
        assert_eq!(lines(false, &report), expected);
        assert_eq!(lines(true, &report)[2], format!("prepare: dry run: {says}"));
        assert_eq!(
            (exit(&report, false), exit(&report, true)),
            (Exit::Pending, Exit::Pending)
        );
    }

    #[test]
    fn what_goes_on_by_itself_is_no_failure() {
        let report = report(Ending::Begun {
            why: "job 1: InProgress".into(),
            changed: vec![note()],
        });
        assert_eq!(
            lines(false, &report),
            ["prepare: started, 1 change; Azure continues by itself"]
        );
        assert_eq!(exit(&report, false), Exit::Done);
    }

    #[test]
    fn what_was_made_before_a_failure_is_said() {
        assert_eq!(achieved(&[]), "");
        assert_eq!(achieved(&[note()]), "\n  completed before: create x");
    }

    #[test]
    fn a_dry_run_lists_each_change_with_its_right_and_ends_8() {
        let report = report(Ending::Due {
            changes: vec![note()],
            turns: vec![],
        });
        let expected = [
            "Storage: create x",
            "Requires: a on b",
            "prepare: dry run: 1 change pending; no changes were made",
        ];
        assert_eq!(lines(true, &report), expected);
        assert_eq!(exit(&report, true), Exit::Pending);
    }

    #[test]
    fn another_person_s_turn_names_who_why_and_the_command() {
        let turn = Turn {
            who: Person::SubscriptionOwner,
            why: "roles are missing".into(),
            command: az("grant"),
            right: Some(Right::new("Microsoft.Authorization/roleAssignments/write", "/s")),
            also: Vec::new(),
        };
        let report = report(Ending::TheirTurn {
            changed: vec![],
            turns: vec![turn],
        });
        assert_eq!(
            lines(false, &report)[..3],
            [
                "Next: subscription owner: roles are missing",
                "    Requires: Microsoft.Authorization/roleAssignments/write at scope /s",
                "    Run: az aksbackup grant"
            ]
        );
        assert_eq!(exit(&report, false), Exit::TheirTurn);
    }

    #[test]
    fn a_command_stands_once_below_all_that_it_does() {
        let turn = |why: &str, command| Turn {
            who: Person::SubscriptionOwner,
            why: why.into(),
            command,
            right: None,
            also: Vec::new(),
        };
        let report = report(Ending::TheirTurn {
            changed: vec![],
            turns: vec![turn("a", az("grant")), turn("b", az("grant")), turn("c", az("prepare"))],
        });
        let lines = lines(false, &report);
        assert_eq!(
            lines[..5],
            [
                "Next: subscription owner: a",
                "Next: subscription owner: b",
                "    Run: az aksbackup grant",
                "Next: subscription owner: c",
                "    Run: az aksbackup prepare"
            ]
        );
    }
}
