//! `suspend`, `stop`, `resume` and `undelete`: each from the state that it is for, twice, and from every other one.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Run, Stage, finish};
use aksbackup_tests::terminal::answered;

use crate::made;
use crate::part::Part;

/// A cluster that is protected.
fn protected() -> Stage {
    Part::Backup.stage()
}

fn az(stage: &Stage, words: &[&str]) -> Run {
    stage.az("platform", &[words, &["--yes", "--timeout", "90m"]].concat())
}

/// Runs a command that ends backups, as a script does.
fn reduce(stage: &Stage, command: &str) -> Run {
    az(stage, &[command, "--reduce-protection"])
}

/// The state of the instance as Azure has it.
fn state(stage: &Stage) -> String {
    let kinds = ["backupInstances", "deletedBackupInstances"];
    let all = kinds.map(|kind| {
        stage
            .sandbox
            .azure()
            .resources(&format!("Microsoft.DataProtection/backupVaults/{kind}"))
    });
    let all: Vec<_> = all.concat();
    let own = all
        .iter()
        .find(|own| own.to_string().contains("/managedClusters/aks-demo"));
    own.map(|own| own["properties"]["currentProtectionState"].as_str().unwrap().to_owned())
        .unwrap_or_default()
}

fn delete(stage: &Stage) {
    stage.sandbox.set("instance_state=SoftDeleted").unwrap();
    assert_eq!(state(stage), "SoftDeleted");
}

/// The requests of a kind that changes the instance.
fn acts(stage: &Stage, mark: usize) -> Vec<String> {
    let name = |write: &String| write.split('?').next().unwrap().rsplit('/').next().unwrap().to_owned();
    stage.writes_since(mark).iter().map(name).collect()
}

#[test]
fn each_command_reaches_its_state_and_has_nothing_to_do_the_second_time() {
    let stage = protected();
    for (command, reached, act) in [
        ("suspend", "BackupsSuspended", "suspendBackups"),
        ("resume", "ProtectionConfigured", "resumeProtection"),
        ("stop", "ProtectionStopped", "stopProtection"),
        ("resume", "ProtectionConfigured", "resumeProtection"),
        ("suspend", "BackupsSuspended", "suspendBackups"),
        ("stop", "ProtectionStopped", "stopProtection"),
        ("undelete", "ProtectionConfigured", "resumeProtection"),
    ] {
        let run = |stage: &Stage| match command {
            "suspend" | "stop" => reduce(stage, command),
            _ => az(stage, &[command]),
        };
        let mark = stage.mark();
        run(&stage)
            .ok()
            .says(&format!("{command}: complete (2 of 2 steps, 1 change)"));
        assert_eq!(
            (acts(&stage, mark), state(&stage)),
            (vec![act.to_owned()], reached.to_owned())
        );
        assert_eq!(stage.value("/cloud/instance/protection"), reached);
        let mark = stage.mark();
        // Nothing is reduced, so that nothing has to be confirmed either.
        az(&stage, &[command]).ok().says("nothing to do").says(reached);
        assert_eq!(acts(&stage, mark), [""; 0]);
    }
    made::created_is_there(&stage);
}

#[test]
fn yes_alone_does_not_reduce_protection() {
    let stage = protected();
    let mark = stage.mark();
    for command in ["suspend", "stop"] {
        az(&stage, &[command])
            .ends(Exit::Usage.code())
            .says("reducing the cluster's protection requires a separate confirmation")
            .says(&format!("az aksbackup {command} --reduce-protection"));
        stage
            .az("platform", &[command])
            .ends(Exit::Usage.code())
            .says("--reduce-protection");
        let plan = stage
            .az("platform", &[command, "--dry-run", "-o", "json"])
            .ends(Exit::Pending.code());
        let change = &plan.json()["steps"][1]["changes"][0];
        assert!(
            change["warning"].as_str().unwrap().contains("az aksbackup resume"),
            "{plan}"
        );
        assert!(
            change["right"]["action"].as_str().unwrap().ends_with("/action"),
            "{plan}"
        );
    }
    let question = "Reduce the protection of the cluster?";
    let ask = || stage.az_command("platform", &["suspend"]);
    let no = answered(ask(), question, "n\n").unwrap().ends(Exit::Pending.code());
    no.says("no scheduled backups until").says("cluster");
    assert_eq!(acts(&stage, mark), [""; 0]);
    answered(ask(), question, "y\n").unwrap().ok();
    assert_eq!(state(&stage), "BackupsSuspended");
    // With the flag the question is the one of every change.
    let flag = || stage.az_command("platform", &["stop", "--reduce-protection"]);
    answered(flag(), "Apply these changes?", "y\n").unwrap().ok();
}

