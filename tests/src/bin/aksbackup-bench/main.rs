//! Measures what the README states: start-up, memory and size of the two binaries, and the whole hand-off against the
//! time that Azure itself takes. Prints `name: value`, one a line, and writes the same as JSON.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use clap::Parser;

mod by_hand;
mod hand_off;
mod logs;
mod measured;
mod memory;

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
    /// Run one command, pass its streams on, and print what it used (for internal use)
    #[arg(long, num_args = 1.., hide = true, allow_hyphen_values = true)]
    inside: Vec<String>,
}

/// A figure with the bar that it has to keep under.
struct Figure {
    name: String,
    value: f64,
    bar: Option<f64>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let result = if arguments.inside.is_empty() {
        bench(&arguments)
    } else {
        measured::inside(&arguments.inside)
    };
    result.unwrap_or_else(|error| {
        eprintln!("bench: {error}");
        ExitCode::FAILURE
    })
}

fn bench(arguments: &Arguments) -> io::Result<ExitCode> {
    let mut figures = Vec::new();
    for (name, bar) in [("az-aksbackup", 7.0), ("kubectl-aksbackup", 8.5)] {
        let program = arguments.binaries.join(name);
        let bytes = std::fs::metadata(&program)?.len();
        figures.push(figure(format!("{name} size MiB"), mebibytes(bytes), Some(bar)));
        figures.push(figure(format!("{name} --help ms"), help(&program)?, Some(10.0)));
    }
    figures.extend(hand_off::figures(&arguments.binaries)?);
    figures.extend(by_hand::figures(&arguments.binaries)?);
    figures.extend(memory::figures(&arguments.binaries)?);
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
