//! `status`: what the file says, what Azure shows, and whose turn is next.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::runner::look;
use aksbackup_shared::status::{self, Row, Standing};
use aksbackup_shared::step::Turn;

use crate::cli::{Cli, StatusArgs};
use crate::commands::{options, session};
use crate::guide;

/// Shows the status table; writes nothing, neither Azure nor the file.
///
/// # Errors
/// Exit 3: no state file. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, args: StatusArgs) -> Outcome<Exit> {
    let (console, rows) = match args.offline {
        true => (cli.common.console(), status::rows(&session::state(cli)?, None)),
        false => {
            let session = session::open(cli, false).await?;
            let report = look(&mut guide::status(options::prepare(cli, &[])), &session).await;
            session.console.clear();
            (cli.common.console(), status::rows(&session.state(), Some(&report)))
        }
    };
    let next = next(&rows, &cli.common.state_flag());
    Ok(status::show(
        &console,
        cli.common.output,
        &rows,
        next.as_ref(),
        args.check,
    ))
}

/// Whose turn it is: that of the first step which is open, or which the world no longer has.
fn next(rows: &[Row], state_flag: &str) -> Option<Turn> {
    let row = rows
        .iter()
        .find(|row| matches!(row.standing, Standing::Open | Standing::Drifted))?;
    let (who, command) = row.step.turn();
    let why = match row.standing {
        Standing::Drifted => format!("{} was done and is not any more", row.step.title()),
        Standing::Open | Standing::Done | Standing::Recorded | Standing::Unknown => {
            format!("{} is next", row.step.title())
        }
    };
    Some(Turn {
        who,
        why,
        command: format!("{command}{state_flag}"),
        right: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::guide::StepName;

    fn row(step: StepName, standing: Standing) -> Row {
        Row {
            step,
            number: None,
            standing,
            evidence: String::new(),
            since: None,
            by: None,
        }
    }

    #[test]
    fn the_first_step_that_is_left_decides_whose_turn_it_is() {
        let rows = [
            row(StepName::Storage, Standing::Done),
            row(StepName::Extension, Standing::Unknown),
            row(StepName::Roles, Standing::Drifted),
            row(StepName::Rollout, Standing::Open),
        ];
        let turn = next(&rows, " --state x").unwrap();
        assert_eq!(turn.command, "az aksbackup grant --state x");
        assert!(turn.why.contains("not any more"));
        assert_eq!(next(&rows[..2], ""), None);
    }
}
