//! What kubectl's completion of plugins asks: the candidates for the last word typed.
//!
//! kubectl runs `kubectl_complete-aksbackup` with the words so far, and reads a candidate a line, its help behind a tab,
//! and last `:4`, which is cobra's word for "and no file names besides".

use std::ffi::{OsStr, OsString};
use std::time::Duration;

use aksbackup_shared::diagnosis::catalogue::Catalogue;
use clap::{CommandFactory as _, FromArgMatches as _};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, complete};

use crate::cli::Cli;
use crate::cluster::flags::ConnectionFlags;
use crate::cluster::kubeconfig::{Named, names};
use crate::cluster::namespaces;

/// Nobody waits longer for a list of names.
const LIMIT: Duration = Duration::from_secs(2);

/// The lines that kubectl reads, for the `words` after `kubectl aksbackup`, the last one perhaps empty.
pub(crate) async fn lines(words: &[OsString]) -> Vec<String> {
    let flags = connection(words);
    let known = match asks_for_namespace(words) {
        true => tokio::time::timeout(LIMIT, namespaces::list(&flags))
            .await
            .unwrap_or_default(),
        false => Vec::new(),
    };
    let mut command = Cli::command();
    for (flag, kind) in [
        ("context", Named::Contexts),
        ("cluster", Named::Clusters),
        ("user", Named::ContainerClusters),
    ] {
        let all = names(&flags, kind);
        command = command.mut_arg(flag, |arg| {
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| among(&all, typed)))
        });
    }
    command = command.mut_arg("namespace", |arg| {
        arg.add(ArgValueCompleter::new(move |typed: &OsStr| among(&known, typed)))
    });
    let topics = topics(words);
    command = command.mut_subcommand("doctor", |own| {
        own.mut_arg("words", |arg| {
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| among(&topics, typed)))
        })
    });
    let line: Vec<OsString> = std::iter::once("kubectl".into()).chain(words.iter().cloned()).collect();
    let last = words.len().max(1);
    let here = std::env::current_dir().ok();
    let candidates = complete(&mut command, line, last, here.as_deref()).unwrap_or_default();
    let shown = candidates.iter().filter(|candidate| !candidate.is_hide_set());
    shown.map(spelt).chain([":4".to_owned()]).collect()
}

/// What stands behind `doctor`, and behind `doctor explain`.
fn topics(words: &[OsString]) -> Vec<String> {
    match words.iter().any(|word| word == "explain") {
        true => Catalogue::get().rows().map(|known| known.id.clone()).collect(),
        false => ["list", "explain"].map(str::to_owned).to_vec(),
    }
}

fn spelt(candidate: &CompletionCandidate) -> String {
    let value = candidate.get_value().to_string_lossy();
    match candidate.get_help() {
        Some(help) => format!("{value}\t{}", help.to_string().lines().next().unwrap_or_default()),
        None => value.into_owned(),
    }
}

fn among(all: &[String], typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    let fitting = all.iter().filter(|name| name.starts_with(typed.as_ref()));
    fitting.map(CompletionCandidate::new).collect()
}

/// The connection flags among words that are not a whole command line yet.
fn connection(words: &[OsString]) -> ConnectionFlags {
    let words = std::iter::once("kubectl".into()).chain(words.iter().cloned());
    let parsed = Cli::command().ignore_errors(true).try_get_matches_from(words);
    parsed
        .ok()
        .and_then(|matches| ConnectionFlags::from_arg_matches(&matches).ok())
        .unwrap_or_default()
}

fn asks_for_namespace(words: &[OsString]) -> bool {
    let last = words
        .last()
        .is_some_and(|word| word.to_string_lossy().starts_with("--namespace="));
    let before = words.iter().rev().nth(1).and_then(|word| word.to_str());
    last || matches!(before, Some("-n" | "--namespace"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &[&str]) -> Vec<OsString> {
        line.iter().map(OsString::from).collect()
    }

    async fn candidates(line: &[&str]) -> Vec<String> {
        let lines = lines(&words(line)).await;
        lines
            .iter()
            .map(|line| line.split('\t').next().unwrap_or_default().to_owned())
            .collect()
    }

    #[tokio::test]
    async fn commands_and_flags_are_completed() {
        assert_eq!(candidates(&["conf"]).await, ["configure", ":4"]);
        assert!(candidates(&[""]).await.contains(&"verify".to_owned()));
        assert!(
            candidates(&["configure", "--cont"])
                .await
                .contains(&"--context".to_owned())
        );
        assert!(
            candidates(&["configure", "--dry-run="])
                .await
                .iter()
                .any(|word| word.ends_with("server"))
        );
    }

    #[tokio::test]
    async fn known_failures_are_completed() {
        assert_eq!(candidates(&["doctor", "expl"]).await, ["explain", ":4"]);
        let all = candidates(&["doctor", "explain", "WI-POD"]).await;
        assert!(all.contains(&"WI-POD-STALE".to_owned()), "{all:?}");
    }

    #[tokio::test]
    async fn what_is_hidden_stays_so() {
        assert!(!candidates(&[""]).await.iter().any(|word| word.starts_with("__")));
    }

    #[test]
    fn a_namespace_is_asked_for_behind_its_flag_alone() {
        assert!(asks_for_namespace(&words(&["verify", "-n", ""])));
        assert!(asks_for_namespace(&words(&["verify", "--namespace=data"])));
        assert!(!asks_for_namespace(&words(&["verify", "--context", ""])));
    }

    #[test]
    fn flags_are_read_from_half_a_line() {
        let flags = connection(&words(&["configure", "--kubeconfig", "/x/y", "--context", ""]));
        assert_eq!(flags.kubeconfig.as_deref(), Some(std::path::Path::new("/x/y")));
    }
}
