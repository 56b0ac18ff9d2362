//! From what the file says and what was seen to the model of the page. Pure: reads no world, no clock, no environment.

use jiff::Timestamp;

use crate::console::minute;
use crate::handoff;
use crate::program::Program;
use crate::report::model::{Cluster, Found, Judgement, Lane, Mark, Report, StepLine, Todo, Unseen, View};
use crate::report::views::{Look, Views, mark_of};
use crate::report::{access, found, links, picture, text, unseen};
use crate::schema::{State, Target};
use crate::status::{Row, Standing};

/// What a page is made of.
#[derive(Debug, Clone, Copy)]
pub struct Inputs<'a> {
    /// What the file says.
    pub state: &'a State,
    /// The digest of its values.
    pub digest: &'a str,
    /// Its name.
    pub file: &'a str,
    /// How the steps stand.
    pub rows: &'a [Row],
    /// What either program saw, the cloud's first.
    pub looks: &'a [Look],
    /// Whether nobody looked for this page.
    pub offline: bool,
    /// The time.
    pub now: Timestamp,
    /// Name and version of the program.
    pub tool: &'a str,
}

/// The page.
#[must_use]
pub fn report(inputs: &Inputs<'_>) -> Report {
    let views = Views {
        looks: inputs.looks,
        rows: inputs.rows,
    };
    let lanes = picture::lanes(inputs.state, views);
    let findings = found::all(views);
    let unseen = unseen::all(views);
    let views_seen: Vec<View> = inputs.looks.iter().map(Look::view).collect();
    Report {
        made_at: inputs.now,
        tool: text::name(inputs.tool),
        offline: inputs.offline,
        cluster: inputs.state.target.as_ref().map(cluster),
        file: text::name(inputs.file),
        digest: text::name(inputs.digest),
        verdict: verdict(inputs, &lanes, (&findings, &unseen)),
        turns: turns(inputs),
        steps: inputs.rows.iter().map(step).collect(),
        made: access::made(inputs.state),
        access: access::grants(inputs.state),
        links: links::lines(views),
        unseen,
        rights: access::needed(inputs.state, inputs.rows),
        views: views_seen,
        lanes,
        findings,
    }
}

fn cluster(target: &Target) -> Cluster {
    let id = &target.cluster;
    Cluster {
        id: text::sentence(id.as_str()),
        name: text::name(id.name()),
        group: text::name(id.resource_group().as_str()),
        subscription: target.subscription.to_string(),
        tenant: target.tenant.to_string(),
        region: text::name(target.region.as_str()),
        cloud: text::name(target.cloud.as_str()),
    }
}

/// All of it in a sentence, with the command that brings it further.
fn verdict(inputs: &Inputs<'_>, lanes: &[Lane], (findings, unseen): (&[Found], &[Unseen])) -> Judgement {
    let current = || findings.iter().filter(|found| !found.outdated && !found.pending);
    let (mark, says) = judged(inputs, lanes, (&current().collect::<Vec<_>>(), unseen));
    let cure = current().find_map(|found| found.command.clone());
    let turn = || inputs.rows.iter().find_map(|row| row.next.as_ref());
    let command = match mark {
        Mark::Good | Mark::Recorded | Mark::Unseen => None,
        Mark::Open => turn().map(|turn| text::sentence(&turn.command.to_string())),
        Mark::Attention | Mark::Broken => cure.or_else(|| turn().map(|turn| text::sentence(&turn.command.to_string()))),
    };
    Judgement { mark, says, command }
}

