//! What the workload identity webhook put into a container, and what that container still lacks. `configure` and `verify`
//! ask the same question here.

use std::fmt;

use aksbackup_shared::names::AUDIENCE;
use k8s_openapi::api::core::v1::{Container, PodSpec};

use crate::cluster::velero;

/// The variable that names the identity.
pub(crate) const CLIENT_ID: &str = "AZURE_CLIENT_ID";
/// The variable that names the file with the token.
pub(crate) const TOKEN_FILE: &str = "AZURE_FEDERATED_TOKEN_FILE";
/// The variable that names the tenant.
pub(crate) const TENANT_ID: &str = "AZURE_TENANT_ID";

/// What the workload identity webhook put into a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Injected {
    /// The container.
    pub(crate) container: String,
    /// Value of `AZURE_CLIENT_ID`.
    pub(crate) client_id: Option<String>,
    /// Whether `AZURE_CLIENT_ID` comes from a config map, a secret or a field (`valueFrom`), so that nobody sees its value.
    pub(crate) client_id_from: bool,
    /// Whether `AZURE_FEDERATED_TOKEN_FILE` is set. Volume and path of the token changed between versions of the
    /// webhook; the variable did not.
    pub(crate) token_file: bool,
    /// Value of `AZURE_TENANT_ID`.
    pub(crate) tenant_id: Option<String>,
    /// Whom the token is for that is mounted where that file is.
    pub(crate) audience: Option<String>,
}

/// What every container of the extension's pods should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Expected {
    /// Client ID of the extension's identity; `None` where nothing says which.
    pub(crate) client_id: Option<String>,
    /// The tenant; `None` where the state file does not name one.
    pub(crate) tenant: Option<String>,
}

/// What a container lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lack {
    /// The variable with the token's file.
    TokenFile,
    /// A token for Microsoft Entra where the variable points to; the token's audience where there is another token.
    Token(Option<String>),
    /// The client ID. `from` says that the variable is there and has its value from elsewhere.
    ClientId {
        /// Whether the variable is set by `valueFrom`.
        from: bool,
    },
    /// It has another client ID.
    OtherClientId(String),
    /// The tenant, or it has another one.
    Tenant(Option<String>),
}

impl Lack {
    /// The variable that is missing or wrong.
    pub(crate) fn variable(&self) -> &'static str {
        match self {
            Self::TokenFile | Self::Token(_) => TOKEN_FILE,
            Self::ClientId { .. } | Self::OtherClientId(_) => CLIENT_ID,
            Self::Tenant(_) => TENANT_ID,
        }
    }
}

/// What a container has instead, for people: "has no AZURE_CLIENT_ID".
impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TokenFile => write!(f, "has no token file ({TOKEN_FILE})"),
            Self::Token(None) => write!(f, "has {TOKEN_FILE}, but no token is mounted there"),
            Self::Token(Some(audience)) => write!(
                f,
                "has a token for audience {audience} in {TOKEN_FILE}; expected \
                {AUDIENCE}"
            ),
            Self::ClientId { from: false } => write!(f, "has no client ID ({CLIENT_ID})"),
            Self::ClientId { from: true } => write!(f, "takes {CLIENT_ID} from another source (valueFrom)"),
            Self::OtherClientId(other) => write!(f, "has client ID {other} ({CLIENT_ID})"),
            Self::Tenant(None) => write!(f, "has no tenant ID ({TENANT_ID})"),
            Self::Tenant(Some(other)) => write!(f, "has tenant ID {other} ({TENANT_ID})"),
        }
    }
}

impl Injected {
    /// What this container lacks of `expected`. Without a token nothing else counts.
    pub(crate) fn lacks(&self, expected: &Expected) -> Vec<Lack> {
        if !self.token_file {
            return vec![Lack::TokenFile];
        }
        if !self.is_for_entra() {
            return vec![Lack::Token(self.audience.clone())];
        }
        [self.client(expected), self.tenant(expected)]
            .into_iter()
            .flatten()
            .collect()
    }

    fn client(&self, expected: &Expected) -> Option<Lack> {
        let own = self.client_id.as_deref().filter(|own| !own.is_empty());
        match (own, expected.client_id.as_deref()) {
            (None, _) => Some(Lack::ClientId {
                from: self.client_id_from,
            }),
            (Some(own), Some(wanted)) if own.eq_ignore_ascii_case(wanted) => None,
            (Some(own), _) => Some(Lack::OtherClientId(own.to_owned())),
        }
    }

