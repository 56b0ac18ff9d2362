//! `verify`: the proof of step 10 and all that it rests on, at once and without waiting.

use aksbackup_shared::args::Format;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::process::document;
use futures::future::{try_join, try_join4};
use serde_json::json;

use crate::cli::Cli;
use crate::cluster::client::Reader;
use crate::cluster::deployments::of_release;
use crate::cluster::rights::lacking;
use crate::commands::checks::{Check, Sight, Verdict, checks};
use crate::commands::session;
use crate::guide::VERIFY;

/// Checks the cluster against the state file, or against itself where there is none. Changes nothing; findings end 8.
///
/// # Errors
/// Exit 4: not permitted to look. Exit 7: a state file that cannot be read. As the API server says.
pub(crate) async fn run(cli: &Cli) -> Outcome<Exit> {
    let state = session::state_or_none(cli)?;
    let reader = session::reader(cli, &state)?;
    let sight = match sight(&reader).await {
        Ok(sight) => sight,
        Err(failure) => return refused(&reader, failure).await,
    };
    let checks = checks(&sight, &state, &cli.common.state_flag());
    let findings = checks.iter().filter(|check| check.verdict == Verdict::Finding).count();
    let exit = if findings == 0 { Exit::Done } else { Exit::Pending };
    let console = cli.common.console();
    match cli.common.output {
        Format::Json => console.result(&document(
            json!({ "command": "verify", "exit": exit, "findings": findings, "checks": checks }),
        )),
        Format::Text => print(&console, &checks, findings),
    }
    Ok(exit)
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

fn print(console: &Console, checks: &[Check], findings: usize) {
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
        0 => "verify: workload identity works".to_owned(),
        1 => "verify: 1 finding".to_owned(),
        count => format!("verify: {count} findings"),
    });
}