/// What is wrong, else what is left, else what is weak, else how sure it is that all is well.
fn judged(inputs: &Inputs<'_>, lanes: &[Lane], (findings, unseen): (&[&Found], &[Unseen])) -> (Mark, String) {
    let nodes = || lanes.iter().flat_map(|lane| &lane.nodes);
    let error = findings.iter().find(|found| found.level == "error");
    match (nodes().find(|node| node.mark == Mark::Broken), error) {
        (Some(node), _) => {
            let at = node.title.to_lowercase();
            let says = error.filter(|error| error.message != node.says);
            let says = says.map_or(&node.says, |error| &error.message);
            return (
                Mark::Broken,
                format!("The chain is broken at the {at}. {}.", ended(says)),
            );
        }
        (None, Some(error)) => return (Mark::Broken, format!("There is an error. {}.", ended(&error.message))),
        (None, None) => {}
    }
    if let Some(left) = left(inputs.rows) {
        return (Mark::Open, left);
    }
    let weak = nodes().find(|node| node.mark == Mark::Attention).map(|node| &node.says);
    match findings.first().map(|found| &found.message).or(weak) {
        Some(says) => (
            Mark::Attention,
            format!(
                "All steps are complete, but something needs attention. {}.",
                ended(says)
            ),
        ),
        None => well(inputs, lanes, unseen),
    }
}

/// A sentence without its full stop.
fn ended(says: &str) -> &str {
    says.trim_end_matches('.')
}

/// What is left to do, and whose turn it is.
fn left(rows: &[Row]) -> Option<String> {
    let open: Vec<&Row> = rows.iter().filter(|row| row.standing == Standing::Open).collect();
    let next = rows.iter().find_map(|row| row.next.as_ref());
    let first = open.first()?;
    let who = next.map_or_else(|| first.step.turn().0, |turn| turn.who);
    let count = match open.len() {
        1 => "one step is".to_owned(),
        count => format!("{count} of {} steps are", rows.len()),
    };
    Some(format!(
        "Not protected yet: {count} left. Next: {}, waiting for the {who}.",
        first.step.in_words()
    ))
}

/// Returns how certain it is that nothing is wrong or left. Only what this run checked counts: a side that only reported is
/// named, with the time of its report.
fn well(inputs: &Inputs<'_>, lanes: &[Lane], unseen: &[Unseen]) -> (Mark, String) {
    let nodes = || lanes.iter().flat_map(|lane| &lane.nodes);
    let (all, seen) = (nodes().count(), nodes().filter(|node| node.mark == Mark::Good).count());
    if seen == 0 {
        let says = "The state file reports all steps as complete. Nothing was checked in this run.";
        return (Mark::Recorded, says.to_owned());
    }
    let checked = format!("{seen} of {all} stages were checked in this run and are as expected");
    let mut missing: Vec<String> = inputs.looks.iter().filter_map(unchecked).collect();
    if missing.is_empty() && seen < all {
        let titles = nodes().filter(|node| node.mark != Mark::Good).map(|node| node.title);
        missing.push(titles.map(str::to_lowercase).collect::<Vec<_>>().join(", "));
    }
    match (missing.is_empty(), unseen.len()) {
        (true, 0) => (Mark::Good, format!("Protected: {checked}.")),
        (true, 1) => (Mark::Recorded, format!("{checked}. One check couldn't be run.")),
        (true, count) => (Mark::Recorded, format!("{checked}. {count} checks couldn't be run.")),
        (false, _) => {
            let missing = missing.join("; ");
            (
                Mark::Recorded,
                format!("{checked}. Not checked in this run: {missing}."),
            )
        }
    }
}

/// Returns the side that a view is of where the view is not of this run.
fn unchecked(look: &Look) -> Option<String> {
    let side = match look.program {
        Program::Az => "the cloud side",
        Program::Kubectl => "the cluster side",
    };
    match &look.seen {
        Ok(_) if look.live => None,
        Ok(seen) => Some(format!("{side} (last reported {})", minute(seen.at))),
        Err(_) => Some(side.to_owned()),
    }
}

fn turns(inputs: &Inputs<'_>) -> Vec<Todo> {
    let tasks = handoff::tasks(inputs.rows, inputs.state);
    let todo = tasks.into_iter().map(|task| Todo {
        who: task.who,
        steps: task.steps.iter().map(|own| own.in_words()).collect(),
        command: text::sentence(&task.command.to_string()),
    });
    todo.collect()
}

fn step(row: &Row) -> StepLine {
    StepLine {
        step: row.step,
        number: row.number,
        mark: mark_of(row),
        standing: row.standing,
        evidence: text::sentence(&row.evidence),
        since: row.since,
        by: row.by.as_deref().map(text::name),
        whose: row.step.turn().0,
    }
}
