//! The only place that talks to a person: progress and questions on standard error, results on standard output.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::failure::{Failure, Outcome};
use crate::output;
use crate::state::place::place_of;

mod line;
mod several;
mod terminal;
mod wrap;
pub mod yaml;

pub use line::{Tone, help_width, human, minute, one_line, short, shown, steers};
use line::{fit, in_one_line, width};
use wrap::for_terminal;

/// How much is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Talk {
    /// Results and errors only.
    Quiet,
    /// What is being done.
    Normal,
    /// Also each request, without any token.
    Verbose,
}

/// A person's terminal, or a pipe.
pub struct Console {
    talk: Talk,
    terminal: bool,
    dumb: bool,
    color: bool,
    state_file: PathBuf,
    yaml: bool,
    bars: MultiProgress,
    tasks: RefCell<HashMap<String, Task>>,
    /// What each line begins with, where several clusters share the terminal.
    label: String,
}

struct Task {
    started: Instant,
    said: String,
    bar: Option<ProgressBar>,
}

impl Console {
    /// A console for this process. Spinners and color only on a terminal; `NO_COLOR`, `TERM=dumb` and `no_color` switch
    /// color off.
    #[must_use]
    pub fn new(talk: Talk, no_color: bool) -> Self {
        let terminal = std::io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let plain = no_color || dumb || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let spins = terminal && !dumb;
        Self {
            talk,
            terminal: spins,
            dumb,
            color: terminal && !plain,
            state_file: PathBuf::new(),
            yaml: false,
            bars: MultiProgress::with_draw_target(terminal::target(spins)),
            tasks: RefCell::new(HashMap::new()),
            label: String::new(),
        }
    }

    /// The console of a command that was given this state file: keys that are named to a person get their place in it.
    #[must_use]
    pub fn of_state(mut self, file: PathBuf) -> Self {
        self.state_file = file;
        self
    }

    /// The console of a command whose document is to be YAML.
    #[must_use]
    pub fn writing_yaml(mut self) -> Self {
        self.yaml = true;
        self
    }

    /// The failure as this console tells it.
    #[must_use]
    pub fn told(&self, failure: &Failure) -> Failure {
        let place_of = |key: &str| place_of(&self.state_file, key);
        failure.clone().placed(place_of)
    }

