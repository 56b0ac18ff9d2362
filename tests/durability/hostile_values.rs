//! Hostile values: every text of a good file, replaced by each of many bad ones.

use toml::Value;

/// A hostile file and the key that its refusal has to name.
pub(crate) struct Hostile {
    /// What it is, for messages.
    pub(crate) name: String,
    /// The file.
    pub(crate) text: Vec<u8>,
    /// The key; `None` where the file is refused as a whole.
    pub(crate) key: Option<String>,
}

/// Texts that no key takes: terminal escapes, NUL, other control characters, text direction, what nobody sees, lines.
const STEERING: [(&str, &str); 8] = [
    ("a terminal escape", "\u{1b}]0;owned\u{7}"),
    ("a C1 escape", "\u{9b}2J"),
    ("NUL", "a\0b"),
    ("text direction", "a\u{202e}b"),
    ("an isolate", "\u{2066}a"),
    ("zero width", "a\u{200b}b"),
    ("a tag character", "a\u{e0041}"),
    ("another line", "a\nNext: subscription owner: run evil"),
];

/// Texts that no name or id takes.
const BENDING: [(&str, &str); 9] = [
    ("dots", ".."),
    ("a path", "a/../../b"),
    ("an encoded slash", "a%2f..%2Fb"),
    ("a query", "a?api-version=x"),
    ("a URL", "https://evil.example/x"),
    ("a look-alike", "аks-demo"),
    ("nothing", ""),
    ("white space", " a "),
    (
        "a long one",
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1",
    ),
];

/// Keys whose text is a name or an id by a rule of its resource.
const NAMES: [&str; 20] = [
    "target.cloud",
    "target.tenant",
    "target.subscription",
    "target.cluster",
    "target.region",
    "target.storage.account",
    "target.storage.resource_group",
    "target.storage.container",
    "target.snapshots.resource_group",
    "target.vault.name",
    "target.vault.resource_group",
    "target.policy.name",
    "target.extension.name",
    "cloud.prerequisites.issuer",
    "cloud.prerequisites.cluster_principal",
    "cloud.storage.account",
    "cloud.vault.vault",
    "cloud.extension.namespace",
    "cloud.identity.client_id",
    "cloud.federation.credentials[0].name",
];

/// The files made from the good file `base`.
pub(crate) fn all(base: &str) -> Vec<Hostile> {
    let base: Value = toml::from_str(base).unwrap();
    let mut keys = Vec::new();
    texts(&base, "", &mut keys);
    let every = keys
        .iter()
        .enumerate()
        .map(|(at, key)| (key.as_str(), STEERING[at % STEERING.len()]));
    // An issuer is a URL, and nothing in the file can tell whose.
    let is_url = |key: &str, what: &str| key.ends_with("issuer") && what == "a URL";
    let bent = NAMES
        .iter()
        .flat_map(|key| BENDING.iter().map(|bad| (*key, *bad)))
        .filter(|(key, (what, _))| !is_url(key, what));
    let steered = NAMES
        .iter()
        .enumerate()
        .map(|(at, key)| (*key, STEERING[(at + 3) % STEERING.len()]));
    every
        .chain(bent)
        .chain(steered)
        .map(|(key, (what, bad))| Hostile {
            name: format!("{what} in {key}"),
            text: with(&base, key, bad).into_bytes(),
            key: Some(key.to_owned()),
        })
        .collect()
}

/// Every key that has a text.
fn texts(value: &Value, key: &str, keys: &mut Vec<String>) {
    match value {
        Value::String(_) => keys.push(key.to_owned()),
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                texts(item, &format!("{key}[{at}]"), keys);
            }
        }
        Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                texts(value, &key, keys);
            }
        }
        _ => {}
    }
}

/// `base` with the text at `key` replaced.
pub(crate) fn with(base: &Value, key: &str, text: &str) -> String {
    let mut file = base.clone();
    let mut at = &mut file;
    for part in key.split(['.', '[']) {
        at = match part.strip_suffix(']') {
            Some(index) => &mut at[index.parse::<usize>().unwrap()],
            None => &mut at[part],
        };
    }
    *at = Value::from(text);
    toml::to_string(&file).unwrap()
}
