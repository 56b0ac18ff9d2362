//! What both programs must spell alike.

/// Namespace that Microsoft's extension installs itself into; it cannot be chosen.
pub const NAMESPACE: &str = "dataprotection-microsoft";

/// The name that Azure gives the extension, and `init` with it.
pub const EXTENSION: &str = "azure-aks-backup";

/// Type of the Azure Backup extension.
pub const EXTENSION_TYPE: &str = "microsoft.dataprotection.kubernetes";

/// Annotation of a service account: the client ID that its pods are to use.
pub const CLIENT_ID_ANNOTATION: &str = "azure.workload.identity/client-id";

/// Pod label that the workload identity webhook selects pods by; its value is the string `true`.
pub const USE_LABEL: &str = "azure.workload.identity/use";

/// Audience of the tokens that Entra exchanges, and of every federated credential.
pub const AUDIENCE: &str = "api://AzureADTokenExchange";

/// Returns whether Microsoft Entra ID of this cloud exchanges tokens with this audience. The workload identity webhook asks for
/// [`AUDIENCE`] in every cloud; a cluster in US Government or China can be configured for that cloud's own audience, and then a federated
/// credential with it is one that works.
#[must_use]
pub fn is_audience(cloud: &str, audience: &str) -> bool {
    let own = match cloud {
        "AzureUSGovernment" => "api://AzureADTokenExchangeUSGov",
        "AzureChinaCloud" => "api://AzureADTokenExchangeChina",
        _ => AUDIENCE,
    };
    audience == AUDIENCE || audience == own
}

/// The service accounts of the guide, used until the cluster side has recorded the real ones, each with the name of
/// its federated credential.
pub const GUIDE_SERVICE_ACCOUNTS: [(&str, &str); 3] = [
    ("dataprotection-microsoft-controller-sa", "dataprotection-controller"),
    (
        "dataprotection-microsoft-kubernetes-agent-server",
        "dataprotection-agent",
    ),
    ("dataprotection-microsoft-geneva-sa", "dataprotection-geneva"),
];

/// Deployment that runs Velero, and Velero's container in it.
pub const AGENT_DEPLOYMENT: &str = "dataprotection-microsoft-kubernetes-agent";
/// The container of [`AGENT_DEPLOYMENT`] whose logs tell of storage errors.
pub const VELERO_CONTAINER: &str = "velero";

/// The backup storage location that the extension makes.
pub const STORAGE_LOCATION: &str = "default";

/// The flags that confirm what gets access, with a space in front, for printed commands. They have placeholders in place of
/// values: values from the state file, pasted back, would let the file confirm itself.
pub const CONFIRMATIONS: &str = " --subscription SUBSCRIPTION --cluster RESOURCE-GROUP/NAME --vault RESOURCE-GROUP/NAME \
    --storage-account RESOURCE-GROUP/NAME --snapshot-resource-group RESOURCE-GROUP";

/// As [`CONFIRMATIONS`], where the vault protects with a user-assigned identity.
pub const CONFIRMED_IDENTITY: &str = " --vault-identity RESOURCE-GROUP/NAME";

/// Returns a title as the start of a line.
#[must_use]
pub fn capital(title: &str) -> String {
    let mut letters = title.chars();
    let first = letters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}
