//! `status`: what the file says, what the cluster shows, and whose turn is next.

use aksbackup_shared::args::StatusArgs;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::Person;
use aksbackup_shared::runner::look;
use aksbackup_shared::status;
use aksbackup_shared::step::Turn;

use crate::cli::Cli;
use crate::commands::session::{self, Access};
use crate::guide;

/// Shows the status table; writes nothing, neither the cluster nor the file.
///
/// # Errors
/// Exit 3: no state file, where it is all there would be to show. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, arguments: StatusArgs) -> Outcome<Exit> {
    let loaded = session::load(cli)?;
    let begun = loaded.is_some();
    let (rows, state) = match arguments.offline {
        true => {
            let state = session::state(cli)?;
            (status::rows(&state, None), state)
        }
        false => {
            let (session, context) = session::open(cli, loaded.unwrap_or_default(), Access::Read).await?;
            let recorded = session.state();
            let report = look(&mut guide::status(&context), &session).await;
            session.console.clear();
            (status::rows(&recorded, Some(&report)), recorded)
        }
    };
    let next = match begun {
        true => status::next_of(&rows, &state, &cli.common.state_flag()),
        false => Some(beginning(cli)),
    };
    let console = cli.common.console();
    Ok(status::show(
        &console,
        cli.common.output,
        &rows,
        next.as_ref(),
        arguments.check,
    ))
}

/// Whose turn it is where nobody has begun, or the file is somewhere else.
fn beginning(cli: &Cli) -> Turn {
    Turn {
        who: Person::PlatformTeam,
        why: format!(
            "there is no state file {}; where another team has one: --state FILE",
            cli.common.state.display()
        ),
        command: format!("az aksbackup init{}", cli.common.state_flag()),
        right: None,
    }
}
