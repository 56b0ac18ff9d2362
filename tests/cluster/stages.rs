//! How far the hand-off is when a test begins, and what tells one state of the cluster from another.

use std::collections::{BTreeMap, BTreeSet};

use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::{Run, Stage};
use serde_json::Value;

use crate::looks::{location, own, until};

pub(crate) const AGENT: &str = "dataprotection-microsoft-kubernetes-agent";
pub(crate) const GENEVA: &str = "dataprotection-microsoft-geneva-service";
pub(crate) const AGENT_ACCOUNT: &str = "dataprotection-microsoft-kubernetes-agent-server";
pub(crate) const GENEVA_ACCOUNT: &str = "dataprotection-microsoft-geneva-sa";
pub(crate) const ANNOTATION: &str = "azure.workload.identity/client-id";

/// The cloud side is through, the extension is rolled out, and Velero reaches its storage by the node's identity.
pub(crate) fn granted(backend: Backend) -> Stage {
    granted_with(backend, &[])
}

/// The same with more switches.
pub(crate) fn granted_with(backend: Backend, switches: &[&str]) -> Stage {
    let switches = [&["issuer_on=true", "workload_identity_on=true"], switches].concat();
    let stage = Stage::on(backend, &switches).unwrap();
    stage.granted();
    stage.sandbox.cluster().settled().unwrap();
    until("the extension is rolled out", || {
        let up = own(&stage, "Deployment")
            .iter()
            .filter(|own| own["status"]["readyReplicas"] == 1)
            .count();
        (up == 3).then_some(())
    });
    until("the role has its effect", || {
        (location(&stage)["status"]["phase"] == "Available").then_some(())
    });
    stage
}

/// The same after `configure`.
pub(crate) fn configured(backend: Backend) -> Stage {
    let stage = granted(backend);
    configure(&stage).ok();
    stage
}

/// `configure` by the cluster admin.
pub(crate) fn configure(stage: &Stage) -> Run {
    stage.configure("cluster-admin", &[])
}

/// `verify` by somebody who only reads.
pub(crate) fn verify(stage: &Stage) -> Run {
    stage.kubectl("viewer", &["verify"])
}

/// What `act` changed in the cluster, as far as people did it.
pub(crate) fn changes_of(stage: &Stage, act: impl FnOnce() -> Run) -> (Vec<String>, Run) {
    let before = stage.changes().len();
    let run = act();
    (stage.changes().split_off(before), run)
}

/// The changes without query and without what stands before the kind: `PATCH deployments/NAME`.
pub(crate) fn short(changes: &[String]) -> Vec<String> {
    let one = |change: &String| {
        let (method, uri) = change.split_once(' ').unwrap();
        let path = uri.split('?').next().unwrap_or_default();
        let parts: Vec<&str> = path.rsplitn(3, '/').collect();
        format!("{method} {}/{}", parts[1], parts[0])
    };
    changes.iter().map(one).collect()
}

/// The names of the replica sets, by the deployment that each belongs to.
pub(crate) fn replica_sets(stage: &Stage) -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for set in own(stage, "ReplicaSet") {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let owner = text(&set["metadata"]["ownerReferences"][0]["name"]);
        all.entry(owner).or_default().insert(text(&set["metadata"]["name"]));
    }
    all
}

/// How many replica sets each deployment has got since `before`; those without a new one are left out.
pub(crate) fn new_sets(stage: &Stage, before: &BTreeMap<String, BTreeSet<String>>) -> BTreeMap<String, usize> {
    let none = BTreeSet::new();
    let new = |(name, sets): (String, BTreeSet<String>)| {
        let count = sets.difference(before.get(&name).unwrap_or(&none)).count();
        (name, count)
    };
    replica_sets(stage)
        .into_iter()
        .map(new)
        .filter(|(_, count)| *count > 0)
        .collect()
}

/// Each of the three deployments, once.
pub(crate) fn once_each(stage: &Stage) -> BTreeMap<String, usize> {
    replica_sets(stage).into_keys().map(|name| (name, 1)).collect()
}
