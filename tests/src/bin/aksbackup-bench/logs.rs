//! `doctor` where the cluster has much to tell: each line of its logs is held against every failure that is known.

use std::io;
use std::path::Path;
use std::process::Command;

use aksbackup_tests::sandbox::Sandbox;

use crate::hand_off::environment;
use crate::measured::{self, Usage};

/// What is written before the memory is measured, in bytes.
const MUCH: usize = 100_000_000;

/// Lines of each container: as many as `doctor` asks for.
const LINES: usize = 2_000;

/// Runs it after a hand-off, where every container of the extension has written that much. Gives what it used, and how many
/// lines there are.
///
/// # Errors
/// It finds something, or the hand-off left no such container.
pub(crate) fn doctor(sandbox: &Sandbox, program: &Path, folder: &Path) -> io::Result<(Usage, usize)> {
    let (cluster, mut lines) = (sandbox.kubernetes(), 0);
    for pod in cluster.objects("Pod") {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        for container in containers.filter_map(|own| own["name"].as_str()) {
            for number in 0..LINES {
                let line = format!(
                    "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"item {number} of backup \\\"daily\\\" is left \
                     out\" logSource=\"pkg/backup/item_collector.go:{number}\""
                );
                cluster.write_log(&pod, container, line);
            }
            lines += LINES;
        }
    }
    if lines < 2 * LINES {
        return Err(io::Error::other("the extension does not run"));
    }
    let mut command = Command::new(program);
    command
        .args(["doctor", "--context", "cluster-admin"])
        .envs(environment(sandbox, ""))
        .current_dir(folder);
    Ok((measured::run(&command)?, lines))
}

/// Runs it once more after 100 MB of logs. Gives the peak of memory.
///
/// # Errors
/// It finds something.
pub(crate) fn memory(sandbox: &Sandbox, program: &Path, folder: &Path) -> io::Result<Usage> {
    let (cluster, text) = (sandbox.kubernetes(), "x".repeat(MUCH / (3 * LINES)));
    let pods = cluster.objects("Pod");
    let all = pods.iter().flat_map(|pod| {
        let containers = pod["spec"]["containers"].as_array().into_iter().flatten();
        containers
            .filter_map(|own| own["name"].as_str())
            .map(move |name| (pod, name))
    });
    let all: Vec<_> = all.take(3).collect();
    if all.len() < 3 {
        return Err(io::Error::other("the extension has fewer than three containers"));
    }
    for (pod, container) in all {
        for number in 0..LINES {
            let line = format!(
                "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"item {number} is left out\" error=\"{text}\""
            );
            cluster.write_log(pod, container, line);
        }
    }
    let mut command = Command::new(program);
    command
        .args(["doctor", "--context", "cluster-admin", "--request-timeout", "5m"])
        .envs(environment(sandbox, ""))
        .current_dir(folder);
    measured::run(&command)
}
