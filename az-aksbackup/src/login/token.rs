//! One token for the whole run, renewed before it ends.

use std::sync::Arc;

use aksbackup_shared::failure::Outcome;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use tokio::sync::Mutex;

use super::caller::Caller;
use super::refused;
use super::way::Way;
use crate::http::retry::Renewal;

/// A login: a way to get tokens, and the token that it gave last.
pub(crate) struct Login {
    way: Way,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    credential: Option<Arc<dyn TokenCredential>>,
    token: Option<(AccessToken, OffsetDateTime)>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").finish_non_exhaustive()
    }
}

impl Login {
    /// A login that has not asked for a token yet.
    pub(crate) fn new(way: Way) -> Arc<Self> {
        Arc::new(Self {
            way,
            kept: Mutex::new(Kept::default()),
        })
    }

    /// Gets a token for `scope`, and tells whose it is.
    ///
    /// # Errors
    /// Exit 4: not signed in, with Entra's own words and how to sign in.
    pub(crate) async fn caller(&self, scope: &str) -> Outcome<Caller> {
        let token = self.get_token(&[scope], None).await;
        let token = token.map_err(|error| Box::new(refused::failure(&error)))?;
        Caller::of(token.token.secret())
    }

    /// The same login, with whatever account az has chosen; `None` where it makes no difference.
    pub(crate) fn without_subscription(&self) -> Option<Arc<Self>> {
        self.way.without_subscription().map(Self::new)
    }

    /// Forgets the token and the credential, which may keep one of its own: Azure has refused it.
    pub(crate) fn renewal(self: &Arc<Self>) -> Renewal {
        let login = self.clone();
        Arc::new(move || {
            let login = login.clone();
            Box::pin(async move { *login.kept.lock().await = Kept::default() })
        })
    }
}

#[async_trait]
impl TokenCredential for Login {
    async fn get_token(
        &self,
        scopes: &[&str],
        options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let mut kept = self.kept.lock().await;
        if let Some((token, renew_at)) = &kept.token
            && OffsetDateTime::now_utc() < *renew_at
        {
            return Ok(token.clone());
        }
        let credential = match &kept.credential {
            Some(credential) => credential.clone(),
            None => {
                let credential = self.way.credential()?;
                kept.credential.insert(credential).clone()
            }
        };
        let token = self.way.within_bounds(credential.get_token(scopes, options)).await?;
        kept.token = Some((token.clone(), renew_at(OffsetDateTime::now_utc(), token.expires_on)));
        Ok(token)
    }
}

/// Five minutes before its end, or later where it does not live long enough for that.
fn renew_at(now: OffsetDateTime, ends: OffsetDateTime) -> OffsetDateTime {
    let life: Duration = ends - now;
    let early = (life / 4_i32).clamp(Duration::ZERO, Duration::minutes(5));
    ends - early
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_renewed_before_it_ends_but_not_for_every_request() {
        let now = OffsetDateTime::UNIX_EPOCH;
        assert_eq!(renew_at(now, now + Duration::hours(1)), now + Duration::minutes(55));
        assert_eq!(renew_at(now, now + Duration::seconds(40)), now + Duration::seconds(30));
        assert_eq!(renew_at(now, now), now);
    }
}
