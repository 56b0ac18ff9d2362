//! Which cluster this is: the issuer that its API server puts into service account tokens.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use base64::Engine as _;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::{Api, GetParams, PostParams};
use kube::core::Request;
use serde::Deserialize;

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// The only field of the discovery document and of a token that is looked at.
#[derive(Deserialize)]
struct Document {
    #[serde(alias = "iss")]
    issuer: String,
}

impl Reader {
    /// The issuer that the API server advertises at `/.well-known/openid-configuration`; `None` where the caller may
    /// not read it, or it is not served.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login.
    pub(crate) async fn advertised_issuer(&self) -> Outcome<Option<String>> {
        let doing = Doing::new(
            "get",
            "/.well-known/openid-configuration",
            "the issuer's discovery document",
            "",
        );
        let answer = self
            .connection()
            .send(&doing, async |client| {
                let request = Request::new("/.well-known").get("openid-configuration", &GetParams::default());
                client
                    .request::<Document>(request.map_err(kube::Error::BuildRequest)?)
                    .await
            })
            .await;
        match answer {
            Ok(document) => Ok(Some(document.issuer)),
            Err(failure) if failure.has_code("Forbidden") || failure.exit == Exit::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The issuer of a token that is asked for in the name of a service account; `None` where the caller may not ask.
    /// The token is short-lived, for nobody but the API server, and is dropped at once.
    ///
    /// # Errors
    /// As the API server says, or the token has no issuer.
    pub(crate) async fn issuer_of_token(&self, service_account: &str) -> Outcome<Option<String>> {
        let object = format!("token for service account {service_account}");
        let doing = Doing::new("create", "serviceaccounts/token", object.clone(), self.namespace());
        let request = TokenRequest {
            spec: TokenRequestSpec {
                expiration_seconds: Some(600),
                ..TokenRequestSpec::default()
            },
            ..TokenRequest::default()
        };
        let answer = self
            .connection()
            .send(&doing, async |client| {
                let api = Api::<ServiceAccount>::namespaced(client, self.namespace());
                api.create_token_request(service_account, &PostParams::default(), &request)
                    .await
            })
            .await;
        match answer {
            Ok(answer) => match answer.status.as_ref().and_then(|status| issuer_of(&status.token)) {
                Some(issuer) => Ok(Some(issuer)),
                None => Failure::failed(format!("{object} has no issuer")).err(),
            },
            Err(failure) if failure.has_code("Forbidden") || failure.exit == Exit::Missing => Ok(None),
            Err(failure) => Err(failure),
        }
    }
}

/// The claim `iss` of a token. Its signature is not checked: it came from the API server itself, over TLS.
fn issuer_of(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(claims.trim_end_matches('='))
        .ok()?;
    serde_json::from_slice::<Document>(&claims)
        .ok()
        .map(|document| document.issuer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issuer_of_a_token_is_read_byte_for_byte() {
        let claims = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(r#"{"iss":"https://oidc/x/","sub":"s"}"#);
        assert_eq!(issuer_of(&format!("h.{claims}.s")).as_deref(), Some("https://oidc/x/"));
        assert_eq!(issuer_of("h.%%%.s"), None);
        assert_eq!(issuer_of(""), None);
    }
}
