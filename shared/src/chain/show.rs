//! An examination as a person reads it.

use crate::chain::check::{Check, Verdict};
use crate::chain::link::Link;
use crate::console::{Console, Tone, one_line};
use crate::names::capital;
use crate::program::Program;

/// Prints every check below the title of its link: mark, name, what was observed, and the hint where it is not as expected.
pub fn checks(console: &Console, checks: &[Check]) {
    let width = width(checks);
    let mut checks: Vec<&Check> = checks.iter().collect();
    checks.sort_by_key(|own| own.link);
    let mut heading = Heading::default();
    for own in checks {
        heading.of(console, own.link);
        check(console, own, None, width);
    }
}

/// Prints the title of each link of the chain above its checks.
#[derive(Default)]
pub struct Heading(Option<Link>);

impl Heading {
    /// Prints the title of `link` where it is another one than before.
    pub fn of(&mut self, console: &Console, link: Link) {
        if self.0.replace(link) != Some(link) {
            console.result(&console.paint(Tone::Faint, &format!("{}:", capital(link.title()))));
        }
    }
}

/// Prints one check, its name as wide as `width`. A check of the `other` program's view was not made in this run: it is quoted as
/// reported, and never has the mark of a good one.
pub fn check(console: &Console, check: &Check, other: Option<Program>, width: usize) {
    let (mark, says) = match other {
        None => (mark(console, check.verdict), check.says.clone()),
        Some(program) => (
            reported(console, check.verdict),
            format!("\"{}\" (reported by {})", check.says, program.name()),
        ),
    };
    console.row(&format!("{mark} {:<width$}", check.check), &says);
    if let Some(hint) = &check.hint {
        let lines: Vec<String> = hint.lines().iter().map(|line| one_line(line)).collect();
        console.text(&format!("    hint: {}", lines.join("\n      ")));
    }
}

/// The mark of a verdict that is only reported.
fn reported(console: &Console, verdict: Verdict) -> String {
    match verdict {
        Verdict::Ok => console.paint(Tone::Faint, "·"),
        Verdict::Error | Verdict::Warning => console.paint(Tone::Attention, "!"),
        Verdict::Unknown => console.paint(Tone::Attention, "?"),
    }
}

/// A verdict's mark in its tone.
#[must_use]
pub fn mark(console: &Console, verdict: Verdict) -> String {
    let (mark, tone) = match verdict {
        Verdict::Ok => ("✓", Tone::Good),
        Verdict::Error => ("✗", Tone::Bad),
        Verdict::Warning => ("!", Tone::Attention),
        Verdict::Unknown => ("?", Tone::Attention),
    };
    console.paint(tone, mark)
}

/// How wide the names of checks are together. One that is far longer than the others does not move them.
#[must_use]
pub fn width<'a>(checks: impl IntoIterator<Item = &'a Check>) -> usize {
    const LEAST: usize = 22;
    const MOST: usize = 40;
    let names = checks.into_iter().map(|check| check.check.chars().count());
    names
        .filter(|width| *width <= MOST)
        .max()
        .unwrap_or_default()
        .max(LEAST)
}

/// The last line of `verify`: `well` where nothing was found, and how many of the checks could not be made.
#[must_use]
pub fn verdict(checks: &[Check], well: &str) -> String {
    let findings = checks.iter().filter(|check| check.is_finding()).count();
    let unknown = checks.iter().filter(|check| check.verdict == Verdict::Unknown).count();
    let found = match findings {
        // What wasn't checked might not be well.
        0 if unknown > 0 => "no findings".to_owned(),
        0 => well.to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    match unknown {
        0 => format!("verify: {found}"),
        unknown => format!("verify: {found} ({unknown} of {} checks couldn't be run)", checks.len()),
    }
}

/// The checks of `now` that are not so in `before`: another verdict, another failure, or other faults. What only grows older
/// is no change.
#[must_use]
pub fn changed(before: &[Check], now: &[Check]) -> Vec<Check> {
    let key = |check: &Check| (check.link, check.check.clone(), check.verdict, check.failure.clone());
    let without_numbers = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let is_new = |check: &&Check| {
        let same = before.iter().find(|own| key(own) == key(check));
        same.is_none_or(|own| check.is_finding() && without_numbers(&own.says) != without_numbers(&check.says))
    };
    now.iter().filter(is_new).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::link::Link;

    #[test]
    fn what_could_not_be_checked_is_counted() {
        let ok = Check::ok(Link::Jobs, "last backup", "well");
        let unknown = Check::unknown(Link::Jobs, "jobs", "not authorized");
        let bad = Check::error(Link::Jobs, "policy", "x", "y");
        assert_eq!(verdict(std::slice::from_ref(&ok), "all is well"), "verify: all is well");
        assert_eq!(
            verdict(&[ok, unknown.clone()], "all is well"),
            "verify: no findings (1 of 2 checks couldn't be run)"
        );
        assert_eq!(
            verdict(&[bad, unknown], "x"),
            "verify: 1 finding (1 of 2 checks couldn't be run)"
        );
    }

    #[test]
    fn only_what_becomes_different_is_a_change() {
        let ok = Check::ok(Link::Jobs, "last backup", "well, 3 minutes ago");
        let later = Check::ok(Link::Jobs, "last backup", "well, 4 minutes ago");
        let bad = Check::error(Link::Jobs, "last backup", "failed", "x");
        assert!(changed(std::slice::from_ref(&ok), &[later]).is_empty());
        assert_eq!(
            changed(std::slice::from_ref(&ok), std::slice::from_ref(&bad)),
            std::slice::from_ref(&bad)
        );
        assert_eq!(changed(&[bad], std::slice::from_ref(&ok)), [ok]);
    }
}
