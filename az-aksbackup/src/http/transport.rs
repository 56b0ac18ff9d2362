//! One HTTP client for everything that this program asks of Azure: ARM, Entra, the metadata of a cloud.

use std::sync::Arc;
use std::time::Duration;

use aksbackup_shared::failure::{Failure, Outcome};
use azure_core::http::policies::Policy;
use azure_core::http::{ClientOptions, Pipeline, RetryOptions, Transport};

/// What this program calls itself in requests.
pub(crate) const USER_AGENT: &str = concat!("aksbackup/", env!("CARGO_PKG_VERSION"));

const CONNECT_LIMIT: Duration = Duration::from_secs(10);
const TRY_LIMIT: Duration = Duration::from_secs(60);

/// Makes ring the one crypto backend of this process. Without it the HTTP client cannot be built.
pub(crate) fn install_crypto() {
    // It fails only where a backend is installed already, which is then this one.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// The HTTP client: TLS by the system's roots (`SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured), proxies by `HTTPS_PROXY`
/// and `NO_PROXY`, no redirects, ten seconds to connect and sixty for an answer.
///
/// # Errors
/// The machine has no root certificates, or a proxy variable is no URL.
pub(crate) fn http_client() -> Outcome<Arc<reqwest::Client>> {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TRY_LIMIT)
        .user_agent(USER_AGENT)
        .build()
        .map(Arc::new)
        .or_else(|error| {
            let failure = super::error::chain(&error)
                .into_iter()
                .fold(Failure::failed("cannot set up TLS"), Failure::because);
            failure
                .hint("install the system's root certificates (ca-certificates), or name a bundle: SSL_CERT_FILE=FILE")
                .err()
        })
}

/// Sends requests through `policies`, in their order; retries are theirs alone.
pub(crate) fn pipeline(transport: Transport, policies: Vec<Arc<dyn Policy>>) -> Pipeline {
    let options = ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(transport),
        ..ClientOptions::default()
    };
    Pipeline::new(
        option_env!("CARGO_PKG_NAME"),
        option_env!("CARGO_PKG_VERSION"),
        options,
        Vec::new(),
        policies,
        None,
    )
}
