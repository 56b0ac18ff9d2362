//! Completion in the shells themselves, as their scripts do it; bash is tried in tests/guide.

use std::path::PathBuf;
use std::process::Command;

use aksbackup_tests::harness::{binary, finish};
use aksbackup_tests::terminal::conversed;

/// Words of a line to complete, and what the last one becomes.
const WORDS: [(&str, &str, &str); 5] = [
    ("az-aksbackup", "gra", "grant"),
    ("az-aksbackup", "grant --vault-i", "--vault-identity"),
    ("az-aksbackup", "init --redundancy Zo", "ZoneRedundant"),
    ("kubectl-aksbackup", "unc", "unconfigure"),
    ("kubectl-aksbackup", "configure --client-i", "--client-id"),
];

/// Whether a shell is installed. A missing one is an error where `CI` is set, and said elsewhere.
fn is_there(shell: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(shell).is_file());
    assert!(
        is_there || std::env::var_os("CI").is_none(),
        "{shell} is missing: tests/packages"
    );
    if !is_there {
        println!("completion in {shell}: NOT TRIED, it is not installed");
    }
    is_there
}

/// A shell that reads none of the user's files, with both programs on its PATH.
fn shell(name: &str, home: &tempfile::TempDir) -> Command {
    let programs = binary("az-aksbackup").parent().unwrap().to_owned();
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = std::iter::once(programs).chain(std::env::split_paths(&rest)).collect();
    let mut shell = Command::new(name);
    shell
        .env_clear()
        .env("PATH", std::env::join_paths(all).unwrap())
        .env("HOME", home.path())
        .env("LANG", "C.UTF-8");
    shell
}

#[test]
fn fish_completes_inside_a_word() {
    if !is_there("fish") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    for (program, typed, word) in WORDS {
        let script = format!("{program} completion fish | source; complete -C '{program} {typed}'");
        let run = finish(shell("fish", &home).args(["--no-config", "-c", &script])).ok();
        let offered: Vec<&str> = run.stdout.lines().filter_map(|line| line.split('\t').next()).collect();
        assert_eq!(offered, [word], "{run}");
    }
    let script = "az-aksbackup completion fish | source; complete -C 'az-aksbackup '";
    let run = finish(shell("fish", &home).args(["--no-config", "-c", script])).ok();
    assert!(run.stdout.contains("verify\t") && !run.stdout.contains("__"), "{run}");
}

#[test]
fn zsh_completes_inside_a_word() {
    if !is_there("zsh") {
        return;
    }
    const PROMPT: &str = "READY> ";
    let home = tempfile::tempdir().unwrap();
    for (program, typed, word) in WORDS {
        let load = format!("autoload -U compinit && compinit -u -D && source <({program} completion zsh)\n");
        let line = format!("{program} {typed}\t");
        let mut zsh = shell("zsh", &home);
        // A shell that waits for more ends by itself, so that a word that never comes is no deadlock.
        zsh.args(["-f", "-i"]).env("PS1", PROMPT).env("TMOUT", "60");
        // Ctrl-U clears the line.
        let conversation = [(PROMPT, load.as_str()), (PROMPT, line.as_str()), (word, "\u{15}exit\n")];
        conversed(zsh, &conversation).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn powershell_is_tried_where_it_is() {
    const SCRIPT: &str = "az-aksbackup completion powershell | Out-String | Invoke-Expression; \
         (TabExpansion2 'az-aksbackup gra' 16).CompletionMatches.CompletionText";
    let path = std::env::var_os("PATH").unwrap_or_default();
    if !std::env::split_paths(&path).any(|folder| folder.join("pwsh").is_file()) {
        println!("completion in PowerShell: NOT TRIED, Debian has no package of it");
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let run = finish(shell("pwsh", &home).args(["-NoProfile", "-Command", SCRIPT])).ok();
    assert_eq!(run.stdout.trim(), "grant", "{run}");
}
