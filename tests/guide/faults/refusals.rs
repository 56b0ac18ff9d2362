//! Bad input: a clear message, the documented exit code, and the state file as it was.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::{INIT, Run, Stage, finish};

/// The run leaves the state file and the world alone.
fn untouched(stage: &Stage, run: impl FnOnce() -> Run) -> Run {
    let (before, mark) = (stage.state_text(), stage.mark());
    let run = run();
    assert_eq!(stage.state_text(), before, "the file was touched\n{run}");
    assert_eq!(
        stage.writes_since(mark),
        Vec::<String>::new(),
        "something was written\n{run}"
    );
    assert!(!run.stderr.contains("panicked"), "{run}");
    run
}

/// `init` with one flag's value replaced.
fn init_with(flag: &str, value: &str) -> Vec<String> {
    let mut arguments: Vec<String> = INIT.iter().map(|&text| text.to_owned()).collect();
    match arguments.iter().position(|own| own == flag) {
        Some(at) => value.clone_into(&mut arguments[at + 1]),
        None => arguments.extend([flag.to_owned(), value.to_owned()]),
    }
    arguments
}

/// As somebody who sees the whole subscription: who does not is told "not permitted" of what does not exist.
fn init(stage: &Stage, flag: &str, value: &str) -> Run {
    let arguments = init_with(flag, value);
    untouched(stage, || {
        stage.az("contributor", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

#[test]
fn a_missing_state_file_names_init() {
    let stage = Stage::new().unwrap();
    for command in ["prepare", "grant", "protect", "backup", "up"] {
        untouched(&stage, || stage.az("platform", &[command, "--yes"]))
            .ends(Exit::Missing.code())
            .says("az aksbackup init");
    }
    untouched(&stage, || stage.configure("cluster-admin", &[]))
        .ends(Exit::Missing.code())
        .says("az aksbackup init");
}

#[test]
fn an_unreadable_state_file_is_named_with_its_place() {
    let stage = Stage::new().unwrap();
    for (text, place) in [
        ("schema = 1\n[target\n", ":2:"),
        ("schema = 1\n[target]\ncloud = 5\n", ":3:9"),
        ("schema = 1\n[cloud.identity]\nidentity = \"https://evil\"\n", ":3:12"),
        ("schema = 99\n", "schema 99"),
        ("schema = 1\n[cloud.storage]\naccount = \"/subs", ":3:"),
    ] {
        std::fs::write(stage.state(), text).unwrap();
        let unreadable = Exit::StateUnreadable.code();
        untouched(&stage, || stage.az("platform", &["prepare", "--yes"]))
            .ends(unreadable)
            .says(place);
        untouched(&stage, || stage.configure("cluster-admin", &[]))
            .ends(unreadable)
            .says(place);
    }
}

#[test]
fn what_does_not_exist_is_exit_3_with_kind_and_name() {
    let stage = Stage::new().unwrap();
    let missing = Exit::Missing.code();
    init(&stage, "--cluster-name", "no-such-cluster")
        .ends(missing)
        .says("no-such-cluster");
    init(&stage, "--resource-group", "no-such-group")
        .ends(missing)
        .says("no-such-group");
    init(&stage, "--subscription", "00000000-0000-0000-0000-000000000001")
        .ends(missing)
        .says("00000000-0000-0000-0000-000000000001");
}

#[test]
fn names_that_cannot_be_are_wrong_usage() {
    let stage = Stage::new().unwrap();
    for (flag, value) in [
        ("--storage-account", "Not-A-Name"),
        ("--container", "UPPER"),
        ("--vault", "-x"),
        ("--retention", "soon"),
        ("--cluster-id", "https://evil/x"),
    ] {
        init(&stage, flag, value).ends(Exit::Usage.code()).says(value);
    }
}

#[test]
fn a_storage_name_of_somebody_else_is_refused() {
    let stage = Stage::new().unwrap();
    init(&stage, "--storage-account", "contosobackups")
        .ends(Exit::Failed.code())
        .says("contosobackups");
}

#[test]
fn a_name_that_could_not_be_checked_is_refused_by_azure_with_its_cure() {
    let stage = Stage::new().unwrap();
    let arguments = init_with("--storage-account", "contosobackups");
    stage
        .az("platform", &arguments.iter().map(String::as_str).collect::<Vec<_>>())
        .ok();
    stage
        .az("platform", &["prepare", "--yes"])
        .ends(Exit::Failed.code())
        .says("StorageAccountAlreadyTaken")
        .says(" --storage-account NAME");
}

#[test]
fn a_cluster_that_cannot_be_backed_up_is_refused_before_any_write() {
    for (switch, said) in [
        ("cluster_stopped=true", "az aks start"),
        ("service_principal=true", "managed identity"),
    ] {
        let stage = Stage::with(&[switch]).unwrap();
        stage.init("platform");
        if stage.state().exists() {
            let run = untouched(&stage, || stage.az("platform", &["prepare", "--yes"]));
            assert_ne!(run.code, 0, "{run}");
            run.says(said);
        } else {
            stage.init("platform").says(said);
        }
    }
}

#[test]
fn a_locked_node_group_is_said_at_the_start() {
    let stage = Stage::with(&["locked_node_group=true"]).unwrap();
    stage.init("everything").ok();
    let run = stage.az("everything", &["prepare", "--yes"]);
    assert_ne!(run.code, 0, "{run}");
    assert!(run.stderr.contains("node") && run.stderr.contains("lock"), "{run}");
}

#[test]
fn wrong_logins_are_exit_4_with_entra_s_words() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let denied = Exit::NotPermitted.code();
    let with = |key: &str, value: &str| {
        untouched(&stage, || {
            finish(stage.az_command("platform", &["prepare", "--yes"]).env(key, value))
        })
    };
    with("AZURE_CLIENT_SECRET", "wrong").ends(denied).says("AADSTS7000215");
    with("AZURE_TENANT_ID", "00000000-0000-0000-0000-0000000000ff")
        .ends(denied)
        .says("AADSTS90002");
    untouched(&stage, || {
        let mut command = stage.az_command("platform", &["prepare", "--yes"]);
        command
            .env_remove("AZURE_CLIENT_SECRET")
            .env_remove("AZURE_CLIENT_ID")
            .env("PATH", "/nonexistent");
        finish(&mut command)
    })
    .ends(denied)
    .says("az login");
}

#[test]
fn an_unreachable_azure_is_said_soon() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    let begun = std::time::Instant::now();
    let run = untouched(&stage, || {
        let mut command = stage.az_command("platform", &["prepare", "--yes"]);
        command
            .env("AZURE_AUTHORITY_HOST", "https://127.0.0.1:9/")
            .env("ARM_CLOUD_METADATA_URL", "https://127.0.0.1:9/");
        finish(&mut command)
    });
    assert_ne!(run.code, 0, "{run}");
    assert!(run.stderr.contains("127.0.0.1:9"), "{run}");
    assert!(begun.elapsed().as_secs() <= 30);
}

#[test]
fn the_wrong_cluster_is_refused_before_any_write() {
    let stage = Stage::new().unwrap();
    stage.granted();
    untouched(&stage, || stage.configure("other-cluster", &[]))
        .ends(Exit::Failed.code())
        .says("issuer");
}

#[test]
fn without_a_kubeconfig_the_line_that_gets_one_is_printed() {
    let stage = Stage::new().unwrap();
    stage.granted();
    let run = untouched(&stage, || stage.configure("", &["--context", "no-such-context"]));
    assert_ne!(run.code, 0);
    run.says("no-such-context")
        .says("az aks get-credentials")
        .says("cluster-admin");
    let run = untouched(&stage, || {
        let mut command = stage.configure_command("cluster-admin", &[]);
        finish(command.env("KUBECONFIG", "/nonexistent/kubeconfig"))
    });
    assert_ne!(run.code, 0);
    run.says("KUBECONFIG refers to /nonexistent/kubeconfig, which doesn't exist")
        .says("az aks get-credentials --resource-group rg-aks --name aks-demo");
}

#[test]
fn an_extension_that_is_not_installed_is_the_platform_team_s_turn() {
    let stage = Stage::with(&["issuer_on=true", "workload_identity_on=true"]).unwrap();
    stage.init("platform").ok();
    untouched(&stage, || stage.configure("cluster-admin", &[]))
        .ends(Exit::TheirTurn.code())
        .says("az aksbackup prepare");
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_asked_and_nothing_done() {
    let stage = Stage::new().unwrap();
    stage.init("platform").ok();
    untouched(&stage, || stage.az("platform", &["prepare"]))
        .ends(Exit::Usage.code())
        .says("--yes");
}

#[cfg(unix)]
#[test]
fn an_interrupted_wait_ends_130_and_the_next_run_goes_on() {
    use std::io::{BufRead as _, BufReader};
    let stage = Stage::with(&["extension_install=20000"]).unwrap();
    stage.init("platform").ok();
    let mut command = stage.az_command("platform", &["prepare", "--yes"]);
    let mut child = command
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains("Creating")),
        "the wait for the extension is shown"
    );
    let kill = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(i32::from(Exit::Interrupted.code())));
    let installs = || {
        let entries = stage.since(0).into_iter();
        entries
            .filter(|own| own.method == "PUT" && own.target.contains("/extensions/"))
            .count()
    };
    assert_eq!(installs(), 1);
    stage.sandbox.set("extension_install=1").unwrap();
    stage
        .az("platform", &["prepare", "--yes", "--timeout", "3s"])
        .ends(Exit::Deadline.code());
    assert_eq!(
        installs(),
        1,
        "the extension that is being installed is not asked for again"
    );
}