#[test]
fn a_file_of_somebody_else_is_confirmed_by_name() {
    let stage = protected();
    let elsewhere = tempfile::tempdir().unwrap();
    let other = |words: &[&str]| {
        let mut command = stage.az_command("platform", &[words, &["--yes"]].concat());
        finish(command.env("HOME", elsewhere.path()))
    };
    let mark = stage.mark();
    other(&["stop", "--reduce-protection"])
        .ends(Exit::Usage.code())
        .says("az aksbackup stop --subscription SUBSCRIPTION")
        .says("--snapshot-resource-group RESOURCE-GROUP --reduce-protection")
        .says("--cluster RESOURCE-GROUP/NAME");
    stage.sandbox.set("instance_state=ProtectionStopped").unwrap();
    other(&["resume"])
        .ends(Exit::Usage.code())
        .says("--vault RESOURCE-GROUP/NAME");
    delete(&stage);
    other(&["undelete"])
        .ends(Exit::Usage.code())
        .says("az aksbackup undelete --subscription");
    assert_eq!(acts(&stage, mark), [""; 0]);
    let flags = stage.vouchers();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    other(&[&["undelete"], flags.as_slice()].concat()).ok();
}

#[test]
fn what_was_deleted_comes_back_and_is_protected_or_stays_stopped() {
    let stage = protected();
    delete(&stage);
    for command in ["suspend", "stop", "resume"] {
        reduce_or_resume(&stage, command)
            .ends(Exit::Failed.code())
            .says("SoftDeleted")
            .says("az aksbackup undelete");
    }
    let mark = stage.mark();
    stage
        .az("platform", &["undelete", "--dry-run"])
        .ends(Exit::Pending.code())
        .says("undelete backup instance")
        .says("resume the protection of cluster")
        .says("older than the policy's retention");
    az(&stage, &["undelete"]).ok().says("2 changes");
    assert_eq!(acts(&stage, mark), ["undelete", "resumeProtection"]);
    assert_eq!(state(&stage), "ProtectionConfigured");
    az(&stage, &["undelete"]).ok().says("nothing to do");
    delete(&stage);
    let mark = stage.mark();
    for _ in 0..2 {
        az(&stage, &["undelete", "--keep-stopped"]).ok();
        assert_eq!(state(&stage), "ProtectionStopped");
    }
    assert_eq!(acts(&stage, mark), ["undelete"]);
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionStopped");
    // Also the way on of a run that was interrupted here.
    az(&stage, &["undelete"]).ok();
    assert_eq!(state(&stage), "ProtectionConfigured");
}

fn reduce_or_resume(stage: &Stage, command: &str) -> Run {
    match command {
        "suspend" | "stop" => reduce(stage, command),
        _ => az(stage, &[command]),
    }
}

