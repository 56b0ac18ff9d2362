//! What the programs take at most: much to read, many clusters, and answers that no server should give.

use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aksbackup_tests::azure::{ids, personas};
use aksbackup_tests::bars;
use aksbackup_tests::fleet::{self, Member};
use aksbackup_tests::hostile_server::{CLUSTER, Hostile, Server};
use aksbackup_tests::sandbox::Sandbox;
use aksbackup_tests::settings::Settings;

use crate::hand_off::environment;
use crate::{Figure, figure, measured, mebibytes};

/// Clusters of the fleet.
const CLUSTERS: usize = 1_000;

/// The peaks of memory of a fleet, and of an answer without end.
///
/// # Errors
/// A command can't be run, or ends otherwise than it should.
pub(crate) fn figures(binaries: &Path) -> io::Result<Vec<Figure>> {
    let binaries = std::fs::canonicalize(binaries)?;
    let mut figures = of_fleet(&binaries.join("az-aksbackup"))?;
    figures.push(of_endless_answer(&binaries.join("az-aksbackup"))?);
    Ok(figures)
}

/// Each command over all clusters, of which one in ten is protected. Nothing is throttled: memory doesn't depend on it.
fn of_fleet(program: &Path) -> io::Result<Vec<Figure>> {
    let folder = tempfile::tempdir()?;
    let settings = Settings {
        time_scale: 0.001,
        ..Settings::default()
    };
    let sandbox = Sandbox::start(settings, folder.path())?;
    let reader = personas::persona("consultant").object_id;
    let all: Vec<&str> = [ids::SUBSCRIPTION, ids::OTHER_SUBSCRIPTION]
        .into_iter()
        .chain(ids::MORE_SUBSCRIPTIONS)
        .collect();
    for own in ids::MORE_SUBSCRIPTIONS {
        let assigned = sandbox
            .azure()
            .assign(&reader, "Reader", &format!("/subscriptions/{own}"));
        assigned.map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    let names: Vec<String> = (1..CLUSTERS).map(|number| format!("aks-{number:04}")).collect();
    let member = |(at, name): (usize, &String)| (all[at % all.len()], at % all.len() == 0, name.clone());
    let members: Vec<_> = names.iter().enumerate().map(member).collect();
    let members: Vec<Member<'_>> = members
        .iter()
        .map(|(subscription, is_protected, name)| Member {
            subscription,
            group: "rg-many",
            name,
            state: if *is_protected { "ProtectionConfigured" } else { "" },
            extension: if *is_protected { "Succeeded" } else { "" },
            last: if *is_protected { ("Completed", 1) } else { ("", 0) },
            ..Member::default()
        })
        .collect();
    fleet::place(sandbox.azure(), &members);
    let mut figures = Vec::new();
    for words in [
        &["init", "fleet", "--all-subscriptions", "--yes"][..],
        &["status", "fleet"],
        &["plan", "fleet"],
        &["verify", "fleet"],
    ] {
        let mut command = Command::new(program);
        command
            .args([&["fleet"], words, &["--timeout", "1h"]].concat())
            .envs(environment(&sandbox, "consultant"))
            .current_dir(folder.path());
        let used = measured::run_to(&command, &[0, 5, 8])?;
        let name = format!("fleet {} of {CLUSTERS} clusters, peak memory MiB", words[0]);
        figures.push(figure(name, used.peak, Some(mebibytes(bars::MUCH << 10))));
    }
    Ok(figures)
}

fn of_endless_answer(program: &Path) -> io::Result<Figure> {
    let server = Server::start(Box::new(|line| {
        let endless = Hostile::raw(*b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n[");
        let is_read = line.contains("/subscriptions/");
        is_read.then(|| endless.then(vec![b' '; 1 << 20], 4096, Duration::ZERO))
    }));
    let mut command = server.az(&["verify", "--cluster-id", CLUSTER, "--timeout", "60s"]);
    let own = std::mem::replace(&mut command, Command::new(program));
    command.args(own.get_args()).current_dir(server.folder());
    command.envs(own.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let used = measured::run_to(&command, &[1])?;
    Ok(figure(
        "verify of answers without end, peak memory MiB".to_owned(),
        used.peak,
        Some(mebibytes(bars::HOSTILE << 10)),
    ))
}
