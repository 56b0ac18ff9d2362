//! The manifests of `docs/rbac`, applied to a real control plane: enough for their commands, and without one right too few.

use std::collections::BTreeSet;
use std::path::Path;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::{Value, json};

use crate::looks::{NAMESPACE, pods, until};
use crate::stages::{AGENT, AGENT_ACCOUNT, configured, granted, verify};

const ISSUER: &str = "/.well-known/openid-configuration";

/// One verb on one kind of object of the role, or on one path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Right {
    verb: String,
    group: String,
    resource: String,
}

impl Right {
    fn new(verb: &str, group: &str, resource: &str) -> Self {
        let [verb, group, resource] = [verb, group, resource].map(str::to_owned);
        Self { verb, group, resource }
    }

    fn rule(&self) -> Value {
        json!({ "verbs": [self.verb], "apiGroups": [self.group], "resources": [self.resource] })
    }

    /// As the program and `kubectl auth can-i` name it.
    fn words(&self) -> String {
        match self.group.as_str() {
            "" => format!("{} {}", self.verb, self.resource),
            group => format!("{} {}.{group}", self.verb, self.resource),
        }
    }
}

/// Applies a manifest of the documentation and binds it to `nobody`, as its first lines say. Gives the role's rights.
fn applied(stage: &Stage, name: &str) -> Vec<Right> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/rbac")
        .join(format!("{name}.yaml"));
    let admin = |arguments: &[&str]| stage.as_kubectl("cluster-admin", arguments).ok();
    admin(&["apply", "-f", file.to_str().unwrap()]);
    let role = format!("aksbackup-{name}");
    let user = ["--user", "nobody"];
    admin(
        &[
            &["create", "rolebinding", &role, "-n", NAMESPACE, "--role", &role],
            &user[..],
        ]
        .concat(),
    );
    admin(
        &[
            &["create", "clusterrolebinding", &role, "--clusterrole", &role],
            &user[..],
        ]
        .concat(),
    );
    let live = admin(&["get", "role", &role, "-n", NAMESPACE, "-o", "json"]);
    let live: Value = serde_json::from_str(&live.stdout).unwrap();
    let texts = |value: &Value| -> Vec<String> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|own| own.as_str().unwrap().to_owned())
            .collect()
    };
    let mut rights = BTreeSet::new();
    for rule in live["rules"].as_array().unwrap() {
        for (verb, resource) in texts(&rule["verbs"]).iter().flat_map(|verb| {
            texts(&rule["resources"])
                .into_iter()
                .map(move |own| (verb.clone(), own))
        }) {
            rights.insert(Right::new(&verb, &texts(&rule["apiGroups"])[0], &resource));
        }
    }
    rights.into_iter().collect()
}

/// Lets the role hold just these rights, and waits until the API server has heard of it.
fn hold(stage: &Stage, name: &str, rights: &[Right], lost: Option<&Right>) {
    let rules: Vec<Value> = rights
        .iter()
        .filter(|own| Some(*own) != lost)
        .map(Right::rule)
        .collect();
    let patch = json!({ "rules": rules }).to_string();
    let role = format!("aksbackup-{name}");
    let arguments = ["patch", "role", &role, "-n", NAMESPACE, "--type", "merge", "-p", &patch];
    stage.as_kubectl("cluster-admin", &arguments).ok();
    until("the API server knows the role", || {
        let asked = |right: &Right| {
            let words = right.words();
            let (verb, resource) = words.split_once(' ').unwrap();
            let run = stage.as_kubectl("nobody", &["auth", "can-i", verb, resource, "-n", NAMESPACE]);
            run.stdout.starts_with("yes")
        };
        let known = match lost {
            Some(right) => !asked(right) && rights.iter().find(|own| *own != right).is_none_or(asked),
            None => rights.iter().all(asked),
        };
        known.then_some(())
    });
}

/// What `nobody` was allowed or refused since the audit log had `since` entries.
fn used(stage: &Stage, since: usize, allowed: bool) -> BTreeSet<Right> {
    let requests = stage.sandbox.bed().unwrap().requests().into_iter().skip(since);
    let own = requests.filter(|own| own.user == "nobody" && own.user_agent.starts_with("kubectl-aksbackup"));
    own.filter(|own| if allowed { own.status < 400 } else { own.status == 403 })
        .filter_map(|own| {
            let path = own.uri.split('?').next()?.to_owned();
            let (group, rest) = match path.strip_prefix("/apis/") {
                Some(rest) => rest.split_once('/')?,
                None => ("", path.strip_prefix("/api/")?),
            };
            if rest.ends_with(&format!("/namespaces/{NAMESPACE}")) {
                return Some(Right::new(&own.verb, group, "namespaces"));
            }
            let own_part = rest.split_once(&format!("/namespaces/{NAMESPACE}/"))?.1;
            Some(Right::new(&own.verb, group, own_part.split('/').next()?))
        })
        .collect()
}

