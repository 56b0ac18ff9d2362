//! The chain link by link, with every check.

use crate::chain::link::Link;
use crate::report::model::{CheckLine, LinkLine, Mark};
use crate::report::text;
use crate::report::views::{Seen, Views, home};

/// As many facts as are kept of a check.
const FACTS: usize = 6;

/// Every link that somebody looked at.
pub(super) fn lines(views: Views<'_>) -> Vec<LinkLine> {
    let lines = Link::ALL.into_iter().map(|link| {
        let checks: Vec<CheckLine> = views.checks(link).map(|seen| line(&seen)).collect();
        LinkLine {
            link,
            mark: mark(link, &checks),
            checks,
        }
    });
    lines.filter(|line| !line.checks.is_empty()).collect()
}

/// Returns the worst finding of either program; without one, what the program says that can observe the link. What one program
/// could not see counts only where the other one did not see it either.
fn mark(link: Link, checks: &[CheckLine]) -> Mark {
    let seen = || {
        let fresh = checks.iter().filter(|check| !check.outdated);
        fresh.filter(|check| check.mark != Mark::Unseen)
    };
    let worst = seen().map(|check| check.mark).max();
    let own = seen()
        .filter(|check| check.seen_by == home(link))
        .map(|check| check.mark);
    match worst {
        Some(mark @ (Mark::Good | Mark::Recorded)) => own.max().unwrap_or(mark),
        Some(mark) => mark,
        None => Mark::Unseen,
    }
}

fn line(seen: &Seen<'_>) -> CheckLine {
    CheckLine {
        check: text::name(&seen.check.check),
        mark: seen.mark(),
        says: text::sentence(&seen.check.says),
        evidence: facts(&seen.check.evidence),
        seen_by: seen.program,
        at: seen.at,
        outdated: seen.outdated,
    }
}

/// The first facts, and how many more there are.
pub(super) fn facts(all: &[String]) -> Vec<String> {
    let mut facts: Vec<String> = all.iter().take(FACTS).map(|fact| text::fact(fact)).collect();
    if all.len() > FACTS {
        facts.push(format!("and {} more", all.len() - FACTS));
    }
    facts
}
