//! What the person agrees to before anything is changed: the plan, what gets access, and apart from both what reduces protection.

use crate::command_line::Fix;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::runner::live::Guided;
use crate::runner::report::Report;
use crate::runner::session::Session;
use crate::step::{Change, ChangeNote, Platform};

/// Shows what would change and asks. What gets access is confirmed even where the changes aren't known yet because something
/// is waited for first.
///
/// # Errors
/// Exit 2: `--yes` doesn't cover it, with the flags that do. Exit 8: the person said no.
pub(super) fn agree<P: Platform>(seen: &Report, steps: &mut [Box<dyn Guided<P>>], session: &Session<P>) -> Outcome<()> {
    let console = &session.console;
    let plan = seen.plan(console, console.is_verbose());
    let pending = seen.pending();
    let reduced: Vec<&String> = pending.iter().flat_map(|(_, note)| &note.reduces).collect();
    let keeps: Vec<&Fix> = pending.iter().filter_map(|(_, note)| note.keeps.as_ref()).collect();
    let only_reduced = !pending.is_empty() && pending.iter().all(|(_, note)| !note.reduces.is_empty());
    if plan.is_empty() && refusal(session).is_none() {
        session.agreed.set(session.yes);
        return Ok(());
    }
    console.clear();
    if !plan.is_empty() {
        console.say("Planned changes:");
    }
    for line in plan {
        console.say(format!("  {line}"));
    }
    unconfirmed(session)?;
    let by_answer = !session.yes && console.can_ask();
    if !reduced.is_empty() && !session.reduce_protection && !by_answer {
        return unagreed(reduced.iter().map(|own| own.as_str()), &keeps, session).err();
    }
    if !session.yes {
        show_resources(session);
        let own_question = !reduced.is_empty() && !session.reduce_protection;
        // One answer is enough where nothing else is to be changed.
        if !(own_question && only_reduced) {
            answer(console.confirm("Apply these changes?")?)?;
        }
        if own_question {
            ask_to_reduce(&reduced, session)?;
        }
        // The answer may have taken a while: what was seen before it is stale.
        for step in steps.iter_mut() {
            step.forget();
        }
    }
    session.agreed.set(true);
    session
        .agreed_to_reduce
        .replace(reduced.iter().map(|own| (*own).clone()).collect());
    if let Some(consent) = &session.consent {
        (consent.keep)();
    }
    Ok(())
}

/// Refuses what the person was to confirm in advance and didn't, and can't be asked about.
///
/// # Errors
/// Exit 2, with the flags that confirm it.
pub(super) fn unconfirmed<P: Platform>(session: &Session<P>) -> Outcome<()> {
    match refusal(session) {
        Some(refusal) if session.yes || !session.console.can_ask() => Err(Box::new(refusal.clone())),
        Some(_) | None => Ok(()),
    }
}

fn refusal<P: Platform>(session: &Session<P>) -> Option<&Failure> {
    session.consent.as_ref()?.refusal.as_deref()
}

fn show_resources<P: Platform>(session: &Session<P>) {
    if let Some(consent) = &session.consent {
        session
            .console
            .say("on these resources (compare them with your own records):");
        for line in &consent.resources {
            session.console.say(format!("  {line}"));
        }
    }
}

/// Asks apart from the plan: a reader of ten changes might pass over the one that drops a namespace.
fn ask_to_reduce<P: Platform>(reduced: &[&String], session: &Session<P>) -> Outcome<()> {
    session.console.say("this reduces protection:");
    for line in reduced {
        session.console.say(format!("  {line}"));
    }
    answer(session.console.confirm("Reduce the protection of the cluster?")?)
}

fn answer(agreed: bool) -> Outcome<()> {
    match agreed {
        true => Ok(()),
        false => Failure::new(Exit::Pending, "no changes were made: the changes above are pending").err(),
    }
}

/// What keeps the protection comes first.
fn unagreed<'a, P: Platform>(reduced: impl Iterator<Item = &'a str>, keeps: &[&Fix], session: &Session<P>) -> Failure {
    let failure =
        Failure::usage("reducing the cluster's protection requires a separate confirmation; --yes doesn't confirm it");
    let failure = reduced.fold(failure, Failure::because);
    let failure = keeps.iter().fold(failure, |failure, own| failure.hint((*own).clone()));
    match &session.reducing {
        Some(command) => failure.hint(fix!["check that this is what you want, then run: ", command.clone()]),
        None => failure.hint("check that this is what you want, then add: --reduce-protection"),
    }
}

/// Refuses changes that became necessary during the run, where there was no plan and so no question, or that reduce protection where
/// the plan didn't say so.
///
/// # Errors
/// Exit 8: what would be changed. Exit 2: what would be protected less.
pub(super) fn must_be_agreed<C: Change, P: Platform>(changes: &[C], session: &Session<P>) -> Outcome<()> {
    let notes: Vec<ChangeNote> = changes.iter().map(Change::note).collect();
    if !session.agreed.get() {
        let summaries: Vec<&str> = notes.iter().map(|note| note.summary.as_str()).collect();
        return Failure::new(
            Exit::Pending,
            "changes that weren't in the plan became necessary; no changes were made",
        )
        .because(summaries.join("; "))
        .hint("run the command again to review and confirm them")
        .err();
    }
    let agreed = session.agreed_to_reduce.borrow();
    let reduced = notes.iter().flat_map(|note| &note.reduces);
    let mut new = reduced
        .filter(|own| !session.reduce_protection && !agreed.contains(own))
        .peekable();
    let keeps: Vec<&Fix> = notes.iter().filter_map(|note| note.keeps.as_ref()).collect();
    match new.peek().is_some() {
        true => unagreed(new.map(String::as_str), &keeps, session).err(),
        false => Ok(()),
    }
}
