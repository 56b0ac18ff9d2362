//! kubectl's own flags, variables and files mean what they mean to kubectl.

use std::process::Command;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Stage, binary, finish};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, until};
use crate::stages::{changes_of, configured, granted};

/// A run without `--context` and with another environment.
pub(crate) fn plain(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary("kubectl-aksbackup"));
    command
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", stage.folder())
        .env("AKSBACKUP_STATE", stage.state())
        .env("AKSBACKUP_TIME_SCALE", stage.sandbox.time_scale().to_string())
        .current_dir(stage.folder());
    command
}

/// The kubeconfig of all people as a document.
pub(crate) fn kubeconfig(stage: &Stage) -> Value {
    let all = stage.folder().join("kubeconfig");
    let view = [
        "config",
        "view",
        "--raw",
        "-o",
        "json",
        "--kubeconfig",
        all.to_str().unwrap(),
    ];
    serde_json::from_str(&stage.as_kubectl("cluster-admin", &view).ok().stdout).unwrap()
}

fn dry_runs_write_nothing_and_the_server_s_is_judged_by_the_server(backend: Backend) {
    let stage = granted(backend);
    let file = stage.state_text();
    for how in ["--dry-run", "--dry-run=client", "--dry-run=server"] {
        let run = || {
            stage
                .kubectl("cluster-admin", &["configure", how])
                .ends(Exit::Pending.code())
        };
        let (changes, run) = changes_of(&stage, run);
        let kept: Vec<&String> = changes.iter().filter(|own| !own.contains("dryRun=All")).collect();
        assert!(kept.is_empty() && stage.state_text() == file, "{kept:?}\n{run}");
        assert_eq!(
            run.stderr.contains("the API server would accept the change"),
            how.ends_with("server"),
            "{run}"
        );
    }
    let Some(bed) = stage.sandbox.bed() else { return };
    let patches = bed
        .requests()
        .into_iter()
        .filter(|own| own.verb == "patch" && own.uri.contains("dryRun=All"));
    assert_eq!(patches.count(), 6, "three annotations and three templates were judged");
}

#[test]
fn dry_runs_on_the_small_cluster() {
    dry_runs_write_nothing_and_the_server_s_is_judged_by_the_server(Backend::Small);
}

#[test]
fn dry_runs_on_a_real_control_plane() {
    dry_runs_write_nothing_and_the_server_s_is_judged_by_the_server(Backend::Real);
}

#[test]
fn impersonation_reaches_the_api_server_whole() {
    let stage = configured(Backend::Real);
    let others = [
        "--as",
        "jane",
        "--as-uid",
        "7",
        "--as-group",
        "system:masters",
        "--as-group",
        "team",
    ];
    let extras = [
        "--as-user-extra",
        "reason=a=b",
        "--as-user-extra",
        "a.io/c=x",
        "--as-user-extra",
        "a.io/c=y",
    ];
    let harmless = ["--cache-dir", "/nowhere", "--disable-compression"];
    stage
        .kubectl(
            "cluster-admin",
            &[&["verify"], &others[..], &extras[..], &harmless[..]].concat(),
        )
        .ok();
    let log = std::fs::read_to_string(stage.folder().join("bed/audit.jsonl")).unwrap();
    let events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let seen: Vec<Value> = events
        .map(|event| event["impersonatedUser"].clone())
        .filter(|user| user["username"] == "jane")
        .collect();
    let expected = json!({ "reason": ["a=b"], "a.io/c": ["x", "y"] });
    assert!(!seen.is_empty());
    for user in seen {
        assert_eq!((&user["uid"], &user["extra"]), (&json!("7"), &expected));
        assert!(
            user["groups"].to_string().contains("\"system:masters\",\"team\""),
            "{user}"
        );
    }
    // Whom one may not be, and what that person may not do.
    let run = stage
        .kubectl("viewer", &["verify", "--as", "jane"])
        .ends(Exit::NotPermitted.code());
    run.says("impersonate");
    let run = stage
        .kubectl("cluster-admin", &["configure", "--as", "nobody"])
        .ends(Exit::NotPermitted.code());
    run.says("nobody lacks permissions");
}

