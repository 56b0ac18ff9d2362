//! Ctrl-C leaves a report that can be read.

use std::fs::File;
use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aksbackup_shared::exit::Exit;
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{backed_up, report, with_verdict};

/// Waits until the program has asked for the cluster.
fn has_asked(stage: &aksbackup_tests::harness::Stage, mark: usize, child: &mut Child) {
    let begun = Instant::now();
    while stage.since(mark).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing was asked");
        assert!(child.try_wait().unwrap().is_none(), "it ended before");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends what Ctrl-C sends.
fn interrupt(child: &Child) {
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
}

#[test]
fn while_azure_is_silent() {
    let stage = backed_up();
    stage
        .sandbox
        .set("fault=hang@GET:trustedAccessRoleBindings:99")
        .unwrap();
    let mark = stage.mark();
    let mut command = stage.live("reader", "cluster-admin", &["-o", "json"]).unwrap();
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    has_asked(&stage, mark, &mut child);
    interrupt(&child);
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(i32::from(Exit::Interrupted.code())));
    let report = report(&stage);
    assert_eq!(report["ended"], "it was interrupted");
    assert_eq!(with_verdict(&stage, "not checked").len(), 28);
}

#[test]
fn while_a_write_is_asked_for() {
    let stage = backed_up();
    let ends = openpty(None, None).unwrap();
    let mut command = stage.live("everything", "cluster-admin", &["-o", "json"]).unwrap();
    for set in [Command::stdin, Command::stdout, Command::stderr] {
        set(&mut command, Stdio::from(ends.slave.try_clone().unwrap()));
    }
    let mut child = command.spawn().unwrap();
    drop((command, ends.slave));
    let (mut terminal, mut shown, mut part) = (File::from(ends.master), Vec::new(), [0; 4096]);
    let asked = "Type omitted-members to send";
    while !String::from_utf8_lossy(&shown).contains(asked) {
        let length = terminal.read(&mut part).unwrap();
        shown.extend_from_slice(&part[..length]);
    }
    interrupt(&child);
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(Exit::Interrupted.code())));
    assert_eq!(report(&stage)["ended"], "it was interrupted");
    assert_eq!(with_verdict(&stage, "confirmed").len(), 17, "what was read is kept");
}
