//! The ways to sign in, and which of them is taken.

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::pace::Pace;
use azure_core::cloud::CustomConfiguration;
use azure_core::credentials::{AccessToken, Secret, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::{ClientOptions, Transport};
use azure_identity::{
    AzureCliCredential, AzureCliCredentialOptions, ClientAssertionCredential, ClientAssertionCredentialOptions,
    ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential, ManagedIdentityCredentialOptions,
    UserAssignedId, WorkloadIdentityCredential, WorkloadIdentityCredentialOptions,
};
use clap::ValueEnum;

use super::az_session::{AzSession, AzSessionCredential};
use super::certificate::Certificate;
use super::cli::Bounded;
use super::options::credential_options;
use crate::cloud::Cloud;

/// az has a minute; the metadata service of a virtual machine answers at once or not at all.
const LONG: Duration = Duration::from_secs(75);
/// Entra, with all tries.
const SHORT: Duration = Duration::from_secs(30);

/// How to sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Auth {
    /// Use the AZURE_ environment variables if they are set, otherwise the Azure CLI
    Auto,
    /// Use the sign-in of the Azure CLI (az login)
    Cli,
    /// Use AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH
    Environment,
    /// Use the managed identity of this machine; AZURE_CLIENT_ID selects one of several
    ManagedIdentity,
    /// Use the federated token of this pod (AZURE_FEDERATED_TOKEN_FILE)
    WorkloadIdentity,
}

/// A way to sign in, with all that it takes.
pub(crate) struct Way {
    kind: Kind,
    transport: Transport,
    login: Option<String>,
    pace: Pace,
}

enum Kind {
    Az {
        session: Arc<AzSession>,
        subscription: Option<String>,
    },
    Cli {
        subscription: Option<String>,
    },
    Secret {
        tenant: String,
        client_id: String,
        secret: Secret,
    },
    Certificate {
        tenant: String,
        client_id: String,
        file: PathBuf,
    },
    ManagedIdentity {
        client_id: Option<String>,
    },
    WorkloadIdentity,
}

#[cfg(test)]
impl Way {
    /// A way for tests: an application with a secret.
    pub(crate) fn with_secret(transport: &Transport) -> Self {
        let kind = Kind::Secret {
            tenant: "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10".into(),
            client_id: "client".into(),
            secret: Secret::new("secret"),
        };
        Self {
            kind,
            transport: transport.clone(),
            login: None,
            pace: Pace::real(),
        }
    }
}

impl Way {
    /// The login of the az that started this program, else the way that `auth` and the environment choose. az is asked for the account that has `subscription`.
    ///
    /// # Errors
    /// Exit 2: a variable that the chosen way needs is not set.
    pub(crate) fn choose(auth: Auth, transport: &Transport, subscription: Option<String>) -> Outcome<Self> {
        let cli = || Kind::Cli {
            subscription: subscription.clone(),
        };
        let managed = || Kind::ManagedIdentity {
            client_id: variable("AZURE_CLIENT_ID"),
        };
        let has = |name| variable(name).is_some();
        if let Some(session) = AzSession::inherited() {
            let kind = Kind::Az { session, subscription };
            return Ok(Self {
                kind,
                transport: transport.clone(),
                login: None,
                pace: Pace::real(),
            });
        }
        let kind = match auth {
            Auth::Cli => cli(),
            Auth::ManagedIdentity => managed(),
            Auth::WorkloadIdentity => Kind::WorkloadIdentity,
            Auth::Environment => environment()?,
            Auth::Auto if has("AZURE_FEDERATED_TOKEN_FILE") => Kind::WorkloadIdentity,
            Auth::Auto if has("AZURE_CLIENT_SECRET") || has("AZURE_CLIENT_CERTIFICATE_PATH") => environment()?,
            // Alone it is the endpoint of Cloud Shell or Arc, where az is signed in and the library is not at home.
            Auth::Auto if has("IDENTITY_ENDPOINT") && has("IDENTITY_HEADER") => managed(),
            Auth::Auto => cli(),
        };
        Ok(Self {
            kind,
            transport: transport.clone(),
            login: None,
            pace: Pace::real(),
        })
    }

    /// The az that started this program and signs in.
    pub(crate) fn az_session(&self) -> Option<&Arc<AzSession>> {
        match &self.kind {
            Kind::Az { session, .. } => Some(session),
            _ => None,
        }
    }

    /// Whether az's command line signs in, so that its own settings count.
    pub(crate) fn is_cli(&self) -> bool {
        matches!(self.kind, Kind::Cli { .. })
    }

    /// Signs in where `cloud` does.
    pub(crate) fn at(mut self, cloud: &Cloud) -> Self {
        self.login = Some(cloud.login.clone());
        self.pace = cloud.pace();
        self
    }

