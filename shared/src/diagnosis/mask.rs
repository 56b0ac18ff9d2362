//! Words of others, made fit to be shown: no secret, no length without end.

use std::borrow::Cow;
use std::ops::Range;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

/// What is taken for a secret, and what stands in its place. Over bytes and ASCII: Azure's own forms are.
const SECRETS: [(&str, &str); 10] = [
    (
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(-----END [A-Z ]*PRIVATE KEY-----|\z)",
        "[private key]",
    ),
    // The claims of a challenge look like a token, or like a key, and have to be handed on as they are.
    (
        r#"(?<kept>--claims-challenge "[A-Za-z0-9_=-]+")|eyJ[A-Za-z0-9_-]{8,}(\.[A-Za-z0-9_-]*){0,4}"#,
        "[token]",
    ),
    (
        r"(?i)\b(Bearer|SharedKey(?:Lite)?|Basic)[ +][A-Za-z0-9_.~+/=:-]{6,}",
        "$1 [masked]",
    ),
    // Names that end in a word for a secret, and what is assigned to them; flags also with a blank between.
    (
        r#"(?i)([A-Za-z0-9_.-]*(?:sig|signature|secret|token|password|passwd|pwd|assertion|api_?-?key|(?:account|access|storage|shared_?access)_?-?key))(=|%3D)[^&;,\s"'<>\\\[][^&;,\s"'<>\\]*"#,
        "$1$2[masked]",
    ),
    (
        r#"(?i)(--[a-z-]*(?:secret|token|password|api-key|account-key|access-key))([ ]+|"[\s]*,[\s]*")[^\s"'<>\\,;{}\[\]-][^\s"'<>\\,]{5,}"#,
        "$1$2[masked]",
    ),
    (
        r#"(?i)([A-Za-z0-9_-]*(?:client_?secret|client_?assertion|access_?token|refresh_?token|id_?token|password|secret|api_?-?key|(?:account|access|storage|primary|shared_?access)_?-?key)|\bkey[12])(\\*"?\s*:\s*\\*"?)[^\s"'<>\\,;{}\[]{6,}"#,
        "$1$2[masked]",
    ),
    (
        r#"(?i)("[A-Za-z0-9_-]*token\\*"\s*:\s*\\*")[^\s"'<>\\]{6,}"#,
        "$1[masked]",
    ),
    (r#"://[^/\s:@"']*:[^/\s@"']+@"#, "://[masked]@"),
    // An account key: 64 bytes in base64.
    (
        r#"(?<kept>--claims-challenge "[A-Za-z0-9_=-]+")|[A-Za-z0-9+/]{86}=="#,
        "[key]",
    ),
    // A client secret of Entra: three signs, a digit, Q~, and the rest.
    (r"[A-Za-z0-9_.~-]{3}[0-9]Q~[A-Za-z0-9_.~-]{20,}", "[client secret]"),
];

static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    let compiled = |(expression, place): (&str, &'static str)| {
        let regex = RegexBuilder::new(expression).unicode(false).build().ok()?;
        Some((regex, place))
    };
    SECRETS.into_iter().filter_map(compiled).collect()
});

/// How much of a text is read: its head, and its tail.
const HEAD: usize = 256 << 10;
const TAIL: usize = 64 << 10;

/// How much is quoted before and after the words that matter, in bytes.
const BEFORE: usize = 100;
const AFTER: usize = 300;

/// How far around them is looked for secrets, which must not be cut in two.
const AROUND: usize = 4096;

/// The text without anything that looks like a secret.
#[must_use]
pub fn mask(text: &str) -> String {
    let mut bytes = Cow::Borrowed(text.as_bytes());
    for (regex, place) in MASKS.iter() {
        let masked = |found: &Captures<'_>| {
            let mut text = found
                .name("kept")
                .map(|kept| kept.as_bytes().to_vec())
                .unwrap_or_default();
            if text.is_empty() {
                found.expand(place.as_bytes(), &mut text);
            }
            text
        };
        if let Cow::Owned(masked) = regex.replace_all(&bytes, masked) {
            bytes = Cow::Owned(masked);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The text, or its head and tail where it is without end.
#[must_use]
pub(crate) fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= HEAD + TAIL {
        return Cow::Borrowed(text);
    }
    let (head, tail) = (floor(text, HEAD), ceil(text, text.len() - TAIL));
    Cow::Owned(format!("{} … {}", &text[..head], &text[tail..]))
}

/// The words around `place` in one line, masked, with `…` for what is left out.
#[must_use]
pub(crate) fn quote(text: &str, place: Range<usize>) -> String {
    let from = edge(text, floor(text, place.start.saturating_sub(AROUND)), place.start);
    let until = ceil(text, place.end.saturating_add(AROUND));
    let (before, rest) = (mask(&text[from..place.start]), mask(&text[place.start..until]));
    // A secret may lie across the place itself; then it is masked as one.
    let whole = mask(&text[from..until]);
    let start = match whole == format!("{before}{rest}") {
        true => before.len(),
        false => 0,
    };
    let left = ceil(&whole, start.saturating_sub(BEFORE));
    let right = floor(&whole, start + AFTER);
    let words = whole[left..right.max(left)]
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let dots = |left_out: bool| if left_out { "…" } else { "" };
    format!(
        "{}{words}{}",
        dots(from > 0 || left > 0),
        dots(until < text.len() || right < whole.len())
    )
}

/// The last place up to `at` where a character begins.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or_default()
}

