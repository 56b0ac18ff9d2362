//! Words in a line of a terminal: their tone, and what fits.

use std::time::Duration;

/// Green, yellow, red, dim: what a word's colour says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// All is well.
    Good,
    /// Somebody has to do something.
    Attention,
    /// Something failed.
    Bad,
    /// Less important.
    Faint,
}

/// A duration as people say it: `4m12s`, `38s`.
#[must_use]
pub fn human(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s}s"),
        (0, m, s) => format!("{m}m{s:02}s"),
        (h, m, _) => format!("{h}h{m:02}m"),
    }
}

/// Columns of the terminal.
pub(super) fn width() -> usize {
    usize::from(dialoguer::console::Term::stderr().size().1)
}

/// The text as far as it fits beside spinner and time, and a `^C`: a spinner of several lines is not cleared as a whole.
pub(super) fn in_one_line(text: &str, width: usize) -> String {
    const BESIDE: usize = 12;
    let text = text.replace('\n', " ");
    dialoguer::console::truncate_str(&text, width.saturating_sub(BESIDE).max(BESIDE), "…").into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(human(Duration::from_millis(900)), "0s");
        assert_eq!(human(Duration::from_secs(252)), "4m12s");
        assert_eq!(human(Duration::from_secs(3720)), "1h02m");
    }

    #[test]
    fn a_long_text_is_cut_to_one_line() {
        assert_eq!(in_one_line("short", 80), "short");
        let cut = in_one_line(&"long ".repeat(40), 80);
        assert!(cut.ends_with('…') && cut.chars().count() <= 68, "{cut}");
        assert_eq!(in_one_line("two\nlines", 80), "two lines");
        assert!(!in_one_line("narrow terminal", 0).is_empty());
    }
}