    /// The same way, with whatever account az has chosen; `None` where it makes no difference.
    pub(super) fn without_subscription(&self) -> Option<Self> {
        let kind = match &self.kind {
            Kind::Cli { subscription: Some(_) } => Kind::Cli { subscription: None },
            Kind::Az {
                session,
                subscription: Some(_),
            } => Kind::Az {
                session: Arc::clone(session),
                subscription: None,
            },
            _ => return None,
        };
        Some(Self {
            kind,
            transport: self.transport.clone(),
            login: self.login.clone(),
            pace: self.pace,
        })
    }

    /// A credential of this way.
    ///
    /// # Errors
    /// A variable or file that it needs is not there or not usable.
    pub(super) fn credential(&self) -> azure_core::Result<Arc<dyn TokenCredential>> {
        let client_options = self.options();
        Ok(match &self.kind {
            Kind::Az { session, subscription } => Arc::new(AzSessionCredential {
                session: Arc::clone(session),
                subscription: subscription.clone(),
            }),
            Kind::Cli { subscription } => AzureCliCredential::new(Some(AzureCliCredentialOptions {
                subscription: subscription.clone(),
                executor: Some(Arc::new(Bounded)),
                ..AzureCliCredentialOptions::default()
            }))?,
            Kind::Secret {
                tenant,
                client_id,
                secret,
            } => {
                let options = ClientSecretCredentialOptions { client_options };
                ClientSecretCredential::new(tenant, client_id.clone(), secret.clone(), Some(options))?
            }
            Kind::Certificate {
                tenant,
                client_id,
                file,
            } => {
                let login = self.login.as_deref().unwrap_or_default();
                let audience = format!("{login}/{tenant}/oauth2/v2.0/token");
                let assertion = Certificate::read(file, client_id, audience)?;
                let options = ClientAssertionCredentialOptions { client_options };
                ClientAssertionCredential::new(tenant.clone(), client_id.clone(), assertion, Some(options))?
            }
            Kind::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options,
                }))?
            }
            Kind::WorkloadIdentity => WorkloadIdentityCredential::new(Some(WorkloadIdentityCredentialOptions {
                credential_options: ClientAssertionCredentialOptions { client_options },
                ..WorkloadIdentityCredentialOptions::default()
            }))?,
        })
    }

    fn options(&self) -> ClientOptions {
        let mut options = credential_options(&self.transport, self.pace);
        if let Some(login) = &self.login {
            let mut cloud = CustomConfiguration::default();
            login.clone_into(&mut cloud.authority_host);
            options.cloud = Some(Arc::new(cloud.into()));
        }
        options
    }

    /// Gives up on a credential that does not answer.
    pub(super) async fn within_bounds(
        &self,
        asking: impl Future<Output = azure_core::Result<AccessToken>>,
    ) -> azure_core::Result<AccessToken> {
        let limit = match self.kind {
            Kind::Az { .. } | Kind::Cli { .. } | Kind::ManagedIdentity { .. } => LONG,
            Kind::Secret { .. } | Kind::Certificate { .. } | Kind::WorkloadIdentity => SHORT,
        };
        tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| {
            let text = format!("{} returned no token within {}s", self.source(), limit.as_secs());
            Err(azure_core::Error::with_message(ErrorKind::Credential, text))
        })
    }

    fn source(&self) -> &'static str {
        match self.kind {
            Kind::Az { .. } | Kind::Cli { .. } => "az",
            Kind::Secret { .. } | Kind::Certificate { .. } | Kind::WorkloadIdentity => "Entra",
            Kind::ManagedIdentity { .. } => "the managed identity of this machine",
        }
    }
}

fn environment() -> Outcome<Kind> {
    let tenant = needed("AZURE_TENANT_ID")?;
    let client_id = needed("AZURE_CLIENT_ID")?;
    if let Some(secret) = variable("AZURE_CLIENT_SECRET") {
        return Ok(Kind::Secret {
            tenant,
            client_id,
            secret: Secret::new(secret),
        });
    }
    let file = PathBuf::from(needed("AZURE_CLIENT_CERTIFICATE_PATH")?);
    Ok(Kind::Certificate {
        tenant,
        client_id,
        file,
    })
}

fn needed(name: &str) -> Outcome<String> {
    variable(name).map_or_else(
        || {
            Failure::usage(format!("{name} is not set"))
                .hint(
                    "to sign in as an application, set AZURE_TENANT_ID, AZURE_CLIENT_ID, and AZURE_CLIENT_SECRET \
                    or AZURE_CLIENT_CERTIFICATE_PATH",
                )
                .hint("sign in with the Azure CLI instead: --auth cli")
                .err()
        },
        Ok,
    )
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
