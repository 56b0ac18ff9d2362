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
            "sign in again, with these claims: ",
            shell(format!("az login --claims-challenge \"{claims}\""))
        ])
        .hint("an application cannot: ask who is responsible for Conditional Access in the tenant")
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
