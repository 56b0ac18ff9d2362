//! Certificates that are registered on applications, and what Entra does with an assertion that one of them signed.
//!
//! <https://learn.microsoft.com/entra/identity-platform/certificate-credentials>

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::digest;
use ring::signature::{
    KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, RsaKeyPair, RsaParameters, UnparsedPublicKey,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use serde_json::Value;

const MORE: &str =
    "Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials";

/// Code and text of a refusal.
pub(crate) type Refused = (u32, String);

/// The certificate with its key (PEM) that is registered on the application of `persona`, where there is one.
#[must_use]
pub fn of(persona: &str) -> Option<&'static str> {
    (persona == "pipeline").then_some(include_str!("certificate/pipeline.pem"))
}

/// A registered certificate, as the directory keeps it.
struct Registered {
    /// SHA-1 and SHA-256.
    thumbprints: [Vec<u8>; 2],
    /// `RSAPublicKey`, DER.
    key: Vec<u8>,
}

impl Registered {
    fn of(persona: &str) -> Option<Self> {
        let pem = of(persona)?.as_bytes();
        let certificate = CertificateDer::from_pem_slice(pem).ok()?;
        let key = PrivatePkcs8KeyDer::from_pem_slice(pem).ok()?;
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).ok()?;
        let hash = |algorithm| digest::digest(algorithm, &certificate).as_ref().to_vec();
        Some(Self {
            thumbprints: [hash(&digest::SHA1_FOR_LEGACY_USE_ONLY), hash(&digest::SHA256)],
            key: key.public_key().as_ref().to_vec(),
        })
    }
}

/// An assertion, taken apart.
struct Assertion<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Value,
    claims: Value,
}

impl<'a> Assertion<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let bytes = |part: &str| URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok();
        let json = |part: &str| serde_json::from_slice::<Value>(&bytes(part)?).ok();
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self {
            signed,
            signature: bytes(signature)?,
            header: json(header)?,
            claims: json(claims)?,
        })
    }

    fn thumbprint(&self) -> Option<Vec<u8>> {
        let mut own = ["x5t#S256", "x5t"]
            .iter()
            .filter_map(|name| self.header[*name].as_str());
        URL_SAFE_NO_PAD.decode(own.next()?.trim_end_matches('=')).ok()
    }
}

/// Whether an assertion comes from the application itself, so that a certificate signed it and no other issuer.
pub(crate) fn issued_by(client_id: &str, assertion: &str) -> bool {
    Assertion::parse(assertion).is_some_and(|assertion| {
        let issuer = assertion.claims["iss"].as_str().unwrap_or_default();
        issuer.eq_ignore_ascii_case(client_id) || assertion.thumbprint().is_some()
    })
}

/// Checks an assertion for the application of a persona; `audiences` are the names of the token endpoint.
///
/// # Errors
/// Entra's code and words.
pub(crate) fn check(persona: &str, client_id: &str, assertion: &str, audiences: &[String]) -> Result<(), Refused> {
    let malformed = |why: &str| (50027, format!("AADSTS50027: JWT token is invalid or malformed.{why}"));
    let assertion = Assertion::parse(assertion).ok_or_else(|| malformed(""))?;
    let thumbprint = assertion
        .thumbprint()
        .ok_or_else(|| malformed(" No certificate thumbprint specified in token header."))?;
    let algorithm: &RsaParameters = match assertion.header["alg"].as_str() {
        Some("RS256") => &RSA_PKCS1_2048_8192_SHA256,
        Some("PS256") => &RSA_PSS_2048_8192_SHA256,
        _ => return Err(malformed(" The signing algorithm is not supported.")),
    };
    let known = Registered::of(persona).filter(|known| known.thumbprints.contains(&thumbprint));
    let known = known.ok_or_else(|| not_registered(client_id, &thumbprint))?;
    UnparsedPublicKey::new(algorithm, &known.key)
        .verify(assertion.signed.as_bytes(), &assertion.signature)
        .map_err(|_| wrong_signature(client_id, &thumbprint))?;
    in_time(&assertion.claims)?;
    addressed(&assertion.claims, client_id, audiences)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

fn where_to_look(client_id: &str) -> String {
    format!(
        "Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id \
         '{client_id}'."
    )
}

fn not_registered(client_id: &str, thumbprint: &[u8]) -> Refused {
    let text = format!(
        "AADSTS700027: The certificate with identifier used to sign the client assertion is not registered on application. \
         [Reason - The key was not found., Thumbprint of key used by client: '{}', {}].",
        hex(thumbprint),
        where_to_look(client_id)
    );
    (700_027, text)
}

fn wrong_signature(client_id: &str, thumbprint: &[u8]) -> Refused {
    let text = format!(
        "AADSTS700027: Client assertion failed signature validation. [Reason - Key was found, but use of the key to verify \
         the signature failed., Thumbprint of key used by client: '{}', {}].",
        hex(thumbprint),
        where_to_look(client_id)
    );
    (700_027, text)
}

fn in_time(claims: &Value) -> Result<(), Refused> {
    let now = Timestamp::now().as_second();
    // NumericDate (RFC 7519) may have a fraction, and that of the Azure CLI has one.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the second is enough, and too large a number saturates"
    )]
    let time = |name: &str| claims[name].as_f64().unwrap_or_default() as i64;
    // Entra allows five minutes of skew.
    if now + 300 >= time("nbf") && now <= time("exp").saturating_add(300) {
        return Ok(());
    }
    let at = |second: i64| Timestamp::from_second(second).unwrap_or_default();
    let text = format!(
        "AADSTS700024: Client assertion is not within its valid time range. Current time: {}, assertion valid from {}, \
         expiry time of assertion {}. {MORE}.",
        at(now),
        at(time("nbf")),
        at(time("exp"))
    );
    Err((700_024, text))
}

