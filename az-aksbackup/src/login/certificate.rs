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
            let text = format!("cannot use certificate {}: {why}", file.display());
            Error::with_message(ErrorKind::Credential, text)
        };
        let pem = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
        let certificate = CertificateDer::from_pem_slice(&pem).map_err(|error| unusable(error.to_string()))?;
        let key = PrivateKeyDer::from_pem_slice(&pem)
            .map_err(|error| unusable(format!("{error} (an unencrypted private key in PEM is required)")))?;
        let key = rustls::crypto::ring::sign::any_supported_type(&key).map_err(|error| unusable(error.to_string()))?;
        if key.choose_scheme(&[SignatureScheme::RSA_PSS_SHA256]).is_none() {
            return Err(unusable("its key isn't an RSA key".to_owned()));
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
            .ok_or_else(|| Error::with_message(ErrorKind::Credential, "the certificate's key can't be used to sign"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    /// A self-signed certificate with its key, made for this test alone; the thumbprint is openssl's.
    const EXAMPLE: &str = include_str!("certificate/example.pem");
    const THUMBPRINT: &str = "3TSaH4mp479Nb9i7McVomuHAkEfmyjLk3EzYgdgVoIE";

    fn file(text: &str) -> std::path::PathBuf {
        let file = std::env::temp_dir().join(format!("aksbackup-{}.pem", uuid::Uuid::new_v4()));
        std::fs::write(&file, text).unwrap();
        file
    }

    fn read(text: &str) -> azure_core::Result<Certificate> {
        let file = file(text);
        let certificate = Certificate::read(&file, "client", "https://login/t/oauth2/v2.0/token".into());
        std::fs::remove_file(&file).unwrap();
        certificate
    }

    fn part(text: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
    }

    #[test]
    fn an_assertion_names_certificate_and_application_and_its_signature_holds() {
        let certificate = read(EXAMPLE).unwrap();
        let assertion = certificate.sign(1_000).unwrap();
        let parts: Vec<&str> = assertion.split('.').collect();
        let (header, claims) = (part(parts[0]), part(parts[1]));
        assert_eq!(
            (&header["alg"], &header["x5t#S256"]),
            (&json!("PS256"), &json!(THUMBPRINT))
        );
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("client"), &json!("client")));
        assert_eq!(
            (&claims["aud"], &claims["exp"]),
            (&json!("https://login/t/oauth2/v2.0/token"), &json!(1_600))
        );
        let content = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        assert!(holds(&certificate, content.as_bytes(), &signature));
        assert!(!holds(&certificate, b"something else", &signature));
    }

    fn holds(certificate: &Certificate, content: &[u8], signature: &[u8]) -> bool {
        let key = certificate.key.public_key().unwrap();
        // The key itself is behind the 24 bytes that say that it is an RSA key of 2048 bits.
        let key = key.as_ref().get(24..).unwrap();
        let known = rustls::crypto::ring::default_provider().signature_verification_algorithms;
        let mut fitting = known
            .mapping
            .iter()
            .filter(|(scheme, _)| *scheme == SignatureScheme::RSA_PSS_SHA256);
        let algorithm = fitting.next().unwrap().1.first().unwrap();
        algorithm.verify_signature(key, content, signature).is_ok()
    }

    #[test]
    fn what_cannot_sign_is_refused_with_the_file_s_name() {
        let end = EXAMPLE.find("-----BEGIN PRIVATE KEY").unwrap();
        for text in ["", "no pem", &EXAMPLE[..end], &EXAMPLE[end..]] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains("aksbackup-") && !error.contains("BEGIN"), "{error}");
        }
    }
}