/// The first place from `at` on where a character begins.
fn ceil(text: &str, at: usize) -> usize {
    (at..text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len())
}

/// The first place from `from` on where a word begins: half a secret would not be known as one.
fn edge(text: &str, from: usize, until: usize) -> usize {
    if from == 0 {
        return 0;
    }
    let begins = text[from..until].find(|c: char| c.is_whitespace());
    begins.map_or(until, |at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_expression_compiles() {
        assert_eq!(MASKS.len(), SECRETS.len());
    }

    #[test]
    fn secrets_are_masked_wherever_they_stand() {
        let key = "A".repeat(86) + "==";
        for (text, secret) in [
            (
                "token eyJhbGciOiJSUzI1NiIsImtpZCI6IjEifQ.eyJpc3MiOiJodHRwczovL3gifQ.c2lnbmF0dXJl end",
                "eyJ",
            ),
            ("Authorization: Bearer abc.def-123456", "abc.def"),
            ("Authorization: SharedKey stbackup:abcdef123=", "abcdef123"),
            (
                "https://st.blob.core.windows.net/velero?sv=2021&se=2026-01-01&sig=aB%2Fc9%3D&sp=rl",
                "aB%2Fc9",
            ),
            (
                "DefaultEndpointsProtocol=https;AccountName=st;AccountKey=Zm9vYmFyYmF6;EndpointSuffix=core",
                "Zm9vYmFy",
            ),
            ("client_id=1&client_secret=s3cr3t-value&grant_type=x", "s3cr3t-value"),
            (r#"{"client_secret": "s3cr3t-value"}"#, "s3cr3t-value"),
            (r#"msg="body {\"accessToken\":\"opaque-1234\"}""#, "opaque-1234"),
            ("proxy http://ada:hunter22@proxy.example:3128 refused", "hunter22"),
            (&format!("key {key} end"), &key),
            ("secret is abc8Q~dEfGhIjKlMnOpQrStUvWxYz0123456789 here", "dEfGhIj"),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\n-----END RSA PRIVATE KEY-----",
                "MIIEow",
            ),
            ("-----BEGIN PRIVATE KEY-----\nMIIEow and no end", "MIIEow"),
            ("DB_PASSWORD=hunter22", "hunter22"),
            ("MYSQL_ROOT_PASSWORD: hunter22", "hunter22"),
            ("--client-secret=abcdef123456 --x", "abcdef"),
            ("--token opaque12345", "opaque"),
            (r#"["--password","hunter22"]"#, "hunter22"),
            ("GET /x?token=opaque12345&y", "opaque"),
            (r#"{"apiKey": "opaque12345"}"#, "opaque"),
            (r#"{"bot_token": "opaque12345"}"#, "opaque"),
            ("X-Api-Key: opaque12345", "opaque"),
            ("AZURE_STORAGE_ACCOUNT_ACCESS_KEY: Zm9vYmFy", "Zm9v"),
        ] {
            assert!(!mask(text).contains(secret), "{}", mask(text));
            assert!(!quote(text, 0..1).contains(secret), "{}", quote(text, 0..1));
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "AADSTS700211: No matching federated identity record found for issuer 'https://oidc.example/1/'",
            "/subscriptions/00000000-0000-0000-0000-000000000000/resourceGroups/rg/providers/Microsoft.Storage",
            "no storage account access key with key AZURE_STORAGE_KEY found in credential",
            "failed to get token: AADSTS7000215: Invalid client secret provided",
            "AZURE_FEDERATED_TOKEN_FILE=/var/run/secrets/azure/tokens/azure-identity-token",
            "--token=[Bearer token for the API server]:TOKEN:_default",
            "the pod has a token file; --token-file /var/run/x; automountServiceAccountToken: true",
            "Zugriff verweigert: Schlüssel fehlt ☃",
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        ] {
            assert_eq!(mask(text), text);
        }
    }

    #[test]
    fn a_secret_is_not_cut_in_two() {
        let token = format!("eyJ{}", "a".repeat(3 * AROUND));
        let text = format!("before {token} ContainerNotFound: after");
        let place = text.find("ContainerNotFound").unwrap_or_default();
        let quoted = quote(&text, place..place + 17);
        assert!(
            quoted.contains("ContainerNotFound: after") && !quoted.contains("aaaa"),
            "{quoted}"
        );
    }

    #[test]
    fn a_text_without_end_keeps_head_and_tail() {
        let text = format!("head {} tail", "ü".repeat(5 << 20));
        let cut = cut(&text);
        assert!(cut.len() < 400 << 10 && cut.starts_with("head ") && cut.ends_with(" tail"));
        assert!(quote(&cut, 0..4).starts_with("head"));
    }
}
