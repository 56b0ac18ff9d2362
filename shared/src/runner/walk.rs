//! Runs a list of steps: each as soon as what it needs is done, and all that need nothing of each other together.

use std::collections::HashMap;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;

use crate::console::Tone;
use crate::failure::Outcome;
use crate::guide::StepName;
use crate::runner::consent::{agree, unconfirmed};
use crate::runner::live::Guided;
use crate::runner::prospects::Prospect;
use crate::runner::report::{Ending, Report, StepReport};
use crate::runner::session::Session;
use crate::step::{Local, Platform};

type Endings = HashMap<StepName, Ending>;

/// Looks at every step and changes nothing.
pub async fn look<P: Platform>(steps: &mut [Box<dyn Guided<P>>], session: &Session<P>) -> Report {
    let endings = walk(steps, session, Endings::new(), Mode::Look).await;
    report(steps, endings)
}

/// Looks at every step, changes nothing, and leaves out of the plan what isn't done as things are: a change that can't be changed back,
/// while a step that has to be possible first is blocked.
pub async fn plan<P: Platform>(steps: &mut [Box<dyn Guided<P>>], session: &Session<P>) -> Report {
    let mut seen = look(steps, session).await;
    let is_blocked = |own: &StepReport| match &own.ending {
        Ending::Due { turns, .. } | Ending::TheirTurn { turns, .. } => !turns.is_empty(),
        _ => false,
    };
    let blocked: Vec<StepName> = seen
        .steps
        .iter()
        .filter(|own| is_blocked(own))
        .map(|own| own.step)
        .collect();
    for step in steps.iter() {
        let by = step.name().only_if_possible().iter();
        let by: Vec<StepName> = by.copied().filter(|step| blocked.contains(step)).collect();
        let own = seen.steps.iter_mut().find(|own| own.step == step.name());
        if let (false, Some(own)) = (by.is_empty(), own) {
            own.ending = step.without_final(&by).unwrap_or_else(|| own.ending.clone());
        }
    }
    seen
}

/// Looks at every step, shows what would change, asks, and then changes it.
///
/// # Errors
/// The person said no, or could not be asked; or something else was expected. What goes wrong in a step is in the report.
pub async fn run<P: Platform>(steps: &mut [Box<dyn Guided<P>>], session: &Session<P>) -> Outcome<Report> {
    let seen = plan(steps, session).await;
    let failures: Vec<StepName> = seen
        .steps
        .iter()
        .filter(|step| matches!(step.ending, Ending::Failed { .. }))
        .map(|step| step.step)
        .collect();
    let failed = failures.contains(&StepName::Preflight);
    // What can't be done as things are is told before anything is changed: some changes can't be taken back.
    let mut refused: Vec<StepName> = steps
        .iter()
        .filter(|step| step.is_refused())
        .map(|step| step.name())
        .collect();
    if let Some(expected) = session.expected.as_ref().filter(|_| !failed) {
        unconfirmed(session)?;
        match failures.is_empty() {
            true => expected(&seen)?,
            // A plan has no failure in it: what failed is told, and says more than that the plan differs.
            false => refused.extend(failures),
        }
    }
    let failed = failed || !refused.is_empty();
    let to_do = seen.steps.iter().any(|step| match &step.ending {
        Ending::Due { changes, .. } => !changes.is_empty(),
        Ending::Waiting { .. } => true,
        Ending::Done { .. }
        | Ending::Begun { .. }
        | Ending::TheirTurn { .. }
        | Ending::Held { .. }
        | Ending::Failed { .. } => false,
    });
    if failed || !to_do {
        let finished = seen
            .steps
            .iter()
            .map(|step| (step.step, settled(&step.ending, &refused)))
            .collect::<Endings>();
        show(session, steps.iter().map(|step| step.name()), &finished);
        return Ok(report(steps, finished));
    }
    let done = seen
        .steps
        .iter()
        .filter(|step| step.ending.is_done())
        .map(|step| (step.step, step.ending.clone()))
        .collect();
    show(session, steps.iter().map(|step| step.name()), &done);
    agree(&seen, steps, session)?;
    let endings = walk(steps, session, done, Mode::Act).await;
    session.console.clear();
    Ok(report(steps, endings))
}

