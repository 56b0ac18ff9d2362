//! Queries of Resource Graph: pages, and how far they are followed.

use super::*;
use crate::arm::resource_graph::{Rows, rows};

fn page(data: Value, total: usize, token: Option<String>) -> Value {
    let mut body = json!({ "totalRecords": total, "count": 1, "resultTruncated": "false", "data": data });
    if let Some(token) = token {
        body["$skipToken"] = json!(token);
    }
    body
}

async fn asked(lines: Vec<Line>) -> aksbackup_shared::failure::Outcome<Rows<Value>> {
    let script = Script::new(lines);
    rows(&script.reader(), None, "resources").await
}

#[tokio::test]
async fn pages_are_followed_to_the_last() {
    let two = vec![
        line(200, page(json!([1]), 2, Some("next".into()))),
        line(200, page(json!([2]), 2, None)),
    ];
    let found = asked(two).await.unwrap();
    assert_eq!((found.all, found.is_partial), (vec![json!(1), json!(2)], false));
}

#[tokio::test]
async fn rows_that_are_missing_make_it_partial() {
    let found = asked(vec![line(200, page(json!([1]), 2, None))]).await.unwrap();
    assert!(found.is_partial);
    let limited = line(200, page(json!([1]), 1, None)).with("x-ms-tenant-subscription-limit-hit", "true");
    assert!(asked(vec![limited]).await.unwrap().is_partial);
}

#[tokio::test]
async fn pages_without_end_are_not_followed_for_long() {
    let same = (0..3).map(|_| line(200, page(json!([1]), 9, Some("again".into()))));
    let failure = asked(same.collect()).await.unwrap_err();
    assert!(failure.to_string().contains("was already read"), "{failure}");
    let other = (0..200).map(|number| line(200, page(json!([number]), 999, Some(format!("t{number}")))));
    let found = asked(other.collect()).await.unwrap();
    assert_eq!((found.all.len(), found.is_partial), (50, true));
    let text = "x".repeat(3 << 20);
    let large = (0..20).map(|number| line(200, page(json!([text]), 999, Some(format!("t{number}")))));
    let found = asked(large.collect()).await.unwrap();
    assert_eq!((found.all.len(), found.is_partial), (6, true));
}

#[tokio::test]
async fn what_fails_is_named() {
    let refusal = json!({ "error": { "code": "AuthorizationFailed", "message": "no" } });
    let failure = asked(vec![line(403, refusal)]).await.unwrap_err();
    assert_eq!(
        (failure.what.as_str(), failure.exit),
        ("cannot query Azure Resource Graph", Exit::NotPermitted)
    );
    let failure = asked(vec![line(200, json!("nonsense"))]).await.unwrap_err();
    assert!(
        failure.to_string().contains("unexpected response from Azure"),
        "{failure}"
    );
}
