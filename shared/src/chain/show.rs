//! An examination as a person reads it.

use crate::chain::check::{Check, Verdict};
use crate::console::{Console, Tone};

/// Prints every check: mark, name, what was seen, and the hint where it is not as it should be.
pub fn checks(console: &Console, checks: &[Check]) {
    for check in checks {
        let (mark, tone) = match check.verdict {
            Verdict::Ok => ("✓", Tone::Good),
            Verdict::Error => ("✗", Tone::Bad),
            Verdict::Warning => ("!", Tone::Attention),
            Verdict::Unknown => ("?", Tone::Attention),
        };
        let mark = console.paint(tone, mark);
        console.result(&format!("{mark} {:<22} {}", check.check, check.says));
        if let Some(hint) = &check.hint {
            console.result(&format!("    hint: {hint}"));
        }
    }
}

/// The last line of `verify`: `well` where nothing was found.
#[must_use]
pub fn verdict(checks: &[Check], well: &str) -> String {
    let findings = checks.iter().filter(|check| check.is_finding()).count();
    match findings {
        0 if checks.iter().any(|check| check.verdict == Verdict::Unknown) => {
            format!("verify: {well}, as far as it may be seen")
        }
        0 => format!("verify: {well}"),
        1 => "verify: 1 finding".to_owned(),
        count => format!("verify: {count} findings"),
    }
}
