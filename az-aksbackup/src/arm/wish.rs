//! When Azure wants to be asked again.

use std::time::Duration;

use azure_core::http::headers::{HeaderName, Headers};

/// How long the remote wants to be left alone. Milliseconds are looked at first: they are the finer wish.
pub(crate) fn retry_after(headers: &Headers) -> Option<Duration> {
    let text = |name: &'static str| headers.get_optional_str(&HeaderName::from_static(name));
    let milliseconds = text("retry-after-ms").or_else(|| text("x-ms-retry-after-ms"));
    if let Some(milliseconds) = milliseconds.and_then(|text| text.parse().ok()) {
        return Some(Duration::from_millis(milliseconds));
    }
    let text = text("retry-after")?;
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let wait = at.duration_since(jiff::Timestamp::now());
    Some(Duration::try_from(wait).unwrap_or_default())
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
}