#[test]
fn a_state_that_it_is_not_for_is_said_with_the_way_on() {
    let stage = protected();
    let set = |state: &str| stage.sandbox.set(&format!("instance_state={state}")).unwrap();
    let mark = stage.mark();
    set("ProtectionStopped");
    reduce(&stage, "suspend")
        .ends(Exit::Failed.code())
        .says("is in state ProtectionStopped")
        .says("az aksbackup resume");
    set("ProtectionError");
    for command in ["suspend", "stop", "resume", "undelete"] {
        reduce_or_resume(&stage, command)
            .ends(Exit::Failed.code())
            .says("is in state ProtectionError")
            .says("az aksbackup protect");
    }
    set("ConfiguringProtection");
    let wait = [
        "suspend",
        "--reduce-protection",
        "--yes",
        "--no-wait",
        "--timeout",
        "10s",
    ];
    stage
        .az("platform", &wait)
        .ends(Exit::Deadline.code())
        .says("ConfiguringProtection");
    set("ProtectionConfigured");
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn without_an_instance_there_is_nothing_to_end_or_to_bring_back() {
    let stage = Part::Protect.stage();
    let mark = stage.mark();
    for command in ["suspend", "stop", "resume", "undelete"] {
        reduce_or_resume(&stage, command)
            .ends(Exit::Missing.code())
            .says("backup instance")
            .says("az aksbackup protect");
    }
    stage.sandbox.set("protected_elsewhere=true").unwrap();
    for command in ["suspend", "stop", "resume", "undelete"] {
        reduce_or_resume(&stage, command)
            .ends(Exit::Failed.code())
            .says("aks-demo-old in vault vault-elsewhere (resource group rg-elsewhere)");
    }
    assert_eq!(acts(&stage, mark), [""; 0]);
}

#[test]
fn who_may_not_hands_over_with_the_action() {
    let stage = protected();
    let flags = stage.vouchers();
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let reader = |words: &[&str]| stage.az("reader", &[words, &["--yes"], flags.as_slice()].concat());
    for (command, action) in [("suspend", "suspendBackups"), ("stop", "stopProtection")] {
        reader(&[command, "--reduce-protection"])
            .ends(Exit::TheirTurn.code())
            .says(&format!(
                "Requires: Microsoft.DataProtection/backupVaults/backupInstances/{action}/action"
            ))
            .says(&format!("Run: az aksbackup {command}"));
    }
    stage.sandbox.set("instance_state=ProtectionStopped").unwrap();
    reader(&["resume"])
        .ends(Exit::TheirTurn.code())
        .says("resumeProtection/action");
    delete(&stage);
    reader(&["undelete"])
        .ends(Exit::TheirTurn.code())
        .says("Microsoft.DataProtection/backupVaults/deletedBackupInstances/undelete/action");
}

#[test]
fn a_running_backup_is_named_before_the_backups_end() {
    let stage = protected();
    stage.sandbox.set("backup_job=6000").unwrap();
    stage.az("platform", &["backup", "--yes", "--no-wait"]).ok();
    for command in ["suspend", "stop"] {
        stage
            .az("platform", &[command, "--dry-run"])
            .ends(Exit::Pending.code())
            .says("is running, and Azure doesn't document whether it finishes");
    }
    reduce(&stage, "stop").ok();
}

#[test]
fn a_stopped_cluster_does_not_keep_its_backups_from_being_suspended() {
    let stage = protected();
    stage.sandbox.set("cluster_stopped=true").unwrap();
    reduce(&stage, "suspend").ok();
    az(&stage, &["resume"]).ok();
}

#[test]
fn what_azure_refuses_keeps_its_code_and_what_it_lost_is_found() {
    let stage = protected();
    let set = |fault: &str| stage.sandbox.set(&format!("fault={fault}")).unwrap();
    set("403/UserErrorMissingRequestForResourceGuard@POST:/stopProtection:1");
    reduce(&stage, "stop").says("UserErrorMissingRequestForResourceGuard");
    assert_eq!(state(&stage), "ProtectionConfigured");
    set("failed/SandboxBroken@POST:/suspendBackups:1");
    reduce(&stage, "suspend")
        .ends(Exit::Failed.code())
        .says("SandboxBroken");
    for (command, act) in [
        ("suspend", "suspendBackups"),
        ("resume", "resumeProtection"),
        ("stop", "stopProtection"),
    ] {
        for kind in ["429", "503", "reset-after", "truncated"] {
            stage.sandbox.set("instance_state=ProtectionConfigured").unwrap();
            if command == "resume" {
                stage.sandbox.set("instance_state=BackupsSuspended").unwrap();
            }
            set(&format!("{kind}@POST:/{act}:1"));
            reduce_or_resume(&stage, command).ok();
        }
    }
    for kind in ["reset-after", "truncated"] {
        delete(&stage);
        set(&format!("{kind}@POST:/undelete:1"));
        az(&stage, &["undelete"]).ok();
        assert_eq!(state(&stage), "ProtectionConfigured", "{kind}");
    }
}

#[test]
fn what_goes_on_by_itself_is_found_by_the_next_run() {
    let stage = protected();
    stage.sandbox.set("instance_create=100000").unwrap();
    let begun = az(&stage, &["stop", "--reduce-protection", "--no-wait"]).ok();
    begun
        .says("Azure continues by itself")
        .says("ProtectionConfigured; stop was requested");
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionConfigured");
    stage.sandbox.azure().skip(100_000.0);
    az(&stage, &["stop"]).ok().says("nothing to do");
    assert_eq!(stage.value("/cloud/instance/protection"), "ProtectionStopped");
}

#[test]
fn every_command_knows_the_state_and_the_way_back() {
    let stage = protected();
    for command in ["suspend", "stop"] {
        let run = reduce(&stage, command).ok();
        assert!(
            !run.stdout.contains("Run: az aksbackup"),
            "the way back is no next step\n{run}"
        );
        let reached = stage.value("/cloud/instance/protection");
        for (words, code) in [
            (&["status"][..], Exit::Done),
            (&["status", "--offline"], Exit::Done),
            (&["verify"], Exit::Pending),
            (&["doctor"], Exit::Pending),
            (&["protect", "--yes"], Exit::Failed),
        ] {
            let run = stage.az("platform", words).ends(code.code());
            run.says(&reached);
        }
        // Fails before: it was seen, and called unknown.
        let run = stage.az("platform", &["status"]).ok();
        let row = run.stdout.lines().find(|line| line.contains("backup instance"));
        assert!(
            row.is_some_and(|row| row.contains("drifted") && !row.contains("unknown")),
            "{run}"
        );
        for words in [
            &["verify"][..],
            &["doctor"],
            &["protect", "--yes"],
            &["backup", "--yes"],
            &["handoff"],
            &["status"],
            &["status", "--offline"],
        ] {
            let run = stage.az("platform", words);
            assert!(run.to_string().contains("az aksbackup resume"), "{run}");
        }
    }
    az(&stage, &["resume"]).ok();
    stage.az("platform", &["verify"]).ok();
    stage.az("platform", &["protect", "--yes"]).ok().says("nothing to do");
}
