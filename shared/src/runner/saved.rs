//! A plan as a file: what a dry run showed, to be reviewed and applied as it is. The file confirms nothing, and nothing in it is
//! carried out: it is only compared with the plan of the run that applies it.

use std::io::ErrorKind;
use std::path::Path;

use serde_json::{Value, json};

use crate::console::one_line;
use crate::digest::Digest;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::guide::StepName;
use crate::regular;
use crate::runner::report::{Ending, Report, StepReport};
use crate::step::Turn;

/// The number of the form of a plan.
const VERSION: u32 = 1;

/// The most bytes of a plan: hundreds of times what the longest has.
const MOST_BYTES: u64 = 256 * 1024;

/// A summary of a file of others can be of any length.
const MOST_LETTERS: usize = 300;

/// More differences than these say the same.
const MOST_DIFFERENCES: usize = 10;

/// What a plan is of.
#[derive(Debug, Clone)]
pub struct Basis {
    /// The command whose changes it has.
    pub command: String,
    /// The cluster.
    pub cluster: String,
    /// The digest of the state file.
    pub state: Digest,
}

/// Returns the plan that `report` shows. Who looked isn't part of it: another person can apply it.
#[must_use]
pub fn plan(basis: &Basis, report: &Report) -> Value {
    let steps = report.steps.iter().filter(|own| own.step != StepName::Preflight);
    let observed: Vec<Value> = steps.map(observed).collect();
    let changes = report.pending().into_iter().map(|(step, note)| {
        let mut change = json!(note);
        change["step"] = json!(step);
        change
    });
    json!({
        "version": VERSION,
        "command": basis.command,
        "cluster": basis.cluster,
        "state": basis.state,
        "observed": Digest::of_bytes(json!(observed).to_string().as_bytes()),
        "changes": changes.collect::<Vec<_>>(),
    })
}

/// What was observed of a step, without what depends on how the program was called.
fn observed(own: &StepReport) -> Value {
    let whose = |turns: &[Turn]| -> Vec<Value> { turns.iter().map(|turn| json!([turn.who, turn.why])).collect() };
    let seen = match &own.ending {
        Ending::Done { evidence, drift, .. } => json!([evidence, drift.as_ref().map(|own| &own.differences)]),
        Ending::Due { changes, turns } => json!([changes, whose(turns)]),
        Ending::Waiting { why, foreseen } => json!([why, foreseen]),
        // Which of the steps that it needs is known first to be open depends on the order of answers.
        Ending::Held { foreseen, .. } => json!(foreseen),
        Ending::TheirTurn { turns, .. } => json!(whose(turns)),
        Ending::Begun { why, .. } => json!(why),
        Ending::Failed { error, .. } => json!(error.what),
    };
    json!([own.step, seen])
}

/// Reads a plan.
///
/// # Errors
/// Exit 3: there is no such file. Exit 7: it is too large, no regular file, or no plan that this version knows.
pub fn read(path: &Path) -> Outcome<Value> {
    let cannot = |exit, why: String| Failure::new(exit, format!("cannot read plan {}", path.display())).because(why);
    let bytes = match regular::read(path, MOST_BYTES) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return cannot(Exit::Missing, error.to_string()).err(),
        Err(error) => return cannot(Exit::StateUnreadable, error.to_string()).err(),
    };
    match serde_json::from_slice::<Value>(&bytes) {
        Ok(plan) if plan["version"] == json!(VERSION) => Ok(plan),
        Ok(_) => cannot(
            Exit::StateUnreadable,
            format!("it isn't a plan of version {VERSION}, the version that this program supports"),
        )
        .err(),
        Err(error) => cannot(Exit::StateUnreadable, error.to_string()).err(),
    }
}

/// Refuses a plan that isn't exactly what would be done now.
///
/// # Errors
/// Exit 2: it is of another cluster. Exit 8: it is stale, with what differs.
pub fn must_be(saved: &Value, now: &Value) -> Outcome<()> {
    if saved == now {
        return Ok(());
    }
    if saved["cluster"] != now["cluster"] {
        return Failure::usage("the plan belongs to a different cluster than the state file")
            .hint("specify the state file that the plan was created with: --state FILE")
            .err();
    }
    let mut why = Vec::new();
    if saved["state"] != now["state"] {
        why.push("the values of the state file have changed".to_owned());
    }
    why.extend(only_in(now, saved).map(|change| format!("not in the plan: {change}")));
    why.extend(only_in(saved, now).map(|change| format!("no longer pending, or different from the plan: {change}")));
    if why.is_empty() {
        why.push("the observed state differs, although the changes are the same".to_owned());
    }
    let failure = Failure::new(Exit::Pending, "the plan is stale; nothing was changed");
    why.into_iter()
        .take(MOST_DIFFERENCES)
        .fold(failure, Failure::because)
        .hint("save the plan again with --dry-run --plan-out FILE, and review it")
        .err()
}

/// The changes of one plan that another doesn't have.
fn only_in<'a>(one: &'a Value, other: &'a Value) -> impl Iterator<Item = String> + 'a {
    let changes = |plan: &'a Value| plan["changes"].as_array().map(Vec::as_slice).unwrap_or_default();
    let theirs = changes(other);
    let own = changes(one).iter().filter(|own| !theirs.contains(own));
    own.map(|own| {
        let summary = own["summary"].as_str().unwrap_or("a change without a summary");
        one_line(summary).chars().take(MOST_LETTERS).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{ChangeNote, Right};

    fn basis() -> Basis {
        Basis {
            command: "prepare".to_owned(),
            cluster: "/c".to_owned(),
            state: Digest::of_bytes(b"a"),
        }
    }

    fn of(evidence: &str, summary: &str) -> Report {
        let note = ChangeNote {
            summary: summary.to_owned(),
            right: Right::new("a", "b"),
            creates: None,
            warning: None,
            reduces: Vec::new(),
            keeps: None,
        };
        let done = |evidence: &str| Ending::Done {
            evidence: evidence.to_owned(),
            changed: Vec::new(),
            drift: None,
        };
        let due = Ending::Due {
            changes: vec![note],
            turns: Vec::new(),
        };
        let step = |step, ending| StepReport {
            step,
            ending,
            refused: false,
        };
        Report {
            steps: vec![
                step(StepName::Preflight, done("the signed-in account")),
                step(StepName::Storage, done(evidence)),
                step(StepName::Extension, due),
            ],
        }
    }

    fn refusal(saved: &Value, now: &Value) -> Failure {
        *must_be(saved, now).unwrap_err()
    }

    #[test]
    fn a_plan_holds_as_long_as_nothing_differs() {
        let saved = plan(&basis(), &of("there", "install"));
        assert_eq!(must_be(&saved, &plan(&basis(), &of("there", "install"))), Ok(()));
        let stale = refusal(&saved, &plan(&basis(), &of("elsewhere", "install")));
        assert_eq!((stale.exit, stale.why.len()), (Exit::Pending, 1));
        let stale = refusal(&saved, &plan(&basis(), &of("there", "install another")));
        assert!(
            stale.why[0].contains("install another") && stale.why[1].ends_with(": install"),
            "{stale}"
        );
        let mut other = basis();
        other.cluster = "/d".to_owned();
        assert_eq!(
            refusal(&saved, &plan(&other, &of("there", "install"))).exit,
            Exit::Usage
        );
    }

    #[test]
    fn a_plan_with_anything_added_is_no_plan_of_ours() {
        let now = plan(&basis(), &of("there", "install"));
        let mut saved = now.clone();
        saved["yes"] = json!(true);
        assert_eq!(refusal(&saved, &now).exit, Exit::Pending);
    }
}
