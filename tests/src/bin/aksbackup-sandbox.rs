//! The sandbox as a program.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;
use clap::{Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

/// An Azure and a Kubernetes on loopback, for rehearsing and testing the hand-off.
#[derive(Debug, Parser)]
#[command(name = "aksbackup-sandbox", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until interrupted; prints `ready DIR` once it answers
    Serve {
        /// Folder for ca.pem, kubeconfig, requests.jsonl, sandbox.json and env/PERSONA.sh; made if it is missing
        #[arg(long)]
        dir: PathBuf,
        /// Real seconds for one second of Azure's own time
        #[arg(long, default_value_t = 0.02)]
        time_scale: f64,
        /// A switch, KEY=VALUE; may be repeated. `switches` lists them
        #[arg(long = "set", value_name = "KEY=VALUE")]
        switches: Vec<String>,
    },
    /// Print every switch with its default, as JSON
    Switches,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve {
            dir,
            time_scale,
            switches,
        } => serve(&dir, time_scale, &switches),
        Command::Switches => print_switches(),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn print_switches() -> io::Result<()> {
    let text = serde_json::to_string_pretty(&Settings::default()).map_err(io::Error::other)?;
    writeln!(io::stdout(), "{text}")
}

fn serve(dir: &PathBuf, time_scale: f64, switches: &[String]) -> io::Result<()> {
    let mut settings = Settings {
        time_scale,
        ..Settings::default()
    };
    for switch in switches {
        settings.set(switch).map_err(io::Error::other)?;
    }
    std::fs::create_dir_all(dir)?;
    // The files in it name each other, and are read from other folders.
    let sandbox = Sandbox::start(settings, &dir.canonicalize()?)?;
    writeln!(io::stdout(), "ready {}", sandbox.dir().display())?;
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    waiting.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        io::Result::Ok(())
    })?;
    // The last entries may still wait for their verdict; reading the log waits with them.
    let _ = sandbox.log().entries();
    Ok(())
}