fn addressed(claims: &Value, client_id: &str, audiences: &[String]) -> Result<(), Refused> {
    let text = |name: &str| claims[name].as_str().unwrap_or_default();
    if !audiences.iter().any(|known| known == text("aud")) {
        let text = format!("AADSTS700023: Client assertion audience claim does not match Realm issuer. {MORE}.");
        return Err((700_023, text));
    }
    if ["iss", "sub"]
        .iter()
        .all(|name| text(name).eq_ignore_ascii_case(client_id))
    {
        return Ok(());
    }
    let text =
        format!("AADSTS700021: Client assertion application identifier doesn't match 'client_id' parameter. {MORE}.");
    Err((700_021, text))
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{RSA_PKCS1_SHA256, RSA_PSS_SHA256};
    use serde_json::json;

    use super::*;

    const ENDPOINT: &str = "https://login/t/oauth2/v2.0/token";

    /// An assertion of the pipeline's key with these header and claims.
    fn signed(header: &Value, claims: &Value) -> String {
        let key = PrivatePkcs8KeyDer::from_pem_slice(of("pipeline").unwrap().as_bytes()).unwrap();
        let key = RsaKeyPair::from_pkcs8(key.secret_pkcs8_der()).unwrap();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let content = format!("{}.{}", encode(header), encode(claims));
        let mut signature = vec![0; key.public().modulus_len()];
        let padding: &dyn ring::signature::RsaEncoding = match header["alg"].as_str() {
            Some("PS256") => &RSA_PSS_SHA256,
            _ => &RSA_PKCS1_SHA256,
        };
        key.sign(padding, &SystemRandom::new(), content.as_bytes(), &mut signature)
            .unwrap();
        format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn thumbprint(index: usize) -> String {
        URL_SAFE_NO_PAD.encode(&Registered::of("pipeline").unwrap().thumbprints[index])
    }

    fn claims() -> Value {
        let now = Timestamp::now().as_second();
        json!({ "aud": ENDPOINT, "iss": "client", "sub": "client", "nbf": now, "exp": now + 600 })
    }

    fn code(persona: &str, assertion: &str) -> u32 {
        check(persona, "client", assertion, &[ENDPOINT.to_owned()]).map_or_else(|(code, _)| code, |()| 0)
    }

    #[test]
    fn both_algorithms_and_both_thumbprints_are_taken() {
        for header in [
            json!({ "alg": "RS256", "x5t": thumbprint(0) }),
            json!({ "alg": "PS256", "x5t#S256": thumbprint(1) }),
        ] {
            let assertion = signed(&header, &claims());
            assert_eq!(code("pipeline", &assertion), 0, "{header}");
            assert!(issued_by("client", &assertion));
        }
    }

    #[test]
    fn each_wrong_assertion_has_its_own_code() {
        let header = json!({ "alg": "PS256", "x5t#S256": thumbprint(1) });
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            code("pipeline", &signed(&header, &claims))
        };
        assert_eq!(with("aud", json!("https://elsewhere")), 700_023);
        assert_eq!(with("exp", json!(1)), 700_024);
        assert_eq!(with("sub", json!("another")), 700_021);
        assert_eq!(with("iss", json!("another")), 700_021);
        let soon = Timestamp::now().as_duration().as_secs_f64() + 600.5;
        assert_eq!(with("exp", json!(soon)), 0);
        let good = signed(&header, &claims());
        // Nothing is registered on the application of the platform team.
        assert_eq!(code("platform", &good), 700_027);
        let (signed, _) = good.rsplit_once('.').unwrap();
        assert_eq!(
            code("pipeline", &format!("{signed}.{}", URL_SAFE_NO_PAD.encode([1; 256]))),
            700_027
        );
        assert_eq!(code("pipeline", "nonsense"), 50027);
    }

    #[test]
    fn an_assertion_of_another_issuer_is_none_of_a_certificate() {
        let federated = json!({ "iss": "https://issuer", "sub": "repo:contoso/backup" });
        assert!(!issued_by(
            "client",
            &signed(&json!({ "alg": "RS256", "kid": "one" }), &federated)
        ));
    }
}
