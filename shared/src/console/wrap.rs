//! Lines of a terminal, wrapped at words with a hanging indent.

use std::borrow::Cow;

use dialoguer::console::measure_text_width;

use super::Console;
use super::line::{fit, width};
use crate::output;

/// Programs that start a command to paste: it stays on one line, which the terminal itself continues, so that it can be copied.
const PROGRAMS: [&str; 7] = [
    "az",
    "az-aksbackup",
    "kubectl",
    "kubectl-aksbackup",
    "kubelogin",
    "helm",
    "velero",
];

/// Columns below which nothing is wrapped: every word would be a line.
const NARROW: usize = 40;

impl Console {
    /// Writes a result in sentences to standard output: a terminal shows its lines wrapped at words.
    pub fn text(&self, text: &str) {
        let text = fit(text.trim_end_matches('\n'), self.color);
        output::result(&match self.columns().filter(|_| !self.dumb) {
            Some(columns) => wrapped(&text, columns),
            None => text,
        });
    }

    /// As [`Console::text`], for a row of a table whose last column is `text`.
    pub fn row(&self, head: &str, text: &str) {
        let (head, text) = (fit(head, self.color), fit(text, self.color));
        output::result(&match self.columns().filter(|_| !self.dumb) {
            Some(columns) => row(&head, &text, columns),
            None => format!("{head} {text}").trim_end().to_owned(),
        });
    }
}

/// A line as standard error gets it: wrapped at words on a `terminal`.
pub(super) fn for_terminal(text: &str, terminal: bool) -> Cow<'_, str> {
    match terminal {
        true => Cow::Owned(wrapped(text, width())),
        false => Cow::Borrowed(text),
    }
}

