//! What can be chosen about the cluster before it starts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::{Persona, Rule};
use super::cluster::Fault;

/// Everything about the cluster that can be chosen before it starts. All durations are seconds of the model.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Version that `/version` answers.
    pub version: String,
    /// Tenant that the webhook injects.
    pub tenant_id: String,
    /// Authority host that the webhook injects, with its trailing slash.
    pub authority_host: String,
    /// Issuer of service account tokens while AKS's OIDC issuer is off.
    pub default_issuer: String,
    /// Name of the only node.
    pub node_name: String,
    /// `spec.providerID` of that node.
    pub node_provider_id: String,
    /// From the creation of a pod until all its containers are ready.
    pub pod_start: f64,
    /// From the deletion of a pod until it is gone.
    pub pod_stop: f64,
    /// How far the webhook's service account cache lags behind the API server.
    pub webhook_lag: f64,
    /// Added to every answer.
    pub latency: f64,
    /// Whether no webhook pod answers (its failure policy is Fail).
    pub webhook_down: bool,
    /// From velero's container being ready until it validates for the first time.
    pub validation_start: f64,
    /// Between two validations of one storage location (Velero's `--store-validation-frequency`).
    pub validation_period: f64,
    /// How Velero words what it stores in `status.message`.
    pub dialect: Dialect,
    /// Version of the extension's Helm chart.
    pub chart_version: String,
    /// Whether the chart itself sets `AZURE_CLIENT_ID` on velero's container, which the webhook never overwrites.
    pub chart_sets_client_id: bool,
    /// What goes wrong with the new pods of a deployment, by its name.
    pub faults: BTreeMap<String, Fault>,
    /// How many changes a watch can look back on before it is told 410 Gone.
    pub watch_history: usize,
    /// Who may call, with which rights.
    pub personas: Vec<Persona>,
}

/// The two wordings that Velero has stored over time for an error of the storage service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dialect {
    /// `desc = CODE: message`, since the end of 2025.
    Newer,
    /// The whole HTTP exchange, before that.
    Older,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            version: "v1.33.5".to_owned(),
            tenant_id: "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10".to_owned(),
            authority_host: "https://login.microsoftonline.com/".to_owned(),
            default_issuer: "https://aks-demo-dns-0x7k2p4q.hcp.westeurope.azmk8s.io".to_owned(),
            node_name: "aks-nodepool1-31415926-vmss000000".to_owned(),
            node_provider_id: concat!(
                "azure:///subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590",
                "/resourceGroups/mc_rg-aks_aks-demo_westeurope",
                "/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-31415926-vmss/virtualMachines/0"
            )
            .to_owned(),
            pod_start: 12.0,
            pod_stop: 2.0,
            webhook_lag: 2.0,
            latency: 0.0,
            webhook_down: false,
            validation_start: 3.0,
            validation_period: 60.0,
            dialect: Dialect::Newer,
            chart_version: "0.0.3180".to_owned(),
            chart_sets_client_id: false,
            faults: BTreeMap::new(),
            watch_history: 1000,
            personas: personas(),
        }
    }
}

/// The four personas that the sandbox starts with.
pub(crate) fn personas() -> Vec<Persona> {
    let read = ["get", "list", "watch"];
    vec![
        Persona::new("cluster-admin", vec![Rule::everything()]).with_group("system:masters"),
        Persona::new(
            "namespace-admin",
            vec![Rule::new(&["*"], &["*"], &["*"]).within("dataprotection-microsoft")],
        ),
        Persona::new("viewer", vec![Rule::new(&read, &["*"], &["*"])]),
        Persona::new("nobody", Vec::new()),
    ]
}
