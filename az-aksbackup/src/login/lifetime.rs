//! How long a token claims to live, kept within what a clock can hold.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::error::ErrorKind;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{AsyncRawResponse, Context, Request};
use serde_json::Value;

use crate::http::bounded::MARK;

/// The longest life that Microsoft Entra gives a token is 28 hours.
const LONGEST: i64 = 48 * 3600;
/// The year 2100. A credential subtracts some minutes from the end of a token, and adds them.
const LATEST: i64 = 4_102_444_800;

/// The members of an answer that say how long: in seconds from now, and as a moment.
const MEMBERS: [(&str, i64); 4] = [
    ("expires_in", LONGEST),
    ("ext_expires_in", LONGEST),
    ("refresh_in", LONGEST),
    ("expires_on", LATEST),
];

/// The moment at which a token ends, if it says `seconds` since 1970.
pub(super) fn moment(seconds: i64) -> i64 {
    seconds.clamp(0, LATEST)
}

/// The policy that bounds what an answer with a token says of its life. azure_identity 1.0 adds it to the current time, and
/// panics where the sum has no date. A byte order mark, which it doesn't expect, is removed.
#[derive(Debug)]
pub(super) struct Lifetime;

#[async_trait]
impl Policy for Lifetime {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        let [policy, rest @ ..] = next else {
            return Err(azure_core::Error::with_message(ErrorKind::Other, "no transport"));
        };
        let response = policy.send(context, request, rest).await?;
        let (status, headers, body) = response.try_into_raw_response().await?.deconstruct();
        let body = bounded(body.as_ref());
        Ok(AsyncRawResponse::from_bytes(status, headers, body))
    }
}

fn bounded(body: &[u8]) -> Vec<u8> {
    let body = body.strip_prefix(MARK).unwrap_or(body);
    let Ok(mut answer) = serde_json::from_slice::<Value>(body) else {
        return body.to_vec();
    };
    let mut is_changed = false;
    for (member, most) in MEMBERS {
        let Some(life) = answer.get_mut(member) else { continue };
        // Some services send numbers as texts.
        let (seconds, is_text) = match &*life {
            Value::Number(number) => (number.as_f64(), false),
            Value::String(text) => (text.parse().ok(), true),
            _ => (None, false),
        };
        let Some(seconds) = seconds.filter(|seconds| !(0.0..=most as f64).contains(seconds)) else {
            continue;
        };
        let seconds = if seconds > 0.0 { most } else { 0 };
        *life = if is_text {
            seconds.to_string().into()
        } else {
            seconds.into()
        };
        is_changed = true;
    }
    match is_changed {
        true => answer.to_string().into_bytes(),
        false => body.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_that_no_clock_can_hold_is_bounded_and_any_other_answer_stays() {
        let told = |body: &str| String::from_utf8(bounded(body.as_bytes())).unwrap();
        assert_eq!(
            told(r#"{"expires_in":9223372036854775807}"#),
            r#"{"expires_in":172800}"#
        );
        assert_eq!(told(r#"{"expires_in":-9223372036854775808}"#), r#"{"expires_in":0}"#);
        assert_eq!(told(r#"{"expires_on":"1e300"}"#), r#"{"expires_on":"4102444800"}"#);
        for body in [r#"{ "expires_in": 3599 }"#, r#"{"error":"x"}"#, "<html>", ""] {
            assert_eq!(told(body), body);
            assert_eq!(told(&format!("\u{feff}{body}")), body);
        }
    }
}
