//! The command of both programs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use jiff::Timestamp;
use serde_json::json;

use crate::args::{CommonArgs, Format};
use crate::chain::examination::Examination;
use crate::console::{Console, yaml};
use crate::digest::Digest;
use crate::exit::Exit;
use crate::failure::Outcome;
use crate::process::document;
use crate::program::Program;
use crate::report::build::{Inputs, report};
use crate::report::bundle::{self, BundleFile};
use crate::report::views::Look;
use crate::report::{html, machine, markdown};
use crate::schema::State;
use crate::state::OutFile;
use crate::state::store::DEFAULT_NAME;
use crate::status::Row;

/// How the page is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// Single HTML page without external resources, for browsers, email, and print
    Html,
    /// Markdown, for a ticket
    Markdown,
}

/// Flags of `report`.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Report format; use -o json for machine-readable output
    #[arg(long, value_enum, default_value = "html", value_name = "FORM")]
    pub format: Form,
    /// File to write the report to instead of standard output
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// File with the other program's result (-o json), for the checks that only that program can run
    #[arg(long, value_name = "FILE")]
    pub with: Option<PathBuf>,
    /// File to create as a support bundle without secrets: a tar archive of the report, the state file, and the checks;
    /// kubectl aksbackup adds objects and logs
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "format"])]
    pub bundle: Option<PathBuf>,
    /// Create the report only from the state file and the saved results next to it, without checking the live state
    #[arg(long)]
    pub offline: bool,
}

/// What a program knows of its own side.
#[derive(Debug)]
pub struct Own {
    /// Which side.
    pub program: Program,
    /// What it saw just now; `None` where it did not look.
    pub seen: Option<Outcome<Examination>>,
    /// How the steps stand.
    pub rows: Vec<Row>,
    /// Name and version of the program.
    pub tool: &'static str,
    /// What else goes into a support bundle.
    pub files: Vec<BundleFile>,
}

/// Makes the page of the state file, of what this program saw, and of what the other one did: `--with FILE`, or the result
/// that is kept beside the state file.
///
/// # Errors
/// Exit 3 and 7: `--with` names no file, or not a result about this cluster. Exit 7: the page cannot be written.
pub fn run(
    console: &Console,
    common: &CommonArgs,
    args: &ReportArgs,
    file: (&State, &Digest),
    own: Own,
) -> Outcome<Exit> {
    let (state, digest) = file;
    if let Some(path) = &args.out {
        out(common, path).check()?;
    }
    let looks = looks(common, args, state, own.program, own.seen)?;
    let name = common.state.file_name();
    let name = name.map_or_else(|| DEFAULT_NAME.to_owned(), |name| name.to_string_lossy().into_owned());
    let page = report(&Inputs {
        state,
        digest: &digest.to_string(),
        file: &name,
        rows: &own.rows,
        looks: &looks,
        offline: args.offline,
        now: Timestamp::now(),
        tool: own.tool,
    });
    if let Some(path) = &args.bundle {
        let contents = bundle::Contents {
            page: &page,
            state,
            rows: &own.rows,
            looks: &looks,
            tool: own.tool,
        };
        let files = bundle::write(console, path, &contents, own.files)?;
        if common.output != Format::Text {
            console.document(&document(
                json!({ "command": "report", "exit": Exit::Done, "bundle": path, "files": files }),
            ));
        }
        return Ok(Exit::Done);
    }
    let text = match (common.output, args.format) {
        (Format::Json, _) => machine::machine(&page),
        (Format::Yaml, _) => yaml::of(&machine::machine(&page)),
        (Format::Text, Form::Html) => html::html(&page),
        (Format::Text, Form::Markdown) => markdown::markdown(&page),
    };
    match &args.out {
        None => console.result(&text),
        Some(path) => {
            out(common, path).write(&text)?;
            console.say(format!("report: wrote {}", path.display()));
        }
    }
    Ok(Exit::Done)
}

fn out<'a>(common: &'a CommonArgs, path: &'a Path) -> OutFile<'a> {
    OutFile {
        path,
        flag: "--out",
        state: &common.state,
    }
}

/// Both views, the cloud's first.
fn looks(
    common: &CommonArgs,
    args: &ReportArgs,
    state: &State,
    program: Program,
    seen: Option<Outcome<Examination>>,
) -> Outcome<Vec<Look>> {
    let expected = expected(state);
    let live = matches!(seen, Some(Ok(_)));
    let seen = match seen {
        Some(Ok(seen)) => Ok(seen),
        Some(Err(failure)) => Err(failure.what.clone()),
        None => kept(&expected, &common.state, program),
    };
    let expected = seen.as_ref().map_or(expected, Clone::clone);
    let other = match &args.with {
        Some(path) => Ok(expected.read(path)?),
        None => kept(&expected, &common.state, program.other()),
    };
    let own = Look { program, seen, live };
    let other = Look {
        program: program.other(),
        seen: other,
        live: false,
    };
    Ok(match program {
        Program::Az => vec![own, other],
        Program::Kubectl => vec![other, own],
    })
}

/// What a view has to be of: the cluster of the state file, and a time until now.
fn expected(state: &State) -> Examination {
    Examination {
        command: "report".to_owned(),
        program: Program::Az,
        at: Timestamp::now(),
        issuer: state.cloud.prerequisites.as_ref().map(|table| table.issuer.to_string()),
        cluster: state.target.as_ref().map(|target| target.cluster.to_string()),
        checks: Vec::new(),
        findings: Vec::new(),
    }
}

/// The view of a program that is kept beside the state file, or why there is none.
fn kept(expected: &Examination, state: &Path, program: Program) -> Result<Examination, String> {
    let path = Examination::beside(state, program);
    if !path.exists() {
        return Err("not checked, or the result isn't next to the state file".to_owned());
    }
    let seen = expected.read(&path).map_err(|failure| failure.to_string())?;
    match seen.program == program {
        true => Ok(seen),
        false => Err(format!("{} is a result of the other program", path.display())),
    }
}
