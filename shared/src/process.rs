//! From `main` to the exit code: one runtime, one place where Ctrl-C is noticed and errors are printed.

use std::ffi::OsString;
use std::future::Future;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::args::Format;
use crate::command_line::{CommandLine, ours};
use crate::console::{self, Console, yaml};
use crate::diagnosis::mask::mask;
use crate::examples;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::fix;
use crate::output;
use crate::program::Program;
use crate::spelling;

/// Reads the command line. Where it asks for help, or is wrong, gives the exit code after the text was printed; with
/// `-o json` or `-o yaml` wrong usage is the one document on standard output too. `help COMMAND` is `COMMAND --help`.
///
/// # Errors
/// 0 after help, 2 after wrong usage.
pub fn parse<C: clap::Parser>() -> Result<C, ExitCode> {
    let words = spelling::plain(helped(std::env::args_os()), &C::command());
    let mut command = examples::fitted(C::command(), console::help_width());
    let parsed = command
        .try_get_matches_from_mut(words)
        .and_then(|matches| C::from_arg_matches(&matches).map_err(|error| error.format(&mut command)));
    parsed.map_err(|error| {
        let wrong = error.use_stderr();
        let printed = error.print().and_then(|()| std::io::stdout().flush());
        let form = asked_form(std::env::args_os().skip(1));
        if wrong && form.is_document() {
            let text = error.to_string();
            let what = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let (exit, error) = (Exit::Usage, Failure::usage(what));
            let document = document(json!({ "command": named::<C>(), "exit": exit, "error": error }));
            output::result(&match form {
                Format::Yaml => yaml::of(&document),
                Format::Text | Format::Json => document,
            });
        }
        match wrong {
            true => Exit::Usage.into(),
            false => {
                output::heard(printed);
                output::ended(Exit::Done)
            }
        }
    })
}

/// The words of a command line; `help COMMAND` as `COMMAND --help`. A command of clap's own would be one more in completions, manual
/// pages and the extension of az.
fn helped(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<OsString> = words.collect();
    if words.get(1).is_some_and(|word| word == "help") {
        words.remove(1);
        words.push("--help".into());
    }
    words
}

/// The form of the result that a command line asks for which clap could not read.
fn asked_form(arguments: impl Iterator<Item = OsString>) -> Format {
    let words: Vec<String> = arguments.map(|word| word.to_string_lossy().into_owned()).collect();
    let asks = |form: &str| {
        let joined = ["-o", "-o=", "--output="].map(|flag| format!("{flag}{form}"));
        let apart =
            |pair: &[String]| matches!(pair, [flag, own] if (flag == "-o" || flag == "--output") && own == form);
        words.iter().any(|word| joined.contains(word)) || words.windows(2).any(apart)
    };
    match (asks("json"), asks("yaml")) {
        (true, _) => Format::Json,
        (false, true) => Format::Yaml,
        (false, false) => Format::Text,
    }
}

/// Runs a command to its end. Ctrl-C, SIGTERM and a terminal that goes away end it with 130; what was under way is found again by the next run.
/// An error goes to standard error, and with `-o json` also to standard output as the one document.
pub fn run<C: clap::CommandFactory>(
    console: &Console,
    format: Format,
    command: impl Future<Output = Outcome<Exit>>,
) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            let failure = Failure::failed("cannot start").because(error.to_string());
            return output::ended(report::<C>(console, format, Box::new(failure)));
        }
    };
    let ending = runtime.block_on(async {
        tokio::select! {
            ending = command => ending,
            () = interrupted() => Err(Box::new(stopped(continuing()))),
        }
    });
    console.clear();
    // A signal must not wait for a helper process or a name look-up that is still under way.
    runtime.shutdown_background();
    match ending {
        Ok(exit) => output::ended(exit),
        Err(failure) => output::ended(report::<C>(console, format, failure)),
    }
}

/// What goes on without this process: a name such as `restore job j`, and the command that shows it.
type Continuing = (String, CommandLine);

static CONTINUING: Mutex<Option<Continuing>> = Mutex::new(None);

/// Remembers what goes on without this process, if it is interrupted now; `None` once it is over.
pub fn continues(own: Option<Continuing>) {
    if let Ok(mut last) = CONTINUING.lock() {
        *last = own;
    }
}

fn continuing() -> Option<Continuing> {
    CONTINUING.lock().ok()?.take()
}

/// The failure of a command that was interrupted.
fn stopped(continuing: Option<Continuing>) -> Failure {
    const AGAIN: &str = "run the same command again to continue";
    let failure = Failure::new(Exit::Interrupted, "interrupted; all progress is saved");
    match continuing {
        Some((what, line)) => failure
            .because(format!("{what} continues in Azure"))
            .hint(fix!["check its progress: ", line])
            .hint(AGAIN),
        None => failure.hint(AGAIN),
    }
}

