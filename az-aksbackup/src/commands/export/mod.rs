//! `export`: what was set up, as code that a team can go on with; or the permissions of a person, as a custom role.

mod collect;
mod grants;
mod place;
mod role;
mod secrets;
mod template;
mod terraform;

use std::path::Path;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::shown;
use aksbackup_shared::diagnosis::mask::mask;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::process::document;
use aksbackup_shared::state::OutFile;
use serde_json::{Value, json};

use crate::cli::{Cli, ExportArgs, ExportForm};
use crate::commands::session;
use crate::target_ids;
use collect::Found;

/// Prints or writes the export. Changes nothing, neither Azure nor the state file.
///
/// # Errors
/// Exit 3: no state file, or nothing was created yet. Exit 4: a resource can't be read. Exit 8: an existing file isn't replaced.
pub(crate) async fn run(cli: &Cli, args: &ExportArgs) -> Outcome<Exit> {
    if let Some(path) = &args.out {
        // A file that a team has gone on with isn't replaced unless that was asked for.
        out(cli, path).may_replace(&cli.common.console(), cli.common.yes)?;
    }
    let state = session::state(cli)?;
    let target = target_ids::target(&state)?;
    if let Some(person) = args.person {
        if args.format != ExportForm::Role {
            return Failure::usage("--person is only for --format role").err();
        }
        let role = role::definition(person, target);
        return finish(cli, args, "role", json!({ "role": role }), || pretty(&role));
    }
    let console = cli.common.console();
    let session = session::on(cli, state.clone(), false).await?;
    let found = collect::collect(&session.reader, &state, target).await?;
    if found.items.is_empty() {
        return Failure::missing(format!(
            "cannot export: aksbackup hasn't created any resources for cluster {}",
            target.cluster.with_group()
        ))
        .hint(fix!["create the resources: ", az("prepare")])
        .err();
    }
    for (what, why) in &found.left_out {
        console.say(format!("not exported: {what} ({why})"));
    }
    let (form, text): (_, Box<dyn Fn() -> String>) = match args.format {
        ExportForm::Terraform => ("terraform", Box::new(|| terraform::configuration(&found))),
        ExportForm::Arm | ExportForm::Role => {
            ("arm", Box::new(|| pretty(&template::template(&found, &target.cluster))))
        }
    };
    finish(cli, args, form, summary(&found), text)
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

/// The resources, for a program that goes on with them by itself.
fn summary(found: &Found) -> Value {
    let items = found
        .items
        .iter()
        .map(|own| json!({ "id": own.id, "api_version": own.version, "body": own.body }));
    let left_out = found
        .left_out
        .iter()
        .map(|(what, why)| json!({ "what": what, "why": why }));
    json!({ "resources": items.collect::<Vec<_>>(), "left_out": left_out.collect::<Vec<_>>() })
}

/// Writes and prints the export. What is printed is what is written: the console finds no secret in it to mask, and no character that
/// could steer a terminal.
///
/// # Errors
/// A text in it looks like a secret all the same; or it can't be written.
fn finish(cli: &Cli, args: &ExportArgs, form: &str, mut summary: Value, text: impl Fn() -> String) -> Outcome<Exit> {
    let console = cli.common.console();
    let text = text();
    if mask(&text) != text {
        return Failure::failed("cannot export: a text in the export looks like a secret")
            .because("the export contains the names and values that Azure returned")
            .hint(fix!["find the value (masked) in the output of: ", az("verify")])
            .err();
    }
    let text = shown(&text);
    if let Some(path) = &args.out {
        out(cli, path).write(&text)?;
        console.say(format!("export: wrote {}", path.display()));
    }
    if cli.common.output.is_document() {
        summary["command"] = json!("export");
        summary["format"] = json!(form);
        summary["exit"] = json!(Exit::Done);
        summary["out"] = json!(args.out);
        console.document(&document(summary));
    } else if args.out.is_none() {
        console.result(&text);
    }
    Ok(Exit::Done)
}

fn out<'a>(cli: &'a Cli, path: &'a Path) -> OutFile<'a> {
    OutFile {
        path,
        flag: "--out",
        state: &cli.common.state,
    }
}
