//! Service account tokens and the documents by which others can check them.

use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use jiff::{SignedDuration, Timestamp};
use rcgen::{KeyPair, PublicKeyData as _, SigningKey as _};
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::User;
use super::cluster::Kubernetes;
use super::server::{Answer, Request, json as json_answer};
use super::status::Refusal;
use super::target::Named;

/// The key that signs service account tokens (P-256, ES256).
#[derive(Debug)]
pub(crate) struct Signer {
    key: Option<KeyPair>,
    id: String,
}

impl Default for Signer {
    fn default() -> Self {
        Self {
            key: KeyPair::generate().ok(),
            id: Uuid::new_v4().simple().to_string(),
        }
    }
}

impl Signer {
    fn key(&self) -> Result<&KeyPair, Refusal> {
        self.key
            .as_ref()
            .ok_or_else(|| Refusal::internal("no signing key could be made"))
    }

    /// A JSON web token of `claims`.
    fn sign(&self, claims: &Value) -> Result<String, Refusal> {
        let header = json!({ "alg": "ES256", "kid": self.id });
        let input = format!(
            "{}.{}",
            BASE64.encode(header.to_string()),
            BASE64.encode(claims.to_string())
        );
        let signed = self.key()?.sign(input.as_bytes()).ok().and_then(|der| fixed(&der));
        let signature = signed.ok_or_else(|| Refusal::internal("the token could not be signed"))?;
        Ok(format!("{input}.{}", BASE64.encode(signature)))
    }
}

/// An ECDSA signature as JSON web tokens hold it (two numbers of 32 bytes), from its ASN.1 form.
fn fixed(der: &[u8]) -> Option<Vec<u8>> {
    let body = der.strip_prefix(&[0x30]).and_then(|rest| rest.get(1..))?;
    let (first, rest) = integer(body)?;
    let (second, _) = integer(rest)?;
    Some([first, second].concat())
}

fn integer(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let rest = bytes.strip_prefix(&[0x02])?;
    let (length, rest) = rest.split_first()?;
    let (number, rest) = rest.split_at_checked(usize::from(*length))?;
    let significant: Vec<u8> = number.iter().copied().skip_while(|byte| *byte == 0).collect();
    let padding = 32usize.checked_sub(significant.len())?;
    Some(([vec![0; padding], significant].concat(), rest))
}

/// The discovery document.
pub(crate) fn configuration(cluster: &Kubernetes) -> Value {
    let issuer = cluster.issuer();
    json!({
        "issuer": issuer,
        "jwks_uri": format!("{}/openid/v1/jwks", issuer.trim_end_matches('/')),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

/// The public keys.
pub(crate) fn keys(cluster: &Kubernetes) -> Result<Value, Refusal> {
    let key = cluster.signer.key()?;
    // An uncompressed point: the byte 4, then both coordinates of 32 bytes.
    let point = key.der_bytes();
    let coordinate = |range: std::ops::Range<usize>| point.get(range).map(|bytes| BASE64.encode(bytes));
    Ok(json!({ "keys": [{
        "use": "sig", "kty": "EC", "kid": cluster.signer.id, "crv": "P-256", "alg": "ES256",
        "x": coordinate(1..33), "y": coordinate(33..65),
    }] }))
}

/// TokenRequest: a token of a service account.
pub(crate) fn request(cluster: &Kubernetes, request: &Request, named: &Named) -> Answer {
    let (namespace, name) = (named.namespace(), named.name());
    let account = cluster.store.get("serviceaccounts", namespace, name);
    let account = account.ok_or_else(|| Refusal::not_found(named.resource, name))?;
    let mut answer = request.json()?;
    let seconds = answer["spec"]["expirationSeconds"].as_i64().unwrap_or(3600);
    if seconds < 600 {
        let why = format!("Invalid value: {seconds}: may not specify a duration less than 10 minutes");
        return Err(Refusal::invalid(named.resource, name, "spec.expirationSeconds", &why));
    }
    let stated = answer["spec"]["audiences"].as_array().filter(|list| !list.is_empty());
    let audiences = stated.cloned().unwrap_or_else(|| vec![json!(cluster.issuer())]);
    let now = Timestamp::now();
    let expiry = now + SignedDuration::from_secs(seconds);
    let claims = json!({
        "iss": cluster.issuer(), "sub": format!("system:serviceaccount:{namespace}:{name}"), "aud": audiences,
        "iat": now.as_second(), "nbf": now.as_second(), "exp": expiry.as_second(), "jti": Uuid::new_v4().to_string(),
        "kubernetes.io": {
            "namespace": namespace, "serviceaccount": { "name": name, "uid": account["metadata"]["uid"] },
        },
    });
    let token = cluster.signer.sign(&claims)?;
    if !request.query.dry_run() {
        remember(cluster, &token, &claims, namespace);
    }
    answer["kind"] = json!("TokenRequest");
    answer["apiVersion"] = json!("authentication.k8s.io/v1");
    answer["metadata"] = json!({ "name": name, "namespace": namespace, "creationTimestamp": super::store::now() });
    answer["spec"]["audiences"] = json!(audiences);
    answer["spec"]["expirationSeconds"] = json!(seconds);
    let until = expiry.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    answer["status"] = json!({ "token": token, "expirationTimestamp": until });
    Ok(json_answer(StatusCode::CREATED, &answer))
}

/// A token that is meant for the API server itself is good for calling it.
fn remember(cluster: &Kubernetes, token: &str, claims: &Value, namespace: &str) {
    let meant = claims["aud"]
        .as_array()
        .is_some_and(|list| list.contains(&claims["iss"]));
    if meant {
        let groups = vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
        ];
        let user = User::named(claims["sub"].as_str().unwrap_or_default(), groups);
        cluster.state().tokens.insert(token.to_owned(), user);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_number_is_padded_and_a_long_one_loses_its_sign_byte() {
        let mut der = vec![0x30, 0x26, 0x02, 0x01, 0x05, 0x02, 0x21, 0x00];
        der.extend([0xff; 32]);
        let signature = fixed(&der).unwrap();
        assert_eq!(signature.len(), 64);
        assert_eq!((signature[31], signature[32]), (5, 0xff));
    }
}
