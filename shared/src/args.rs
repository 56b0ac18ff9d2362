//! Flags that both binaries share, with the same names and meanings.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};

pub use crate::command_line::quoted;
use crate::command_line::{CLUSTER, Called, Invocation, Known, az};
use crate::console::{Console, Talk};
use crate::deadline::Deadline;
use crate::digest::Digest;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::ids::ResourceId;
use crate::names::EXTENSION;
use crate::program::Program;
use crate::schema::Target;
use crate::state::ownership::Owned;
use crate::state::store::{DEFAULT_NAME, Store};

/// The form of a result on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Human-readable text
    Text,
    /// One JSON document with a `version` field
    Json,
    /// The same document as YAML
    Yaml,
}

impl Format {
    /// Whether the result is one document, for programs.
    #[must_use]
    pub fn is_document(self) -> bool {
        self != Self::Text
    }
}

/// The shared flags.
#[derive(Debug, Clone, Args)]
pub struct CommonArgs {
    /// State file of the cluster
    #[arg(
        long,
        global = true,
        env = "AKSBACKUP_STATE",
        default_value = DEFAULT_NAME,
        value_name = "FILE"
    )]
    pub state: PathBuf,
    /// Skip the confirmation prompt for changes
    #[arg(long, short = 'y', global = true)]
    pub yes: bool,
    /// Timeout for the whole command, such as 90s, 45m, or 2h
    #[arg(long, global = true, default_value = "90m", value_parser = duration, value_name = "DURATION")]
    pub timeout: Duration,
    /// Time to wait for another process to unlock the state file
    #[arg(long, global = true, default_value = "30s", value_parser = duration, value_name = "DURATION")]
    pub lock_timeout: Duration,
    /// Don't lock the state file; use only if the file system doesn't support locks and no one else is using the file
    #[arg(long, global = true)]
    pub no_lock: bool,
    /// Fail unless the state file matches this digest (printed by `handoff`)
    #[arg(long, global = true, value_name = "DIGEST")]
    pub expect_digest: Option<Digest>,
    /// Output format
    #[arg(long, short = 'o', global = true, default_value = "text", value_name = "FORMAT")]
    pub output: Format,
    /// Print only results and errors
    #[arg(long, short = 'q', global = true, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log every request
    #[arg(long, short = 'v', global = true)]
    pub verbose: bool,
    /// Disable colored output
    #[arg(long, global = true)]
    pub no_color: bool,
    /// When the command was started.
    #[arg(skip = Instant::now())]
    pub begun: Instant,
    /// Whether the command runs until it is interrupted, so that `--timeout` is no end to it.
    #[arg(skip)]
    pub endless: bool,
}

/// Flags of `handoff`.
#[derive(Debug, Clone, Copy, Args)]
pub struct HandoffArgs {
    /// Message format; -o json wraps the message in a JSON document
    #[arg(long, value_enum, default_value = "text", value_name = "FORM")]
    pub format: Markup,
}

/// How a message is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Markup {
    /// Plain text, for an email
    Text,
    /// Markdown, for a ticket or a chat
    Markdown,
}

/// Flags of `status`.
#[derive(Debug, Clone, Copy, Args)]
pub struct StatusArgs {
    /// Show only what the state file records, without checking the live state
    #[arg(long)]
    pub offline: bool,
    /// Exit with code 8 if anything is left to do
    #[arg(long)]
    pub check: bool,
}

impl CommonArgs {
    /// The console that these flags ask for.
    #[must_use]
    pub fn console(&self) -> Console {
        let talk = match (self.quiet, self.verbose) {
            (true, _) => Talk::Quiet,
            (false, true) => Talk::Verbose,
            (false, false) => Talk::Normal,
        };
        let console = Console::new(talk, self.no_color).of_state(self.state.clone());
        match self.output {
            Format::Text | Format::Json => console,
            Format::Yaml => console.writing_yaml(),
        }
    }

    /// When the command has to end.
    #[must_use]
    pub fn deadline(&self) -> Deadline {
        match self.endless {
            true => Deadline::none(),
            false => Deadline::new(self.begun, self.timeout),
        }
    }

    /// The state file that these flags name, for the program with the tables `T`. `tool` is the program's name and version.
    #[must_use]
    pub fn store<T: Owned>(&self, tool: &str) -> Store<T> {
        let mut store = Store::new(&self.state, tool, self.lock_timeout, !self.no_lock);
        store.expect(self.expect_digest.clone());
        store
    }

    /// The `--state` flag for a command line that is printed, empty for the default file.
    #[must_use]
    pub fn state_flag(&self) -> String {
        if self.state.as_os_str() == DEFAULT_NAME {
            return String::new();
        }
        format!(" --state {}", quoted(&self.state.display().to_string()))
    }

    /// Remembers how this process, `program`, was called, for the command lines that it prints. `command` is one that a printed line can
    /// repeat with all of its flags.
    pub fn remember(&self, program: Program, command: Option<&'static str>) {
        let mut arguments = std::env::args_os();
        let argument = arguments.next();
        let arguments = arguments.map(|own| own.to_string_lossy().into_owned()).collect();
        let bare = Invocation::bare(program, argument.as_deref().map(Path::new));
        let is_in_az = bare.is_none() && program == Program::Az;
        let invocation = Invocation {
            bare,
            state_flag: self.state_flag(),
            called: command.map(|command| Called {
                command,
                arguments,
                is_in_az,
            }),
        };
        invocation.remember();
    }

    /// A failure for a command that needs a state file which is not there.
    ///
    /// # Errors
    /// Always: exit 7 is kept for unreadable files, a missing one is exit 3.
    pub fn no_state<T>(&self) -> Outcome<T> {
        Failure::missing(format!("state file {} doesn't exist", self.state.display()))
            .hint(fix!["create it: ", az("init")])
            .hint("or specify the file from the other team: --state FILE")
            .err()
    }
}

/// What is known of a cluster, and of its extension where a state file has it, for printed command lines.
#[must_use]
pub fn known(cluster: &ResourceId, target: Option<&Target>) -> Known {
    let group = quoted(cluster.resource_group().as_str());
    let extension = target.map_or(EXTENSION, |target| target.extension.name.as_str());
    Known {
        values: vec![
            (CLUSTER, quoted(cluster.name())),
            ("GROUP", group.clone()),
            ("RESOURCE-GROUP", group),
            (EXTENSION, quoted(extension)),
        ],
        flags: format!(" --subscription {}", cluster.subscription()),
    }
}

/// Reads `90s`, `45m`, `2h`, `1h30m`; a bare number is seconds. More than ten years are ten years: moments are counted from it.
///
/// # Errors
/// The text that is no duration, with an example of one.
pub fn duration(text: &str) -> Result<Duration, String> {
    const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
    if let Ok(seconds) = text.parse::<u64>() {
        return Ok(Duration::from_secs(seconds).min(LONGEST));
    }
    text.parse::<jiff::SignedDuration>()
        .ok()
        .and_then(|duration| Duration::try_from(duration).ok())
        .map(|duration| duration.min(LONGEST))
        .ok_or_else(|| format!("{text:?} isn't a valid duration; use a value such as 90s, 45m, or 2h"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        assert!(duration("soon").is_err());
        assert!(duration("-5s").is_err());
        assert_eq!(duration(&u64::MAX.to_string()), duration("99999999h"));
    }

    #[test]
    fn printed_words_survive_a_shell() {
        assert_eq!(quoted("a/b.toml"), "a/b.toml");
        assert_eq!(quoted("my file"), "'my file'");
        assert_eq!(quoted("RG-BÄCKUP"), "'RG-BÄCKUP'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
