//! The examples of a help text, for a terminal on which they are too long: what each is for stands above it, and a command that is longer
//! than a line is continued on the next, so that it can still be pasted.

use clap::Command;
use clap::builder::StyledStr;

/// The title of the examples.
const TITLE: &str = "Examples:\n";
/// What continues a command in the next line.
const CONTINUED: &str = " \\";

/// Returns a command whose examples, and those of its subcommands, fit into so many columns.
#[must_use]
pub(crate) fn fitted(command: Command, columns: usize) -> Command {
    let fit = |text: Option<&StyledStr>| text.map(|own| of_help(&own.to_string(), columns));
    let short = fit(command.get_after_help());
    let long = fit(command.get_after_long_help());
    let command = match short {
        Some(text) => command.after_help(text),
        None => command,
    };
    let command = match long {
        Some(text) => command.after_long_help(text),
        None => command,
    };
    command.mut_subcommands(|own| fitted(own, columns))
}

fn of_help(help: &str, columns: usize) -> String {
    let Some(list) = help.strip_prefix(TITLE) else {
        return help.to_owned();
    };
    let (list, rest) = match list.split_once("\n\n") {
        Some((list, rest)) => (list, format!("\n\n{rest}")),
        None => (list, String::new()),
    };
    if list.lines().all(|line| line.chars().count() <= columns) {
        return help.to_owned();
    }
    let joined = list.replace("\\\n", " ");
    let all: Vec<String> = joined.lines().map(|line| example(line, columns)).collect();
    format!("{TITLE}{}{rest}", all.join("\n"))
}

/// An example, with what it is for above it.
fn example(line: &str, columns: usize) -> String {
    let (command, purpose) = match line.rsplit_once(" # ") {
        Some((command, purpose)) => (command, format!("  # {purpose}\n")),
        None => (line, String::new()),
    };
    let command = command.split_whitespace().collect::<Vec<_>>().join(" ");
    format!("{purpose}{}", broken(&command, columns))
}

/// A command, broken before its flags.
fn broken(command: &str, columns: usize) -> String {
    let mut words = command.split(" -");
    let (mut out, mut width) = ("  ".to_owned(), 2);
    if let Some(first) = words.next() {
        out.push_str(first);
        width += first.chars().count();
    }
    for word in words {
        let own = word.chars().count() + 2;
        if width + own + CONTINUED.len() > columns {
            out.push_str(CONTINUED);
            out.push_str("\n     ");
            width = 5;
        }
        out.push_str(" -");
        out.push_str(word);
        width += own;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELP: &str = "Examples:
  az x --a         # short
  az x --subscription contoso --cluster rg-aks/aks-demo --vault rg-backup/bv \\
      --yes        # confirm what is expected

More: az --help";

    /// Fails before: a terminal broke the lines in the middle of a word, and none could be pasted.
    #[test]
    fn examples_fit_into_the_columns() {
        assert_eq!(of_help(HELP, 100), HELP);
        assert_eq!(
            of_help(HELP, 60),
            "Examples:
  # short
  az x --a
  # confirm what is expected
  az x --subscription contoso --cluster rg-aks/aks-demo \\
      --vault rg-backup/bv --yes

More: az --help"
        );
    }

    #[test]
    fn other_texts_stay_as_they_are() {
        let text = format!("Exit codes:\n  {}", "x".repeat(200));
        assert_eq!(of_help(&text, 80), text);
    }

    #[test]
    fn the_examples_of_all_commands_are_fitted() {
        let command = Command::new("x").subcommand(Command::new("y").after_help(HELP));
        let fitted = fitted(command, 60);
        let own = fitted
            .find_subcommand("y")
            .unwrap()
            .get_after_help()
            .unwrap()
            .to_string();
        assert!(own.lines().all(|line| line.chars().count() <= 60), "{own}");
    }
}