/// A person who said no to changes that are pending has not failed at anything.
fn report<C: clap::CommandFactory>(console: &Console, format: Format, mut failure: Box<Failure>) -> Exit {
    let command = named::<C>();
    if let (Exit::Failed, Some(command)) = (failure.exit, &command) {
        let name = C::command().get_bin_name().unwrap_or_default().to_owned();
        let program = [Program::Az, Program::Kubectl]
            .into_iter()
            .find(|program| program.name() == name);
        if let Some(program) = program {
            failure.advise(&ours(program, command.clone()));
        }
    }
    let failure = &console.told(&failure);
    match failure.exit {
        Exit::Pending => console.ending(failure),
        _ => console.error(failure),
    }
    if format.is_document() {
        let fields = json!({ "command": command, "exit": failure.exit, "error": failure });
        console.document(&document(fields));
    }
    failure.exit
}

/// The subcommand of the command line, also of one that is wrong in other parts.
fn named<C: clap::CommandFactory>() -> Option<String> {
    let matches = C::command().ignore_errors(true).try_get_matches().ok()?;
    let (mut names, mut next) = (Vec::new(), matches.subcommand());
    while let Some((name, own)) = next {
        names.push(name.to_owned());
        next = own.subcommand();
    }
    (!names.is_empty()).then(|| names.join(" "))
}

/// A JSON document of the command line's interface: `fields` with the number of its format.
#[must_use]
pub fn document(fields: Value) -> String {
    let mut document = serde_json::Map::new();
    document.insert("version".into(), 1.into());
    if let Value::Object(fields) = fields {
        document.extend(fields);
    }
    let mut document = Value::Object(document);
    mask_all(&mut document);
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

/// Masks each text by itself: in the finished document a secret could reach from one text into the next.
fn mask_all(value: &mut Value) {
    match value {
        Value::String(text) => *text = mask(text),
        Value::Array(items) => items.iter_mut().for_each(mask_all),
        Value::Object(fields) => fields.values_mut().for_each(mask_all),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(unix)]
async fn interrupted() {
    use tokio::signal::unix::SignalKind;
    let hangup = async {
        match outlives_terminal() {
            true => std::future::pending().await,
            false => received(SignalKind::hangup()).await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = received(SignalKind::terminate()) => {}
        () = hangup => {}
    }
}

#[cfg(unix)]
async fn received(kind: tokio::signal::unix::SignalKind) {
    match tokio::signal::unix::signal(kind) {
        Ok(mut signal) => {
            signal.recv().await;
        }
        Err(_) => std::future::pending().await,
    }
}

/// Whether whoever started this process wants it to go on without its terminal, as `nohup` does: then SIGHUP is ignored, and a
/// handler of ours would undo that.
#[cfg(target_os = "linux")]
fn outlives_terminal() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Signal 1 is the lowest bit.
    ignored.is_some_and(|mask| mask.trim().ends_with(['1', '3', '5', '7', '9', 'b', 'd', 'f']))
}

/// Elsewhere no safe call tells it. `nohup` sends standard error away from the terminal, and without a terminal the system ends
/// the process as before.
#[cfg(all(unix, not(target_os = "linux")))]
fn outlives_terminal() -> bool {
    use std::io::IsTerminal as _;
    !std::io::stderr().is_terminal()
}

/// Ctrl-C, Ctrl-Break, and the end of the console or of the session: Windows would end the process at once.
#[cfg(windows)]
async fn interrupted() {
    use tokio::signal::windows::{ctrl_break, ctrl_close, ctrl_logoff, ctrl_shutdown};
    let (Ok(mut stop), Ok(mut close), Ok(mut logoff), Ok(mut shutdown)) =
        (ctrl_break(), ctrl_close(), ctrl_logoff(), ctrl_shutdown())
    else {
        let _ = tokio::signal::ctrl_c().await;
        return;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = stop.recv() => {}
        _ = close.recv() => {}
        _ = logoff.recv() => {}
        _ = shutdown.recv() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails before: nothing said that the job continues, or how to follow it.
    #[test]
    fn an_interrupted_command_names_what_continues() {
        let failure = stopped(Some(("backup job j".into(), crate::command_line::az("jobs j")))).to_string();
        assert!(failure.contains("backup job j continues in Azure"), "{failure}");
        assert!(failure.contains("check its progress: az aksbackup jobs j"), "{failure}");
        assert!(!stopped(None).to_string().contains("continues"));
    }
}
