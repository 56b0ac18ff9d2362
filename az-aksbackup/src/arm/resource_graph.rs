//! Azure Resource Graph: queries over what the signed-in account can read, in all subscriptions at once.
//!
//! It lags behind Resource Manager by minutes, so that nothing is decided by it:
//! <https://learn.microsoft.com/azure/governance/resource-graph/overview>.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::SubscriptionId;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::arm::answer::Answer;
use crate::arm::client::Reader;
use crate::arm::versions;

const PATH: &str = "/providers/Microsoft.ResourceGraph/resources";
/// The most rows of a page: <https://learn.microsoft.com/azure/governance/resource-graph/concepts/paging-results>.
const PAGE: usize = 1000;
/// The most pages that are read of one query.
const PAGES: usize = 50;
/// The most bytes that are read of one query.
const OF_QUERY: usize = 16 << 20;
/// Set where the account sees more than 10,000 subscriptions, of which the rest is left out:
/// <https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests>.
const LIMIT_HIT: &str = "x-ms-tenant-subscription-limit-hit";

/// The rows of a query.
#[derive(Debug)]
pub(crate) struct Rows<T> {
    /// The rows.
    pub(crate) all: Vec<T>,
    /// Whether Azure has more, which can't be read.
    pub(crate) is_partial: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", bound = "T: DeserializeOwned")]
struct Page<T> {
    data: Vec<T>,
    #[serde(default)]
    total_records: usize,
    #[serde(rename = "$skipToken")]
    skip_token: Option<String>,
}

/// Runs `query` over `subscription`, or over all subscriptions that the signed-in account can see in its tenant. The query has to order
/// its rows by a unique column, or else pages can repeat and skip rows.
///
/// # Errors
/// Exit 4: not permitted. Exit 1: Azure refuses the query, or its answer can't be understood.
pub(crate) async fn rows<T: DeserializeOwned>(
    reader: &Reader,
    subscription: Option<&SubscriptionId>,
    query: &str,
) -> Outcome<Rows<T>> {
    let mut rows = Rows {
        all: Vec::new(),
        is_partial: false,
    };
    let (mut token, mut read): (Option<String>, usize) = (None, 0);
    for _ in 0..PAGES {
        let body = request(subscription, query, token.as_deref());
        let answer = reader.inquire(PATH, versions::RESOURCE_GRAPH, &body).await;
        let answer = answer.map_err(|failure| named(*failure))?;
        rows.is_partial |= limit_hit(&answer);
        read += answer.body.to_string().len();
        let page: Page<T> = serde_json::from_value(answer.body).or_else(|error| unreadable(&error).err())?;
        rows.all.extend(page.data);
        match page.skip_token.filter(|token| !token.is_empty()) {
            Some(_) if read > OF_QUERY => break,
            Some(next) if token.as_ref() != Some(&next) => token = Some(next),
            Some(_) => return unreadable(&"the next page was already read").err(),
            // Without a token there is no next page, even where rows are missing.
            None => {
                rows.is_partial |= rows.all.len() < page.total_records;
                return Ok(rows);
            }
        }
    }
    rows.is_partial = true;
    Ok(rows)
}

fn request(subscription: Option<&SubscriptionId>, query: &str, token: Option<&str>) -> Value {
    let mut body = json!({ "query": query, "options": { "$top": PAGE, "resultFormat": "objectArray" } });
    if let Some(subscription) = subscription {
        body["subscriptions"] = json!([subscription]);
    }
    if let Some(token) = token {
        body["options"]["$skipToken"] = json!(token);
    }
    body
}

fn limit_hit(answer: &Answer) -> bool {
    let header = answer.headers.get_optional_str(&LIMIT_HIT.into());
    header.is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

fn named(failure: Failure) -> Box<Failure> {
    Box::new(Failure {
        what: "cannot query Azure Resource Graph".to_owned(),
        ..failure
    })
}

fn unreadable(why: &dyn std::fmt::Display) -> Failure {
    Failure::failed("cannot query Azure Resource Graph").because(format!("unexpected response from Azure: {why}"))
}

/// Returns `text` as a literal of the query language.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_a_subscription_only_if_there_is_one() {
        let id: SubscriptionId = "0b1f6471-1bf0-4dda-aec3-cb9272f09590".parse().unwrap();
        let body = request(Some(&id), "resources", Some("next"));
        assert_eq!(body["subscriptions"], json!([id]));
        assert_eq!(body["options"]["$skipToken"], "next");
        assert_eq!(request(None, "resources", None).get("subscriptions"), None);
    }

    #[test]
    fn a_literal_ends_where_it_should() {
        assert_eq!(quoted(r"a'b\"), r"'a\'b\\'");
    }
}
