//! Lists that may be long, or that the caller may not read: page by page, and without failing over a missing right.

use std::fmt::Debug;

use aksbackup_shared::failure::{Failure, Outcome};
use kube::api::{Api, ListParams, ObjectList};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};

/// How many objects are asked for at once.
const PAGE: u32 = 500;

/// What is to be listed.
pub(crate) struct Wanted {
    /// For errors and rights.
    pub(crate) doing: Doing,
    /// Selectors.
    pub(crate) parameters: ListParams,
    /// How many pages are read at most.
    pub(crate) pages: usize,
}

impl Wanted {
    /// Everything of `resource`, anywhere.
    pub(crate) fn everywhere(resource: &'static str) -> Self {
        Self {
            doing: Doing::new("list", resource, resource, ""),
            parameters: ListParams::default(),
            pages: 100,
        }
    }
}

impl Reader {
    /// All objects of a kind that `api` lists, as `keep` takes them; `None` where the caller may not list them. Only what is
    /// kept stays in memory.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login.
    pub(crate) async fn every<K, T>(
        &self,
        wanted: &Wanted,
        api: impl Fn(Client) -> Api<K>,
        mut keep: impl FnMut(K) -> Option<T>,
    ) -> Outcome<Option<Vec<T>>>
    where
        K: Resource + Clone + Debug + DeserializeOwned,
    {
        let mut kept = Vec::new();
        let mut parameters = wanted.parameters.clone().limit(PAGE);
        for _ in 0..wanted.pages {
            let listed: Outcome<ObjectList<K>> = self
                .connection()
                .send(&wanted.doing, async |client| api(client).list(&parameters).await)
                .await;
            let page = match listed {
                Ok(page) => page,
                // A kind that the API server does not know has no objects, and a list that has grown too old goes no further.
                Err(failure) if is_missing(&failure) || (failure.has_code("Expired") && !kept.is_empty()) => break,
                Err(failure) => return unless_forbidden(failure),
            };
            let next = page.metadata.continue_.clone().unwrap_or_default();
            kept.extend(page.items.into_iter().filter_map(&mut keep));
            if next.is_empty() {
                break;
            }
            parameters.continue_token = Some(next);
        }
        Ok(Some(kept))
    }
}

/// `None` for a missing right, else the failure.
///
/// # Errors
/// The failure, if it is of another kind.
pub(crate) fn unless_forbidden<T>(failure: Box<Failure>) -> Outcome<Option<T>> {
    match failure.has_code("Forbidden") {
        true => Ok(None),
        false => Err(failure),
    }
}

/// What was read; `None` for a missing right.
///
/// # Errors
/// Any other failure.
pub(crate) fn allowed<T>(read: Outcome<T>) -> Outcome<Option<T>> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(failure) => unless_forbidden(failure),
    }
}
