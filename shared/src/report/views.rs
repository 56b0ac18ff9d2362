//! What either program saw of a link, and whether that still counts.

use jiff::Timestamp;

use crate::chain::check::{Check, Verdict};
use crate::chain::examination::Examination;
use crate::chain::link::Link;
use crate::guide::StepName;
use crate::program::Program;
use crate::report::model::{Mark, View};
use crate::report::text;
use crate::status::{Row, Standing};

/// What one program saw, or why there is nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Which program.
    pub program: Program,
    /// What it saw, or why there is nothing, in a sentence.
    pub seen: Result<Examination, String>,
    /// Whether it looked just now. What was read from a file may have been made by anybody.
    pub live: bool,
}

impl Look {
    /// For the head of the page.
    pub(super) fn view(&self) -> View {
        let (at, says) = match &self.seen {
            Ok(seen) => (Some(seen.at), text::name(&seen.command)),
            Err(why) => (None, text::sentence(why)),
        };
        let program = self.program;
        View { program, at, says }
    }
}

/// A check with who made it and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) check: &'a Check,
    pub(super) program: Program,
    pub(super) at: Timestamp,
    pub(super) outdated: bool,
    /// Whether it was made in this run.
    pub(super) live: bool,
}

impl Seen<'_> {
    /// What this run can say of it: an earlier run's success is a report, while an earlier run's finding still counts.
    pub(super) fn mark(&self) -> Mark {
        match self.check.verdict {
            Verdict::Ok if !self.live => Mark::Recorded,
            verdict => verdict.into(),
        }
    }

    /// Whether the program that can observe the link observed something of it in this run.
    pub(super) fn is_observed(&self) -> bool {
        self.live && !self.outdated && self.program == home(self.check.link) && self.check.verdict != Verdict::Unknown
    }
}

/// Returns how a step stands. A backup that lacks something needs attention, whoever reports it.
pub(super) fn mark_of(row: &Row) -> Mark {
    match &row.warning {
        Some(_) => Mark::from(row.standing).max(Mark::Attention),
        None => row.standing.into(),
    }
}

/// Returns the program that can observe a link completely.
pub(super) const fn home(link: Link) -> Program {
    match link {
        Link::Pods | Link::Injection | Link::ServiceAccounts | Link::StorageLocation => Program::Kubectl,
        Link::Login
        | Link::Subscription
        | Link::Cluster
        | Link::Storage
        | Link::Extension
        | Link::FederatedCredentials
        | Link::StorageRole
        | Link::Vault
        | Link::BackupInstance
        | Link::Jobs => Program::Az,
    }
}

/// Both views beside what the file says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Views<'a> {
    pub(super) looks: &'a [Look],
    pub(super) rows: &'a [Row],
}

impl<'a> Views<'a> {
    /// The examinations that there are.
    pub(super) fn examinations(self) -> impl Iterator<Item = (Program, &'a Examination)> {
        let looks = self.looks.iter();
        looks.filter_map(|look| Some((look.program, look.seen.as_ref().ok()?)))
    }

    /// Whether the view of a program was not read from a file.
    pub(super) fn is_live(self, program: Program) -> bool {
        self.looks.iter().any(|look| look.program == program && look.live)
    }

    /// Every check of a link, in the order in which they were made, the cloud's first.
    pub(super) fn checks(self, link: Link) -> impl Iterator<Item = Seen<'a>> {
        self.examinations().flat_map(move |(program, examination)| {
            let (at, live) = (examination.at, self.is_live(program));
            let outdated = self.is_outdated(link, at);
            let own = examination.checks.iter().filter(move |check| check.link == link);
            own.map(move |check| Seen {
                check,
                program,
                at,
                outdated,
                live,
            })
        })
    }

    /// Whether the file notes that somebody worked on a link after it was looked at.
    pub(super) fn is_outdated(self, link: Link, at: Timestamp) -> bool {
        let own = self.rows.iter().filter(|row| link.steps().contains(&row.step));
        own.filter_map(|row| row.since).any(|since| since > at)
    }

    /// Whether a step that makes a link is still open: what is wrong with the link is then nothing to wonder at.
    pub(super) fn is_pending(self, link: Link) -> bool {
        let own = self.rows.iter().filter(|row| link.steps().contains(&row.step));
        own.map(|row| row.standing).any(|standing| standing == Standing::Open)
    }

    /// How the file says that a step stands.
    pub(super) fn row(self, step: StepName) -> Option<&'a Row> {
        self.rows.iter().find(|row| row.step == step)
    }
}
