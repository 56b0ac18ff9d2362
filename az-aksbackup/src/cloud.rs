//! Which Azure: the public cloud, a sovereign one, or one that describes itself by ARM's metadata endpoint.

use std::path::PathBuf;
use std::sync::Arc;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::CloudName;
use aksbackup_shared::pace::Pace;
use azure_core::http::Url;
use serde::Deserialize;

use crate::arm::error::chain;

/// The environment variable that az knows too: URL of a cloud's metadata document.
pub(crate) const METADATA_VARIABLE: &str = "ARM_CLOUD_METADATA_URL";
/// The environment variable that names the cloud.
pub(crate) const NAME_VARIABLE: &str = "AZURE_CLOUD";

/// A cloud.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cloud {
    /// Its name, as az has it.
    pub(crate) name: CloudName,
    /// Where its Resource Manager is.
    pub(crate) arm: Url,
    /// Where its Entra is, without a slash at the end.
    pub(crate) login: String,
    /// The audience of tokens for its Resource Manager, without a slash at the end.
    pub(crate) audience: String,
    /// The host suffix of its storage, such as `core.windows.net`.
    pub(crate) storage_suffix: String,
}

/// Name, Resource Manager, Entra, storage suffix of the clouds that Microsoft runs, as the Azure CLI has them. Tokens
/// are asked for the Resource Manager itself.
const CLOUDS: [(&str, &str, &str, &str); 3] = [
    (
        "AzureCloud",
        "https://management.azure.com",
        "https://login.microsoftonline.com",
        "core.windows.net",
    ),
    (
        "AzureUSGovernment",
        "https://management.usgovcloudapi.net",
        "https://login.microsoftonline.us",
        "core.usgovcloudapi.net",
    ),
    (
        "AzureChinaCloud",
        "https://management.chinacloudapi.cn",
        "https://login.chinacloudapi.cn",
        "core.chinacloudapi.cn",
    ),
];

/// A cloud's own description.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    resource_manager: Option<String>,
    authentication: Authentication,
    #[serde(default)]
    suffixes: Suffixes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    login_endpoint: String,
    #[serde(default)]
    audiences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Suffixes {
    storage: Option<String>,
}

/// ARM describes one cloud, or under older versions all that it knows.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Document {
    One(Box<Metadata>),
    Many(Vec<Metadata>),
}

impl Cloud {
    /// The cloud of a known name.
    pub(crate) fn known(name: &str) -> Option<Self> {
        let (name, arm, login, storage) = CLOUDS.iter().find(|(own, ..)| own.eq_ignore_ascii_case(name))?;
        Some(Self {
            name: name.parse().ok()?,
            arm: Url::parse(arm).ok()?,
            login: (*login).to_owned(),
            audience: (*arm).to_owned(),
            storage_suffix: (*storage).to_owned(),
        })
    }

    /// The cloud in force: `wanted` (the `--cloud` flag), else the one that `ARM_CLOUD_METADATA_URL` describes, else
    /// `AZURE_CLOUD`, else `configured` (what az is set to), else the public one.
    ///
    /// # Errors
    /// Exit 2: a name that is neither known nor described, or a description that is not usable.
    pub(crate) async fn in_force(
        client: &Arc<reqwest::Client>,
        wanted: Option<&CloudName>,
        configured: Option<&str>,
    ) -> Outcome<Self> {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let described = variable(METADATA_VARIABLE);
        if let (Some(wanted), None) = (wanted.and_then(|name| Self::known(name.as_str())), &described) {
            return Ok(wanted);
        }
        if let Some(url) = described {
            return Self::describe(client, &url, wanted).await;
        }
        let name = wanted
            .map(ToString::to_string)
            .or_else(|| variable(NAME_VARIABLE))
            .or_else(|| configured.map(str::to_owned))
            .unwrap_or_else(|| "AzureCloud".to_owned());
        Self::known(&name).map_or_else(|| unknown(&name).err(), Ok)
    }