    fn tenant(&self, expected: &Expected) -> Option<Lack> {
        match (self.tenant_id.as_deref(), expected.tenant.as_deref()) {
            (None, _) => Some(Lack::Tenant(None)),
            (Some(own), Some(wanted)) if !own.eq_ignore_ascii_case(wanted) => Some(Lack::Tenant(Some(own.to_owned()))),
            (Some(_), _) => None,
        }
    }

    /// Whether its token is for Microsoft Entra, in whichever cloud (`api://AzureADTokenExchangeChina` in China's).
    fn is_for_entra(&self) -> bool {
        let audience = self.audience.as_deref();
        audience.is_some_and(|audience| audience.starts_with(AUDIENCE))
    }
}

/// Whether a pod's annotation `skip-containers` names a container.
pub(crate) fn is_skipped(skipped: &str, container: &str) -> bool {
    skipped.split(';').any(|own| own.trim() == container)
}

/// What a pod's containers have, without those that the webhook was told to skip. Velero's is never left out: it is the
/// one that needs it.
pub(crate) fn injected(spec: &PodSpec, skipped: &str) -> Vec<Injected> {
    let velero = velero::container(spec);
    let skips = |name: &str| velero != Some(name) && is_skipped(skipped, name);
    let containers = spec.containers.iter().filter(|container| !skips(&container.name));
    containers
        .map(|container| {
            let variables = container.env.as_deref().unwrap_or_default();
            let find = |name: &str| variables.iter().find(|own| own.name == name);
            Injected {
                container: container.name.clone(),
                client_id: find(CLIENT_ID).and_then(|own| own.value.clone()),
                client_id_from: find(CLIENT_ID).is_some_and(|own| own.value_from.is_some()),
                token_file: find(TOKEN_FILE).is_some(),
                tenant_id: find(TENANT_ID).and_then(|own| own.value.clone()),
                audience: find(TOKEN_FILE).and_then(|own| audience(spec, container, own.value.as_deref()?)),
            }
        })
        .collect()
}

/// Whom the token is for that a container finds at `path`. Name and place of the volume changed between versions of the
/// webhook, so that the path alone leads to it.
fn audience(spec: &PodSpec, container: &Container, path: &str) -> Option<String> {
    let below = |mount: &str| path.strip_prefix(mount).is_some_and(|rest| rest.starts_with('/'));
    let mounts = container.volume_mounts.iter().flatten();
    let mount = mounts
        .into_iter()
        .find(|own| below(own.mount_path.trim_end_matches('/')))?;
    let volume = spec.volumes.iter().flatten().find(|own| own.name == mount.name)?;
    let mut sources = volume.projected.as_ref()?.sources.iter().flatten();
    sources.find_map(|source| source.service_account_token.as_ref()?.audience.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected() -> Expected {
        Expected {
            client_id: Some("aa".into()),
            tenant: Some("tt".into()),
        }
    }

    fn own() -> Injected {
        Injected {
            container: "velero".into(),
            client_id: Some("AA".into()),
            client_id_from: false,
            token_file: true,
            tenant_id: Some("TT".into()),
            audience: Some(AUDIENCE.into()),
        }
    }

    #[test]
    fn guids_are_compared_without_case_and_each_lack_has_its_variable() {
        assert_eq!(own().lacks(&expected()), []);
        let lack = |change: fn(&mut Injected)| {
            let mut own = own();
            change(&mut own);
            own.lacks(&expected())
        };
        assert_eq!(lack(|own| own.token_file = false), [Lack::TokenFile]);
        assert_eq!(lack(|own| own.audience = None), [Lack::Token(None)]);
        assert_eq!(lack(|own| own.client_id = None), [Lack::ClientId { from: false }]);
        let both = lack(|own| (own.client_id, own.tenant_id) = (Some("b".into()), Some("u".into())));
        assert_eq!(both, [Lack::OtherClientId("b".into()), Lack::Tenant(Some("u".into()))]);
        assert_eq!(both[1].variable(), TENANT_ID);
    }

    #[test]
    fn a_client_id_from_a_config_map_has_no_value_that_anybody_sees() {
        let spec: PodSpec = serde_json::from_value(serde_json::json!({ "containers": [{ "name": "velero", "env": [
            { "name": CLIENT_ID, "valueFrom": { "configMapKeyRef": { "name": "m", "key": "k" } } },
        ] }] }))
        .unwrap();
        let own = injected(&spec, "").remove(0);
        assert!(own.client_id_from && own.client_id.is_none());
    }
}