/// Returns `text` with its lines wrapped at words to at most `columns`. What continues a line is indented by two columns more than the
/// line, or to its last column where it is a row of a table. A word or a command that is longer than a line stays whole: the terminal
/// breaks it, so that it can be copied.
fn wrapped(text: &str, columns: usize) -> String {
    let lines = text.lines().map(|line| match columns < NARROW {
        true => line.to_owned(),
        false => hung(line, columns, hang(line, columns)),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Returns a row of a table whose last column is `text`: next to `head` where there is room for it, else below.
fn row(head: &str, text: &str, columns: usize) -> String {
    let line = format!("{head} {text}");
    let hang = measure_text_width(head) + 1;
    if columns < NARROW || measure_text_width(&line) <= columns {
        return line;
    }
    if hang > columns / 2 {
        return format!(
            "{}\n{}",
            head.trim_end(),
            hung(&format!("{BELOW}{text}"), columns, BELOW.len())
        );
    }
    hung(&line, columns, hang)
}

/// The indent of a last column that has no room next to the others.
const BELOW: &str = "    ";

/// The column in which a line continues.
fn hang(line: &str, columns: usize) -> usize {
    let lead = line.len() - line.trim_start_matches(' ').len();
    // The first gap: those behind it are further right, and each would be measured from the beginning.
    let gap = line[lead..].find("  ").map(|at| lead + at);
    match gap.filter(|at| measure_text_width(&line[..*at]) <= columns / 2) {
        Some(at) => {
            let text = line[at..].trim_start_matches(' ');
            measure_text_width(&line[..line.len() - text.len()])
        }
        None => lead + 2,
    }
}

fn hung(line: &str, columns: usize, hang: usize) -> String {
    if measure_text_width(line) <= columns {
        return line.to_owned();
    }
    let (mut out, mut width) = (String::new(), 0);
    for piece in pieces(line) {
        let own = measure_text_width(piece.trim_end_matches(' '));
        let fits_below = hang + own <= columns;
        if width + own > columns && width > hang && fits_below {
            out.truncate(out.trim_end_matches(' ').len());
            out.push('\n');
            out.push_str(&" ".repeat(hang));
            width = hang;
        }
        out.push_str(piece);
        width += measure_text_width(piece);
        if own > columns {
            width %= columns;
        }
    }
    out
}

/// The words of a line, each with the blanks after it; a command is one of them up to its end.
fn pieces(line: &str) -> Vec<&str> {
    let (mut pieces, mut rest, mut may_start) = (Vec::new(), line, true);
    while !rest.is_empty() {
        let word = word(rest);
        let is_command = may_start && PROGRAMS.contains(&word.trim_end());
        let end = if is_command { command(rest) } else { word.len() };
        let (piece, next) = rest.split_at(end);
        may_start = piece.trim_end().is_empty() || piece.trim_end().ends_with([':', '`', ',', ';']);
        pieces.push(piece);
        rest = next;
    }
    pieces
}

fn word(text: &str) -> &str {
    let blank = text.find(' ').unwrap_or(text.len());
    let after = text[blank..].find(|c| c != ' ').map_or(text.len(), |more| blank + more);
    &text[..after]
}

/// The length of the command at the start of `text`: it ends where the sentence goes on.
fn command(text: &str) -> usize {
    text.find("; ").map_or(text.len(), |at| at + "; ".len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_is_wrapped_at_words_and_hangs_below_its_text() {
        let line = "  storage: create storage account stbackup (Standard_LRS, no shared keys)";
        assert_eq!(
            wrapped(line, 50),
            "  storage: create storage account stbackup\n    (Standard_LRS, no shared keys)"
        );
        assert_eq!(wrapped(line, 80), line);
        assert_eq!(wrapped(line, 20), line, "too narrow to read in any case");
    }

    #[test]
    fn what_continues_a_row_stands_in_its_last_column() {
        let words = "word ".repeat(10);
        let rows = [
            row(&format!("ok {:<12}", "nodes"), words.trim(), 50),
            wrapped(&format!("{:<16}{}", "nodes", words.trim()), 50),
        ];
        for shown in rows {
            assert!(shown.lines().count() > 1, "{shown}");
            for line in shown.lines().skip(1) {
                assert!(line.starts_with(&format!("{}word", " ".repeat(16))), "{line:?}");
            }
        }
        let below = row(&"x".repeat(30), words.trim(), 50);
        assert!(below.starts_with(&format!("{}\n    word", "x".repeat(30))), "{below}");
        assert_eq!(row("ok nodes", "1", 50), "ok nodes 1");
    }

    #[test]
    fn a_command_and_a_long_word_stay_whole() {
        let short = "az aksbackup grant --cluster rg/aks";
        assert_eq!(
            wrapped(&format!("    hint: to assign the roles of the vault, run: {short}"), 60),
            format!("    hint: to assign the roles of the vault, run:\n      {short}")
        );
        let long = format!(
            "    hint: to assign the roles, run: az aksbackup grant --cluster {}",
            "x".repeat(60)
        );
        assert_eq!(wrapped(&long, 60), long, "the terminal breaks it, and it can be copied");
        let id = format!("on /subscriptions/{} now", "x".repeat(90));
        assert_eq!(wrapped(&id, 60), id);
        let two = "if it is enabled, run: az aksbackup prepare; to see why, run: az aksbackup doctor --verbose";
        assert!(
            wrapped(two, 60).contains("\n  run: az aksbackup doctor")
                || wrapped(two, 60).contains("run:\n  az aksbackup doctor")
        );
    }

    /// Fails before: the time grew with the square of the gaps, so that a server's message kept a terminal busy.
    #[test]
    fn a_hostile_line_takes_time_by_its_length_alone() {
        let timed = |gaps: usize| {
            let line = format!("{}{}", "x".repeat(70), "  a".repeat(gaps));
            let begun = std::time::Instant::now();
            assert!(wrapped(&line, 80).lines().count() > gaps / 40);
            begun.elapsed()
        };
        // Ten times the length: a hundred times the time before, and far less than that on a slow machine now.
        let (short, long) = (timed(1_000), timed(10_000));
        assert!(
            long < short * 40 + std::time::Duration::from_millis(50),
            "{short:?}, {long:?}"
        );
    }

    #[test]
    fn color_has_no_width_and_lines_stay_lines() {
        let red = format!("\u{1b}[31merror:\u{1b}[0m {}", "a".repeat(35));
        assert_eq!(wrapped(&red, 42), red);
        assert_eq!(wrapped("one\ntwo", 80), "one\ntwo");
    }
}