    async fn describe(client: &reqwest::Client, url: &str, wanted: Option<&CloudName>) -> Outcome<Self> {
        let document = fetch(client, url).await?;
        let metadata = match document {
            Document::One(metadata) => vec![*metadata],
            Document::Many(all) => all,
        };
        let fits = |cloud: &&Metadata| match (wanted, &cloud.name) {
            (Some(wanted), Some(name)) => wanted.as_str().eq_ignore_ascii_case(name),
            (Some(_), None) => false,
            (None, _) => true,
        };
        match metadata.iter().find(fits) {
            Some(metadata) => Self::from_metadata(metadata, url),
            None => match wanted.and_then(|name| Self::known(name.as_str())) {
                Some(cloud) => Ok(cloud),
                None => Failure::usage(format!(
                    "{METADATA_VARIABLE} does not describe the cloud that --cloud names"
                ))
                .because(format!("it has {}", names(&metadata)))
                .err(),
            },
        }
    }

    fn from_metadata(metadata: &Metadata, url: &str) -> Outcome<Self> {
        let host = |text: &str| Url::parse(text).ok().filter(|url| url.scheme() == "https");
        let name = metadata.name.as_deref().and_then(|name| name.parse().ok());
        let arm = metadata.resource_manager.as_deref().map_or_else(
            || {
                Url::parse(url)
                    .ok()
                    .and_then(|url| host(&url.origin().ascii_serialization()))
            },
            host,
        );
        let login = host(&metadata.authentication.login_endpoint);
        let (Some(name), Some(arm), Some(login)) = (name, arm, login) else {
            return undescribed(url)
                .because("it lacks a name, or an https address of its Resource Manager or its login")
                .err();
        };
        let audience = metadata
            .authentication
            .audiences
            .first()
            .map_or(arm.as_str(), String::as_str);
        Ok(Self {
            name,
            audience: audience.trim_end_matches('/').to_owned(),
            login: login.as_str().trim_end_matches('/').to_owned(),
            storage_suffix: metadata
                .suffixes
                .storage
                .clone()
                .unwrap_or_else(|| "core.windows.net".to_owned()),
            arm,
        })
    }

    /// The scope that tokens are asked for.
    pub(crate) fn scope(&self) -> String {
        format!("{}/.default", self.audience)
    }

    /// How fast time runs: only a cloud on this very machine can be a sandbox.
    pub(crate) fn pace(&self) -> Pace {
        let host = self.arm.host_str().unwrap_or_default();
        Pace::from_environment(["127.0.0.1", "localhost", "[::1]"].contains(&host))
    }

    /// Refuses a state file of another cloud.
    ///
    /// # Errors
    /// Exit 2, with both names.
    pub(crate) fn must_be(&self, target: &CloudName) -> Outcome<()> {
        if self.name.as_str().eq_ignore_ascii_case(target.as_str()) {
            return Ok(());
        }
        Failure::usage(format!(
            "the state file is for cloud {target}, you are signed in to cloud {}",
            self.name
        ))
        .hint(format!("az cloud set --name {target}, or --cloud {target}"))
        .err()
    }
}

async fn fetch(client: &reqwest::Client, url: &str) -> Outcome<Document> {
    if !url.starts_with("https://") {
        return undescribed(url).because("it is no https URL").err();
    }
    let answer = async {
        let response = client.get(url).header("accept", "application/json").send().await?;
        response.error_for_status()?.bytes().await
    };
    let body = answer
        .await
        .map_err(reqwest::Error::without_url)
        .or_else(|error| chain(&error).into_iter().fold(undescribed(url), Failure::because).err())?;
    serde_json::from_slice(&body).or_else(|error| undescribed(url).because(error.to_string()).err())
}

fn undescribed(url: &str) -> Failure {
    let place = url.split('?').next().unwrap_or_default();
    Failure::usage(format!(
        "cannot use the cloud metadata of {METADATA_VARIABLE} ({place})"
    ))
}

