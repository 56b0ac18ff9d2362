//! A digest of what a state file says: the same for two files with the same values, whoever wrote them and when.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

/// SHA-256 over the file's values in one canonical form.
///
/// Comments, order, line ends, empty tables and the number of the format do not count, nor do the notes of who wrote a
/// table or took it away and when, nor the times of intents. Keys that this program does not know do count: another
/// program may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(String);

/// A text that is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected sha256: followed by 64 hexadecimal digits; `handoff` and `status -o json` print the digest")]
pub struct InvalidDigest;

const PREFIX: &str = "sha256:";

impl Digest {
    /// The digest of a file's values.
    #[must_use]
    pub fn of(values: &toml::Table) -> Self {
        let mut text = String::new();
        let mut values = values.clone();
        values.remove("schema");
        canonical_table(&values, &mut text);
        Self::of_bytes(text.as_bytes())
    }

    /// The digest of a file that goes along with the state file.
    #[must_use]
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let hash = digest(&SHA256, bytes);
        Self(hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;
    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

#[cfg(test)]
impl schemars::JsonSchema for Digest {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Digest".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "title": "digest", "pattern": "^(sha256:)?[0-9A-Fa-f]{64}$" })
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.0)
    }
}

/// Takes the digits with and without `sha256:`, in any case.
impl FromStr for Digest {
    type Err = InvalidDigest;
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let text = text.trim().to_ascii_lowercase();
        let hex = text.strip_prefix(PREFIX).unwrap_or(&text);
        match hex.len() == 64 && hex.chars().all(|c| c.is_ascii_hexdigit()) {
            true => Ok(Self(hex.to_owned())),
            false => Err(InvalidDigest),
        }
    }
}

/// A table as JSON would write it, keys in order. Two tables give the same text only if they say the same.
fn canonical_table(table: &toml::Table, out: &mut String) {
    let mut entries: Vec<_> = table
        .iter()
        .filter(|(key, value)| !is_note(key) && !is_empty(value))
        .collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    out.push('{');
    for (key, value) in entries {
        quote(key, out);
        out.push(':');
        match (key.as_str(), value) {
            ("intents" | "created", toml::Value::Array(items)) => canonical_array(items, out, without_time),
            _ => canonical(value, out),
        }
        out.push(',');
    }
    out.push('}');
}

fn canonical(value: &toml::Value, out: &mut String) {
    match value {
        toml::Value::String(text) => quote(text, out),
        toml::Value::Integer(number) => out.push_str(&number.to_string()),
        toml::Value::Float(number) => out.push_str(&format!("{number:?}f")),
        toml::Value::Boolean(flag) => out.push_str(&flag.to_string()),
        toml::Value::Datetime(time) => out.push_str(&time.to_string()),
        toml::Value::Array(items) => canonical_array(items, out, Clone::clone),
        toml::Value::Table(table) => canonical_table(table, out),
    }
}

fn canonical_array(items: &[toml::Value], out: &mut String, form: fn(&toml::Value) -> toml::Value) {
    out.push('[');
    for item in items {
        canonical(&form(item), out);
        out.push(',');
    }
    out.push(']');
}

/// An intent without when it was asked for.
fn without_time(intent: &toml::Value) -> toml::Value {
    let mut intent = intent.clone();
    if let Some(table) = intent.as_table_mut() {
        table.remove("at");
    }
    intent
}

fn quote(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

fn is_note(key: &str) -> bool {
    key == "written" || key == "removed"
}

/// Whether a value says nothing: a table without values, however deep.
fn is_empty(value: &toml::Value) -> bool {
    value
        .as_table()
        .is_some_and(|table| table.iter().all(|(key, value)| is_note(key) || is_empty(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Digest {
        Digest::of(&text.parse().unwrap())
    }

    const FILE: &str = "schema = 1\n[cloud.storage]\na = 'x'\nb = [1, 2]\n\
        written = { id = 'i', observed_at = '2026-01-01T00:00:00Z', by = 'me', tool = 't' }\n";

    #[test]
    fn comments_order_notes_times_and_empty_tables_do_not_count() {
        for same in [
            "# a comment\nschema = 1\n[cloud.storage]\nb = [1, 2] # why\na = \"x\"\n",
            &FILE.replace("schema = 1", "schema = 2"),
            "[cluster]\nremoved = [{ table = 'x', written = { id = 'i' } }]\n[cloud.storage]\nb = [1, 2]\na = 'x'\n",
            "cloud = { storage = { b = [1,2], a = 'x' } }\nschema = 1\n",
            "schema = 1\r\n[cloud.storage]\r\na = 'x'\r\nb = [1, 2]\r\n[cluster]\r\n",
        ] {
            assert_eq!(of(same), of(FILE), "{same}");
        }
        let intent = |at: &str| format!("[[cloud.intents]]\nstep = 'storage'\nobject = 'o'\nat = '{at}'\n");
        assert_eq!(of(&intent("2026-01-01T00:00:00Z")), of(&intent("2027-01-01T00:00:00Z")));
    }

    #[test]
    fn every_value_counts() {
        for other in [
            FILE.replace("'x'", "'y'"),
            FILE.replace("[1, 2]", "[2, 1]"),
            FILE.replace("[1, 2]", "['1', 2]"),
            FILE.replace("[1, 2]", "[1.0, 2]"),
            FILE.replace("a =", "aa ="),
            FILE.replace("cloud", "cluster"),
            FILE.replace("a = 'x'\n", ""),
            format!("unknown = 1\n{FILE}"),
        ] {
            assert_ne!(of(&other), of(FILE), "{other}");
        }
    }

    #[test]
    fn what_is_printed_is_read_again() {
        let digest = of(FILE);
        assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest.clone()));
        assert_eq!(digest.to_string().trim_start_matches(PREFIX).parse(), Ok(digest));
        for bad in ["", "sha256:", "sha256:12", "md5:d41d8cd98f00b204e9800998ecf8427e"] {
            assert_eq!(bad.parse::<Digest>(), Err(InvalidDigest));
        }
    }
}
