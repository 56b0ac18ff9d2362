//! The target of a request: path and query as they stand on the request line.

use url::form_urlencoded;

/// A path in decoded segments, with its query.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) segments: Vec<String>,
    /// Names in lower case (ARM compares them without regard to case) and values, decoded.
    pub(crate) query: Vec<(String, String)>,
}

impl Target {
    /// Takes a target apart. Empty segments are dropped: ids that begin with a slash are often appended to one.
    pub(crate) fn parse(target: &str) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect();
        let query = form_urlencoded::parse(query.as_bytes());
        Self {
            segments,
            query: query
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned()))
                .collect(),
        }
    }

    /// A query parameter, by its name in any case.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.query
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of `api-version`; empty where there is none.
    pub(crate) fn version(&self) -> &str {
        self.query("api-version").unwrap_or_default()
    }

    /// Whether this is the URL of a long-running operation. Azure puts what it likes into the query of those, and into that
    /// of a list's next page.
    pub(crate) fn is_opaque(&self) -> bool {
        let names = [
            "operations",
            "operationStatus",
            "operationStatuses",
            "operationResults",
            "asyncoperations",
        ];
        self.segments
            .iter()
            .any(|segment| names.iter().any(|name| name.eq_ignore_ascii_case(segment)))
            || self
                .query
                .iter()
                .any(|(name, _)| name.trim_start_matches('$') == "skiptoken")
    }
}

/// Decodes percent signs alone: a plus sign of a path is a plus sign.
fn decode(segment: &str) -> String {
    let form = format!("x={}", segment.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(form.as_bytes())
        .next()
        .map_or_else(String::new, |(_, value)| value.into_owned())
}

#[cfg(test)]
mod tests {
    use super::Target;

    #[test]
    fn path_and_query_are_decoded() {
        let target = Target::parse("/subscriptions//a%20b+c&d?API-Version=2024-04-01&$filter=x%20eq%20'y'");
        assert_eq!(target.segments, ["subscriptions", "a b+c&d"]);
        assert_eq!(target.version(), "2024-04-01");
        assert_eq!(target.query("$Filter"), Some("x eq 'y'"));
        assert!(!target.is_opaque());
    }

    #[test]
    fn operation_urls_and_further_pages_are_opaque() {
        assert!(Target::parse("/v/operationstatus/1?t=2&c=3").is_opaque());
        assert!(Target::parse("/v/backupJobs?$skipToken=abc").is_opaque());
    }
}
