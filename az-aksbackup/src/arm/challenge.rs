//! 401: a token that Azure does not take, or not any more.

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use azure_core::http::headers::{HeaderName, Headers};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Adds what a refused token needs: another sign-in, and where Azure names the claims that it misses, those.
///
/// Continuous access evaluation takes a token back before its end, and Conditional Access asks for more than it holds; both
/// answer 401 with the missing claims in `WWW-Authenticate`.
/// <https://learn.microsoft.com/entra/identity-platform/claims-challenge>
pub(super) fn explained(failure: Failure, headers: &Headers) -> Failure {
    let challenge = headers.get_optional_string(&HeaderName::from_static("www-authenticate"));
    if failure.has_code("InvalidAuthenticationTokenTenant") {
        return of_another_tenant(failure, challenge.as_deref().and_then(tenant));
    }
    let Some(claims) = challenge.as_deref().and_then(claims) else {
        return failure.hint(fix!["sign in again: ", shell("az login")]);
    };
    let words = STANDARD
        .decode(claims)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    failure
        .because(format!(
            "the token lacks claims: {}",
            words.as_deref().unwrap_or(claims)
        ))
        .hint(fix![
            "sign in again with these claims: ",
            shell(format!("az login --claims-challenge \"{claims}\""))
        ])
        .hint(
            "ask the Conditional Access administrator of the tenant if an application signs in: an application can't \
             provide the claims",
        )
}

/// The token is good, but its tenant isn't the one of the subscription, which the challenge names.
fn of_another_tenant(failure: Failure, tenant: Option<&str>) -> Failure {
    let tenant = tenant.unwrap_or("TENANT");
    failure
        .hint(fix![
            "sign in to the subscription's tenant: ",
            shell(format!("az login --tenant {tenant}"))
        ])
        .hint(format!(
            "set AZURE_TENANT_ID={tenant} if an application signs in; the application requires a service principal \
             in that tenant"
        ))
}

/// The tenant at the end of `authorization_uri`, where it is a GUID.
fn tenant(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("authorization_uri=\"")?;
    let (address, _) = rest.split_once('"')?;
    let last = address.trim_end_matches('/').rsplit('/').next()?;
    uuid::Uuid::try_parse(last).is_ok().then_some(last)
}

/// The claims of a challenge, in Base64 as they came.
fn claims(challenge: &str) -> Option<&str> {
    if !challenge.contains("insufficient_claims") {
        return None;
    }
    let (_, rest) = challenge.split_once("claims=\"")?;
    let (claims, _) = rest.split_once('"')?;
    // It is pasted into a shell.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_');
    (!claims.is_empty() && claims.bytes().all(plain)).then_some(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(challenge: &str) -> Vec<aksbackup_shared::command_line::Fix> {
        let mut headers = Headers::new();
        headers.insert("www-authenticate", challenge.to_owned());
        explained(Failure::not_permitted("x"), &headers).hints
    }

    #[test]
    fn a_refused_token_needs_another_sign_in() {
        assert_eq!(hints("Bearer error=\"invalid_token\""), ["sign in again: az login"]);
    }

    #[test]
    fn a_token_of_another_tenant_is_cured_by_the_tenant_that_azure_names() {
        let hint = |challenge: &str| {
            let mut headers = Headers::new();
            headers.insert("www-authenticate", challenge.to_owned());
            let failure = Failure::not_permitted("x").code("InvalidAuthenticationTokenTenant");
            explained(failure, &headers).hints[0].to_string()
        };
        let named =
            "Bearer authorization_uri=\"https://login.windows.net/72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11\", error=\"x\"";
        assert!(
            hint(named).ends_with("az login --tenant 72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11"),
            "{}",
            hint(named)
        );
        for unnamed in ["", "Bearer authorization_uri=\"https://login.windows.net/$(reboot)\""] {
            assert!(hint(unnamed).ends_with("az login --tenant TENANT"), "{}", hint(unnamed));
        }
    }

    #[test]
    fn missing_claims_are_shown_and_handed_to_az() {
        let challenge = "Bearer realm=\"\", error=\"insufficient_claims\", claims=\"eyJhIjoxfQ==\"";
        let mut headers = Headers::new();
        headers.insert("www-authenticate", challenge);
        let failure = explained(Failure::not_permitted("x"), &headers);
        assert_eq!(failure.why, ["the token lacks claims: {\"a\":1}"]);
        assert!(
            failure.hints[0]
                .to_string()
                .ends_with("az login --claims-challenge \"eyJhIjoxfQ==\"")
        );
    }

    #[test]
    fn what_is_no_base64_is_not_pasted() {
        assert_eq!(
            hints("Bearer error=\"insufficient_claims\", claims=\"$(reboot)\""),
            ["sign in again: az login"]
        );
    }
}
