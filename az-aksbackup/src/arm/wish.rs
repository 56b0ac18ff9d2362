//! When Azure wants to be asked again.

use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};

/// No remote waits longer than this, whatever it says: a header can hold any number, and durations are added up.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// How long the remote wants to be left alone, at most a day. Milliseconds are looked at first: they are the finer wish.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    let milliseconds = text("retry-after-ms").or_else(|| text("x-ms-retry-after-ms"));
    if let Some(milliseconds) = milliseconds.and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds).min(LONGEST));
    }
    let text = text("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds).min(LONGEST));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default().min(LONGEST))
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
    fn no_wish_is_longer_than_a_day() {
        let mut headers = Headers::new();
        for (name, text) in [
            ("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ("retry-after", "18446744073709551615"),
            ("retry-after-ms", "18446744073709551615"),
        ] {
            headers.insert(name, text);
            assert_eq!(retry_after(&headers), Some(LONGEST), "{name}: {text}");
        }
    }
}
