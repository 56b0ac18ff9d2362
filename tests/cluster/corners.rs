//! Clusters that are set up in ways that are rare and right: roles that name objects, another Velero next to the extension, a full quota,
//! policies that cannot tell a trial from a rollout.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::kubernetes::{Persona, Rule};
use serde_json::{Value, json};

use crate::between::Between;
use crate::looks::{NAMESPACE, own, rolled_out, until};
use crate::stages::{AGENT, changes_of, configure, configured, granted, verify};

fn names(stage: &Stage, kind: &str) -> Vec<String> {
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    own(stage, kind).iter().map(name).collect()
}

fn create(stage: &Stage, object: &Value) {
    let file = stage.folder().join("object.json");
    std::fs::write(&file, object.to_string()).unwrap();
    let arguments = ["create", "--validate=false", "-f", file.to_str().unwrap()];
    stage.as_kubectl("cluster-admin", &arguments).ok();
}

#[test]
fn a_role_that_names_its_objects_is_enough() {
    let stage = granted(Backend::Real);
    let on = |rule: Rule, kind: &str| names(&stage, kind).iter().fold(rule, |rule, name| rule.on(name));
    let rules = vec![
        Rule::new(&["list"], &["", "apps", "velero.io"], &["*"]).within(NAMESPACE),
        Rule::new(&["create", "delete"], &[""], &["pods"]).within(NAMESPACE),
        on(
            Rule::new(&["patch"], &["apps"], &["deployments"]).within(NAMESPACE),
            "Deployment",
        ),
        on(
            Rule::new(&["patch"], &[""], &["serviceaccounts"]).within(NAMESPACE),
            "ServiceAccount",
        ),
        Rule::url("get", "/.well-known/openid-configuration"),
    ];
    stage
        .sandbox
        .bed()
        .unwrap()
        .set_persona(Persona::new("nobody", rules))
        .unwrap();
    let may = |object: &str| {
        let run = stage.as_kubectl("nobody", &["auth", "can-i", "patch", object, "-n", NAMESPACE]);
        run.stdout.starts_with("yes")
    };
    until("the API server knows the role", || {
        may(&format!("deployments.apps/{AGENT}")).then_some(())
    });
    assert!(!may("deployments.apps"), "the role names its objects");
    stage.configure("nobody", &[]).ok();
    verify(&stage).ok();
}

/// A policy of the API server itself: `resource` must meet `expression` when it is created or changed.
fn policy(stage: &Stage, group: &str, resource: &str, expression: &str, message: &str) {
    let (api, name) = ("admissionregistration.k8s.io/v1", format!("test-{resource}"));
    let rule = json!({ "apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource] });
    let validation = json!({ "expression": expression, "message": message });
    let policy = json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": { "name": name },
        "spec": { "failurePolicy": "Fail", "matchConstraints": { "resourceRules": [rule] }, "validations": [validation] },
    });
    let binding = json!({
        "apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding", "metadata": { "name": name },
        "spec": { "policyName": name, "validationActions": ["Deny"] },
    });
    [policy, binding].iter().for_each(|object| create(stage, object));
}

#[test]
fn a_policy_of_the_api_server_is_told_from_a_missing_permission_and_bare_pods_prove_nothing() {
    let stage = granted(Backend::Real);
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "bare", "namespace": NAMESPACE },
        "spec": { "containers": [{ "name": "c", "image": "i" }] },
    });
    let file = stage.folder().join("bare.json");
    std::fs::write(&file, pod.to_string()).unwrap();
    policy(
        &stage,
        "",
        "pods",
        "has(object.metadata.ownerReferences)",
        "naked pods cannot be created",
    );
    until("bare pods are refused", || {
        let arguments = ["create", "--dry-run=server", "-f", file.to_str().unwrap()];
        let run = stage.as_kubectl("cluster-admin", &arguments);
        run.stderr
            .contains("denied request: naked pods cannot be created")
            .then_some(())
    });
    let unlabelled = "!has(object.spec.template.metadata.annotations) || \
         !('aksbackup.io/workload-identity' in object.spec.template.metadata.annotations)";
    policy(
        &stage,
        "apps",
        "deployments",
        unlabelled,
        "templates cannot be changed on Fridays",
    );
    let annotate = [
        "annotate",
        "deployment",
        AGENT,
        "-n",
        NAMESPACE,
        "--dry-run=server",
        "a=b",
    ];
    stage.as_kubectl("cluster-admin", &annotate).ok();
    let patch = r#"{"spec":{"template":{"metadata":{"annotations":{"aksbackup.io/workload-identity":"x"}}}}}"#;
    until("changes of templates are refused", || {
        let arguments = [
            "patch",
            "deployment",
            AGENT,
            "-n",
            NAMESPACE,
            "--dry-run=server",
            "-p",
            patch,
        ];
        let run = stage.as_kubectl("cluster-admin", &arguments);
        run.stderr.contains("denied request: templates cannot").then_some(())
    });
    let (changes, run) = changes_of(&stage, || configure(&stage));
    assert!(
        changes.iter().all(|own| own.contains("dryRun=All")),
        "{changes:?}\n{run}"
    );
    let run = run
        .ends(Exit::Failed.code())
        .says("templates cannot be changed on Fridays");
    run.says("a policy or quota of the cluster denied the request");
    let delete = ["delete", "validatingadmissionpolicybinding", "test-deployments"];
    stage.as_kubectl("cluster-admin", &delete).ok();
    until("templates can be changed again", || {
        let arguments = [
            "patch",
            "deployment",
            AGENT,
            "-n",
            NAMESPACE,
            "--dry-run=server",
            "-p",
            patch,
        ];
        let run = stage.as_kubectl("cluster-admin", &arguments);
        (!run.stderr.contains("denied request")).then_some(())
    });
    configure(&stage).ok();
    verify(&stage).ok();
}

