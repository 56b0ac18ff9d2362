//! The Azure side of aksbackup: `az aksbackup`.
//!
//! [`cli`] is the command line, [`commands`] has one module a command, [`guide`] the lists of steps; [`arm`] is the only
//! code that knows Azure Resource Manager, [`login`] the only one that handles tokens, [`http`] what is below them, and
//! [`extension`] what az's extension asks.

#![deny(clippy::print_stdout, clippy::print_stderr)]

mod arm;
mod checks;
mod cli;
mod cloud;
mod commands;
mod extension;
mod guide;
mod http;
mod login;
mod platform;
mod steps;
mod target_ids;

use std::path::Path;
use std::process::ExitCode;

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::CloudTables;
use aksbackup_shared::{about, files, guard, handoff, output, process};
use clap::CommandFactory as _;

use checks::vault_drift::IRREVERSIBLE;
use cli::{Cli, Command};
use commands::session::{PROGRAM, TOOL};
use commands::steps::{Plan, Trust, lifecycle, run_list, run_planned};
use commands::{
    apply, doctor, export, fleet, init, jobs, list, options, points, report, restore, selection, status, verify,
};
use guide::Wanted;

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
    cli.common.remember(Program::Az, cli.command.repeatable());
    cli.common.endless = matches!(&cli.command, Command::Verify(args) if args.shared.watch);
    let console = cli.common.console();
    if let Err(failure) = login::inherit() {
        return process::run::<Cli>(&console, cli.common.output, std::future::ready(Err(failure)));
    }
    match &cli.command {
        // Within `az` it is az that completes.
        Command::Completion { shell } => {
            console.result(&about::completion(Cli::command(), "az-aksbackup", *shell));
        }
        Command::Describe => console.result(&process::document(extension::description(Cli::command()))),
        Command::Complete { option, before } => {
            let state = commands::session::load(&cli).ok().flatten().unwrap_or_default();
            extension::values(&state, option, before)
                .iter()
                .for_each(|value| console.result(value));
        }
        Command::Man { folder } => {
            let written = about::man_pages(Cli::command(), "az-aksbackup", folder);
            return process::run::<Cli>(&console, cli.common.output, std::future::ready(written));
        }
        Command::Version => {
            about::version(&console, "az aksbackup", env!("CARGO_PKG_VERSION"), cli.common.output);
        }
        _ => {
            http::transport::install_crypto();
            let command = cli.common.deadline().hold(run(&cli));
            return process::run::<Cli>(&console, cli.common.output, command);
        }
    }
    output::ended(Exit::Done)
}

fn planned(out: Option<&Path>) -> Plan<'_> {
    out.map_or(Plan::Shown, Plan::Saved)
}

async fn run(cli: &Cli) -> Outcome<Exit> {
    match &cli.command {
        Command::Init(args) => init::run(cli, args).await.map_err(|failure| Box::new(failure.again())),
        Command::Prepare(args) => {
            let mut options = options::prepare(cli, &args.subjects);
            options.recreate_storage = args.recreate_storage;
            options.irreversible = options::irreversible(args.irreversible.as_ref(), args.write.dry_run);
            let (steps, skipped) = args.selection.of(guide::prepare(options))?;
            if let Some(line) = selection::told(&skipped) {
                cli.common.console().say(line);
            }
            let trust = Trust::Known(options::confirm(cli, &args.confirm, args.write.dry_run));
            let mut words = args.selection.words();
            if args.irreversible.is_some() {
                words.push_str(IRREVERSIBLE);
            }
            let plan = planned(args.plan_out.as_deref());
            run_planned(cli, ("prepare", &words), args.write.dry_run, trust, steps, plan).await
        }
        Command::Grant(args) => {
            let steps = guide::grant(options::grant(cli, &args.roles, args.write));
            let trust = Trust::Named(options::confirm(cli, &args.roles.confirm, args.write.dry_run));
            let plan = planned(args.plan_out.as_deref());
            run_planned(cli, ("grant", ""), args.write.dry_run, trust, steps, plan).await
        }
        Command::Protect(args) => {
            let steps = guide::protect(guide::ProtectOptions {
                remove_unused_policies: args.remove_unused_policies,
                ..options::protect(cli, args.without_verification)
            });
            let trust = Trust::Known(options::confirm(cli, &args.confirm, args.write.dry_run));
            let plan = planned(args.plan_out.as_deref());
            run_planned(cli, ("protect", ""), args.write.dry_run, trust, steps, plan).await
        }
        Command::Backup(args) => {
            let steps = guide::backup(options::backup(args));
            run_list(cli, ("backup", ""), args.write.dry_run, Trust::Nothing, steps).await
        }
        Command::Up(args) => {
            let mut prepare = options::prepare(cli, &args.subjects);
            prepare.irreversible = options::irreversible(None, args.write.dry_run);
            let steps = guide::up(
                prepare,
                options::grant(cli, &args.roles, args.write),
                options::protect(cli, args.without_verification),
            );
            let trust = Trust::Known(options::confirm(cli, &args.roles.confirm, args.write.dry_run));
            run_list(cli, ("up", ""), args.write.dry_run, trust, steps).await
        }
        Command::Apply(args) => apply::run(cli, args).await,
        Command::Suspend(args) => lifecycle(cli, Wanted::Suspended, &args.change).await,
        Command::Stop(args) => lifecycle(cli, Wanted::Stopped, &args.change).await,
        Command::Resume(args) => lifecycle(cli, Wanted::Resumed, args).await,
        Command::Undelete(args) => {
            let wanted = Wanted::Undeleted {
                keep_stopped: args.keep_stopped,
            };
            lifecycle(cli, wanted, &args.change).await
        }
        Command::Teardown(args) => {
            let options = options::teardown(args);
            if let Some(target) = commands::session::state(cli)?.target {
                options.must_be_of(&target)?;
            }
            let steps = guide::teardown(&options);
            let trust = Trust::Removed(
                options::confirm(cli, &args.confirm, args.write.dry_run),
                options.words(),
            );
            run_list(cli, ("teardown", ""), args.write.dry_run, trust, steps).await
        }
        Command::Jobs(args) => jobs::run(cli, args).await,
        Command::List(args) => list::run(cli, args).await,
        Command::Fleet(command) => fleet::run(cli, command).await,
        Command::Points(args) => points::run(cli, args).await,
        Command::Restore(args) => restore::run(cli, args).await,
        Command::Status(args) => status::run(cli, args).await,
        Command::Verify(args) => verify::run(cli, args).await,
        Command::Doctor(args) => doctor::run(cli, args).await,
        Command::Handoff(args) => {
            handoff::run(&cli.common.console(), &cli.common, args, TOOL, commands::role_lines::of)
        }
        Command::Report(args) => report::run(cli, args).await,
        Command::Export(args) => export::run(cli, args).await,
        Command::Merge(args) => files::merge::<CloudTables>(PROGRAM, &cli.common, args).await,
        Command::Diff(args) => files::diff(&cli.common, args),
        Command::Migrate(args) => files::migrate::<CloudTables>(PROGRAM, &cli.common, *args).await,
        Command::Schema => {
            cli.common.console().document(files::schema());
            Ok(Exit::Done)
        }
        Command::Completion { .. }
        | Command::Describe
        | Command::Complete { .. }
        | Command::Man { .. }
        | Command::Version => Ok(Exit::Done),
    }
}
