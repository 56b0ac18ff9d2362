//! Measures what the README states: start-up, memory and size of the two binaries, and the whole hand-off against the
//! time that Azure itself takes. Prints `name: value`, one a line, and writes the same as JSON.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;
use clap::Parser;
use nix::sys::resource::{UsageWho, getrusage};

/// Measure the two binaries
#[derive(Parser)]
struct Arguments {
    /// Folder of the release binaries
    #[arg(long, default_value = "target/release")]
    binaries: PathBuf,
    /// Where the figures go as JSON
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// End 1 if a figure misses its bar
    #[arg(long)]
    check: bool,
    /// Run one command, pass its streams on, and print its peak memory (for internal use)
    #[arg(long, num_args = 1.., hide = true, allow_hyphen_values = true)]
    peak: Vec<String>,
}

/// A figure with the bar that it has to keep under.
struct Figure {
    name: String,
    value: f64,
    bar: Option<f64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if arguments.peak.is_empty() {
        bench(&arguments)
    } else {
        peak(&arguments.peak)
    };
    result.unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

fn bench(arguments: &Arguments) -> io::Result<ExitCode> {
    let mut figures = Vec::new();
    for (name, bar) in [("az-aksbackup", 6.0), ("kubectl-aksbackup", 8.0)] {
        let program = arguments.binaries.join(name);
        let bytes = std::fs::metadata(&program)?.len();
        figures.push(figure(format!("{name} size MiB"), mebibytes(bytes), Some(bar)));
        figures.push(figure(format!("{name} --help ms"), help(&program)?, Some(10.0)));
    }
    figures.extend(hand_off(&arguments.binaries)?);
    let mut missed = false;
    for Figure { name, value, bar } in &figures {
        let over = bar.is_some_and(|bar| *value > bar);
        missed |= over;
        let bar = bar.map(|bar| format!(" (bar {bar})")).unwrap_or_default();
        println!("{name}: {value:.2}{bar}{}", if over { " MISSED" } else { "" });
    }
    let values: BTreeMap<&str, f64> = figures
        .iter()
        .map(|figure| (figure.name.as_str(), figure.value))
        .collect();
    std::fs::write(&arguments.json, serde_json::to_string_pretty(&values)?)?;
    Ok(if missed && arguments.check {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

fn figure(name: String, value: f64, bar: Option<f64>) -> Figure {
    Figure { name, value, bar }
}

fn mebibytes(bytes: u64) -> f64 {
    u32::try_from(bytes / 1024).map_or(f64::INFINITY, f64::from) / 1024.0
}

/// The median of the time that `program --help` takes, in milliseconds, start of the process included.
fn help(program: &Path) -> io::Result<f64> {
    let mut times = Vec::new();
    for _ in 0..101 {
        let begun = Instant::now();
        let status = Command::new(program).arg("--help").stdout(Stdio::null()).status()?;
        times.push(begun.elapsed().as_secs_f64() * 1000.0);
        if !status.success() {
            return Err(io::Error::other(format!("{} --help failed", program.display())));
        }
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

/// The whole hand-off in the sandbox: peak memory of each binary over all of its commands, and the time of each command.
fn hand_off(binaries: &Path) -> io::Result<Vec<Figure>> {
    let folder = std::env::temp_dir().join(format!("aksbackup-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let settings = Settings {
        time_scale: 0.01,
        ..Settings::default()
    };
    let sandbox = Sandbox::start(settings, &folder)?;
    let mut peaks: BTreeMap<&str, f64> = BTreeMap::new();
    let mut figures = Vec::new();
    for (persona, program, line) in [
        (
            "platform",
            "az-aksbackup",
            "init -g rg-aks -n aks-demo --storage-resource-group rg-backup --vault-resource-group rg-backup \
             --snapshot-group rg-snapshots --vault bv-bench --yes",
        ),
        ("platform", "az-aksbackup", "prepare --yes"),
        (
            "owner",
            "az-aksbackup",
            "grant --vault bv-bench --snapshot-group rg-snapshots --yes",
        ),
        ("", "kubectl-aksbackup", "configure --context cluster-admin --yes"),
        ("platform", "az-aksbackup", "protect --yes"),
        ("platform", "az-aksbackup", "backup --yes"),
        ("platform", "az-aksbackup", "status"),
    ] {
        let command = line.split_whitespace().collect::<Vec<_>>();
        let begun = Instant::now();
        let peak = measured(&sandbox, &folder, persona, &binaries.join(program), &command)?;
        figures.push(figure(
            format!("{program} {} s", command[0]),
            begun.elapsed().as_secs_f64(),
            None,
        ));
        let most = peaks.entry(program).or_default();
        *most = most.max(peak);
    }
    for (program, peak) in peaks {
        figures.push(figure(format!("{program} peak memory MiB"), peak, Some(32.0)));
    }
    drop(sandbox);
    std::fs::remove_dir_all(&folder)?;
    Ok(figures)
}

/// Runs one command in a process of its own, so that its peak is not mixed with that of others; gives MiB.
fn measured(sandbox: &Sandbox, folder: &Path, persona: &str, program: &Path, line: &[&str]) -> io::Result<f64> {
    let program = std::fs::canonicalize(program)?;
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--peak")
        .arg(&program)
        .args(line)
        .current_dir(folder)
        .env_clear();
    if persona.is_empty() {
        command
            .env("KUBECONFIG", folder.join("kubeconfig"))
            .env("AKSBACKUP_TIME_SCALE", "0.01");
    } else {
        command.envs(sandbox.env(persona));
    }
    let output = command.stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    let peak = text
        .lines()
        .find_map(|line| line.strip_prefix("peak KiB: ")?.parse::<f64>().ok());
    match (output.status.success(), peak) {
        (true, Some(kibibytes)) => Ok(kibibytes / 1024.0),
        (_, _) => Err(io::Error::other(format!(
            "{} {}\n{text}",
            program.display(),
            line.join(" ")
        ))),
    }
}

fn peak(line: &[String]) -> io::Result<ExitCode> {
    let (program, arguments) = line.split_first().ok_or_else(|| io::Error::other("nothing to run"))?;
    let status = Command::new(program).args(arguments).status()?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    eprintln!("peak KiB: {}", usage.max_rss());
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
