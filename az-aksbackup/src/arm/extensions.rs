//! Cluster extensions.

use crate::arm::identities::{Identity, IdentityProperties};
use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{ClientId, PrincipalId, ResourceId};
use aksbackup_shared::names::{EXTENSION_TYPE, NAMESPACE};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::{registered, versions};

/// Type of an extension, as an extension resource of a cluster.
pub(crate) const KIND: &str = "Microsoft.KubernetesConfiguration/extensions";

/// An extension of a cluster.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Extension {
    /// Its name, which is also Helm's release name.
    pub(crate) name: String,
    /// When it was created. Who did is null in Azure's answers.
    #[serde(rename = "systemData")]
    pub(crate) system_data: Option<SystemData>,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: ExtensionProperties,
}

/// What Azure Resource Manager notes of a resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SystemData {
    /// When it was created.
    pub(crate) created_at: Option<Timestamp>,
}

/// Properties of an extension.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ExtensionProperties {
    /// Such as `microsoft.dataprotection.kubernetes`, in any case.
    pub(crate) extension_type: Option<String>,
    /// Azure's word for what goes on with it.
    pub(crate) provisioning_state: Option<String>,
    /// The chart's settings under their wire names.
    pub(crate) configuration_settings: Option<BTreeMap<String, Option<String>>>,
    /// Why it failed.
    pub(crate) error_info: Option<ErrorInfo>,
    /// What its agents report.
    pub(crate) statuses: Option<Vec<Status>>,
    /// Whether Azure upgrades minor versions.
    pub(crate) auto_upgrade_minor_version: Option<bool>,
    /// Where upgrades come from, in any case.
    pub(crate) release_train: Option<String>,
    /// The version that it was told to stay at.
    pub(crate) version: Option<String>,
    /// The version that runs.
    pub(crate) current_version: Option<String>,
    /// Where it is installed.
    pub(crate) scope: Option<Scope>,
    /// The identity that came with it; none while it is being created.
    pub(crate) aks_assigned_identity: Option<AssignedIdentity>,
}

/// An error of an extension.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ErrorInfo {
    /// Such as `ExtensionOperationFailed`.
    pub(crate) code: Option<String>,
    /// What Helm or the agent said.
    pub(crate) message: Option<String>,
}

/// What an agent reports.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Status {
    /// `Error`, `Warning` or `Information`.
    pub(crate) level: Option<String>,
    /// The text.
    pub(crate) message: Option<String>,
}

/// Where an extension is installed.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Scope {
    /// The whole cluster.
    pub(crate) cluster: Option<ClusterScope>,
}

/// Installation for a whole cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ClusterScope {
    /// Namespace of the Helm release.
    pub(crate) release_namespace: Option<String>,
}

/// The identity that AKS gave an extension. Newer api-versions name more than the principal.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AssignedIdentity {
    /// Its principal.
    pub(crate) principal_id: Option<PrincipalId>,
    /// Its client ID.
    pub(crate) client_id: Option<ClientId>,
    /// The user-assigned identity.
    pub(crate) resource_id: Option<ResourceId>,
}

/// How an extension is upgraded; what is `None` isn't said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Upgrades {
    /// Whether minor versions are upgraded.
    pub(crate) automatic: Option<bool>,
    /// Where they come from.
    pub(crate) train: Option<String>,
    /// The version that it stays at.
    pub(crate) version: Option<String>,
}

impl Extension {
    /// Returns how it is upgraded, with the version that runs where it wasn't told to stay at one.
    pub(crate) fn upgrades(&self) -> Upgrades {
        let own = &self.properties;
        Upgrades {
            automatic: own.auto_upgrade_minor_version,
            train: own.release_train.clone(),
            version: own.version.clone().or_else(|| own.current_version.clone()),
        }
    }

    /// Whether it is Azure Backup's. Its name does not matter, and Azure does not keep the case of types.
    pub(crate) fn is_backup(&self) -> bool {
        let kind = self.properties.extension_type.as_deref().unwrap_or_default();
        kind.eq_ignore_ascii_case(EXTENSION_TYPE)
    }

    /// Azure's word for what goes on with it.
    pub(crate) fn provisioning_state(&self) -> &str {
        self.properties.provisioning_state.as_deref().unwrap_or("Unknown")
    }

    /// Whether it is installed and well.
    pub(crate) fn is_installed(&self) -> bool {
        self.provisioning_state().eq_ignore_ascii_case("Succeeded")
    }

    /// Whether its last operation failed.
    pub(crate) fn has_failed(&self) -> bool {
        ["Failed", "Canceled"].contains(&self.provisioning_state())
    }

