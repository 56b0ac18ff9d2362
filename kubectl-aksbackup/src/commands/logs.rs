//! `logs`: what Velero says.

use aksbackup_shared::args::Format;
use aksbackup_shared::bounds::TOO_LARGE;
use aksbackup_shared::command_line::kubectl;
use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::names::{AGENT_DEPLOYMENT, VELERO_CONTAINER};
use aksbackup_shared::process::document;
use futures::future::{try_join, try_join_all};
use serde_json::json;

use crate::cli::{Cli, LogsArgs};
use crate::cluster::client::Reader;
use crate::cluster::deployments::agent;
use crate::cluster::lists::allowed;
use crate::cluster::logs::Lines;
use crate::cluster::pods::Pod;
use crate::commands::session;

/// The most bytes of a log that is printed as a JSON document.
const OF_DOCUMENT: usize = 16 << 20;

/// Prints the log of a container, or of all of them, in each pod of the agent's deployment.
///
/// # Errors
/// Exit 2: `--follow` as JSON, which has no end. Exit 3: no such pod or container. As the API server says.
pub(crate) async fn run(cli: &Cli, arguments: &LogsArgs) -> Outcome<Exit> {
    if arguments.follow && cli.common.output.is_document() {
        return Failure::usage("--follow can't be combined with --output, which prints one document at the end").err();
    }
    let reader = session::reader(cli, &session::state_or_none(cli)?)?;
    let pods = agents(&reader).await?;
    let sources: Vec<Source<'_>> = pods.iter().flat_map(|pod| sources(pod, arguments)).collect();
    let lines = Lines {
        tail: (arguments.tail >= 0).then_some(arguments.tail),
        since: arguments.since,
        since_time: arguments.since_time,
        timestamps: arguments.timestamps,
        previous: arguments.previous,
        follow: arguments.follow,
    };
    let console = cli.common.console();
    match cli.common.output {
        Format::Text => print(&reader, &sources, &lines, &console).await?,
        Format::Json | Format::Yaml => {
            let logs = try_join_all(sources.iter().map(|source| collected(&reader, source, &lines))).await?;
            console.document(&document(
                json!({ "command": "logs", "exit": Exit::Done, "logs": logs }),
            ));
        }
    }
    Ok(Exit::Done)
}

/// A container whose log is printed.
struct Source<'a> {
    pod: &'a Pod,
    container: &'a str,
}

/// The containers of `pod` that the flags name: without one, the one with Velero.
fn sources<'a>(pod: &'a Pod, arguments: &'a LogsArgs) -> Vec<Source<'a>> {
    let source = |container: &'a str| Source { pod, container };
    match arguments.all_containers {
        true => pod.states.iter().map(|own| source(&own.container)).collect(),
        false => {
            let velero = pod.velero.as_deref().unwrap_or(VELERO_CONTAINER);
            vec![source(arguments.container.as_deref().unwrap_or(velero))]
        }
    }
}

/// The pods of the agent's deployment that are not on their way out. Where deployments can't be listed, all that run Velero.
async fn agents(reader: &Reader) -> Outcome<Vec<Pod>> {
    let (pods, deployments) = try_join(reader.pods(), async { allowed(reader.deployments().await) }).await?;
    let deployments = deployments.map(|all| all.items).unwrap_or_default();
    let name = agent(&deployments).map(|own| own.name.as_str());
    let is_own = |pod: &Pod| match (name, pod.deployment.as_deref()) {
        (Some(name), own) => own == Some(name),
        (None, own) => own == Some(AGENT_DEPLOYMENT) || pod.velero.is_some(),
    };
    let own: Vec<Pod> = pods
        .items
        .into_iter()
        .filter(|pod| !pod.ending && is_own(pod))
        .collect();
    if own.is_empty() {
        return Failure::missing(format!(
            "deployment {} has no pods in namespace {}",
            name.unwrap_or(AGENT_DEPLOYMENT),
            reader.namespace()
        ))
        .hint(fix![
            "check whether the backup extension is installed: ",
            kubectl("status")
        ])
        .err();
    }
    Ok(own)
}

/// A log, line by line; a container that the pod does not have is told with those that it has.
async fn log(reader: &Reader, source: &Source<'_>, lines: &Lines, line: impl FnMut(&str)) -> Outcome<()> {
    let Source { pod, container } = source;
    let failure = match reader.log((&pod.name, container), lines, line).await {
        Err(failure) if failure.why.iter().any(|why| why.contains("is not valid for pod")) => failure,
        ending => return ending,
    };
    let names: Vec<&str> = pod.states.iter().map(|own| own.container.as_str()).collect();
    Failure::missing(format!("pod {} has no container {container}", pod.name))
        .because(failure.why.join("; "))
        .hint(format!("containers: {}", names.join(", ")))
        .err()
}

/// Prints logs; where there are several, each line with the pod and the container that it is from.
async fn print(reader: &Reader, sources: &[Source<'_>], lines: &Lines, console: &Console) -> Outcome<()> {
    let pods = sources.iter().any(|own| own.pod.name != sources[0].pod.name);
    let containers = sources.iter().any(|own| own.container != sources[0].container);
    let each = sources.iter().map(|source| {
        let (pod, container) = (&source.pod.name, source.container);
        log(reader, source, lines, move |line| match (pods, containers) {
            (_, true) => console.result(&format!("[{pod}/{container}] {line}")),
            (true, false) => console.result(&format!("[{pod}] {line}")),
            (false, false) => console.result(line),
        })
    });
    try_join_all(each).await?;
    Ok(())
}

async fn collected(reader: &Reader, source: &Source<'_>, lines: &Lines) -> Outcome<serde_json::Value> {
    let Source { pod, container } = source;
    let (mut all, mut held) = (Vec::new(), 0_usize);
    log(reader, source, lines, |line| {
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
            .hint(fix!["request fewer lines, or text: ", kubectl("logs --tail 1000")])
            .err();
    }
    Ok(json!({ "pod": pod.name, "container": container, "lines": all }))
}