fn as_nobody(stage: &Stage, arguments: &[&str]) -> Run {
    stage.kubectl("nobody", arguments)
}

/// A pod of the agent that was made while its service account had no annotation.
fn missed_pod(stage: &Stage) {
    stage.sandbox.cluster().recreate_service_account(AGENT_ACCOUNT).unwrap();
    let agent = || {
        pods(stage)
            .into_iter()
            .find(|pod| pod["metadata"]["labels"]["name"] == "velero")
    };
    let name = |pod: &Value| pod["metadata"]["name"].as_str().unwrap().to_owned();
    let old = name(&agent().unwrap());
    stage
        .as_kubectl(
            "cluster-admin",
            &["delete", "pod", &old, "-n", NAMESPACE, "--wait=false"],
        )
        .ok();
    until("a pod in its place", || {
        agent().filter(|pod| name(pod) != old && name(pod).starts_with(AGENT))
    });
}

#[test]
fn configure_uses_every_right_of_its_manifest_and_fails_without_any() {
    let stage = granted(Backend::Real);
    let rights = applied(&stage, "configure");
    for right in rights.iter().filter(|own| own.verb != "watch") {
        hold(&stage, "configure", &rights, Some(right));
        let words = format!("{} in namespace {NAMESPACE}", right.words());
        stage
            .configure("nobody", &[])
            .ends(Exit::NotPermitted.code())
            .says(&words);
    }
    let own = stage
        .sandbox
        .bed()
        .unwrap()
        .requests()
        .into_iter()
        .filter(|own| own.write && own.user == "nobody");
    assert_eq!(own.count(), 0, "refused before the first write");

    hold(&stage, "configure", &rights, None);
    let since = stage.sandbox.bed().unwrap().requests().len();
    stage.configure("nobody", &[]).ok();
    missed_pod(&stage);
    stage.configure("nobody", &[]).ok();
    verify(&stage).ok();
    let expected: BTreeSet<Right> = rights.iter().cloned().collect();
    assert_eq!(
        used(&stage, since, true),
        expected,
        "each right was used, and nothing beside them was allowed"
    );
    assert_eq!(
        used(&stage, since, false),
        BTreeSet::new(),
        "nothing more was asked for"
    );
}

#[test]
fn configure_without_watching_only_waits_less_well() {
    let stage = granted(Backend::Real);
    let rights = applied(&stage, "configure");
    let still: Vec<Right> = rights.iter().filter(|own| own.verb != "watch").cloned().collect();
    hold(&stage, "configure", &still, None);
    stage.configure("nobody", &[]).ok();
    let watches: BTreeSet<Right> = rights.into_iter().filter(|own| own.verb == "watch").collect();
    assert_eq!(
        used(&stage, 0, false),
        watches,
        "each of them was asked for and refused"
    );
    verify(&stage).ok();
}

#[test]
fn verify_uses_every_right_of_its_manifest_and_names_each_that_it_lacks() {
    let stage = configured(Backend::Real);
    let rights = applied(&stage, "verify");
    // The cluster role lists deployments everywhere, so that nothing is lost with the role's own rule.
    for right in rights.iter().filter(|own| own.resource != "deployments") {
        hold(&stage, "verify", &rights, Some(right));
        let words = format!("{} in namespace {NAMESPACE}", right.words());
        as_nobody(&stage, &["verify"]).ok().says(&words);
    }
    hold(&stage, "verify", &rights, None);
    let since = stage.sandbox.bed().unwrap().requests().len();
    as_nobody(&stage, &["verify"]).ok().says("✓ cluster");
    as_nobody(&stage, &["status"]).ok();
    assert_eq!(used(&stage, since, true), rights.into_iter().collect::<BTreeSet<_>>());
    // Without the cluster role nothing proves which cluster this is, which is said and no failure.
    stage
        .as_kubectl("cluster-admin", &["delete", "clusterrolebinding", "aksbackup-verify"])
        .ok();
    until("the API server knows", || {
        let run = stage.as_kubectl("nobody", &["auth", "can-i", "get", ISSUER]);
        (!run.stdout.starts_with("yes")).then_some(())
    });
    as_nobody(&stage, &["verify"]).ok().says("? cluster");
}
