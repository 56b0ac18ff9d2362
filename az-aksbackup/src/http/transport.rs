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

/// Returns the HTTP client: TLS by the system's root certificates or by those that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, proxies
/// by `HTTPS_PROXY` and `NO_PROXY`, no redirects, ten seconds to connect and sixty for an answer.
///
/// # Errors
/// There are no root certificates, or a proxy variable is not a URL.
pub(crate) fn http_client() -> Outcome<Arc<reqwest::Client>> {
    let mut builder = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(CONNECT_LIMIT)
        .timeout(TRY_LIMIT)
        .user_agent(USER_AGENT);
    if let Some(roots) = named_roots()? {
        builder = builder.tls_certs_only(roots);
    }
    builder.build().map(Arc::new).or_else(|error| {
        super::error::chain(&error)
            .into_iter()
            .fold(Failure::failed("cannot set up TLS"), Failure::because)
            .hint("install the system's root certificates (ca-certificates), or specify a bundle: SSL_CERT_FILE=FILE")
            .err()
    })
}

/// Returns the root certificates that the environment names, `None` where it names none. Windows and macOS verify with the system's
/// store, which knows neither variable: there they would have no effect, although every other program of the field applies them.
///
/// # Errors
/// The named files have no certificate.
fn named_roots() -> Outcome<Option<Vec<reqwest::Certificate>>> {
    let named: Vec<_> = ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .into_iter()
        .filter(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
        .collect();
    if named.is_empty() {
        return Ok(None);
    }
    let found = rustls_native_certs::load_native_certs();
    let roots: Vec<_> = found
        .certs
        .iter()
        .filter_map(|each| reqwest::Certificate::from_der(each).ok())
        .collect();
    if !roots.is_empty() {
        return Ok(Some(roots));
    }
    found
        .errors
        .iter()
        .fold(
            Failure::usage(format!("no certificate found by {}", named.join(" and "))),
            |failure, error| failure.because(error.to_string()),
        )
        .hint("specify a file with PEM certificates: SSL_CERT_FILE=FILE")
        .err()
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
