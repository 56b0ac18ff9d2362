//! `handoff`: a message for the person whose turn is next, made from the state file alone.

use std::path::Path;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::args::{CommonArgs, Format, HandoffArgs, Markup, quoted};
use crate::command_line::{CommandLine, kubectl};
use crate::console::Console;
use crate::digest::Digest;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::guide::Person;
use crate::process::document;
use crate::program::Program;
use crate::rights::{self, Needed};
use crate::schema::{ClusterTables, State};
use crate::state::store::DEFAULT_NAME;
use crate::status::{Row, Standing, rows};
use crate::step_name::StepName;

mod access;
mod copy;
mod words;

pub use access::{Access, invoke};
pub use copy::Copy;

/// The placeholder for what the receiver has to be told in another way.
const CLIENT_ID: &str = "--client-id CLIENT-ID";

/// What the next person is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Message {
    /// The cluster's ARM id, where the file names it.
    pub cluster: Option<String>,
    /// What is done, as the file has it.
    pub done: Vec<Row>,
    /// Whose turn it is and what they run; `None` where the file has every step.
    pub turn: Option<Task>,
    /// Whose turns come after that.
    pub later: Vec<Task>,
    /// The name of the file, to be sent along.
    pub file: String,
    /// The digest of the file's values.
    pub digest: String,
    /// The sender's copy of the program that the receiver runs, if the sender has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Copy>,
    /// Commands of the Azure CLI that do the same without this program, where there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<CommandLine>,
}

/// What somebody is asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Who.
    pub who: Person,
    /// The steps.
    #[serde(serialize_with = "in_words")]
    pub steps: Vec<StepName>,
    /// The command, which refuses every other file.
    pub command: CommandLine,
    /// The rights that it needs, with their reasons.
    pub rights: Vec<Needed>,
    /// What has to be there before the command can reach the cluster; `None` for commands that don't.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<Access>,
}

fn in_words<S: Serializer>(steps: &[StepName], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(steps.iter().map(|own| own.in_words()))
}

impl Task {
    /// Returns the program that it takes.
    fn program(&self) -> Program {
        match self.who {
            Person::ClusterAdmin => Program::Kubectl,
            _ => Program::Az,
        }
    }
}

/// Prints the message to the next person. `tool` is the program's name and version; `without` returns the commands with which this person
/// can do a step without installing anything.
///
/// # Errors
/// Exit 3: no state file. Exit 7: it cannot be read.
pub fn run(
    console: &Console,
    common: &CommonArgs,
    arguments: &HandoffArgs,
    tool: &str,
    without: impl FnOnce(&State, &Task) -> Vec<CommandLine>,
) -> Outcome<Exit> {
    let store = common.store::<ClusterTables>(tool);
    let Some((state, digest)) = store.load_with_digest()? else {
        return common.no_state();
    };
    let mut message = Message::new(&state, &digest, &common.state);
    if let Some(task) = &message.turn {
        message.program = Copy::of(task.program());
        message.without = without(&state, task);
    }
    let text = match arguments.format {
        Markup::Text => message.text(),
        Markup::Markdown => message.markdown(),
    };
    match common.output {
        Format::Text => console.result(&text),
        Format::Json | Format::Yaml => console.document(&document(
            json!({ "command": "handoff", "exit": Exit::Done, "message": message, "text": text }),
        )),
    }
    Ok(Exit::Done)
}

impl Message {
    /// The message about `state`, whose values have `digest` and which is in the file at `path`.
    #[must_use]
    pub fn new(state: &State, digest: &Digest, path: &Path) -> Self {
        let rows = rows(state, None);
        let file = path
            .file_name()
            .map_or_else(|| DEFAULT_NAME.to_owned(), |name| name.to_string_lossy().into_owned());
        // Whoever reads it has the file by its name alone, and their own way to call the program.
        let named = |command: &CommandLine| match file == DEFAULT_NAME {
            true => command.clone(),
            false => command.clone().with("--state").with(quoted(&file)),
        };
        let with_access = |task: Task| Task {
            access: Access::of(&task.command, state),
            ..task
        };
        let mut tasks = tasks(&rows, state).into_iter().map(with_access).map(with_placeholder);
        let turn = tasks.next().map(|task| Task {
            command: named(&task.command).with("--expect-digest").with(digest).for_others(),
            ..task
        });
        let later = tasks.map(|task| Task {
            command: task.command.for_others(),
            ..task
        });
        let done = |row: &Row| matches!(row.standing, Standing::Done | Standing::Recorded);
        Self {
            cluster: state.target.as_ref().map(|target| target.cluster.to_string()),
            done: rows.into_iter().filter(done).collect(),
            turn,
            later: later.collect(),
            file,
            digest: digest.to_string(),
            program: None,
            without: Vec::new(),
        }
    }
}

/// What the reader has to know by another way than this message stands in the command as a placeholder: a value out of the
/// file would only confirm itself.
fn with_placeholder(task: Task) -> Task {
    match task.command.completes(&kubectl("configure")) {
        true => Task {
            command: task.command.with(CLIENT_ID),
            ..task
        },
        false => task,
    }
}

/// The open steps by the command that does them, in the order of the hand-off.
pub(crate) fn tasks(rows: &[Row], state: &State) -> Vec<Task> {
    let mut tasks: Vec<Task> = Vec::new();
    for (row, turn) in rows.iter().filter_map(|row| Some((row, row.next.as_ref()?))) {
        let at = match tasks.iter().position(|task| task.command == turn.command) {
            Some(at) => at,
            None => {
                tasks.push(Task {
                    who: turn.who,
                    steps: Vec::new(),
                    command: turn.command.clone(),
                    rights: Vec::new(),
                    access: None,
                });
                tasks.len() - 1
            }
        };
        tasks[at].steps.push(row.step);
        for needed in rights::of(row.step, state) {
            if !tasks[at].rights.iter().any(|own| own.right == needed.right) {
                tasks[at].rights.push(needed);
            }
        }
    }
    tasks
}

#[cfg(test)]
mod tests;