    /// Whether questions can be asked: standard input and standard error are terminals, and what the question is about is shown.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.talk != Talk::Quiet
            && self.label.is_empty()
            && std::io::stdin().is_terminal()
            && std::io::stderr().is_terminal()
    }

    /// Whether more than usual is asked for.
    #[must_use]
    pub fn is_verbose(&self) -> bool {
        self.talk == Talk::Verbose
    }

    /// Colors a word, where color is on.
    #[must_use]
    pub fn paint(&self, tone: Tone, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match tone {
            Tone::Good => "32",
            Tone::Attention => "33",
            Tone::Bad => "31",
            Tone::Faint => "2",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }

    /// Says a line on standard error, unless quiet.
    pub fn say(&self, line: impl AsRef<str>) {
        if self.talk >= Talk::Normal {
            self.tell(line.as_ref());
        }
    }

    /// Says what went wrong on standard error, however quiet it is.
    pub fn error(&self, text: impl std::fmt::Display) {
        self.tell(&format!("{} {text}", self.paint(Tone::Bad, "error:")));
    }

    /// Says on standard error how it ended where nothing went wrong, however quiet it is.
    pub fn ending(&self, text: impl std::fmt::Display) {
        self.tell(&text.to_string());
    }

    fn tell(&self, text: &str) {
        let text = fit(text, self.color);
        // One write, so that lines of several clusters don't mix.
        let lines: Vec<String> = text.lines().map(|line| format!("{}{line}", self.label)).collect();
        let text = lines.join("\n");
        self.bars.suspend(|| output::say(&for_terminal(&text, self.terminal)));
    }

    /// Says a line on standard error, where asked for more.
    pub fn detail(&self, line: impl AsRef<str>) {
        self.detailer()(line.as_ref().to_owned());
    }

    /// As [`Console::detail`], for code that cannot hold a console because it may run on any thread.
    pub fn detailer(&self) -> impl Fn(String) + Send + Sync + use<> {
        self.teller(Talk::Verbose)
    }

    /// As [`Console::say`], for code that cannot hold a console.
    pub fn sayer(&self) -> impl Fn(String) + Send + Sync + use<> {
        self.teller(Talk::Normal)
    }

    fn teller(&self, least: Talk) -> impl Fn(String) + Send + Sync + use<> {
        let (heard, bars, terminal) = (self.talk >= least, self.bars.clone(), self.terminal);
        let label = self.label.clone();
        move |line| {
            if heard {
                let line = format!("{label}{}", fit(&line, false));
                bars.suspend(|| output::say(&for_terminal(&line, terminal)));
            }
        }
    }

    /// Writes a result to standard output. A reader that closed its end is no error; any other failure makes the process exit
    /// with code 1.
    pub fn result(&self, text: &str) {
        output::result(&fit(text.trim_end_matches('\n'), self.color));
    }

    /// The columns of the terminal that results go to; `None` where they go elsewhere.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        std::io::stdout().is_terminal().then(width)
    }

    /// Writes a JSON document to standard output, in the form that was asked for.
    pub fn document(&self, json: &str) {
        match self.yaml {
            true => self.result(&yaml::of(json)),
            false => self.result(json),
        }
    }

    /// Shows that `task` is at `status`: a spinner with its time on a terminal, else a line when the status changed.
    pub fn progress(&self, task: &str, status: &str) {
        if self.talk < Talk::Normal || !self.label.is_empty() {
            return;
        }
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.entry(task.to_owned()).or_insert_with(|| Task {
            started: Instant::now(),
            said: String::new(),
            bar: self.terminal.then(|| self.spinner(task)),
        });
        if entry.said == status {
            return;
        }
        match &entry.bar {
            Some(bar) => bar.set_message(in_one_line(&fit(&format!("{task}: {status}"), false), width())),
            // Another mark than that of the list of changes, which it would else seem to repeat.
            None => output::say(&fit(&format!("… {task}: {status}"), false)),
        }
        status.clone_into(&mut entry.said);
    }

    fn spinner(&self, task: &str) -> ProgressBar {
        let template = if self.color {
            "{spinner:.cyan} {elapsed:>3.dim} {msg}"
        } else {
            "{spinner} {elapsed:>3} {msg}"
        };
        let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = self.bars.add(
            ProgressBar::new_spinner()
                .with_style(style)
                .with_message(task.to_owned()),
        );
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    /// Ends `task` with a line: a mark in its tone, the task, its result, and how long it took if that was noticeable.
    pub fn finish(&self, task: &str, tone: Tone, result: &str) {
        let known = self.tasks.borrow_mut().remove(task);
        let took = known
            .as_ref()
            .map(|task| task.started.elapsed())
            .filter(|time| time.as_secs() >= 1);
        if let Some(bar) = known.and_then(|task| task.bar) {
            self.take_away(&bar);
        }
        let mark = match tone {
            Tone::Good => "✓",
            Tone::Attention => "!",
            Tone::Bad => "✗",
            Tone::Faint => "·",
        };
        let took = took
            .map(|time| self.paint(Tone::Faint, &format!(" ({})", human(time))))
            .unwrap_or_default();
        self.say(format!("{} {task}: {result}{took}", self.paint(tone, mark)));
    }

    /// Ends every spinner, for the end of a command.
    pub fn clear(&self) {
        for (_, task) in self.tasks.borrow_mut().drain() {
            if let Some(bar) = task.bar {
                self.take_away(&bar);
            }
        }
    }

    fn take_away(&self, bar: &ProgressBar) {
        bar.finish_and_clear();
        self.bars.remove(bar);
    }

    /// Asks for a yes; Enter means no. Without a terminal the question is refused, not hung.
    ///
    /// # Errors
    /// Exit 2 without a terminal; exit 130 if the person pressed Ctrl-C.
    pub fn confirm(&self, question: &str) -> Outcome<bool> {
        self.confirm_with(question, false)
    }

    /// Asks for a yes where nothing is lost or changed by it; Enter means yes.
    ///
    /// # Errors
    /// As [`Console::confirm`].
    pub fn confirm_harmless(&self, question: &str) -> Outcome<bool> {
        self.confirm_with(question, true)
    }

    fn confirm_with(&self, question: &str, default: bool) -> Outcome<bool> {
        self.need_terminal(question, "--yes")?;
        terminal::forget_typed();
        let answer = dialoguer::Confirm::with_theme(&*self.theme())
            .with_prompt(question)
            .default(default)
            .interact_opt();
        self.answered(answer).map(|answer| answer.unwrap_or(false))
    }

    /// Asks for one of `items`; gives its index.
    ///
    /// # Errors
    /// As [`Console::confirm`]; `flag` is named as the way to answer beforehand.
    pub fn choose(&self, question: &str, items: &[String], default: usize, flag: &str) -> Outcome<usize> {
        self.need_terminal(question, flag)?;
        self.answered(
            dialoguer::Select::with_theme(&*self.theme())
                .with_prompt(question)
                .items(items)
                .default(default)
                .interact(),
        )
    }

    /// Asks for a text that `check` accepts; `check` returns the reason for its refusal.
    ///
    /// # Errors
    /// As [`Console::choose`].
    pub fn ask(
        &self,
        question: &str,
        default: &str,
        flag: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Outcome<String> {
        self.need_terminal(question, flag)?;
        let theme = self.theme();
        let mut input = dialoguer::Input::<String>::with_theme(&*theme).with_prompt(question);
        if !default.is_empty() {
            input = input.default(default.to_owned());
        }
        self.answered(input.validate_with(|text: &String| check(text)).interact_text())
    }

    fn need_terminal(&self, question: &str, flag: &str) -> Outcome<()> {
        if self.can_ask() {
            self.clear();
            return Ok(());
        }
        let why = match self.talk {
            Talk::Quiet => "with --quiet, which hides the changes",
            _ => "without a terminal",
        };
        Failure::usage(format!("cannot prompt {why}: {question}"))
            .hint(format!("to answer in advance, use {flag}"))
            .err()
    }

    /// The answer; where it is Ctrl-C, the line of the question is ended, so that what follows begins its own.
    fn answered<T>(&self, answer: dialoguer::Result<T>) -> Outcome<T> {
        if matches!(&answer, Err(dialoguer::Error::IO(error)) if error.kind() == std::io::ErrorKind::Interrupted) {
            self.tell("");
        }
        terminal::answered(answer)
    }

    fn theme(&self) -> Box<dyn Theme> {
        if self.color {
            Box::new(ColorfulTheme::default())
        } else {
            Box::new(SimpleTheme)
        }
    }
}

/// A command that was interrupted leaves no spinner behind.
impl Drop for Console {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_without_a_terminal_is_refused_with_the_flag_that_answers_it() {
        let console = Console::new(Talk::Normal, true);
        if console.can_ask() {
            return;
        }
        let failure = console.confirm("Go on?").unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::Usage);
        assert!(failure.hints[0].to_string().contains("--yes"));
    }
}
