//! Access tokens: shaped like JSON Web Tokens, sealed so that only the sandbox's own are taken.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::ids;
use super::personas::Persona;

/// Seals and opens tokens. The seal lives as long as the sandbox.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mint {
    key: Uuid,
}

/// Why a token was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    Malformed,
    Expired { expired: i64 },
}

impl Mint {
    pub(crate) fn new() -> Self {
        Self { key: Uuid::new_v4() }
    }

    /// A token for `audience` that lives so many seconds.
    pub(crate) fn token(&self, login: &str, tenant: &str, persona: &Persona, audience: &str, seconds: f64) -> String {
        let now = Timestamp::now().as_second();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "token lives are far below the limits of i64"
        )]
        let expires = now + seconds as i64;
        let claims = json!({
            "aud": audience, "iss": format!("{login}/{tenant}/"), "iat": now, "nbf": now, "exp": expires,
            "appid": persona.client_id, "appidacr": "1", "idp": format!("{login}/{tenant}/"), "idtyp": "app",
            "oid": persona.object_id, "sub": persona.object_id, "tid": tenant, "uti": ids::fresh(), "ver": "1.0",
            "name": persona.name,
        });
        self.seal(&claims)
    }

    fn seal(&self, claims: &Value) -> String {
        let header = URL_SAFE_NO_PAD.encode(json!({ "typ": "JWT", "alg": "HS256", "kid": "sandbox" }).to_string());
        let content = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        format!("{content}.{}", self.seal_of(&content))
    }

    fn seal_of(&self, content: &str) -> String {
        URL_SAFE_NO_PAD.encode(Uuid::new_v5(&self.key, content.as_bytes()).as_bytes())
    }

    /// The claims of a token of ours that is still alive.
    pub(crate) fn open(&self, token: &str) -> Result<Value, Refusal> {
        let (content, seal) = token.rsplit_once('.').ok_or(Refusal::Malformed)?;
        if self.seal_of(content) != seal {
            return Err(Refusal::Malformed);
        }
        let claims = claims(token).ok_or(Refusal::Malformed)?;
        let expired = claims["exp"].as_i64().unwrap_or_default();
        if expired <= Timestamp::now().as_second() {
            Err(Refusal::Expired { expired })
        } else {
            Ok(claims)
        }
    }
}

/// The claims of any token, unchecked.
pub(crate) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::{Mint, Refusal};
    use crate::azure::personas::persona;

    #[test]
    fn a_token_opens_only_where_it_was_sealed_and_while_it_lives() {
        let (mint, other) = (Mint::new(), Mint::new());
        let token = mint.token("https://login", "tenant", &persona("reader"), "https://arm", 60.0);
        assert_eq!(mint.open(&token).unwrap()["oid"], persona("reader").object_id);
        assert_eq!(other.open(&token), Err(Refusal::Malformed));
        let old = mint.token("https://login", "tenant", &persona("reader"), "https://arm", -1.0);
        assert!(matches!(mint.open(&old), Err(Refusal::Expired { .. })));
    }
}
