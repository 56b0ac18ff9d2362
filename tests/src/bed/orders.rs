//! What the bed is told to do, by Azure and by tests: one thing after the other.

use std::sync::Arc;

use kube::Error;
use serde_json::Value;
use tokio::sync::mpsc::UnboundedReceiver;

use super::cluster::Inner;
use super::{helm, people, webhook};
use crate::kubernetes::Persona;
use crate::planes::ExtensionRelease;

/// One order.
#[derive(Debug)]
pub(crate) enum Order {
    /// Helm install or upgrade; without a version the installed one stays.
    Install(ExtensionRelease, Option<String>),
    Uninstall,
    /// The issuer that tokens carry from now on.
    Issuer(Option<String>),
    WorkloadIdentity(bool),
    WebhookDown(bool),
    Recreate {
        kind: &'static str,
        name: String,
    },
    DropLabel(String),
    /// The rights of a persona are these, and no others.
    Rights(Persona),
    /// The API server is killed and started again.
    Restart,
}

/// Carries orders out until the bed is gone. What goes wrong is remembered; whoever waits for the bed is told.
pub(crate) async fn run(inner: Arc<Inner>, mut orders: UnboundedReceiver<Order>) {
    while let Some(order) = orders.recv().await {
        let what = format!("{order:?}");
        if let Err(error) = carry_out(&inner, order).await {
            inner.state().troubles.push(format!("{what}: {error}"));
        }
        inner.stirred.send_modify(|count| *count += 1);
        inner.pending.send_modify(|count| *count = count.saturating_sub(1));
    }
}

async fn carry_out(inner: &Arc<Inner>, order: Order) -> Result<(), Error> {
    match order {
        Order::Install(release, version) => {
            let held = inner.state().release.as_ref().map(|held| held.chart_version.clone());
            let version = version.or(held).unwrap_or_else(|| inner.settings.chart_version.clone());
            helm::install(inner, release, &version).await
        }
        Order::Uninstall => helm::uninstall(inner).await,
        Order::Issuer(issuer) => inner.set_issuer(issuer).await,
        Order::WorkloadIdentity(on) => {
            let before = std::mem::replace(&mut inner.state().workload_identity, on);
            match (before, on) {
                (false, true) => webhook::switch_on(inner).await,
                (true, false) => webhook::switch_off(inner).await,
                _ => Ok(()),
            }
        }
        Order::WebhookDown(down) => webhook::set_down(inner, down).await,
        Order::Recreate { kind, name } => helm::recreate(inner, kind, &name).await,
        Order::DropLabel(deployment) => helm::drop_label(inner, &deployment).await,
        Order::Rights(persona) => rights(inner, persona).await,
        Order::Restart => inner.restart().await,
    }
}

/// Takes the persona's old roles away and makes the new ones.
async fn rights(inner: &Inner, persona: Persona) -> Result<(), Error> {
    let old = inner
        .state()
        .personas
        .iter()
        .find(|own| own.name == persona.name)
        .cloned();
    for (path, role) in old.iter().flat_map(people::roles) {
        let name = role["metadata"]["name"].as_str().unwrap_or_default();
        inner.api.delete(&format!("{path}/{name}"), &Value::Null).await?;
    }
    for (path, role) in people::roles(&persona) {
        match inner.api.create_at(&path, &role).await {
            // A namespace that is not there yet: its roles come with it.
            Err(error) if super::api::code(&error) == Some(404) => {}
            other => other?,
        }
    }
    let mut state = inner.state();
    state.personas.retain(|own| own.name != persona.name);
    state.personas.push(persona);
    Ok(())
}
