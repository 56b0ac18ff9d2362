//! Which Azure: the public cloud, a sovereign one, or one that describes itself by ARM's metadata endpoint.

use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::CloudName;
use aksbackup_shared::pace::Pace;
use azure_core::http::{Transport, Url};

use crate::http::retry::Trace;

mod az;
mod metadata;

pub(crate) use az::{az_folder, az_setting};

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
        transport: &Transport,
        trace: Trace,
        deadline: Deadline,
        wanted: Option<&CloudName>,
        configured: Option<&str>,
    ) -> Outcome<Self> {
        let variable = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
        let described = variable(METADATA_VARIABLE);
        if let (Some(wanted), None) = (wanted.and_then(|name| Self::known(name.as_str())), &described) {
            return Ok(wanted);
        }
        if let Some(url) = described {
            return Self::describe(transport, trace, deadline, &url, wanted).await;
        }
        let name = wanted
            .map(ToString::to_string)
            .or_else(|| variable(NAME_VARIABLE))
            .or_else(|| configured.map(str::to_owned))
            .unwrap_or_else(|| "AzureCloud".to_owned());
        Self::known(&name).map_or_else(|| unknown(&name).err(), Ok)
    }

    /// The scope that tokens are asked for.
    pub(crate) fn scope(&self) -> String {
        format!("{}/.default", self.audience)
    }

    /// How fast time runs: only a cloud on this very machine can be a sandbox.
    pub(crate) fn pace(&self) -> Pace {
        pace_of(&self.arm)
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
            "the state file is for cloud {target}, but you're signed in to cloud {}",
            self.name
        ))
        .at_key("target.cloud", format!("the file has {target}"))
        .hint(format!("az cloud set --name {target}, or --cloud {target}"))
        .err()
    }
}

/// How fast time runs where `url` leads.
fn pace_of(url: &Url) -> Pace {
    let host = url.host_str().unwrap_or_default();
    Pace::from_environment(["127.0.0.1", "localhost", "[::1]"].contains(&host))
}

fn unknown(name: &str) -> Failure {
    let known: Vec<&str> = CLOUDS.iter().map(|(name, ..)| *name).collect();
    Failure::usage(format!("unknown cloud {name}"))
        .because(format!("supported clouds: {}", known.join(", ")))
        .hint(format!(
            "to use another cloud, set the URL of its metadata: \
            {METADATA_VARIABLE}=https://HOST/metadata/endpoints?api-version=2020-06-01"
        ))
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

    #[test]
    fn a_file_of_another_cloud_is_refused_with_both_names() {
        let cloud = Cloud::known("AzureCloud").unwrap();
        assert!(cloud.must_be(&"azurecloud".parse().unwrap()).is_ok());
        let failure = cloud.must_be(&"AzureChinaCloud".parse().unwrap()).unwrap_err();
        assert!(failure.what.contains("AzureChinaCloud") && failure.what.contains("AzureCloud"));
    }
}
