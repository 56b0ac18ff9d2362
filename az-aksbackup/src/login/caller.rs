//! Who a token belongs to, by its own claims.

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{PrincipalId, TenantId};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// The signed-in principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Caller {
    /// Object id: what roles are assigned to.
    pub(crate) object_id: PrincipalId,
    /// Tenant that the token is for.
    pub(crate) tenant: TenantId,
    /// Name as people know it.
    pub(crate) name: String,
}

#[derive(Debug, Deserialize)]
struct Claims {
    oid: PrincipalId,
    tid: TenantId,
    upn: Option<String>,
    unique_name: Option<String>,
    preferred_username: Option<String>,
    name: Option<String>,
    appid: Option<String>,
}

impl Caller {
    /// Reads the claims of `token`. They are not verified: ARM does that.
    ///
    /// # Errors
    /// Exit 4: the token is no JSON Web Token with `oid` and `tid`.
    pub(crate) fn of(token: &str) -> Outcome<Self> {
        let payload = token.split('.').nth(1).unwrap_or_default().trim_end_matches('=');
        let bytes = URL_SAFE_NO_PAD.decode(payload).unwrap_or_default();
        let claims: Claims = serde_json::from_slice(&bytes).or_else(|_| {
            Failure::not_permitted("cannot determine the signed-in account")
                .because("the token for Azure Resource Manager has no principal (oid) and tenant (tid)")
                .hint(fix!["sign in again: ", shell("az login")])
                .err()
        })?;
        let named = claims
            .upn
            .or(claims.unique_name)
            .or(claims.preferred_username)
            .or(claims.name);
        let name = named.unwrap_or_else(|| match claims.appid {
            Some(app) => format!("application {app}"),
            None => format!("principal {}", claims.oid),
        });
        Ok(Self {
            object_id: claims.oid,
            tenant: claims.tid,
            name,
        })
    }

    /// Refuses a caller of another tenant than the state file's.
    ///
    /// # Errors
    /// Exit 4, with both tenants and the command that signs in to the right one.
    pub(crate) fn must_be_in(&self, tenant: &TenantId) -> Outcome<()> {
        if self.tenant.as_str().eq_ignore_ascii_case(tenant.as_str()) {
            return Ok(());
        }
        let own = &self.tenant;
        Failure::not_permitted(format!(
            "you're signed in to tenant {own}, but the state file is for tenant {tenant}"
        ))
        .at_key("target.tenant", format!("the file has {tenant}"))
        .hint(shell(format!("az login --tenant {tenant}")))
        .err()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::exit::Exit;

    const TENANT: &str = "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10";
    const PRINCIPAL: &str = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";

    fn token(claims: &str) -> String {
        format!("e30.{}.x", URL_SAFE_NO_PAD.encode(claims))
    }

    fn caller(more: &str) -> Caller {
        Caller::of(&token(&format!(r#"{{"oid":"{PRINCIPAL}","tid":"{TENANT}"{more}}}"#))).unwrap()
    }

    #[test]
    fn a_person_is_named_by_address_and_an_application_by_its_id() {
        assert_eq!(
            caller(r#","upn":"ada@contoso.example","name":"Ada""#).name,
            "ada@contoso.example"
        );
        assert_eq!(caller(r#","appid":"a1""#).name, "application a1");
        assert_eq!(caller("").name, format!("principal {PRINCIPAL}"));
    }

    #[test]
    fn a_token_without_claims_is_exit_4_and_not_shown() {
        for token in ["", "opaque-SECRET", "a.SECRET.c", &token(r#"{"tid":"SECRET"}"#)] {
            let failure = Caller::of(token).unwrap_err();
            assert_eq!(failure.exit, Exit::NotPermitted);
            assert!(!failure.to_string().contains("SECRET"));
        }
    }

    #[test]
    fn another_tenant_is_exit_4_with_both_and_the_cure() {
        let other: TenantId = PRINCIPAL.parse().unwrap();
        let failure = caller("").must_be_in(&other).unwrap_err();
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert!(failure.what.contains(TENANT) && failure.what.contains(PRINCIPAL));
        assert_eq!(failure.hints, [format!("az login --tenant {PRINCIPAL}")]);
        assert!(caller("").must_be_in(&TENANT.to_uppercase().parse().unwrap()).is_ok());
    }
}
