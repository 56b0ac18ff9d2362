//! Help, versions and JSON: what people and scripts see first.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{Stage, binary, finish};

const AZ: [&str; 25] = [
    "init", "prepare", "grant", "protect", "backup", "jobs", "list", "fleet", "points", "restore", "suspend", "stop",
    "resume", "undelete", "up", "teardown", "status", "verify", "doctor", "handoff", "report", "merge", "diff",
    "migrate", "schema",
];
const KUBECTL: [&str; 12] = [
    "configure",
    "verify",
    "doctor",
    "status",
    "handoff",
    "report",
    "logs",
    "unconfigure",
    "merge",
    "diff",
    "migrate",
    "schema",
];

#[test]
fn every_command_explains_itself_with_examples() {
    for (program, spoken, commands) in [
        ("az-aksbackup", "az aksbackup", AZ.as_slice()),
        ("kubectl-aksbackup", "kubectl aksbackup", KUBECTL.as_slice()),
    ] {
        let help = finish(Command::new(binary(program)).arg("--help"))
            .ok()
            .says(&format!("Usage: {spoken}"));
        for command in commands {
            assert!(help.stdout.contains(command), "{program} --help names {command}");
            let help = finish(Command::new(binary(program)).args([command, "--help"])).ok();
            help.says("Examples:").says(&format!("{spoken} {command}"));
        }
        finish(Command::new(binary(program)).arg("--version"))
            .ok()
            .says(env!("CARGO_PKG_VERSION"));
        finish(Command::new(binary(program)).args(["no-such-command"]))
            .ends(2)
            .says("no-such-command");
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            finish(Command::new(binary(program)).args(["completion", shell]))
                .ok()
                .says(program);
        }
    }
}

fn json<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [arguments, &["-o", "json"]].concat()
}

#[test]
fn every_command_speaks_json() {
    let stage = Stage::new().unwrap();
    let az = |persona: &str, arguments: &[&str]| stage.az(persona, &json(arguments)).ok().json();
    az("platform", &aksbackup_tests::harness::INIT);
    az("platform", &["prepare", "--yes"]);
    let vouchers = stage.vouchers();
    let vouchers: Vec<&str> = vouchers.iter().map(String::as_str).collect();
    az("owner", &[&["grant", "--yes"], vouchers.as_slice()].concat());
    let kubectl = |persona: &str, arguments: &[&str]| stage.kubectl(persona, &json(arguments)).ok().json();
    kubectl(
        "cluster-admin",
        &["configure", "--yes", "--client-id", &stage.client_id()],
    );
    az("platform", &["protect", "--yes"]);
    az("platform", &["backup", "--yes"]);
    let jobs = az("platform", &["jobs"]);
    assert_eq!(jobs["jobs"].as_array().map(Vec::len), Some(1), "{jobs}");
    let points = az("reader", &["points"]);
    assert_eq!(points["points"].as_array().map(Vec::len), Some(1), "{points}");
    az("platform", &["restore", "--namespace", "shop=shop-restored", "--yes"]);
    let list = az("reader", &["list"]);
    assert_eq!(list["clusters"].as_array().map(Vec::len), Some(1), "{list}");
    let status = az("reader", &["status"]);
    assert!(
        status["steps"].as_array().is_some_and(|steps| steps.len() >= 13),
        "{status}"
    );
    az("reader", &["verify"]);
    az("reader", &["doctor"]);
    az("reader", &["doctor", "list"]);
    az("reader", &["doctor", "explain", "FIC-ISSUER"]);
    kubectl("viewer", &["status"]);
    kubectl("viewer", &["verify"]);
    kubectl("cluster-admin", &["unconfigure", "--yes"]);
    let error = stage
        .az("platform", &json(&["prepare", "--state", "none.toml", "--yes"]))
        .ends(3)
        .json();
    assert!(
        error["error"]["what"]
            .as_str()
            .is_some_and(|what| what.contains("none.toml")),
        "{error}"
    );
}

#[test]
fn the_velero_log_can_be_read() {
    let stage = Stage::new().unwrap();
    stage.configured();
    let logs = stage.kubectl("viewer", &["logs", "--tail", "5"]).ok();
    assert!((1..=5).contains(&logs.stdout.lines().count()), "{logs}");
    stage
        .kubectl("viewer", &["logs", "-c", "nope"])
        .ends(Exit::Missing.code())
        .says("containers: velero");
}

#[test]
fn status_without_a_state_file_shows_the_cluster_and_says_so() {
    let stage = Stage::new().unwrap();
    let status = stage.kubectl("viewer", &["status"]).ok();
    assert!(
        status.stdout.contains("doesn't exist; to use another team's file")
            && status.stdout.contains("az aksbackup init"),
        "{status}"
    );
}

#[test]
fn unconfigure_takes_back_what_configure_did() {
    let stage = Stage::new().unwrap();
    stage.configured();
    stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
    stage.kubectl("viewer", &["verify"]).ends(8);
    let deployments = stage.sandbox.kubernetes().objects("Deployment");
    assert!(deployments.len() >= 3);
    for deployment in deployments {
        let label = deployment.pointer("/spec/template/metadata/labels/azure.workload.identity~1use");
        assert_eq!(label, None, "{deployment}");
    }
    stage
        .kubectl("cluster-admin", &["unconfigure"])
        .ok()
        .says("nothing to do");
    stage.configure("cluster-admin", &[]).ok();
}

#[test]
fn wrong_usage_is_one_document_too() {
    let stage = Stage::new().unwrap();
    for arguments in [["bogus", "-o", "json"], ["status", "--bogus", "--output=json"]] {
        for run in [stage.az("platform", &arguments), stage.kubectl("viewer", &arguments)] {
            let document = run.ends(Exit::Usage.code()).json();
            let what = document["error"]["what"].as_str().unwrap_or_default();
            assert!(what.contains("bogus"), "{document}");
        }
    }
}

#[test]
fn help_is_a_command() {
    let stage = Stage::new().unwrap();
    for (words, asked) in [
        (&["help"][..], &["--help"][..]),
        (&["help", "status"], &["status", "--help"]),
    ] {
        let runs = [
            (stage.az("platform", words), stage.az("platform", asked)),
            (stage.kubectl("viewer", words), stage.kubectl("viewer", asked)),
        ];
        for (run, expected) in runs {
            assert_eq!(run.ok().stdout, expected.ok().stdout);
        }
    }
    stage
        .az("platform", &["help", "bogus"])
        .ends(Exit::Usage.code())
        .says("bogus");
}

/// What bash offers for the last of these words.
fn offered(program: &str, words: &[&str]) -> String {
    const SCRIPT: &str = "source <(\"$1\" completion bash); shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
         function=$(complete -p \"$1\" | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
         \"$function\" \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"";
    let mut command = Command::new("bash");
    command
        .args(["-c", SCRIPT, "bash"])
        .arg(binary(program))
        .arg(program)
        .args(words);
    finish(&mut command).ok().stdout.trim().to_owned()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offered("az-aksbackup", &["gra"]), "grant");
    assert_eq!(offered("az-aksbackup", &["grant", "--va"]), "--vault --vault-identity");
    assert_eq!(offered("az-aksbackup", &["status", "--output", ""]), "text json yaml");
    assert_eq!(offered("kubectl-aksbackup", &["unc"]), "unconfigure");
    assert_eq!(
        offered("kubectl-aksbackup", &["configure", "--client-i"]),
        "--client-id"
    );
    for program in ["az-aksbackup", "kubectl-aksbackup"] {
        let all = offered(program, &[""]);
        assert!(all.contains("verify") && !all.contains("__"), "{all}");
    }
}