fn names(all: &[Metadata]) -> String {
    let names: Vec<&str> = all.iter().filter_map(|cloud| cloud.name.as_deref()).collect();
    names.join(", ")
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = CLOUDS.iter().map(|(name, ..)| *name).collect();
    Failure::usage(format!("cloud {name} is not known"))
        .because(format!("known are {}", known.join(", ")))
        .hint(format!("describe any other by ARM's metadata: {METADATA_VARIABLE}=https://HOST/metadata/endpoints?api-version=2022-09-01"))
}

/// The cloud that az is set to, from its own configuration file.
pub(crate) fn az_setting() -> Option<String> {
    let text = std::fs::read_to_string(az_folder()?.join("config")).ok()?;
    setting(&text, "cloud", "name").map(str::to_owned)
}

/// The folder of az's configuration.
pub(crate) fn az_folder() -> Option<PathBuf> {
    let own = std::env::var_os("AZURE_CONFIG_DIR").filter(|folder| !folder.is_empty());
    own.map(PathBuf::from)
        .or_else(|| std::env::home_dir().map(|home| home.join(".azure")))
}

/// `key` of `[section]` in an INI file.
fn setting<'a>(text: &'a str, section: &str, key: &str) -> Option<&'a str> {
    let header = format!("[{section}]");
    let lines = text.lines().map(str::trim).skip_while(|line| *line != header).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once('='))
        .find(|(own, _)| own.trim() == key)
        .map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clouds_that_microsoft_runs_are_known_by_name() {
        for (name, arm, ..) in CLOUDS {
            let cloud = Cloud::known(&name.to_lowercase()).unwrap();
            assert_eq!(cloud.scope(), format!("{arm}/.default"));
            assert_eq!(cloud.name.as_str(), name);
        }
        assert_eq!(Cloud::known("https://evil"), None);
    }

    fn described(json: &str) -> Outcome<Cloud> {
        Cloud::from_metadata(
            &serde_json::from_str(json).unwrap(),
            "https://arm.local/metadata/endpoints",
        )
    }

    #[test]
    fn a_cloud_describes_itself() {
        let cloud = described(
            r#"{"name":"Own","resourceManager":"https://arm.local:1/","suffixes":{"storage":"s.local"},
                "authentication":{"loginEndpoint":"https://login.local/","audiences":["https://aud.local/"]}}"#,
        )
        .unwrap();
        assert_eq!(
            (cloud.login.as_str(), cloud.audience.as_str()),
            ("https://login.local", "https://aud.local")
        );
        assert_eq!(
            (cloud.storage_suffix.as_str(), cloud.arm.as_str()),
            ("s.local", "https://arm.local:1/")
        );
    }

    #[test]
    fn a_description_without_tls_or_name_is_refused() {
        for json in [
            r#"{"name":"Own","resourceManager":"http://arm.local","authentication":{"loginEndpoint":"https://l"}}"#,
            r#"{"name":"Own","resourceManager":"https://arm.local","authentication":{"loginEndpoint":"http://l"}}"#,
            r#"{"resourceManager":"https://arm.local","authentication":{"loginEndpoint":"https://l"}}"#,
        ] {
            assert!(described(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_file_of_another_cloud_is_refused_with_both_names() {
        let cloud = Cloud::known("AzureCloud").unwrap();
        assert!(cloud.must_be(&"azurecloud".parse().unwrap()).is_ok());
        let failure = cloud.must_be(&"AzureChinaCloud".parse().unwrap()).unwrap_err();
        assert!(failure.what.contains("AzureChinaCloud") && failure.what.contains("AzureCloud"));
    }

    #[test]
    fn az_s_setting_is_read_from_its_section() {
        let text = "[defaults]\nname = no\n\n[cloud]\nname = AzureChinaCloud\n[other]\nname=no\n";
        assert_eq!(setting(text, "cloud", "name"), Some("AzureChinaCloud"));
        assert_eq!(setting("[core]\nx = y", "cloud", "name"), None);
    }
}
