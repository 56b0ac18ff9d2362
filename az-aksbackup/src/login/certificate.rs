//! Signs in with a certificate: a short-lived assertion, signed by its key with the crypto backend of TLS.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::Error;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::ClientAssertion;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustls::SignatureScheme;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::SigningKey;
use serde_json::json;

/// Seconds that an assertion is good for.
const LIFE: i64 = 600;

/// A certificate with its key.
#[derive(Debug)]
pub(super) struct Certificate {
    key: Arc<dyn SigningKey>,
    thumbprint: String,
    client_id: String,
    audience: String,
}

impl Certificate {
    /// Reads a PEM file with a certificate and its unencrypted RSA key. `audience` is the token endpoint.
    ///
    /// # Errors
    /// The file cannot be read, lacks one of both, or the key is of a kind that Entra does not take.
    pub(super) fn read(file: &Path, client_id: &str, audience: String) -> azure_core::Result<Self> {
        let unusable = |why: String| {
            let text = format!("cannot use the certificate {}: {why}", file.display());
            Error::with_message(ErrorKind::Credential, text)
        };
        let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|error| unusable(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| unusable(format!("{error} (an unencrypted private key in PEM is needed)")))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|error| unusable(error.to_string()))?;
        if key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).is_none() {
            return Err(unusable("its key is no RSA key".to_owned()));
        }
        let thumbprint = thumbprint(&certificate).ok_or_else(|| unusable("no SHA-256".to_owned()))?;
        Ok(Self {
            key,
            thumbprint,
            client_id: client_id.to_owned(),
            audience,
        })
    }

    fn sign(&self, now: i64) -> Option<String> {
        let header = json!({ "alg": "PS256", "typ": "JWT", "x5t#S256": self.thumbprint });
        let claims = json!({
            "aud": self.audience,
            "iss": self.client_id,
            "sub": self.client_id,
            "jti": uuid::Uuid::new_v4().to_string(),
            "iat": now,
            "nbf": now,
            "exp": now + LIFE,
        });
        let encoded = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let content = format!("{}.{}", encoded(&header), encoded(&claims));
        let signer = self.key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256])?;
        let signature = signer.sign(content.as_bytes()).ok()?;
        Some(format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// SHA-256 of the certificate, by the hash that TLS 1.3's first cipher suite brings along.
fn thumbprint(certificate: &CertificateDer<'_>) -> Option<String> {
    let suite = rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256.tls13()?;
    let hash = suite.common.hash_provider.hash(certificate);
    Some(URL_SAFE_NO_PAD.encode(hash.as_ref()))
}

#[async_trait]
impl ClientAssertion for Certificate {
    async fn secret(&self, _options: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        self.sign(jiff::Timestamp::now().as_second())
            .ok_or_else(|| Error::with_message(ErrorKind::Credential, "the certificate's key cannot sign"))
    }
}
