//! From the flags to a session: state file, kubeconfig, first contact with the cluster.

use std::rc::Rc;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::files::Tool;
use aksbackup_shared::program::Program;
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::schema::{ClusterTables, State};
use aksbackup_shared::state::store::DEFAULT_NAME;

use crate::cli::Cli;
use crate::cluster::client::{Reader, Rehearsal, Writer};
use crate::platform::Cluster;
use crate::steps::context::Context;

/// This program, for the commands on state files alone.
pub(crate) const PROGRAM: Tool = Tool {
    program: Program::Kubectl,
    version: TOOL,
};

/// Name and version of this program, for notes in the state file.
pub(crate) const TOOL: &str = concat!("kubectl-aksbackup ", env!("CARGO_PKG_VERSION"));

/// What a command may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing: neither the cluster nor the file.
    Read,
    /// The cluster, by force over other field managers where `force` is set, and the file.
    Write {
        /// Whether fields are taken over.
        force: bool,
    },
}

/// What the file that the flags name says; `None` where there is none.
///
/// # Errors
/// Exit 7: it cannot be read.
pub(crate) fn load(cli: &Cli) -> Outcome<Option<State>> {
    cli.common.store::<ClusterTables>(TOOL).load()
}

/// The state of the file that the flags name.
///
/// # Errors
/// Exit 3: there is none. Exit 7: it cannot be read.
pub(crate) fn state(cli: &Cli) -> Outcome<State> {
    match load(cli)? {
        Some(state) => Ok(state),
        None => cli.common.no_state(),
    }
}

/// The same for a command that works without a file too, unless one of another name than the usual is asked for.
///
/// # Errors
/// Exit 3: there is none of that name. Exit 7: it cannot be read.
pub(crate) fn state_or_none(cli: &Cli) -> Outcome<State> {
    let usual = cli.common.state.file_name().is_some_and(|name| name == DEFAULT_NAME);
    match load(cli)? {
        Some(state) => Ok(state),
        None if usual => Ok(State::default()),
        None => cli.common.no_state(),
    }
}

/// The command that writes a kubeconfig for the cluster of the state file.
pub(crate) fn credentials(state: &State) -> Option<CommandLine> {
    Some(shell(format!("az aks get-credentials {}", cluster_flags(state)?)))
}

/// The flags by which `az aks` knows the cluster of the state file.
fn cluster_flags(state: &State) -> Option<String> {
    let target = state.target.as_ref()?;
    let (group, name) = (target.cluster.resource_group(), target.cluster.name());
    Some(format!(
        "--resource-group {} --name {} --subscription {}",
        quoted(group.as_str()),
        quoted(name),
        target.cluster.subscription()
    ))
}

/// A reader for the cluster that the flags name.
///
/// # Errors
/// As [`Reader::new`].
pub(crate) fn reader(cli: &Cli, state: &State) -> Outcome<Reader> {
    let trace = cli.common.console().detailer();
    Reader::new(
        &cli.connection,
        credentials(state).as_ref(),
        trace,
        cli.common.deadline(),
    )
}

/// A session on the cluster, and what its steps share.
///
/// # Errors
/// As [`Reader::new`] and [`Context::new`].
pub(crate) async fn open(cli: &Cli, state: State, access: Access) -> Outcome<(Session<Cluster>, Rc<Context>)> {
    let console = cli.common.console();
    let reader = reader(cli, &state)?;
    console.detail(format!("API server {}", reader.connection().server()));
    let mut context = Context::new(&reader).await?;
    if let Access::Write { force } = access {
        context.rehearsal.replace(Some(Rehearsal::new(&reader, force)));
    }
    if let Some(flags) = cluster_flags(&state) {
        context.cluster_flags = flags;
    }
    console.detail(format!("signed in as {}", context.caller));
    let mut store = cli.common.store::<ClusterTables>(TOOL);
    store.speak_on(&console);
    store.set_author(context.caller.clone());
    let writer = match access {
        Access::Read => None,
        Access::Write { force } => {
            let access = store.must_write(&state)?;
            Some(Writer::new(&reader, force, access))
        }
    };
    let pace = context.pace;
    let mut session = Session::new(reader, writer, console, store, state, cli.common.deadline());
    session.pace = pace;
    session.yes = cli.common.yes;
    Ok((session, Rc::new(context)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kubeconfig_s_command_names_group_cluster_and_subscription() {
        assert_eq!(credentials(&State::default()), None);
    }
}