fn stranger(stage: &Stage) {
    let labels = json!({ "app": "guest" });
    let pod = json!({ "containers": [{ "name": "velero", "image": "example.com/velero:1" }] });
    create(
        stage,
        &json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": { "name": "guest", "namespace": NAMESPACE },
            "spec": { "replicas": 1, "selector": { "matchLabels": labels }, "template": { "metadata": { "labels": labels }, "spec": pod } },
        }),
    );
    until("the other Velero has its pod", || {
        let mut pods = own(stage, "Pod").into_iter();
        pods.any(|pod| pod["metadata"]["labels"]["app"] == "guest")
            .then_some(())
    });
}

#[test]
fn another_velero_in_the_namespace_counts_for_nothing() {
    let stage = granted(Backend::Small);
    stranger(&stage);
    configure(&stage).ok();
    verify(&stage).ok();
    let logs = stage.kubectl("viewer", &["logs", "--tail", "5"]).ok();
    assert!(!logs.stdout.contains("[guest"), "{logs}");
}

#[test]
fn logs_takes_what_kubectl_logs_takes() {
    let stage = configured(Backend::Small);
    let logs = |arguments: &[&str]| {
        let run = stage.kubectl("viewer", &[&["logs"], arguments].concat()).ok();
        run.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(logs(&["--tail", "1"]).len(), 1);
    let whole = logs(&["--tail=-1", "--follow=false", "--v=6", "-p=false"]);
    assert!(!whole.is_empty());
    let stamped = logs(&["--tail=-1", "--timestamps"]);
    let time = stamped[0].split(' ').next().unwrap();
    assert!(time.parse::<jiff::Timestamp>().is_ok(), "{stamped:?}");
    assert_eq!(logs(&["--tail=-1", "--since-time", "2100-01-01T00:00:00Z"]).len(), 0);
    let all = logs(&["--all-containers"]);
    assert!(all.iter().any(|line| line.contains("/velero] ")), "{all:?}");
    stage.kubectl("viewer", &["logs", "--tail=-2"]).ends(Exit::Usage.code());
}

#[test]
fn nothing_is_written_where_velero_would_not_validate_its_storage_again() {
    let stage = granted(Backend::Small);
    let frequency = |value: &str| {
        let patch = format!(r#"{{"spec":{{"validationFrequency":{value}}}}}"#);
        let arguments = ["patch", "bsl", "default", "-n", NAMESPACE, "--type=merge", "-p", &patch];
        stage.as_kubectl("cluster-admin", &arguments).ok();
    };
    frequency(r#""0s""#);
    let (changes, run) = changes_of(&stage, || configure(&stage));
    let kept: Vec<&String> = changes.iter().filter(|own| !own.contains("dryRun=All")).collect();
    assert!(kept.is_empty(), "{kept:?}");
    run.ends(Exit::Failed.code()).says("its validationFrequency is 0");
    frequency("null");
    configure(&stage).ok();
}

#[test]
fn a_full_quota_is_no_obstacle_where_new_pods_take_the_places_of_old_ones() {
    let stage = granted(Backend::Real);
    for name in names(&stage, "Deployment") {
        let patch = json!({ "spec": { "strategy": { "rollingUpdate": { "maxSurge": 0, "maxUnavailable": 1 } } } });
        stage
            .sandbox
            .bed()
            .unwrap()
            .patch("Deployment", NAMESPACE, &name, &patch)
            .unwrap();
    }
    rolled_out(&stage);
    let quota = ["create", "quota", "frugal", "-n", NAMESPACE, "--hard=pods=3"];
    stage.as_kubectl("cluster-admin", &quota).ok();
    until("the quota is counted", || {
        let get = ["get", "quota", "frugal", "-n", NAMESPACE, "-o", "json"];
        let quota = stage.as_kubectl("cluster-admin", &get).ok();
        quota.stdout.contains(r#""used""#).then_some(())
    });
    configure(&stage).ok();
    verify(&stage).ok();
}

#[test]
fn an_api_server_that_fails_for_a_moment_ends_no_wait() {
    let stage = granted(Backend::Small);
    let failed = std::sync::Mutex::new(std::collections::BTreeMap::<String, u32>::new());
    let between = Between::of(&stage, move |call| {
        let kind = call.line.split('?').next().unwrap_or_default().to_owned();
        let mut failed = failed.lock().unwrap();
        let times = failed.entry(kind).or_default();
        *times += 1;
        let code = if call.line.starts_with("PATCH") { 500 } else { 502 };
        (*times == 1).then(|| {
            json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": "InternalError",
                "message": "etcdserver: leader changed",
            })
        })
    });
    let user = json!({ "token": "any" });
    between
        .run(
            &stage,
            &user,
            &[
                "configure",
                "--yes",
                "--client-id",
                &stage.value("/cloud/identity/client_id"),
            ],
        )
        .ok();
}

#[test]
fn unconfigure_does_not_leave_labelled_pods_of_a_paused_deployment_behind() {
    let stage = configured(Backend::Small);
    let rollout = |verb: &str| {
        stage
            .as_kubectl(
                "cluster-admin",
                &["rollout", verb, "deployment", AGENT, "-n", NAMESPACE],
            )
            .ok();
    };
    rollout("pause");
    let before = stage.changes().len();
    stage
        .kubectl("cluster-admin", &["unconfigure", "--yes"])
        .ends(Exit::Failed.code())
        .says(&format!("deployment {AGENT} is paused"))
        .says("kubectl rollout resume");
    assert_eq!(stage.changes().len(), before, "nothing was reverted");
    rollout("resume");
    stage.kubectl("cluster-admin", &["unconfigure", "--yes"]).ok();
}
