//! Which cluster this is, is proved before anything is written, by whatever the caller may read.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage};
use aksbackup_tests::kubernetes::{Persona, Rule};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, until};
use crate::stages::{changes_of, configure, configured, granted, verify};

/// The run wrote nothing, neither to the cluster nor to the file.
fn refused(stage: &Stage, run: impl FnOnce() -> Run) -> Run {
    let file = stage.state_text();
    let (changes, run) = changes_of(stage, run);
    assert_eq!(changes, [] as [String; 0], "{run}");
    assert_eq!(stage.state_text(), file, "{run}");
    run
}

fn another_cluster_is_refused_before_any_write(backend: Backend) {
    let stage = granted(backend);
    let issuer = stage.value("/cloud/prerequisites/issuer");
    for command in [
        &["configure", "--yes"][..],
        &["unconfigure", "--yes"],
        &["configure", "--dry-run=server"],
    ] {
        let run = refused(&stage, || {
            stage.kubectl("other-cluster", command).ends(Exit::Failed.code())
        });
        run.says("isn't the cluster aks-demo in the state file")
            .says(&issuer)
            .says("--context");
    }
    stage
        .kubectl("other-cluster", &["verify"])
        .ends(Exit::Pending.code())
        .says("this is another cluster");
    // The right API server, and a file whose issuer lacks the slash at its end.
    let bare = issuer.strip_suffix('/').unwrap();
    std::fs::write(stage.state(), stage.state_text().replace(&issuer, bare)).unwrap();
    let run = refused(&stage, || configure(&stage).ends(Exit::Failed.code()));
    run.says("only the trailing slash differs").says("az aksbackup prepare");
}

/// The rights of `configure`, without the one that lets its caller read the issuer's discovery document.
fn blind() -> Vec<Rule> {
    let within =
        |verbs: &[&str], group: &str, resource: &str| Rule::new(verbs, &[group], &[resource]).within(NAMESPACE);
    vec![
        within(&["list", "watch", "patch"], "apps", "deployments"),
        within(&["list", "patch"], "", "serviceaccounts"),
        within(&["list", "watch", "create", "delete"], "", "pods"),
        within(&["list", "watch"], "velero.io", "backupstoragelocations"),
    ]
}

#[test]
fn who_may_not_read_the_issuer_asks_for_a_token_or_for_a_right() {
    let stage = granted(Backend::Real);
    let bed = stage.sandbox.bed().unwrap();
    let become_ = |rules: Vec<Rule>, asked: &[&str]| {
        bed.set_persona(Persona::new("nobody", rules)).unwrap();
        until("the API server knows the new role", || {
            let arguments = [&["auth", "can-i", "create", "-n", NAMESPACE], asked].concat();
            stage
                .as_kubectl("nobody", &arguments)
                .stdout
                .starts_with("yes")
                .then_some(())
        });
    };
    become_(blind(), &["pods"]);
    let configure = || stage.configure("nobody", &[]);
    let run = refused(&stage, || configure().ends(Exit::NotPermitted.code()));
    run.says("/.well-known/openid-configuration")
        .says("create serviceaccounts/token")
        .says(NAMESPACE);

    let token = Rule::new(&["create"], &[""], &["serviceaccounts/token"]).within(NAMESPACE);
    become_(
        [blind(), vec![token]].concat(),
        &["serviceaccounts", "--subresource", "token"],
    );
    configure().ok();
    let tokens = bed
        .requests()
        .into_iter()
        .filter(|request| request.user == "nobody" && request.uri.contains("/token"));
    assert_eq!(tokens.map(|request| request.status).collect::<Vec<_>>(), [403, 201]);
    // By that token, too, another cluster is known to be another one.
    let issuer = stage.value("/cloud/prerequisites/issuer");
    std::fs::write(
        stage.state(),
        stage.state_text().replace(&issuer, "https://elsewhere.example/"),
    )
    .unwrap();
    refused(&stage, || configure().ends(Exit::Failed.code()))
        .says("https://elsewhere.example/")
        .says(&issuer);
}

fn rights_in_the_namespace_are_enough(backend: Backend) {
    let stage = granted(backend);
    stage.configure("namespace-admin", &[]).ok();
    let run = stage.kubectl("namespace-admin", &["verify"]).ok();
    run.says("? cluster").says("isn't authorized to read the issuer");
    // Fails before: the steps were done, and the cluster protected, in a cluster that could be any.
    let status = stage.kubectl("namespace-admin", &["status", "-o", "json"]).ok().json();
    let steps = status["steps"].as_array().unwrap();
    let done: Vec<&Value> = steps.iter().filter(|row| row["standing"] == "done").collect();
    assert_eq!(done, Vec::<&Value>::new(), "{status:#}");
    let rollout = steps.iter().find(|row| row["step"] == "rollout").unwrap();
    assert_eq!(
        (&rollout["standing"], &rollout["observed"]),
        (&json!("unknown"), &json!(false))
    );
    let run = stage.kubectl("namespace-admin", &["status"]).ok();
    let run = run.says("but the cluster isn't confirmed to be the one in the state file");
    assert!(!run.stdout.contains("the cluster is protected"), "{run}");
    verify(&stage).ok();
}

fn findings_count_beside_what_is_unknown(backend: Backend) {
    let stage = configured(backend);
    stage
        .sandbox
        .cluster()
        .helm_upgrade_drops_label(crate::stages::GENEVA)
        .unwrap();
    let run = stage.kubectl("namespace-admin", &["verify"]).ends(Exit::Pending.code());
    run.says("? cluster").says("lacks label");
}

on_both! {
    another_cluster_is_refused_before_any_write: another_on_the_small_cluster, another_on_a_real_control_plane;
    rights_in_the_namespace_are_enough: namespace_on_the_small_cluster, namespace_on_a_real_control_plane;
    findings_count_beside_what_is_unknown: unknown_on_the_small_cluster, unknown_on_a_real_control_plane;
}