    /// The namespace of its Helm release, where Azure says.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.properties
            .scope
            .as_ref()?
            .cluster
            .as_ref()?
            .release_namespace
            .as_deref()
    }

    /// A setting, empty where it is not set.
    pub(crate) fn setting(&self, key: &str) -> &str {
        let settings = self.properties.configuration_settings.as_ref();
        let value = settings.and_then(|settings| settings.get(key));
        value.and_then(Option::as_deref).unwrap_or_default()
    }

    /// The principal of its identity.
    pub(crate) fn principal(&self) -> Option<&PrincipalId> {
        self.properties.aks_assigned_identity.as_ref()?.principal_id.as_ref()
    }

    /// Why it failed, in Azure's words: the error first, then what the agents report.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let properties = &self.properties;
        let error = properties.error_info.iter().filter_map(|error| error.message.clone());
        let statuses = properties.statuses.iter().flatten();
        let reported = statuses
            .filter(|status| {
                status
                    .level
                    .as_deref()
                    .is_some_and(|level| level.eq_ignore_ascii_case("Error"))
            })
            .filter_map(|status| status.message.clone());
        error.chain(reported).collect()
    }
}

/// The id of an extension of `cluster`.
pub(crate) fn extension_id(cluster: &ResourceId, name: &str) -> ResourceId {
    cluster.extension(KIND, name)
}

/// The Azure Backup extensions of a cluster, whatever their names.
pub(crate) async fn of_backup(reader: &Reader, cluster: &ResourceId) -> Outcome<Vec<Extension>> {
    let path = format!("{cluster}/providers/{KIND}");
    let all: Vec<Extension> = registered::or_nothing(reader.list(&path, versions::EXTENSIONS).await)?;
    Ok(all.into_iter().filter(Extension::is_backup).collect())
}

/// An extension; `None` where there is none.
pub(crate) async fn extension(reader: &Reader, extension: &ResourceId) -> Outcome<Option<Extension>> {
    reader.get(extension.as_str(), versions::EXTENSIONS).await
}

/// Installs Azure Backup's extension with these settings under their wire names. For AKS the body has no identity
/// block: the service makes the identity itself.
pub(crate) async fn install(
    writer: &Writer,
    extension: &ResourceId,
    (settings, upgrades): (&BTreeMap<String, String>, &Upgrades),
) -> Outcome<Answer> {
    let mut body = body(settings);
    upgrade(&mut body, upgrades);
    writer.put(extension.as_str(), versions::EXTENSIONS, &body, None).await
}

/// The body of a new extension.
pub(crate) fn body(settings: &BTreeMap<String, String>) -> Value {
    json!({ "properties": {
        "extensionType": EXTENSION_TYPE,
        "autoUpgradeMinorVersion": true,
        "releaseTrain": "stable",
        "scope": { "cluster": { "releaseNamespace": NAMESPACE } },
        "configurationSettings": settings,
    } })
}

/// Sets these settings and leaves all others as they are.
pub(crate) async fn set(
    writer: &Writer,
    extension: &ResourceId,
    (settings, upgrades): (&BTreeMap<String, String>, &Upgrades),
) -> Outcome<Answer> {
    let mut body = json!({ "properties": { "configurationSettings": settings } });
    if upgrades.automatic == Some(true) {
        // With a version, Azure rejects automatic upgrades.
        body["properties"]["version"] = Value::Null;
    }
    upgrade(&mut body, upgrades);
    writer.patch(extension.as_str(), versions::EXTENSIONS, &body).await
}

/// Adds to a body how the extension is upgraded.
fn upgrade(body: &mut Value, upgrades: &Upgrades) {
    let own = &mut body["properties"];
    if let Some(automatic) = upgrades.automatic {
        own["autoUpgradeMinorVersion"] = json!(automatic);
    }
    if let Some(train) = &upgrades.train {
        own["releaseTrain"] = json!(train);
    }
    if let Some(version) = &upgrades.version {
        own["version"] = json!(version);
    }
}

/// The identity as newer api-versions name it.
pub(crate) fn named_by(extension: &Extension) -> Option<Identity> {
    let own = extension.properties.aks_assigned_identity.as_ref()?;
    let properties = IdentityProperties {
        principal_id: own.principal_id.clone()?,
        client_id: own.client_id.clone()?,
    };
    Some(Identity {
        id: own.resource_id.clone()?,
        properties,
    })
}

/// Uninstalls an extension. Azure removes its identity with it, and with that the identity's federated credentials.
pub(crate) async fn uninstall(writer: &Writer, extension: &ResourceId) -> Outcome<Answer> {
    writer.delete(extension.as_str(), versions::EXTENSIONS).await
}
