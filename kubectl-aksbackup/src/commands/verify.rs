//! `verify`: the proof of step 10 and all that it rests on, at once and without waiting.

use aksbackup_shared::args::Format;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::process::document;
use aksbackup_shared::state::schema::State;
use futures::future::{try_join, try_join4};
use serde_json::json;

use crate::cli::{Cli, VerifyArgs};
use crate::cluster::client::Reader;
use crate::cluster::deployments::of_release;
use crate::cluster::rights::lacking;
use crate::commands::checks::{Check, Sight, Verdict, checks};
use crate::commands::preconditions::preconditions;
use crate::commands::session;
use crate::guide::VERIFY;

/// Checks the cluster against the state file, or against itself where there is none; with `--pre`, whether the
/// extension can be installed into it. Changes nothing; findings end 8.
///
/// # Errors
/// Exit 4: not permitted to look. Exit 7: a state file that cannot be read. As the API server says.
pub(crate) async fn run(cli: &Cli, arguments: VerifyArgs) -> Outcome<Exit> {
    let state = session::state_or_none(cli)?;
    let reader = session::reader(cli, &state)?;
    let (checks, well) = match arguments.pre {
        true => (
            before(&reader, &state, cli).await?,
            "nothing stands in the way of the extension",
        ),
        false => (after(&reader, &state, cli).await?, "workload identity works"),
    };
    let findings = checks.iter().filter(|check| check.verdict == Verdict::Finding).count();
    let exit = if findings == 0 { Exit::Done } else { Exit::Pending };
    let console = cli.common.console();
    match cli.common.output {
        Format::Json => console.result(&document(
            json!({ "command": "verify", "exit": exit, "findings": findings, "checks": checks }),
        )),
        Format::Text => print(&console, &checks, findings, well),
    }
    Ok(exit)
}

/// What stands in the way of the extension.
async fn before(reader: &Reader, state: &State, cli: &Cli) -> Outcome<Vec<Check>> {
    let (around, issuer) = try_join(reader.surroundings(), reader.advertised_issuer()).await?;
    let namespace = reader.namespace_name();
    Ok(preconditions(
        &around,
        issuer.as_deref(),
        namespace,
        state,
        &cli.common.state_flag(),
    ))
}

/// What the extension that is installed lacks.
async fn after(reader: &Reader, state: &State, cli: &Cli) -> Outcome<Vec<Check>> {
    match sight(reader).await {
        Ok(sight) => Ok(checks(&sight, state, &cli.common.state_flag())),
        Err(failure) => refused(reader, failure).await,
    }
}

/// The failure; where a right is missing, with all that are.
async fn refused<T>(reader: &Reader, failure: Box<Failure>) -> Outcome<T> {
    if failure.has_code("Forbidden") {
        let lacks = reader.lacks(VERIFY).await?;
        if !lacks.is_empty() {
            return lacking(&reader.caller().await?, &lacks, reader.namespace()).err();
        }
    }
    Err(failure)
}

async fn sight(reader: &Reader) -> Outcome<Sight> {
    let lists = try_join4(
        reader.deployments(),
        reader.service_accounts(),
        reader.pods(),
        reader.storage_locations(),
    );
    let facts = async { Ok((reader.advertised_issuer().await?, reader.now().await)) };
    let ((deployments, accounts, pods, locations), (issuer, now)) = try_join(lists, facts).await?;
    Ok(Sight {
        namespace: reader.namespace_name().clone(),
        issuer,
        deployments: of_release(&deployments.items),
        accounts: accounts.items,
        pods: pods.items,
        locations: locations.items,
        now,
    })
}

fn print(console: &Console, checks: &[Check], findings: usize, well: &str) {
    for check in checks {
        let (mark, tone) = match check.verdict {
            Verdict::Good => ("✓", Tone::Good),
            Verdict::Finding => ("✗", Tone::Bad),
            Verdict::Unknown => ("?", Tone::Attention),
        };
        console.result(&format!(
            "{} {:<22} {}",
            console.paint(tone, mark),
            check.check,
            check.says
        ));
        if let Some(cure) = &check.cure {
            console.result(&format!("    hint: {cure}"));
        }
    }
    console.result(&match findings {
        0 if checks.iter().any(|check| check.verdict == Verdict::Unknown) => {
            format!("verify: {well}, as far as it may be seen")
        }
        0 => format!("verify: {well}"),
        1 => "verify: 1 finding".to_owned(),
        count => format!("verify: {count} findings"),
    });
}
