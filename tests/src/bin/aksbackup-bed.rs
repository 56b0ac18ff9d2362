//! The sandbox with a real Kubernetes control plane, started and stopped by hand.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use aksbackup_tests::backend::Backend;
use aksbackup_tests::bed::Binaries;
use aksbackup_tests::python::Python;
use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;
use clap::{Parser, Subcommand};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::signal::unix::{SignalKind, signal};

/// The sandbox's Azure in front of a real Kubernetes control plane.
#[derive(Debug, Parser)]
#[command(name = "aksbackup-bed", version)]
struct Arguments {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Get the control plane's programs, from KUBEBUILDER_ASSETS or built with Go; prints where they are
    Build,
    /// Get everything that suites need from outside: the control plane's programs and the Python packages
    Prepare,
    /// Start in the background; gives back when it answers and prints `ready DIR`
    Start(Options),
    /// Serve until interrupted; prints `ready DIR` once it answers
    Serve(Options),
    /// Stop what `start` or `serve` has started in DIR
    Stop {
        /// The folder that was given to `start`
        #[arg(long)]
        dir: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct Options {
    /// Folder for ca.pem, kubeconfig, sandbox.json, env/PERSONA.sh, and bed/ with the programs' logs
    #[arg(long)]
    dir: PathBuf,
    /// Real seconds for one second of Azure's own time
    #[arg(long, default_value_t = 0.02)]
    time_scale: f64,
    /// A switch, KEY=VALUE; may be repeated. `aksbackup-sandbox switches` lists them
    #[arg(long = "set", value_name = "KEY=VALUE")]
    switches: Vec<String>,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Action::Build => build(),
        Action::Prepare => prepare(),
        Action::Start(options) => start(&options),
        Action::Serve(options) => serve(&options),
        Action::Stop { dir } => stop(&dir),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn prepare() -> io::Result<()> {
    for list in ["az", "sdk", "wheel", "sbom"] {
        Python::with(list)?;
    }
    build()
}

fn build() -> io::Result<()> {
    let binaries = Binaries::find()?;
    let all = [
        &binaries.etcd,
        &binaries.api_server,
        &binaries.controller_manager,
        &binaries.kubectl,
        &binaries.webhook,
    ];
    for path in all {
        writeln!(io::stdout(), "{}", path.display())?;
    }
    Ok(())
}

/// Runs `serve` in a process group of its own and waits for its first line.
fn start(options: &Options) -> io::Result<()> {
    std::fs::create_dir_all(&options.dir)?;
    let log = options.dir.join("bed.log");
    let mut child = Command::new(std::env::current_exe()?)
        .arg("serve")
        .arg("--dir")
        .arg(&options.dir)
        .args(["--time-scale", &options.time_scale.to_string()])
        .args(options.switches.iter().flat_map(|switch| ["--set", switch]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log)?)
        .process_group(0)
        .spawn()?;
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout).read_line(&mut line)?;
    }
    if line.is_empty() {
        let status = child.wait()?;
        let said = std::fs::read_to_string(log).unwrap_or_default();
        return Err(io::Error::other(format!("the bed did not start ({status}): {said}")));
    }
    write!(io::stdout(), "{line}")
}

fn serve(options: &Options) -> io::Result<()> {
    let mut settings = Settings {
        time_scale: options.time_scale,
        ..Settings::default()
    };
    for switch in &options.switches {
        settings.set(switch).map_err(io::Error::other)?;
    }
    std::fs::create_dir_all(&options.dir)?;
    let dir = options.dir.canonicalize()?;
    let sandbox = Sandbox::start_on(Backend::Real, settings, &dir)?;
    sandbox.cluster().settled()?;
    writeln!(io::stdout(), "ready {}", sandbox.dir().display())?;
    let waiting = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    waiting.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        io::Result::Ok(())
    })
}

fn stop(dir: &Path) -> io::Result<()> {
    let text = std::fs::read_to_string(dir.join("sandbox.json"))?;
    let description: Value = serde_json::from_str(&text)?;
    let pid = description["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    let pid = Pid::from_raw(pid.ok_or_else(|| io::Error::other("sandbox.json names no process"))?);
    let begun = Instant::now();
    let mut signal = Some(Signal::SIGTERM);
    while kill(pid, signal.take()).is_ok() {
        if begun.elapsed() > Duration::from_secs(60) {
            return Err(io::Error::other(format!("process {pid} does not end")));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
