//! What Entra does with a service account token before it looks for a credential: signature and times.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::Value;

use crate::planes::ServiceAccountToken;

/// Checks `token` against the key set (JWKS, P-256 keys) of its issuer.
///
/// # Errors
/// Entra's words: the token is no token, its key is unknown, its signature wrong, or its time over.
pub(crate) fn believe(token: &str, keys: &Value) -> Result<ServiceAccountToken, String> {
    let malformed = || "AADSTS50027: JWT token is invalid or malformed.".to_owned();
    let (signed, signature) = token.rsplit_once('.').ok_or_else(malformed)?;
    let (header, claims) = signed.split_once('.').ok_or_else(malformed)?;
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let json = |text: &str| bytes(text).and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok());
    let header = json(header).ok_or_else(malformed)?;
    let claims = json(claims).ok_or_else(malformed)?;
    let mut all = keys["keys"].as_array().into_iter().flatten();
    let key = all.find(|key| key["kid"] == header["kid"]).ok_or_else(|| {
        format!("AADSTS700027: Client assertion failed signature validation. [Reason - The key was not found., Thumbprint of key used by client: '{}']", header["kid"].as_str().unwrap_or_default())
    })?;
    let coordinate = |name: &str| key[name].as_str().and_then(bytes).unwrap_or_default();
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let signature = bytes(signature).ok_or_else(malformed)?;
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| {
            "AADSTS700027: Client assertion failed signature validation. [Reason - The signature is invalid.]"
                .to_owned()
        })?;
    let now = Timestamp::now().as_second();
    let time = |name: &str| claims[name].as_i64().unwrap_or_default();
    // Entra allows five minutes of skew.
    if now + 300 < time("nbf") || now > time("exp") + 300 {
        return Err(format!(
            "AADSTS700024: Client assertion is not within its valid time range. Current time: {now}, assertion valid from \
             {}, expiry time of assertion {}.",
            time("nbf"),
            time("exp")
        ));
    }
    let audience = claims["aud"]
        .as_array()
        .and_then(|list| list.first())
        .unwrap_or(&claims["aud"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(ServiceAccountToken {
        issuer: text(&claims["iss"]),
        subject: text(&claims["sub"]),
        audience: text(audience),
    })
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    /// A token of `claims`, and the key set that it can be checked with.
    fn signed(claims: &Value) -> (String, Value) {
        let (random, algorithm) = (SystemRandom::new(), &ECDSA_P256_SHA256_FIXED_SIGNING);
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!(
            "{}.{}",
            encode(&json!({ "alg": "ES256", "kid": "one" })),
            encode(claims)
        );
        let signature = key.sign(&random, text.as_bytes()).unwrap();
        let point = key.public_key().as_ref();
        let (x, y) = (
            URL_SAFE_NO_PAD.encode(&point[1..33]),
            URL_SAFE_NO_PAD.encode(&point[33..]),
        );
        let keys = json!({ "keys": [{ "kid": "one", "kty": "EC", "crv": "P-256", "x": x, "y": y }] });
        (format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)), keys)
    }

    fn claims(lives: i64) -> Value {
        let now = Timestamp::now().as_second();
        json!({ "iss": "https://i/", "sub": "system:serviceaccount:a:b", "aud": ["api://x"], "nbf": now, "exp": now + lives })
    }

    #[test]
    fn a_token_is_believed_by_the_keys_of_its_issuer_alone() {
        let (token, keys) = signed(&claims(3600));
        let expected = ServiceAccountToken {
            issuer: "https://i/".to_owned(),
            subject: "system:serviceaccount:a:b".to_owned(),
            audience: "api://x".to_owned(),
        };
        assert_eq!(believe(&token, &keys), Ok(expected));
        let (_, others) = signed(&claims(3600));
        assert!(
            believe(&token, &others)
                .unwrap_err()
                .contains("The signature is invalid")
        );
        assert!(
            believe(&token, &json!({ "keys": [] }))
                .unwrap_err()
                .contains("The key was not found")
        );
        assert!(believe("nonsense", &keys).unwrap_err().starts_with("AADSTS50027"));
    }

    #[test]
    fn an_old_token_is_not_believed() {
        let (token, keys) = signed(&claims(-3600));
        assert!(believe(&token, &keys).unwrap_err().starts_with("AADSTS700024"));
    }
}
