//! Paths of ARM, compared without regard to case, as ARM does.

use std::collections::BTreeMap;

/// A path in segments, percent-decoded, with its query.
#[derive(Debug, Clone, Default)]
pub(crate) struct Target {
    segments: Vec<String>,
    query: BTreeMap<String, String>,
    raw_query: String,
}

/// What a pattern took out of a path.
#[derive(Debug, Clone, Default)]
pub(crate) struct Captures {
    values: BTreeMap<&'static str, String>,
    /// The part of the path that the caller needs the right on.
    pub(crate) scope: String,
    /// How many literal segments matched: the pattern with the most wins.
    pub(crate) literals: usize,
}

impl Captures {
    /// The segment that `{name}` stood for; empty where the pattern has none of that name.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }
}

impl Target {
    /// Parses path and query as received.
    pub(crate) fn parse(target: &str) -> Self {
        let (path, raw_query) = target.split_once('?').unwrap_or((target, ""));
        let decode = |text: &str| {
            let pairs = format!("x={}", text.replace('+', "%2B"));
            let first = url::form_urlencoded::parse(pairs.as_bytes()).next();
            first.map_or_else(String::new, |(_, value)| value.into_owned())
        };
        let segments = path
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(decode)
            .collect();
        let pairs = url::form_urlencoded::parse(raw_query.as_bytes());
        let query = pairs
            .map(|(key, value)| (key.to_ascii_lowercase(), value.into_owned()))
            .collect();
        Self {
            segments,
            query,
            raw_query: raw_query.to_owned(),
        }
    }

    /// A query parameter, its name compared without case.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// Whether the query is `wanted`, undecoded and in its order; see [`normal`].
    pub(crate) fn has_query(&self, wanted: &str) -> bool {
        normal(&self.raw_query) == normal(wanted)
    }

    /// The path, decoded.
    pub(crate) fn path(&self) -> String {
        join(&self.segments)
    }

    /// Matches a pattern: literal segments, `{name}` for one segment, `{*name}` in front for any number of them, and
    /// `|` behind the segment where the scope of the caller's right ends (default: at the end).
    pub(crate) fn matches(&self, pattern: &'static str) -> Option<Captures> {
        // Every request is held against every pattern, and the last segment tells most of them apart.
        let (last, end) = (self.segments.last()?, pattern.trim_end_matches('|').rsplit('/').next()?);
        if !end.starts_with('{') && !end.eq_ignore_ascii_case(last) {
            return None;
        }
        let mut captures = Captures::default();
        let mut parts: Vec<&'static str> = pattern.split('/').filter(|part| !part.is_empty()).collect();
        let mut position = 0;
        if let Some(name) = parts.first().and_then(|part| part.strip_prefix("{*")) {
            position = (self.segments.len() + 1).checked_sub(parts.len())?;
            let end = name.find('}')?;
            captures.values.insert(&name[..end], join(&self.segments[..position]));
            if name.ends_with('|') {
                captures.scope = join(&self.segments[..position]);
            }
            parts.remove(0);
        }
        if self.segments.len() != position + parts.len() {
            return None;
        }
        for (part, segment) in parts.iter().zip(&self.segments[position..]) {
            position += 1;
            let bare = part.trim_end_matches('|');
            if let Some(name) = bare.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
                captures.values.insert(name, segment.clone());
            } else if bare.eq_ignore_ascii_case(segment) {
                captures.literals += 1;
            } else {
                return None;
            }
            if part.ends_with('|') {
                captures.scope = join(&self.segments[..position]);
            }
        }
        if captures.scope.is_empty() {
            captures.scope = self.path();
        }
        Some(captures)
    }
}

