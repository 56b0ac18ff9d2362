//! Helm's hand on the extension: install, upgrade, uninstall.

use std::sync::Arc;

use serde_json::Value;

use super::chart;
use super::cluster::{Installed, Kubernetes};
use super::controllers::place;
use super::patch;
use super::resources::{self, Resource};
use super::store::Options;
use super::velero_definitions;
use crate::planes::ExtensionRelease;

const MANAGER: &str = "helm";

fn resource(object: &Value) -> Option<&'static Resource> {
    object["kind"].as_str().and_then(resources::of_kind)
}

/// Installs the extension, or upgrades it as Helm does: what the chart says is set, what only the old chart said is
/// removed, what others added stays.
pub(crate) fn install(cluster: &Kubernetes, release: ExtensionRelease, chart_version: &str) {
    let options = Options::by(MANAGER, None);
    if let Some(definitions) = resources::named("customresourcedefinitions") {
        for definition in velero_definitions::all() {
            let _ = cluster.create(definitions, definition, &options);
        }
    }
    cluster.create_namespace(&release.namespace, &options);
    let installed = cluster.state().release.clone();
    let before = installed
        .map(|installed| installed.manifest.clone())
        .unwrap_or_default();
    let manifest = chart::manifest(&release, chart_version, cluster.settings.chart_sets_client_id);
    let same = |one: &Value, other: &Value| one["kind"] == other["kind"] && place(one) == place(other);
    for object in &manifest {
        let known = before.iter().find(|old| same(old, object));
        put(cluster, object, known.unwrap_or(&Value::Null), &options);
    }
    for old in before
        .iter()
        .filter(|old| !manifest.iter().any(|object| same(object, old)))
    {
        remove(cluster, old);
    }
    let chart_version = chart_version.to_owned();
    cluster.state().release = Some(Arc::new(Installed {
        release,
        chart_version,
        manifest,
    }));
    cluster.stir();
}

/// Creates an object of the chart, or merges it into the live one.
fn put(cluster: &Kubernetes, object: &Value, known: &Value, options: &Options) {
    let Some(resource) = resource(object) else { return };
    let (namespace, name) = place(object);
    let outcome = cluster.store.modify(resource, namespace, name, options, |live| {
        let mut live = live.clone();
        patch::three_way(&mut live, known, object);
        Ok(live)
    });
    if outcome.is_err() {
        let _ = cluster.create(resource, object.clone(), options);
    }
}

/// Takes everything of the release away; the namespace and the definitions of custom resources stay, as with Helm.
pub(crate) fn uninstall(cluster: &Kubernetes) {
    let Some(installed) = cluster.state().release.take() else {
        return;
    };
    installed.manifest.iter().for_each(|object| remove(cluster, object));
}

fn remove(cluster: &Kubernetes, object: &Value) {
    if let Some(resource) = resource(object) {
        let (namespace, name) = place(object);
        cluster.store.remove(resource.plural, namespace, name);
    }
}

/// Deletes an object of the release and makes it anew from the chart.
pub(crate) fn recreate(cluster: &Kubernetes, kind: &str, name: &str) {
    let Some(installed) = cluster.state().release.clone() else {
        return;
    };
    let wanted = installed
        .manifest
        .iter()
        .find(|object| object["kind"] == kind && place(object).1 == name);
    let Some(object) = wanted else { return };
    remove(cluster, object);
    if let Some(resource) = resource(object) {
        let _ = cluster.create(resource, object.clone(), &Options::by(MANAGER, None));
    }
}

/// Takes the workload identity label from the pod template of a deployment, as a chart would that owns it.
pub(crate) fn drop_label(cluster: &Kubernetes, deployment: &str) {
    let Some(installed) = cluster.state().release.clone() else {
        return;
    };
    let Some(resource) = resources::named("deployments") else {
        return;
    };
    let options = Options::by(MANAGER, None);
    let _ = cluster
        .store
        .modify(resource, &installed.release.namespace, deployment, &options, |live| {
            let mut live = live.clone();
            if let Some(labels) = live["spec"]["template"]["metadata"]["labels"].as_object_mut() {
                labels.remove("azure.workload.identity/use");
            }
            Ok(live)
        });
}
