//! Helm's hand on the extension, on the real API server.

use std::time::{Duration, Instant};

use axum::http::Method;
use kube::Error;
use serde_json::{Value, json};

use super::api::{JSON, code};
use super::cluster::Inner;
use super::people;
use crate::kubernetes::{Installed, chart, path_of, place, three_way, velero_definitions};
use crate::planes::ExtensionRelease;

const MANAGER: &str = "helm";

/// Installs the extension, or upgrades it as Helm does: what the chart says is set, what only the old chart said is
/// removed, what others added stays.
///
/// # Errors
/// The API server refuses an object.
pub(crate) async fn install(inner: &Inner, release: ExtensionRelease, chart_version: &str) -> Result<(), Error> {
    define(inner).await?;
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": release.namespace },
    });
    inner.api.create(&namespace, MANAGER).await?;
    admit(inner, &release.namespace).await?;
    let before = inner
        .state()
        .release
        .clone()
        .map(|held| held.manifest)
        .unwrap_or_default();
    let manifest = chart::manifest(&release, chart_version, inner.settings.chart_sets_client_id);
    let same = |one: &Value, other: &Value| one["kind"] == other["kind"] && place(one) == place(other);
    for object in &manifest {
        let known = before.iter().find(|old| same(old, object));
        put(inner, object, known.unwrap_or(&Value::Null)).await?;
    }
    for old in before
        .iter()
        .filter(|old| !manifest.iter().any(|object| same(object, old)))
    {
        remove(inner, old).await?;
    }
    inner.state().release = Some(Installed {
        release,
        chart_version: chart_version.to_owned(),
        manifest,
    });
    Ok(())
}

/// Defines Velero's kinds, and waits until the API server serves the first one, which is that of storage locations.
async fn define(inner: &Inner) -> Result<(), Error> {
    let mut definitions = velero_definitions::all();
    for definition in &mut definitions {
        definition.as_object_mut().map(|object| object.remove("status"));
        inner.api.create(definition, MANAGER).await?;
    }
    let Some(definition) = definitions.first() else {
        return Ok(());
    };
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(60) {
        let live = inner.api.get(&path_of(definition, true)).await?.unwrap_or_default();
        let mut conditions = live["status"]["conditions"].as_array().into_iter().flatten();
        if conditions.any(|condition| condition["type"] == "Established" && condition["status"] == "True") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// People whose rights lie in this namespace get them once it is there.
pub(crate) async fn admit(inner: &Inner, namespace: &str) -> Result<(), Error> {
    let personas = inner.state().personas.clone();
    let within = format!("/namespaces/{namespace}/");
    for (path, role) in personas
        .iter()
        .flat_map(people::roles)
        .filter(|(path, _)| path.contains(&within))
    {
        inner.api.create_at(&path, &role).await?;
    }
    Ok(())
}

/// Creates an object of the chart, or merges it into the live one.
async fn put(inner: &Inner, object: &Value, known: &Value) -> Result<(), Error> {
    let path = path_of(object, true);
    loop {
        let Some(mut live) = inner.api.get(&path).await? else {
            return inner.api.create(object, MANAGER).await;
        };
        three_way(&mut live, known, object);
        let path = format!("{path}?fieldManager={MANAGER}");
        match inner.api.send(Method::PUT, &path, JSON, &live).await {
            Err(error) if code(&error) == Some(409) => {}
            other => return other.map(|_| ()),
        }
    }
}

/// Takes everything of the release away; the namespace and the definitions of custom resources stay, as with Helm.
///
/// # Errors
/// The API server refuses.
pub(crate) async fn uninstall(inner: &Inner) -> Result<(), Error> {
    let held = inner.state().release.take();
    for object in held.iter().flat_map(|held| &held.manifest) {
        remove(inner, object).await?;
    }
    Ok(())
}

async fn remove(inner: &Inner, object: &Value) -> Result<(), Error> {
    let options = json!({ "propagationPolicy": "Background" });
    inner.api.delete(&path_of(object, true), &options).await
}

/// Deletes an object of the release and makes it anew from the chart.
///
/// # Errors
/// The API server refuses.
pub(crate) async fn recreate(inner: &Inner, kind: &str, name: &str) -> Result<(), Error> {
    let held = inner.state().release.clone();
    let mut objects = held.iter().flat_map(|held| &held.manifest);
    let Some(object) = objects.find(|object| object["kind"] == kind && place(object).1 == name) else {
        return Ok(());
    };
    remove(inner, object).await?;
    inner.api.create(object, MANAGER).await
}

/// Takes the workload identity label from the pod template of a deployment, as a chart would that owns it.
///
/// # Errors
/// The API server refuses.
pub(crate) async fn drop_label(inner: &Inner, deployment: &str) -> Result<(), Error> {
    let held = inner.state().release.clone();
    let mut objects = held.iter().flat_map(|held| &held.manifest);
    let named = |object: &&Value| object["kind"] == "Deployment" && place(object).1 == deployment;
    let Some(object) = objects.find(named) else {
        return Ok(());
    };
    let label = json!({ "metadata": { "labels": { "azure.workload.identity/use": null } } });
    let path = format!("{}?fieldManager={MANAGER}", path_of(object, true));
    inner
        .api
        .merge(&path, &json!({ "spec": { "template": label } }))
        .await?;
    Ok(())
}
