//! Questions, where there is somebody to ask.

use aksbackup_shared::console::Console;
use aksbackup_shared::failure::{Failure, Outcome};

/// Asks, or takes the default.
pub(super) struct Picker<'a> {
    console: Option<&'a Console>,
    asks: bool,
}

impl Picker<'static> {
    /// A picker that never asks.
    pub(super) fn silent() -> Self {
        Self {
            console: None,
            asks: false,
        }
    }
}

impl<'a> Picker<'a> {
    /// A picker that asks unless the person agreed beforehand to the defaults, or cannot be asked.
    pub(super) fn new(console: &'a Console, yes: bool) -> Self {
        Self {
            console: Some(console),
            asks: !yes && console.can_ask(),
        }
    }

    /// One of `items`; the first where nobody can be asked, or there is only one.
    pub(super) fn choose(&self, question: &str, items: &[String], flag: &str) -> Outcome<usize> {
        match self.console.filter(|_| self.asks && items.len() > 1) {
            Some(console) => console.choose(question, items, 0, flag),
            None => Ok(0),
        }
    }

    /// Tells what was chosen, where nobody was asked.
    pub(super) fn tell(&self, line: impl FnOnce() -> String) {
        if let Some(console) = self.console.filter(|_| !self.asks) {
            console.say(line());
        }
    }

    /// One of `items`, which nobody else can choose.
    ///
    /// # Errors
    /// Exit 2 where nobody can be asked: the items, and the flag that answers.
    pub(super) fn must_choose(&self, question: &str, items: &[String], flag: &str) -> Outcome<usize> {
        if let Some(console) = self.console.filter(|_| self.asks) {
            return console.choose(question, items, 0, flag);
        }
        Failure::usage(format!("cannot ask without a terminal: {question}"))
            .because(items.join("\n"))
            .hint(format!("to answer in advance, use {flag}"))
            .err()
    }

    /// Asks for a yes; `None` without a terminal.
    pub(super) fn confirm(&self, question: &str) -> Outcome<Option<bool>> {
        let console = self.console.filter(|_| self.asks);
        console.map(|console| console.confirm(question)).transpose()
    }

    /// A name that its type takes; the default where nobody can be asked.
    pub(super) fn name<T>(&self, question: &str, default: &str, flag: &str) -> Outcome<T>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        let check = |text: &str| text.parse::<T>().map(|_| ()).map_err(|error| error.to_string());
        let text = match self.console.filter(|_| self.asks) {
            Some(console) => console.ask(question, default, flag, check)?,
            None => default.to_owned(),
        };
        text.parse().or_else(|error: T::Err| {
            Failure::usage(error.to_string())
                .hint(format!("to answer in advance, use {flag}"))
                .err()
        })
    }
}
