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
    let text = text("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(A_DAY));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default().min(A_DAY))
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
