//! The whole handoff by the programs for Windows, and what this system's programs say of it.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Stage};

use crate::wine::{az, kubectl};

#[test]
fn the_handoff_ends_as_on_every_other_system() {
    let stage = Stage::new().unwrap();
    az(&stage, "platform", &INIT).ok().says("wrote");
    az(&stage, "platform", &["prepare", "--dry-run"]).ends(Exit::Pending.code());
    az(&stage, "platform", &["prepare", "--yes"]).ok();
    let flags = stage.vouchers();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    az(&stage, "owner", &[&["grant", "--yes"], flags.as_slice()].concat()).ok();
    kubectl(&stage, "cluster-admin", &["verify"]).ends(Exit::Pending.code());
    let client_id = stage.client_id();
    kubectl(
        &stage,
        "cluster-admin",
        &["configure", "--yes", "--client-id", &client_id],
    )
    .ok();
    kubectl(&stage, "cluster-admin", &["verify"]).ok();
    kubectl(&stage, "cluster-admin", &["doctor"]).ok();
    kubectl(&stage, "cluster-admin", &["logs", "--tail", "3"]).ok();
    az(&stage, "platform", &["protect", "--yes"])
        .ok()
        .says("ProtectionConfigured");
    az(&stage, "platform", &["backup", "--yes"]).ok().says("Completed");
    az(&stage, "platform", &["jobs"]).ok().says("Completed");
    az(&stage, "reader", &["verify"]).ok();
    az(&stage, "reader", &["doctor"]).ok();
    for own in [
        az(&stage, "reader", &["status", "-o", "json"]),
        stage.az("reader", &["status", "-o", "json"]),
    ] {
        let document = own.ok().json();
        assert!(document["next"].is_null(), "nothing is left: {document:#}");
    }

    let before = stage.state_text();
    let mark = stage.mark();
    az(&stage, "everything", &["up", "--yes"]).ok();
    let writes = stage.writes_since(mark);
    assert!(
        writes
            .iter()
            .all(|write| write.ends_with("/validateForBackup") || write.contains("/backup")),
        "{writes:?}"
    );
    assert!(
        !before.contains('\r'),
        "the file has the line ends of every other system\n{before}"
    );

    kubectl(&stage, "cluster-admin", &["unconfigure", "--yes"]).ok();
    stage
        .kubectl("cluster-admin", &["status", "--check"])
        .ends(Exit::Pending.code());
}

/// The message without the sender's copy of the program, which is another one on each system.
fn without_the_program(message: &str) -> String {
    let is_digest = |line: &str| line.trim().len() == 64 && line.trim().bytes().all(|own| own.is_ascii_hexdigit());
    let lines = message.lines();
    lines
        .filter(|line| !line.starts_with("The sender uses az-aksbackup") && !is_digest(line))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn results_go_into_files_as_they_are() {
    let stage = Stage::new().unwrap();
    az(&stage, "platform", &INIT).ok();
    az(&stage, "platform", &["report", "--out", "report.html"]).ok();
    let page = std::fs::read_to_string(stage.folder().join("report.html")).unwrap();
    assert!(
        page.starts_with("<!doctype html>") && page.contains("aks-demo"),
        "{}",
        &page[..200]
    );
    let message = az(&stage, "platform", &["handoff"]).ok().stdout;
    assert_eq!(
        without_the_program(&message),
        without_the_program(&stage.az("platform", &["handoff"]).ok().stdout)
    );
    assert!(message.contains("The sender uses az-aksbackup.exe "), "{message}");
    let arguments = ["prepare", "--yes", "-o", "json"];
    let [own, other] = [az(&stage, "stranger", &arguments), stage.az("stranger", &arguments)];
    assert_eq!(
        (own.code, &own.json()["exit"]),
        (other.code, &other.json()["exit"]),
        "{own}"
    );
    assert_ne!(own.code, 0, "{own}");
}

#[test]
fn every_help_and_every_completion_is_that_of_other_systems() {
    let stage = Stage::new().unwrap();
    for arguments in [
        &["--help"][..],
        &["help", "prepare"],
        &["version"],
        &["doctor", "list"],
        &["schema"],
    ] {
        let [own, other] = [az(&stage, "nobody", arguments), stage.az("nobody", arguments)].map(|run| run.ok().stdout);
        assert_eq!(own.replace(".exe", ""), other, "{arguments:?}");
        let [own, other] =
            [kubectl(&stage, "nobody", arguments), stage.kubectl("nobody", arguments)].map(|run| run.stdout);
        assert_eq!(own.replace(".exe", ""), other, "{arguments:?}");
    }
    az(&stage, "nobody", &["completion", "powershell"])
        .ok()
        .says("Register-ArgumentCompleter");
}
