//! The cluster side of aksbackup: `kubectl aksbackup`.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod cli;
mod cluster;
mod commands;
mod guide;
mod platform;
mod steps;

use std::process::ExitCode;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::ClusterTables;
use aksbackup_shared::{about, files, guard, handoff, process};
use clap::CommandFactory as _;

use cli::{Cli, Command};
use commands::session::{PROGRAM, TOOL};
use commands::{complete, configure, doctor, logs, report, status, unconfigure, verify};

/// Parses the command line and runs the command. Gives the exit code of the process.
#[must_use]
pub fn main() -> ExitCode {
    guard::raise();
    guard::on_own_stack(program)
}

fn program() -> ExitCode {
    let mut cli: Cli = match process::parse() {
        Ok(cli) => cli,
        Err(code) => return code,
    };
    let repeated = matches!(cli.command, Command::Configure(_)).then_some("configure");
    cli.common.remember(Program::Kubectl, repeated);
    cli.common.endless = match &cli.command {
        Command::Verify(arguments) => arguments.shared.watch,
        Command::Logs(arguments) => arguments.follow,
        _ => false,
    };
    let console = cli.common.console();
    let command = cli.common.deadline().hold(run(&cli));
    process::run::<Cli>(&console, cli.common.output, command)
}

async fn run(cli: &Cli) -> Outcome<Exit> {
    match &cli.command {
        Command::Configure(arguments) => configure::run(cli, arguments.clone()).await,
        Command::Verify(arguments) => verify::run(cli, arguments).await,
        Command::Doctor(arguments) => doctor::run(cli, arguments).await,
        Command::Status(arguments) => status::run(cli, *arguments).await,
        Command::Handoff(arguments) => {
            handoff::run(&cli.common.console(), &cli.common, arguments, TOOL, |_, _| Vec::new())
        }
        Command::Report(arguments) => report::run(cli, arguments).await,
        Command::Merge(arguments) => files::merge::<ClusterTables>(PROGRAM, &cli.common, arguments).await,
        Command::Diff(arguments) => files::diff(&cli.common, arguments),
        Command::Migrate(arguments) => files::migrate::<ClusterTables>(PROGRAM, &cli.common, *arguments).await,
        Command::Schema => {
            cli.common.console().document(files::schema());
            Ok(Exit::Done)
        }
        Command::Logs(arguments) => logs::run(cli, arguments).await,
        Command::Unconfigure(arguments) => unconfigure::run(cli, *arguments).await,
        Command::Completion { shell } => {
            let script = about::completion(Cli::command(), "kubectl-aksbackup", *shell);
            cli.common.console().result(&script);
            Ok(Exit::Done)
        }
        Command::Complete { words } => {
            let lines = complete::lines(words).await;
            lines.iter().for_each(|line| cli.common.console().result(line));
            Ok(Exit::Done)
        }
        Command::Man { folder } => about::man_pages(Cli::command(), "kubectl-aksbackup", folder),
        Command::Version => {
            about::version(
                &cli.common.console(),
                "kubectl aksbackup",
                env!("CARGO_PKG_VERSION"),
                cli.common.output,
            );
            Ok(Exit::Done)
        }
    }
}
