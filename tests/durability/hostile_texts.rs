//! Hostile texts: what is no TOML, too much of it, or TOML of another shape.

use crate::hostile_values::Hostile;

/// The files made from the good file `base`.
pub(crate) fn all(base: &str) -> Vec<Hostile> {
    [broken(base), shapes(base), bombs()].into_iter().flatten().collect()
}

fn hostile(name: &str, text: impl Into<Vec<u8>>, key: Option<&str>) -> Hostile {
    Hostile {
        name: name.to_owned(),
        text: text.into(),
        key: key.map(str::to_owned),
    }
}

fn broken(base: &str) -> Vec<Hostile> {
    let utf16: Vec<u8> = base.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let after = |tail: &[u8]| [base.as_bytes(), tail].concat();
    vec![
        hostile("an empty file", "", None),
        hostile("no TOML", "once upon a time", None),
        hostile("UTF-16", utf16, None),
        hostile("a byte that is not UTF-8", after(b"x = \"\xff\"\n"), None),
        hostile("a raw NUL", after(b"x = \"a\0b\"\n"), None),
        hostile("a raw escape", after(b"x = \"\x1b[2J\"\n"), None),
        hostile("a raw escape in a comment", after(b"# \x1b]0;owned\x07\n"), None),
        hostile(
            "a table twice",
            after(b"[target]\ncloud = \"AzureCloud\"\n"),
            Some("target"),
        ),
        hostile("a key twice", after(b"[x]\nkey = 1\nkey = 2\n"), Some("key")),
        hostile("a table that is a value", after(b"[schema.x]\n"), None),
        hostile(
            "an end in the middle",
            base[..base.len() / 2].trim_end().as_bytes(),
            None,
        ),
        hostile("an escape in a key", after(b"\"\\u001b[2J\" = 1\n"), None),
        hostile("a number that is none", after(b"x = 99999999999999999999\n"), Some("x")),
        hostile("a date that is none", after(b"x = 2026-13-45\n"), Some("x")),
    ]
}

/// Known keys with values of another type, and numbers and dates out of range.
fn shapes(base: &str) -> Vec<Hostile> {
    let tables = [
        "cloud.prerequisites",
        "cloud.storage",
        "cloud.vault",
        "cloud.extension",
        "cloud.identity",
        "cloud.federation",
        "cloud.trusted_access",
        "cloud.roles",
        "cluster.rollout",
        "cluster.verification",
    ];
    let mut files: Vec<Hostile> = tables
        .iter()
        .flat_map(|key| {
            let name = key.rsplit('.').next().unwrap_or_default();
            let plane = key.split('.').next().unwrap_or_default();
            ["1", "\"x\"", "[]", "true"].map(|value| {
                let text = format!("schema = 1\n[{plane}]\n{name} = {value}\n");
                hostile(&format!("{key} = {value}"), text, Some(key))
            })
        })
        .collect();
    for schema in [
        "0",
        "-1",
        "4294967296",
        "\"1\"",
        "1.5",
        "[1]",
        "{ a = 1 }",
        "1979-05-27",
        "nan",
        "true",
    ] {
        files.push(hostile(
            &format!("schema = {schema}"),
            format!("schema = {schema}\n"),
            Some("schema"),
        ));
    }
    files.push(hostile("no schema", base.replace("schema = ", "scheme = "), None));
    let dates = [
        "9999-99-99T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-01-01T00:00:00+99:99",
        "-300000-01-01T00:00:00Z",
        "+1000000-01-01T00:00:00Z",
        "tomorrow",
        "2026-01-01",
        "",
    ];
    for date in dates {
        let written = format!("written = {{ id = \"i\", observed_at = \"{date}\", by = \"b\", tool = \"t\" }}");
        let text = format!("schema = 1\n[cluster.rollout]\ndeployments = []\n{written}\n");
        files.push(hostile(
            &format!("observed at {date}"),
            text,
            Some("cluster.rollout.written"),
        ));
    }
    files
}

/// Texts that would cost memory, time or stack.
fn bombs() -> Vec<Hostile> {
    const MIB: usize = 1 << 20;
    let deep =
        |open: &str, close: &str, depth| format!("schema = 1\nx = {}1{}\n", open.repeat(depth), close.repeat(depth));
    let keys: String = (0..20_000).map(|at| format!("k{at}=1\n")).collect();
    let tables: String = (0..20_000).map(|at| format!("[t{at}]\n")).collect();
    vec![
        hostile(
            "100 MB of comment",
            format!("schema = 1\n{}", "#\n".repeat(50 * MIB)),
            None,
        ),
        hostile(
            "100 MB of text",
            format!("schema = 1\nx = \"{}\"\n", "a".repeat(100 * MIB)),
            None,
        ),
        hostile(
            "one byte too many",
            format!("schema = 1\n#{}", "a".repeat(256 * 1024 - 11)),
            None,
        ),
        hostile("deep arrays", deep("[", "]", 100_000), None),
        hostile("deep inline tables", deep("{a=", "}", 50_000), None),
        hostile(
            "deep keys",
            format!("schema = 1\nx{} = 1\n", ".x".repeat(100_000)),
            None,
        ),
        hostile(
            "deep headers",
            format!("schema = 1\n[x{}]\n", ".x".repeat(100_000)),
            None,
        ),
        hostile(
            "arrays that never end",
            format!("schema = 1\nx = {}", "[".repeat(200_000)),
            None,
        ),
        hostile(
            "many keys and a wrong one",
            format!("{keys}schema = 0\n"),
            Some("schema"),
        ),
        hostile(
            "many tables and a wrong one",
            format!("schema = 1\ncloud = 1\n{tables}"),
            Some("cloud"),
        ),
        hostile(
            "a long bad name",
            format!(
                "schema = 1\n[cloud.extension]\nextension = \"{}\"\n",
                "/".repeat(200_000)
            ),
            Some("cloud.extension.extension"),
        ),
    ]
}
