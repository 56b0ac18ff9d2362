//! Files that somebody made to do harm: nothing is asked, nothing written, nothing crashes, no escape reaches the
//! terminal, memory stays small, and the refusal names key, line and column.

use std::path::Path;
use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::bars;
use aksbackup_tests::harness::{Run, Stage, measured};

use crate::hostile_values::Hostile;
use crate::{hostile_texts, hostile_values};

/// Characters that could steer a terminal, whatever they were made of.
pub(crate) fn steers(text: &str) -> bool {
    text.chars().any(|c| {
        (c.is_control() && c != '\n' && c != '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
            || ('\u{200b}'..='\u{200f}').contains(&c)
            || ('\u{e0000}'..='\u{e0fff}').contains(&c)
    })
}

/// The line and column that a refusal names behind the file.
fn place(run: &Run) -> Option<(usize, usize)> {
    let (_, rest) = run.stderr.split_once("aksbackup.toml:")?;
    let mut numbers = rest.split([':', '\n']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// What is wrong with how a command met a hostile file: nothing, if it refused it as it has to.
fn wrongs(stage: &Stage, hostile: &Hostile, command: &Command) -> Vec<String> {
    let (run, peak) = measured(command);
    let whole = run.stderr.contains("larger than");
    let key = hostile.key.as_ref().map(|key| format!("because: key {key}"));
    let checks = [
        ("exit", run.code == i32::from(Exit::StateUnreadable.code())),
        ("a character that steers", !steers(&run.stdout) && !steers(&run.stderr)),
        ("a panic", !run.stderr.contains("panicked")),
        ("a long message", run.stderr.len() < 4096),
        ("memory", peak <= bars::MUCH),
        (
            "no place",
            whole || place(&run).is_some_and(|(line, column)| line > 0 && column > 0),
        ),
        ("no key", key.is_none_or(|key| run.stderr.contains(&key))),
        (
            "the file was touched",
            std::fs::read(stage.state()).unwrap() == hostile.text,
        ),
    ];
    let wrong = checks.iter().filter(|(_, holds)| !holds);
    wrong
        .map(|(what, _)| format!("{}: {what}, {peak} KiB\n{run:?}", hostile.name))
        .collect()
}

/// Writes each file and runs both binaries on it: one that only reads, and one that would act.
fn refuse_all(stage: &Stage, files: &[Hostile]) {
    let az = ["grant", "protect", "prepare", "status"];
    let kubectl = ["configure", "status", "verify", "unconfigure"];
    let mark = stage.mark();
    let mut wrong = Vec::new();
    for (at, hostile) in files.iter().enumerate() {
        std::fs::write(stage.state(), &hostile.text).unwrap();
        for command in [
            stage.az_command("owner", &["status", "--offline"]),
            stage.kubectl_command("cluster-admin", &["status", "--offline", "-v"]),
            stage.az_command("everything", &[az[at % az.len()], "--yes"]),
            stage.kubectl_command("cluster-admin", &[kubectl[at % kubectl.len()], "--yes"]),
        ] {
            wrong.extend(wrongs(stage, hostile, &command));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(stage.since(mark).len(), 0, "nobody was asked");
    println!("{} hostile files, {} runs", files.len(), files.len() * 4);
}

/// A sandbox after the whole hand-off, so that every table is in the file.
fn stage() -> Stage {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.az("platform", &["protect", "--yes"]).ok();
    stage
}

#[test]
fn hostile_files_are_refused_with_their_place_before_anything_is_asked() {
    let stage = stage();
    let base = stage.state_text();
    let mut files = hostile_values::all(&base);
    files.extend(hostile_texts::all(&base));
    assert!(files.len() >= 200, "{}", files.len());
    refuse_all(&stage, &files);
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let stage = Stage::new().unwrap();
    let folder = stage.folder().join("folder");
    std::fs::create_dir(&folder).unwrap();
    let pipe = stage.folder().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    for path in [folder.as_path(), &pipe, Path::new("/dev/zero"), Path::new("/dev/null")] {
        for command in [
            stage.az_command("platform", &["status", "--offline", "--state", path.to_str().unwrap()]),
            stage.configure_command("viewer", &["--state", path.to_str().unwrap()]),
        ] {
            let (run, peak) = measured(&command);
            run.ends(Exit::StateUnreadable.code()).says("it is not a file");
            assert!(peak <= bars::MUCH);
        }
    }
}

#[test]
fn the_largest_file_that_is_taken_costs_little_memory() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let unknown: String = (0..15_000).map(|at| format!("k{at} = {at}\n")).collect();
    let text = format!("{}\n[unknown]\n{unknown}", stage.state_text());
    assert!(text.len() < 256 * 1024);
    std::fs::write(stage.state(), text).unwrap();
    let (run, peak) = measured(&stage.az_command("platform", &["status", "--offline"]));
    run.ok();
    assert!(peak <= bars::MUCH, "{peak} KiB");
}
