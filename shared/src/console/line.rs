//! Words in a line of a terminal: their tone, and what fits.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;

use crate::diagnosis::mask::mask;

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

/// Returns a time of the state file or of a report as people read it: UTC, to the minute.
#[must_use]
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
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

/// The longest text of the file that a line of a table shows, in characters.
const SHORT: usize = 40;

/// As much of a text of the file as a line of a table shows.
#[must_use]
pub fn short(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(SHORT) {
        Some(_) => Cow::Owned(text.chars().take(SHORT - 1).chain(['…']).collect()),
        None => Cow::Borrowed(text),
    }
}

/// Whether a character could steer the terminal that it is shown on, or make a text look like another: control characters
/// but line break and tab, those that turn the direction of writing, and those that nobody sees.
#[must_use]
pub fn steers(c: char) -> bool {
    const UNSEEN: [std::ops::RangeInclusive<char>; 12] = [
        '\u{ad}'..='\u{ad}',
        '\u{61c}'..='\u{61c}',
        '\u{180e}'..='\u{180e}',
        '\u{200b}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2060}'..='\u{206f}',
        '\u{115f}'..='\u{1160}',
        '\u{3164}'..='\u{3164}',
        '\u{feff}'..='\u{feff}',
        '\u{ffa0}'..='\u{ffa0}',
        '\u{fff9}'..='\u{fffb}',
        '\u{e0000}'..='\u{e0fff}',
    ];
    (c.is_control() && c != '\n' && c != '\t') || UNSEEN.iter().any(|range| range.contains(&c))
}

/// Returns the text as one line: names and messages of a cluster or of Azure can have line breaks, and a second line of them would look
/// like one of ours.
#[must_use]
pub fn one_line(text: &str) -> String {
    match text.contains(['\n', '\r']) {
        true => text.split_whitespace().collect::<Vec<_>>().join(" "),
        false => text.to_owned(),
    }
}

/// The text as it can be shown to anyone: Azure, Velero and Kubernetes quote requests, and with them secrets, and any text from
/// outside may hold escape sequences.
pub(super) fn fit(text: &str, painted: bool) -> String {
    harmless(&mask(text), painted).into_owned()
}

/// Returns the text as a console without color prints it.
#[must_use]
pub fn shown(text: &str) -> String {
    fit(text, false)
}

/// The text with every such character spelt out as JSON would, so that it does nothing. The program's own colours stay
/// where there are any.
fn harmless(text: &str, painted: bool) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let color = COLORS.iter().find(|color| painted && rest.starts_with(*color));
        let taken = color.map_or(c.len_utf8(), |color| color.len());
        match color {
            None if steers(c) => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
            _ => out.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    Cow::Owned(out)
}

/// What [`Console::paint`](super::Console::paint) puts around a word.
const COLORS: [&str; 5] = ["\u{1b}[32m", "\u{1b}[33m", "\u{1b}[31m", "\u{1b}[2m", "\u{1b}[0m"];

/// Columns of the terminal.
pub(super) fn width() -> usize {
    usize::from(dialoguer::console::Term::stderr().size().1)
}

/// The columns that clap has for a help text.
#[must_use]
pub fn help_width() -> usize {
    let terminal = dialoguer::console::Term::stdout().size_checked();
    let variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    terminal
        .map(|(_, columns)| usize::from(columns))
        .or_else(variable)
        .unwrap_or(100)
}

/// The text as far as it fits beside spinner and time, and a `^C`: a spinner of several lines is not cleared as a whole.
pub(super) fn in_one_line(text: &str, width: usize) -> String {
    const BESIDE: usize = 12;
    let text = one_line(text);
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
    fn a_long_text_is_cut_to_what_a_table_can_hold() {
        assert_eq!(short(&"ü".repeat(SHORT)), "ü".repeat(SHORT));
        assert_eq!(short(&"ü".repeat(1 << 17)), format!("{}…", "ü".repeat(SHORT - 1)));
    }

    #[test]
    fn what_could_steer_a_terminal_is_spelt_out() {
        assert_eq!(harmless("plain\n\ttext", true), "plain\n\ttext");
        assert_eq!(harmless("\u{1b}]0;x\u{7}", true), "\\u001b]0;x\\u0007");
        assert_eq!(
            harmless("\u{1b}[32mgood\u{1b}[0m \u{1b}[2J", true),
            "\u{1b}[32mgood\u{1b}[0m \\u001b[2J"
        );
        assert_eq!(harmless("\u{1b}[32mgood", false), "\\u001b[32mgood");
        assert_eq!(
            harmless("a\u{202e}b\u{9b}\u{e0041}", false),
            "a\\u202eb\\u009b\\udb40\\udc41"
        );
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
