//! Lists that may be long, or that the caller may not read: page by page, and without failing over a missing right.

use std::collections::HashSet;
use std::fmt::Debug;

use aksbackup_shared::bounds::{TOO_LARGE, UNREADABLE};
use aksbackup_shared::failure::{Failure, Outcome};
use kube::api::{Api, ListParams, ObjectList};
use kube::{Client, Resource};
use serde::de::DeserializeOwned;

use crate::cluster::client::Reader;
use crate::cluster::error::{Doing, is_missing};

/// How many objects are asked for at once.
const PAGE: u32 = 500;
/// How many are asked for where a page of as many as usual is too large.
pub(crate) const SMALL_PAGE: u32 = 50;
/// How many are asked for where that is too large as well.
const SMALLEST_PAGE: u32 = 5;
/// How many times as many pages a list has then.
const SHRINKING: usize = 10;
/// The most pages of a list that has to be whole.
const MOST: usize = 1000;

/// The pages of one list: so many, and each only once.
#[derive(Debug)]
pub(crate) struct Pages {
    /// What is asked for next.
    pub(crate) parameters: ListParams,
    seen: HashSet<String>,
    ended: bool,
}

impl Pages {
    /// Pages of `size` objects, from the beginning.
    pub(crate) fn of(parameters: ListParams, size: u32) -> Self {
        Self {
            parameters: parameters.limit(size),
            seen: HashSet::new(),
            ended: false,
        }
    }

    /// Whether there is another page.
    ///
    /// # Errors
    /// The list has too many pages.
    pub(crate) fn go_on(&self, doing: &Doing) -> Outcome<bool> {
        if self.seen.len() < MOST {
            return Ok(!self.ended);
        }
        Failure::failed(format!("cannot {doing}"))
            .because(format!("the list has more than {MOST} pages"))
            .code(TOO_LARGE)
            .err()
    }

    /// Goes on with the page that the last one names.
    ///
    /// # Errors
    /// That page was read before.
    pub(crate) fn follow(&mut self, next: Option<&str>, doing: &Doing) -> Outcome<()> {
        let Some(next) = next.filter(|next| !next.is_empty()) else {
            self.ended = true;
            return Ok(());
        };
        if !self.seen.insert(next.to_owned()) {
            return Failure::failed(format!("cannot {doing}"))
                .because("unexpected response from the API server: the next page was already read")
                .code(UNREADABLE)
                .err();
        }
        self.parameters.continue_token = Some(next.to_owned());
        Ok(())
    }

    /// Asks for the same page in a tenth of the size; `false` where it is as small as it gets.
    pub(crate) fn shrink(&mut self) -> bool {
        let smaller = match self.parameters.limit {
            Some(SMALLEST_PAGE) => return false,
            Some(SMALL_PAGE) => SMALLEST_PAGE,
            _ => SMALL_PAGE,
        };
        self.parameters.limit = Some(smaller);
        true
    }
}

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
        let mut pages = Pages::of(wanted.parameters.clone(), PAGE);
        let mut left = wanted.pages;
        while left > 0 && pages.go_on(&wanted.doing)? {
            let listed: Outcome<ObjectList<K>> = self
                .connection()
                .send(&wanted.doing, async |client| api(client).list(&pages.parameters).await)
                .await;
            let page = match listed {
                Ok(page) => page,
                // A kind that the API server does not know has no objects, and a list that has grown too old goes no further.
                Err(failure) if is_missing(&failure) || (failure.has_code("Expired") && !kept.is_empty()) => break,
                Err(failure) if failure.has_code(TOO_LARGE) && pages.shrink() => {
                    // As many objects as before, in smaller pages.
                    left = left.saturating_mul(SHRINKING);
                    continue;
                }
                Err(failure) => return unless_forbidden(failure),
            };
            left -= 1;
            pages.follow(page.metadata.continue_.as_deref(), &wanted.doing)?;
            kept.extend(page.items.into_iter().filter_map(&mut keep));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_read_once_and_a_list_ends() {
        let doing = Doing::new("list", "pods", "pods", "ns");
        let mut pages = Pages::of(ListParams::default(), PAGE);
        pages.follow(Some("a"), &doing).unwrap();
        assert!(pages.go_on(&doing).unwrap());
        assert!(pages.follow(Some("a"), &doing).unwrap_err().has_code(UNREADABLE));
        (0..MOST).for_each(|page| pages.follow(Some(&page.to_string()), &doing).unwrap());
        assert!(pages.go_on(&doing).unwrap_err().has_code(TOO_LARGE));
        let mut last = Pages::of(ListParams::default(), PAGE);
        last.follow(Some(""), &doing).unwrap();
        assert!(!last.go_on(&doing).unwrap());
    }

    #[test]
    fn a_page_that_is_too_large_is_asked_for_again_and_smaller() {
        let mut pages = Pages::of(ListParams::default(), PAGE);
        for limit in [SMALL_PAGE, SMALLEST_PAGE] {
            assert!(pages.shrink());
            assert_eq!(pages.parameters.limit, Some(limit));
        }
        assert!(!pages.shrink());
    }
}
