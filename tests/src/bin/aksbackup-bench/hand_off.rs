//! The whole hand-off in the sandbox, with Azure's typical times at one scale, against what Azure itself takes.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::Command;

use aksbackup_tests::bars;
use aksbackup_tests::critical_path::CriticalPath;
use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;

use crate::{Figure, figure, mebibytes};
use crate::{logs, measured};

/// Real seconds for one second of Azure's. Slow enough that the processor time of simulator and clients, which does not
/// scale, hides in it.
const TIME_SCALE: f64 = 0.05;

/// Persona, program and command line of each command; whether Azure's own waiting is what it takes.
const COMMANDS: [(&str, &str, &str, bool); 7] = [
    (
        "platform",
        "az-aksbackup",
        "init -g rg-aks -n aks-demo --storage-resource-group rg-backup --vault-resource-group rg-backup \
         --snapshot-group rg-snapshots --vault bv-bench --storage-account stbench --yes",
        false,
    ),
    ("platform", "az-aksbackup", "prepare --yes", true),
    (
        "owner",
        "az-aksbackup",
        "grant --subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590 --cluster rg-aks/aks-demo --vault rg-backup/bv-bench \
    --storage-account rg-backup/stbench --snapshot-resource-group rg-snapshots --yes",
        true,
    ),
    (
        "",
        "kubectl-aksbackup",
        "configure --context cluster-admin --yes --client-id CLIENT-ID",
        true,
    ),
    ("platform", "az-aksbackup", "protect --yes", true),
    ("platform", "az-aksbackup", "backup --yes", true),
    ("platform", "az-aksbackup", "status", false),
];

/// Peak memory of each binary over all of its commands, the time of each command, and the ratio of the whole to the
/// critical path.
///
/// # Errors
/// A command failed, or the sandbox does not start.
pub(crate) fn figures(binaries: &Path) -> io::Result<Vec<Figure>> {
    let binaries = std::fs::canonicalize(binaries)?;
    let folder = tempfile::tempdir()?;
    let settings = settings();
    let sandbox = Sandbox::start(settings.clone(), folder.path())?;
    let mut peaks: BTreeMap<&str, f64> = BTreeMap::new();
    let mut figures = Vec::new();
    let (mut waited, mut processor) = (0.0, 0.0);
    for (persona, program, line, waits) in COMMANDS {
        let words = expanded(line.split_whitespace().map(str::to_owned), folder.path());
        let mut command = Command::new(binaries.join(program));
        command
            .args(&words)
            .envs(environment(&sandbox, persona))
            .current_dir(folder.path());
        let used = measured::run(&command)?;
        figures.push(figure(format!("{program} {} s", words[0]), used.wall, None));
        processor += used.processor;
        if waits {
            waited += used.wall;
        }
        let most = peaks.entry(program).or_default();
        *most = most.max(used.peak);
    }
    let path = CriticalPath::of(&settings, &sandbox.log().entries());
    println!("critical path: {path}");
    let ratio = waited / TIME_SCALE / path.seconds();
    figures.push(figure(
        "critical path in Azure's seconds".to_owned(),
        path.seconds(),
        None,
    ));
    figures.push(figure("hand-off / critical path".to_owned(), ratio, Some(1.10)));
    figures.push(figure("hand-off processor s".to_owned(), processor, None));
    let (doctor, lines) = logs::doctor(&sandbox, &binaries.join("kubectl-aksbackup"), folder.path())?;
    figures.push(figure(
        format!("doctor on {lines} lines of log, processor s"),
        doctor.processor,
        Some(1.0),
    ));
    let much = logs::memory(&sandbox, &binaries.join("kubectl-aksbackup"), folder.path())?;
    figures.push(figure(
        "doctor on 100 MB of log, peak memory MiB".to_owned(),
        much.peak,
        Some(mebibytes(bars::MUCH << 10)),
    ));
    for (program, peak) in peaks {
        figures.push(figure(format!("{program} peak memory MiB"), peak, Some(32.0)));
    }
    Ok(figures)
}

/// The words of a command with the client ID that the state file in `folder` names.
pub(crate) fn expanded(words: impl Iterator<Item = String>, folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("aksbackup.toml")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("client_id = \""));
    let own = line
        .map(|line| line.trim_end_matches('"').to_owned())
        .unwrap_or_default();
    let word = |word: String| if word == "CLIENT-ID" { own.clone() } else { word };
    words.map(word).collect()
}

/// Azure's typical times. Velero alone looks more often than once a minute: where in its minute a role comes into force
/// is luck, which would be up to a twentieth of the whole.
fn settings() -> Settings {
    let mut settings = Settings {
        time_scale: TIME_SCALE,
        ..Settings::default()
    };
    settings.kubernetes.validation_period = 5.0;
    settings
}

/// Cluster admins hold a kubeconfig and nothing of Azure's.
pub(crate) fn environment(sandbox: &Sandbox, persona: &str) -> Vec<(String, String)> {
    let own = sandbox.env(persona_of_azure(persona)).into_iter();
    let cluster = ["KUBECONFIG", "AKSBACKUP_TIME_SCALE"];
    let own = own.filter(|(key, _)| !persona.is_empty() || cluster.contains(&key.as_str()));
    // What `init` wrote for this user needs no confirmation by the commands that follow.
    let home = ("HOME".to_owned(), sandbox.dir().display().to_string());
    own.chain([home]).collect()
}

/// Whoever has no persona of Azure is nobody there.
fn persona_of_azure(persona: &str) -> &str {
    if persona.is_empty() { "stranger" } else { persona }
}
