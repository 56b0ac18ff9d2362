//! `apply`: carries out the plan that a dry run saved, if it is still exactly what would be done.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::runner::saved;

use crate::cli::{ApplyArgs, Cli, RoleArgs, WriteArgs};
use crate::commands::options;
use crate::commands::steps::{Plan, Trust, run_planned};
use crate::guide::{self, PrepareOptions};

/// Applies a plan.
///
/// # Errors
/// Exit 3: there is no such file. Exit 7: it is no plan. Exit 8: it is stale. Otherwise as the command whose plan it is.
pub(crate) async fn run(cli: &Cli, args: &ApplyArgs) -> Outcome<Exit> {
    let plan = saved::read(&args.file)?;
    let confirm = options::confirm(cli, &args.confirm, false);
    if let (Some(named), false) = (&args.irreversible, plan["command"] == "prepare") {
        return Failure::usage(format!(
            "--irreversible is {named}, but {} isn't a plan of prepare",
            args.file.display()
        ))
        .because("only prepare makes permanent changes to a Backup vault; no changes were made")
        .hint("omit --irreversible")
        .err();
    }
    let (command, trust, steps) = match plan["command"].as_str() {
        Some("prepare") => (
            "prepare",
            Trust::Known(confirm),
            guide::prepare(PrepareOptions {
                irreversible: options::irreversible(args.irreversible.as_ref(), false),
                ..options::prepare(cli, &[])
            }),
        ),
        Some("grant") => {
            let roles = RoleArgs {
                on_container: false,
                confirm: args.confirm.clone(),
            };
            let steps = guide::grant(options::grant(cli, &roles, WriteArgs::default()));
            ("grant", Trust::Named(confirm), steps)
        }
        Some("protect") => (
            "protect",
            Trust::Known(confirm),
            guide::protect(options::protect(cli, false)),
        ),
        _ => {
            return Failure::new(
                Exit::StateUnreadable,
                format!("{} isn't a plan of prepare, grant, or protect", args.file.display()),
            )
            .hint("save a plan with --dry-run --plan-out FILE")
            .err();
        }
    };
    let words = options::applying(cli).unwrap_or_default();
    let plan = Plan::Expected(Box::new(plan), words);
    run_planned(cli, (command, ""), false, trust, steps, plan).await
}
