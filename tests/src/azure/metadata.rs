//! The metadata document of the cloud.

use serde_json::{Value, json};

use super::answer::Answer;
use super::ids;
use super::path::Target;
use crate::settings::Settings;

/// `/metadata/endpoints`, as ARM does it: one cloud under 2022-09-01, a list of clouds since 2019-05-01 (and under every
/// version where `metadata_shape` is `list`), and before that one object with members of other names, which the Azure CLI
/// asks for until 2.60 at least.
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
    if version < "2019-05-01" {
        return Answer::ok(oldest(&cloud));
    }
    if version < "2022-09-01" || settings.metadata_shape == "list" {
        Answer::ok(json!([cloud]))
    } else {
        Answer::ok(cloud)
    }
}

/// The cloud in the members of 2015-01-01.
fn oldest(cloud: &Value) -> Value {
    json!({
        "galleryEndpoint": cloud["gallery"], "graphEndpoint": cloud["graph"], "portalEndpoint": cloud["portal"],
        "authentication": {
            "loginEndpoint": cloud["authentication"]["loginEndpoint"], "audiences": cloud["authentication"]["audiences"],
        },
    })
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

#[cfg(test)]
mod tests {
    use super::answer;
    use crate::azure::path::Target;
    use crate::settings::Settings;

    #[test]
    fn the_version_decides_which_shape_the_description_has() {
        let ask = |version: &str| {
            let target = Target::parse(&format!("/metadata/endpoints?api-version={version}"));
            answer("https://127.0.0.1:1", &target, &Settings::default())
                .body
                .unwrap()
        };
        assert_eq!(ask("2022-09-01")["name"], "AksBackupSandbox");
        assert_eq!(ask("2020-06-01")[0]["name"], "AksBackupSandbox");
        let old = ask("2015-01-01");
        assert_eq!(old["galleryEndpoint"], "https://127.0.0.1:1/gallery/");
        assert_eq!(old["authentication"]["loginEndpoint"], "https://127.0.0.1:1/");
        assert!(old["name"].is_null(), "{old}");
    }
}
