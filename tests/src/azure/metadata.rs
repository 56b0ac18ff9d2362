//! The metadata document of the cloud.

use serde_json::{Value, json};

use super::answer::Answer;
use super::ids;
use super::path::Target;
use crate::settings::Settings;

/// `/metadata/endpoints`: one cloud under 2022-09-01, a list of clouds under older versions (and under every version
/// `metadata_shape` is `list`), as ARM does it.
pub(crate) fn answer(endpoint: &str, target: &Target, settings: &Settings) -> Answer {
    let version = target.query("api-version").unwrap_or_default();
    if version.is_empty() {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Answer::error(400, "MissingApiVersionParameter", message);
    }
    let mut cloud = cloud(endpoint);
    if !settings.wire.resource_manager.is_empty() {
        cloud["resourceManager"] = json!(settings.wire.resource_manager);
    }
    if version < "2022-09-01" || settings.metadata_shape == "list" {
        Answer::ok(json!([cloud]))
    } else {
        Answer::ok(cloud)
    }
}

fn cloud(endpoint: &str) -> Value {
    let host = endpoint.trim_start_matches("https://");
    json!({
        "name": "AksBackupSandbox",
        "portal": format!("{endpoint}/portal"),
        "authentication": {
            "loginEndpoint": format!("{endpoint}/"),
            "audiences": [format!("{endpoint}/")],
            "tenant": ids::TENANT,
            "identityProvider": "AAD",
        },
        "resourceManager": format!("{endpoint}/"),
        "media": format!("{endpoint}/media"),
        "graphAudience": format!("{endpoint}/graph/"),
        "graph": format!("{endpoint}/graph/"),
        "activeDirectoryGraphResourceId": format!("{endpoint}/graph/"),
        "microsoftGraphResourceId": format!("{endpoint}/graph/"),
        "gallery": format!("{endpoint}/gallery/"),
        "batch": format!("{endpoint}/batch/"),
        "sqlManagement": format!("{endpoint}/sql/"),
        "vmImageAliasDoc": format!("{endpoint}/aliases.json"),
        "suffixes": {
            "storage": format!("core.{host}"),
            "keyVaultDns": format!("vault.{host}"),
            "sqlServerHostname": format!("database.{host}"),
            "acrLoginServer": format!("azurecr.{host}"),
        },
    })
}
