//! `fleet list`: the clusters of the folder as Resource Graph knows them, and those that have no state file.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::folded;
use aksbackup_shared::process::document;
use serde_json::{Value, json};

use super::folder::{Folder, Member, Unusable};
use super::output::quoted;
use crate::cli::{Cli, FleetListArgs};
use crate::commands::failures;
use crate::commands::list::{self, OfFiles};
use crate::commands::session;

/// Lists the clusters of the folder.
///
/// # Errors
/// Exit 3: there is no folder, or no such subscription. Exit 4: not signed in, or nothing can be read.
pub(super) async fn run(cli: &Cli, args: &FleetListArgs) -> Outcome<Exit> {
    let console = cli.common.console();
    let folder = Folder::read(cli, &args.folder)?;
    let reader = session::sign_in(cli, &console, None).await?;
    let wanted = cli.azure.subscription.as_deref();
    let found = list::of_files(&reader, &console, wanted, |id| folder.has(id)).await?;
    console.clear();
    let is_missing = |own: &&Member| found.covers(&own.cluster) && !found.has(&own.cluster);
    let missing: Vec<&Member> = folder.members.iter().filter(is_missing).collect();
    let exit = exit(args, &folder, &found, &missing);
    if cli.common.output.is_document() {
        console.document(&document(machine(args, &folder, &found, &missing, exit)));
        return Ok(exit);
    }
    show(&console, args, &folder, &found, &missing);
    Ok(exit)
}

fn exit(args: &FleetListArgs, folder: &Folder, found: &OfFiles, missing: &[&Member]) -> Exit {
    let is_finding = found.has_findings() || !found.others.is_empty() || !missing.is_empty();
    let exit = match args.check && is_finding {
        true => Exit::Pending,
        false => Exit::Done,
    };
    let failures = folder.unusable.iter().map(|own| own.failure.exit);
    let failures = failures.chain(found.unread.iter().map(|own| own.exit));
    failures.fold(exit, Exit::worse)
}

fn show(console: &Console, args: &FleetListArgs, folder: &Folder, found: &OfFiles, missing: &[&Member]) {
    found.lines(console).iter().for_each(|line| console.result(line));
    let bad = |text: String| console.text(&format!("{} {text}", console.paint(Tone::Attention, "!")));
    for own in missing {
        bad(format!(
            "{}: cluster {} was not found",
            own.file.display(),
            own.cluster.with_group()
        ));
    }
    for id in found.others.iter().take(failures::MOST) {
        bad(format!("cluster {} has no state file", id.with_group()));
    }
    if found.others.len() > failures::MOST {
        bad(format!(
            "{} more clusters have no state file",
            found.others.len() - failures::MOST
        ));
    }
    if !found.others.is_empty() {
        let init = az(format!("fleet init {}", quoted(&args.folder)));
        console.text(&format!("To create state files, run: {init}"));
    }
    let unusable: Vec<Failure> = folder.unusable.iter().map(|own| own.failure.clone()).collect();
    failures::show(console, &unusable, "files");
    failures::show(console, &found.unread, "reads");
    console.text(&format!(
        "fleet list: {} of {} clusters in the folder found, {} without a state file",
        found.count(),
        folder.clusters(),
        found.others.len()
    ));
    if found.fallback.is_none() {
        console.say(
            "Source: Azure Resource Graph, which can be several minutes behind and returns only what the signed-in \
             account can read",
        );
    }
}

fn machine(args: &FleetListArgs, folder: &Folder, found: &OfFiles, missing: &[&Member], exit: Exit) -> Value {
    let files: BTreeMap<String, &PathBuf> = folder
        .members
        .iter()
        .map(|own| (folded(own.cluster.as_str()), &own.file))
        .collect();
    let clusters: Vec<Value> = found
        .documents()
        .map(|(id, mut own)| {
            own["file"] = json!(files.get(&folded(id.as_str())));
            own
        })
        .collect();
    let missing: Vec<Value> = missing
        .iter()
        .map(|own| json!({ "cluster": own.cluster, "file": own.file }))
        .collect();
    let unusable: Vec<Value> = folder.unusable.iter().map(Unusable::document).collect();
    json!({
        "command": "fleet list", "exit": exit, "folder": args.folder, "digest": folder.digest().to_string(),
        "source": if found.fallback.is_some() { "resource-manager" } else { "resource-graph" },
        "fallback": found.fallback, "clusters": clusters, "not_found": missing, "without_file": found.others,
        "unusable": unusable, "unread": found.unread,
    })
}
