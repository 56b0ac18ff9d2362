//! What the cluster adds to a support bundle: objects and logs.

use aksbackup_shared::process::document;
use aksbackup_shared::report::BundleFile;
use aksbackup_shared::schema::State;
use serde_json::json;

use crate::cli::Cli;
use crate::cluster::client::Reader;
use crate::cluster::objects::KINDS;
use crate::cluster::tails::{Line, Source};
use crate::commands::{doctor, session};

/// Returns the objects and logs of the cluster; what can't be read says why in its file.
pub(super) async fn files(cli: &Cli, state: &State) -> Vec<BundleFile> {
    let console = cli.common.console();
    console.progress("report", "reading objects and logs");
    let files = match session::reader(cli, state) {
        Ok(reader) => of_cluster(&reader).await,
        Err(failure) => vec![BundleFile::new("cluster/not-read.txt", failure.to_string())],
    };
    console.clear();
    files
}

async fn of_cluster(reader: &Reader) -> Vec<BundleFile> {
    let object = |kind: (&'static str, &'static str, &'static str, &'static str, bool)| async move {
        let found = reader.for_support(kind).await;
        BundleFile::new(format!("cluster/{}.json", kind.3), document(found))
    };
    let mut all = futures::future::join_all(KINDS.map(object)).await;
    match doctor::logs(reader).await {
        Ok(logs) => all.extend(
            logs.iter()
                .enumerate()
                .map(|(at, (source, lines))| log(at, source, lines)),
        ),
        Err(failure) => all.push(BundleFile::new(
            "logs/not-read.txt",
            document(json!({ "not_read": failure.to_string() })),
        )),
    }
    all
}

/// A log. Names of pods can be longer than an archive takes, so that the pod stands in the text.
fn log(at: usize, source: &Source, lines: &[Line]) -> BundleFile {
    let Source {
        namespace,
        pod,
        container,
        previous,
    } = source;
    let mut text = format!("namespace {namespace}, pod {pod}, container {container}, previous run: {previous}\n");
    for line in lines {
        let time = line.at.map(|at| at.to_string()).unwrap_or_default();
        text.push_str(&format!("{time} {}\n", line.text));
    }
    BundleFile::new(format!("logs/{at:03}-{container}.log"), text)
}
