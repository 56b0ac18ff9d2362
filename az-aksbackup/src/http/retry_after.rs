//! When Azure wants to be asked again.

use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};

/// A longer wish counts as this one: what is calculated with it must not overflow.
pub(super) const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long the remote wants to be left alone, at most a day. Milliseconds are looked at first: they are the finer wish.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    wish(headers).map(|wish| wish.min(A_DAY))
}

fn wish(headers: &Headers) -> Option<Duration> {
    let text = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    let milliseconds = text("retry-after-ms").or_else(|| text("x-ms-retry-after-ms"));
    if let Some(milliseconds) = milliseconds.and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds).min(A_DAY));
    }
    let Some(text) = text("retry-after") else {
        return text("x-ms-user-quota-resets-after").and_then(clock);
    };
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(A_DAY));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default().min(A_DAY))
}

/// The `hh:mm:ss` after which Resource Graph lets a user query again:
/// <https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests>. It is in every answer, and
/// counts where one is refused without `Retry-After`.
fn clock(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    let minutes = hours.checked_mul(60)?.checked_add(minutes)?;
    Some(Duration::from_secs(minutes.checked_mul(60)?.checked_add(seconds)?).min(A_DAY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_the_finer_wish() {
        let mut headers = Headers::new();
        headers.insert("retry-after", "1");
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(1)));
        headers.insert("x-ms-retry-after-ms", "20");
        assert_eq!(retry_after(&headers), Some(Duration::from_millis(20)));
    }

    #[test]
    fn the_quota_of_resource_graph_is_a_clock() {
        for (text, expected) in [
            ("00:00:03", Some(Duration::from_secs(3))),
            ("01:00:00", Some(Duration::from_secs(3600))),
            ("99999999999999999999:00:00", None),
            ("18446744073709551615:00:00", None),
            ("soon", None),
        ] {
            let mut headers = Headers::new();
            headers.insert("x-ms-user-quota-resets-after", text);
            assert_eq!(retry_after(&headers), expected, "{text}");
            headers.insert("retry-after", "1");
            assert_eq!(retry_after(&headers), Some(Duration::from_secs(1)));
        }
    }

    #[test]
    fn absurd_wishes_are_a_day_or_none() {
        for (text, expected) in [
            ("18446744073709551615", Some(A_DAY)),
            ("Tue, 31 Dec 2999 23:59:59 GMT", Some(A_DAY)),
            ("184467440737095516150", None),
            ("-1", None),
            ("soon", None),
            ("1e9", None),
        ] {
            let mut headers = Headers::new();
            headers.insert("retry-after", text);
            assert_eq!(retry_after(&headers), expected, "{text}");
        }
    }
}
