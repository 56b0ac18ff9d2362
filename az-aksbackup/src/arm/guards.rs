//! Resource Guards, as a vault names them: <https://learn.microsoft.com/azure/backup/multi-user-authorization>.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ResourceId;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::versions;

/// The connection of a vault to a Resource Guard.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Proxy {
    /// Its name, which is always the same.
    pub(crate) name: String,
    /// The rest.
    #[serde(default)]
    pub(crate) properties: ProxyProperties,
}

/// Properties of a connection to a Resource Guard.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ProxyProperties {
    /// The Resource Guard, which can be in another subscription or tenant.
    pub(crate) resource_guard_resource_id: Option<String>,
    /// What it protects.
    pub(crate) resource_guard_operation_details: Option<Vec<Detail>>,
}

/// An operation that a Resource Guard protects.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detail {
    /// The ID that a request names to be let through.
    pub(crate) default_resource_request: Option<String>,
}

/// The connections of a vault to Resource Guards.
pub(crate) async fn proxies(reader: &Reader, vault: &ResourceId) -> Outcome<Vec<Proxy>> {
    let path = format!("{vault}/backupResourceGuardProxies");
    reader.list(&path, versions::DATA_PROTECTION).await
}

/// Lets a backup instance be deleted soon afterwards: the deletion itself has no body that could name the requests.
pub(crate) async fn unlock_delete(
    writer: &Writer,
    vault: &ResourceId,
    (proxy, instance): (&str, &ResourceId),
    requests: &[ResourceId],
) -> Outcome<Answer> {
    let path = format!("{vault}/backupResourceGuardProxies/{proxy}/unlockDelete");
    let mut body = json!({ "resourceToBeDeleted": instance.as_str() });
    add(&mut body, requests);
    writer.post(&path, versions::DATA_PROTECTION, Some(&body)).await
}

/// Names the requests to a Resource Guard in a body, where there are any.
pub(crate) fn add(body: &mut Value, requests: &[ResourceId]) {
    if !requests.is_empty() {
        let ids: Vec<&str> = requests.iter().map(ResourceId::as_str).collect();
        body["resourceGuardOperationRequests"] = json!(ids);
    }
}
