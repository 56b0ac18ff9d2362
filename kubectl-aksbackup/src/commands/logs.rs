//! `logs`: what Velero says.

use aksbackup_shared::args::Format;
use aksbackup_shared::bounds::TOO_LARGE;
use aksbackup_shared::command_line::kubectl;
use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::names::AGENT_DEPLOYMENT;
use aksbackup_shared::process::document;
use futures::future::try_join_all;
use serde_json::json;

use crate::cli::{Cli, LogsArgs};
use crate::cluster::client::Reader;
use crate::cluster::logs::Lines;
use crate::cluster::pods::Pod;
use crate::commands::session;

/// The most bytes of a log that is printed as a JSON document.
const OF_DOCUMENT: usize = 16 << 20;

/// Prints the log of a container in each pod of the agent's deployment.
///
/// # Errors
/// Exit 2: `--follow` as JSON, which has no end. Exit 3: no such pod or container. As the API server says.
pub(crate) async fn run(cli: &Cli, arguments: &LogsArgs) -> Outcome<Exit> {
    if arguments.follow && cli.common.output.is_document() {
        return Failure::usage("--follow has no end, and --output asks for one document at the end").err();
    }
    let reader = session::reader(cli, &session::state_or_none(cli)?)?;
    let pods = agents(&reader).await?;
    let lines = Lines {
        container: arguments.container.clone(),
        tail: Some(arguments.tail),
        since: arguments.since,
        previous: arguments.previous,
        follow: arguments.follow,
    };
    let console = cli.common.console();
    match cli.common.output {
        Format::Text => print(&reader, &pods, &lines, &console).await?,
        Format::Json | Format::Yaml => {
            let logs = try_join_all(pods.iter().map(|pod| collected(&reader, pod, &lines))).await?;
            console.document(&document(
                json!({ "command": "logs", "exit": Exit::Done, "logs": logs }),
            ));
        }
    }
    Ok(Exit::Done)
}

/// The pods of the agent's deployment that are not on their way out.
async fn agents(reader: &Reader) -> Outcome<Vec<Pod>> {
    let pods = reader.pods().await?.items;
    let own = pods
        .into_iter()
        .filter(|pod| !pod.ending && (pod.deployment.as_deref() == Some(AGENT_DEPLOYMENT) || pod.runs_velero()));
    let own: Vec<Pod> = own.collect();
    if own.is_empty() {
        return Failure::missing(format!(
            "deployment {AGENT_DEPLOYMENT} has no pod in namespace {}",
            reader.namespace()
        ))
        .hint(fix!["is the backup extension installed? ", kubectl("status")])
        .err();
    }
    Ok(own)
}

/// A pod's log, line by line; a container that it does not have is told with those that it has.
async fn log(reader: &Reader, pod: &Pod, lines: &Lines, line: impl FnMut(&str)) -> Outcome<()> {
    let failure = match reader.log(&pod.name, lines, line).await {
        Err(failure) if failure.why.iter().any(|why| why.contains("is not valid for pod")) => failure,
        ending => return ending,
    };
    let names: Vec<&str> = pod.containers.iter().map(|own| own.container.as_str()).collect();
    Failure::missing(format!("pod {} has no container {}", pod.name, lines.container))
        .because(failure.why.join("; "))
        .hint(format!("it has: {}", names.join(", ")))
        .err()
}

async fn print(reader: &Reader, pods: &[Pod], lines: &Lines, console: &Console) -> Outcome<()> {
    let several = pods.len() > 1;
    let each = pods.iter().map(|pod| {
        log(reader, pod, lines, move |line| match several {
            true => console.result(&format!("[{}] {line}", pod.name)),
            false => console.result(line),
        })
    });
    try_join_all(each).await?;
    Ok(())
}

async fn collected(reader: &Reader, pod: &Pod, lines: &Lines) -> Outcome<serde_json::Value> {
    let (mut all, mut held) = (Vec::new(), 0_usize);
    log(reader, pod, lines, |line| {
        held = held.saturating_add(line.len());
        if held <= OF_DOCUMENT {
            all.push(line.to_owned());
        }
    })
    .await?;
    if held > OF_DOCUMENT {
        let most = OF_DOCUMENT >> 20;
        return Failure::failed(format!("cannot print the log of pod {} as one document", pod.name))
            .because(format!("it is larger than {most} MiB"))
            .code(TOO_LARGE)
            .hint(fix!["ask for fewer lines, or for text: ", kubectl("logs --tail 1000")])
            .err();
    }
    Ok(json!({ "pod": pod.name, "container": lines.container, "lines": all }))
}