#[test]
fn several_kubeconfigs_are_one_and_flags_choose_in_it() {
    let stage = configured(Backend::Real);
    let all = kubeconfig(&stage);
    let part = |name: &str, keys: &[&str]| {
        let mut part = json!({ "apiVersion": "v1", "kind": "Config" });
        for key in keys {
            part[*key] = all[*key].clone();
        }
        let path = stage.folder().join(name);
        std::fs::write(&path, part.to_string()).unwrap();
        path
    };
    let (people, clusters) = (part("people", &["users"]), part("clusters", &["clusters"]));
    let contexts = part("contexts", &["contexts", "current-context"]);
    let list = [stage.folder().join("not-there"), people, clusters.clone(), contexts];
    let joined = std::env::join_paths(&list).unwrap();
    finish(plain(&stage, &["verify"]).env("KUBECONFIG", &joined))
        .ok()
        .says("✓ cluster");
    finish(plain(&stage, &["verify", "--context", "viewer"]).env("KUBECONFIG", &joined))
        .ok()
        .says("? cluster");
    finish(plain(&stage, &["verify", "--user", "viewer"]).env("KUBECONFIG", &joined))
        .ok()
        .says("? cluster");
    // The flag names one file, and that one alone.
    let one = ["verify", "--kubeconfig", clusters.to_str().unwrap()];
    finish(plain(&stage, &one).env("KUBECONFIG", &joined))
        .ends(Exit::Usage.code())
        .says("no current context");
    finish(plain(&stage, &["verify", "-n", "elsewhere"]).env("KUBECONFIG", &joined))
        .ends(Exit::Pending.code())
        .says("in namespace elsewhere");
}

/// As in a pod: files at their place, two variables, and no kubeconfig. The place is made in a mount namespace of its own.
#[test]
fn in_a_pod_its_service_account_signs_in() {
    let stage = configured(Backend::Real);
    let admin = |arguments: &[&str]| stage.as_kubectl("cluster-admin", arguments).ok();
    admin(&["create", "serviceaccount", "watchman", "-n", NAMESPACE]);
    let account = format!("{NAMESPACE}:watchman");
    admin(&[
        "create",
        "clusterrolebinding",
        "watchman",
        "--clusterrole",
        "cluster-admin",
        "--serviceaccount",
        &account,
    ]);
    let token = admin(&["create", "token", "watchman", "-n", NAMESPACE]).stdout;
    let folder = stage.folder().join("pod");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("token"), token.trim()).unwrap();
    std::fs::write(folder.join("namespace"), NAMESPACE).unwrap();
    std::fs::copy(stage.folder().join("ca.pem"), folder.join("ca.crt")).unwrap();
    let script = "mount -t tmpfs none /var/run && mkdir -p /var/run/secrets/kubernetes.io/serviceaccount \
                  && cp \"$1\"/* /var/run/secrets/kubernetes.io/serviceaccount/ && shift && exec \"$@\"";
    let server = stage
        .sandbox
        .bed()
        .unwrap()
        .server()
        .trim_start_matches("https://")
        .to_owned();
    let (host, port) = server.rsplit_once(':').unwrap();
    let program = binary("kubectl-aksbackup");
    let run = |command: &[&str]| {
        let mut unshared = Command::new("unshare");
        unshared
            .args([
                "--user",
                "--map-root-user",
                "--mount",
                "sh",
                "-c",
                script,
                "sh",
                folder.to_str().unwrap(),
            ])
            .args(command)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &folder)
            .env("AKSBACKUP_STATE", stage.state())
            .env("KUBERNETES_SERVICE_HOST", host)
            .env("KUBERNETES_SERVICE_PORT", port);
        finish(&mut unshared)
    };
    let own = [program.to_str().unwrap(), "verify"];
    until("the API server knows the role", || (run(&own).code == 0).then_some(()));
    run(&own).ok().says("✓ cluster");
    run(&[&own[..], &["--as", "nobody"]].concat()).ends(Exit::NotPermitted.code());
    let requests = stage.sandbox.bed().unwrap().requests();
    let user = format!("system:serviceaccount:{account}");
    assert!(
        requests
            .iter()
            .any(|own| own.user == user && own.verb == "list" && own.status == 200)
    );
}