/// What was only looked at, and needs no change of ours, is what it is. Changes wait for the steps that are `refused`.
fn settled(ending: &Ending, refused: &[StepName]) -> Ending {
    match ending {
        Ending::Due { changes, .. } if !changes.is_empty() && !refused.is_empty() => Ending::Held {
            by: refused.to_vec(),
            foreseen: changes.clone(),
            changed: Vec::new(),
        },
        Ending::Due { changes, turns } if changes.is_empty() => Ending::TheirTurn {
            changed: Vec::new(),
            turns: turns.clone(),
        },
        other => other.clone(),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Look,
    Act,
}

async fn walk<P: Platform>(
    steps: &mut [Box<dyn Guided<P>>],
    session: &Session<P>,
    done: Endings,
    mode: Mode,
) -> Endings {
    let names: Vec<StepName> = steps.iter().map(|step| step.name()).collect();
    let mut waiting: Vec<&mut Box<dyn Guided<P>>> = steps
        .iter_mut()
        .filter(|step| !done.contains_key(&step.name()))
        .collect();
    let mut endings = done;
    for step in &names {
        session.prospects.set(
            *step,
            match endings.contains_key(step) {
                true => Prospect::Possible,
                false => Prospect::Open,
            },
        );
    }
    let mut running: FuturesUnordered<Local<'_, (StepName, Ending)>> = FuturesUnordered::new();
    loop {
        let mut held = Vec::new();
        for step in waiting {
            let after = match mode == Mode::Look && step.looks_ahead() {
                true => &[],
                false => step.after(),
            };
            match ready(step.name(), after, &names, &endings) {
                Ready::Yes => running.push(Box::pin(async move {
                    let name = step.name();
                    let ending = match mode {
                        Mode::Look => step.look(session).await,
                        Mode::Act => step.act(session).await,
                    };
                    (name, ending)
                })),
                Ready::NotYet => held.push(step),
                Ready::Never(by) => {
                    let foreseen = if mode == Mode::Look {
                        step.foresee(session)
                    } else {
                        Vec::new()
                    };
                    let changed = Vec::new();
                    let ending = Ending::Held { by, foreseen, changed };
                    if mode == Mode::Act {
                        show_one(session, step.name(), &ending);
                    }
                    session.prospects.set(step.name(), Prospect::of(&ending));
                    endings.insert(step.name(), ending);
                }
            }
        }
        waiting = held;
        let Some((name, ending)) = running.next().await else {
            if waiting.is_empty() {
                return endings;
            }
            continue;
        };
        if mode == Mode::Act {
            show_one(session, name, &ending);
        }
        session.prospects.set(name, Prospect::of(&ending));
        endings.insert(name, ending);
    }
}

enum Ready {
    Yes,
    NotYet,
    Never(Vec<StepName>),
}

/// Whether everything that a step needs, and that is part of this command, is done.
fn ready(step: StepName, after: &[StepName], names: &[StepName], endings: &Endings) -> Ready {
    let mut waiting = false;
    let mut never = Vec::new();
    for need in std::iter::once(&StepName::Preflight).chain(after) {
        if *need == step || !names.contains(need) {
            continue;
        }
        match endings.get(need) {
            None => waiting = true,
            Some(ending) if ending.is_done() => {}
            Some(_) => never.push(*need),
        }
    }
    match (never.is_empty(), waiting) {
        (false, _) => Ready::Never(never),
        (true, true) => Ready::NotYet,
        (true, false) => Ready::Yes,
    }
}

fn show<P: Platform>(session: &Session<P>, names: impl Iterator<Item = StepName>, endings: &Endings) {
    for name in names {
        if let Some(ending) = endings.get(&name) {
            show_one(session, name, ending);
        }
    }
}

fn show_one<P: Platform>(session: &Session<P>, name: StepName, ending: &Ending) {
    let console = &session.console;
    let task = name.to_string();
    match ending {
        Ending::Done {
            evidence,
            drift: Some(drift),
            ..
        } => {
            let text = format!("{evidence}; {}", drift.differences.join("; "));
            console.finish(&task, Tone::Attention, &text);
        }
        Ending::Done { evidence, .. } => console.finish(&task, Tone::Good, evidence),
        Ending::Waiting { why, .. } | Ending::Begun { why, .. } => console.finish(&task, Tone::Attention, why),
        Ending::TheirTurn { turns, .. } | Ending::Due { turns, .. } => {
            let who = turns.first().map(|turn| turn.who.to_string()).unwrap_or_default();
            console.finish(&task, Tone::Attention, &format!("waiting for the {who}"));
        }
        // Nothing can be done before preflight: its own line says it all.
        Ending::Held { by, .. } if by.contains(&StepName::Preflight) => {}
        Ending::Held { by, .. } => {
            let by = by.iter().map(|step| step.title()).collect::<Vec<_>>().join(", ");
            console.finish(&task, Tone::Faint, &format!("after {by}"));
        }
        Ending::Failed { .. } => console.finish(&task, Tone::Bad, "failed"),
    }
}

fn report<P: Platform>(steps: &[Box<dyn Guided<P>>], mut endings: Endings) -> Report {
    let steps = steps
        .iter()
        .filter_map(|step| {
            endings.remove(&step.name()).map(|ending| StepReport {
                step: step.name(),
                ending,
                refused: step.is_refused(),
            })
        })
        .collect();
    Report { steps }
}
