//! A person at the console.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};
use aksbackup_tests::terminal::{answered, conversed};

use crate::wine::{az, windows};

#[test]
fn ctrl_c_ends_a_wait_with_130_and_keeps_what_was_done() {
    let stage = Stage::with(&["time_scale=0.2"]).unwrap();
    az(&stage, "platform", &INIT).ok();
    let command = at_a_console(&windows(&stage.az_command("platform", &["prepare", "--yes"])));
    // The vault is there long before the cluster has restarted its API server.
    let run = conversed(command, &[("vault rg-backup/bv-aks-demo, policy", "\u{3}")]).unwrap();
    assert_eq!(run.code, i32::from(Exit::Interrupted.code()), "{run}");
    assert!(run.stderr.contains("interrupted"), "{run}");
    assert!(
        !stage.value("/cloud/vault/principal").is_empty(),
        "{}",
        stage.state_text()
    );
}

/// Returns the command with the terminal as its own: only then does Ctrl-C reach it as a signal.
fn at_a_console(command: &Command) -> Command {
    let mut out = Command::new("setsid");
    out.args(["--ctty", "--wait"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    if let Some(folder) = command.get_current_dir() {
        out.current_dir(folder);
    }
    out
}

#[test]
fn a_question_is_asked_and_answered() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let mark = stage.mark();
    let flags = stage.vouchers();
    let arguments: Vec<&str> = ["grant"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let command = windows(&stage.az_command("owner", &arguments));
    let run = answered(command, "Apply these changes?", "n").unwrap();
    assert_eq!(run.code, i32::from(Exit::Pending.code()), "{run}");
    assert!(stage.writes_since(mark).is_empty(), "{run}");
}