/// A query in the normal form of RFC 3986, section 6.2.2: digits of percent-encodings in upper case, and none for characters
/// that need none. Whatever stands between client and server may bring an address into this form, and Python's `requests`,
/// on which Microsoft's own SDK rests, does.
fn normal(query: &str) -> String {
    let mut parts = query.split('%');
    let mut normal = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (code.map(char::from), part.get(..2), part.get(2..)) {
            (Some(code), _, Some(rest)) if code.is_ascii_alphanumeric() || "-._~".contains(code) => {
                normal.push(code);
                normal.push_str(rest);
            }
            (Some(_), Some(digits), Some(rest)) => {
                normal = normal + "%" + &digits.to_ascii_uppercase() + rest;
            }
            _ => normal = normal + "%" + part,
        }
    }
    normal
}

fn join(segments: &[String]) -> String {
    segments
        .iter()
        .fold(String::new(), |path, segment| path + "/" + segment)
}

/// Whether `scope` is `id` or an ancestor of it.
pub(crate) fn covers(scope: &str, id: &str) -> bool {
    let (scope, id) = (
        scope.trim_end_matches('/').to_ascii_lowercase(),
        id.to_ascii_lowercase(),
    );
    scope.is_empty() || id == scope || id.starts_with(&format!("{scope}/"))
}

/// The resource group's id in a longer id.
pub(crate) fn group_of(id: &str) -> Option<String> {
    let segments: Vec<&str> = id.split('/').filter(|segment| !segment.is_empty()).collect();
    match segments.as_slice() {
        ["subscriptions" | "Subscriptions", subscription, kind, group, ..]
            if kind.eq_ignore_ascii_case("resourcegroups") =>
        {
            Some(format!("/subscriptions/{subscription}/resourceGroups/{group}"))
        }
        _ => None,
    }
}

/// The last segment of an id.
pub(crate) fn name_of(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Target, covers};

    #[test]
    fn a_query_may_be_normalised_but_not_decoded_or_ordered_anew() {
        let target = |query: &str| Target::parse(&format!("/x?{query}"));
        let wanted = "b=1&a=x%2d%3d%2B";
        assert!(target(wanted).has_query(wanted));
        assert!(target("b=1&a=x-%3D%2b").has_query(wanted));
        for other in [
            "a=x%2d%3d%2B&b=1",
            "b=1&a=x-=%2B",
            "b=1&a=x-%3D+",
            "b=1&a=x%252d%253d%252B",
            "b=1&a=x%2d%3d%2",
        ] {
            assert!(!target(other).has_query(wanted), "{other}");
        }
    }

    #[test]
    fn literals_are_compared_without_case_and_names_are_kept() {
        let target = Target::parse(
            "/Subscriptions/S/resourcegroups/RG/providers/microsoft.storage/storageaccounts/a%2Eb?API-version=1",
        );
        let captures = target
            .matches("/subscriptions/{s}/resourceGroups/{g}|/providers/Microsoft.Storage/storageAccounts/{a}")
            .unwrap();
        assert_eq!((captures.get("g"), captures.get("a")), ("RG", "a.b"));
        assert_eq!(captures.scope, "/Subscriptions/S/resourcegroups/RG");
        assert_eq!(target.query("api-version"), Some("1"));
        assert!(target.matches("/subscriptions/{s}/resourceGroups/{g}").is_none());
    }

    #[test]
    fn a_leading_scope_takes_any_number_of_segments() {
        let target = Target::parse("/a/b/c/providers/Microsoft.Authorization/roleAssignments/x");
        let captures = target
            .matches("/{*scope}/providers/Microsoft.Authorization/roleAssignments/{name}")
            .unwrap();
        assert_eq!((captures.get("scope"), captures.get("name")), ("/a/b/c", "x"));
        assert!(Target::parse("/providers/x").matches("/{*scope}/a/b/c/d").is_none());
    }

    #[test]
    fn a_scope_covers_itself_and_what_is_below_but_no_namesake() {
        assert!(covers(
            "/subscriptions/1/resourceGroups/rg",
            "/Subscriptions/1/resourcegroups/RG/providers/x"
        ));
        assert!(!covers(
            "/subscriptions/1/resourceGroups/rg",
            "/subscriptions/1/resourceGroups/rg-2"
        ));
        assert!(covers("/", "/subscriptions/1"));
    }
}
