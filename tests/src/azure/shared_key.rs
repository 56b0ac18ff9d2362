//! What the storage service does with a request that is signed with an account key instead of a token.
//!
//! <https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key>

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

/// Headers whose values are signed without their names, in this order.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

/// Account and signature of `Authorization: SharedKey ACCOUNT:SIGNATURE`, `None` for any other scheme.
pub(crate) fn presented(headers: &BTreeMap<String, String>) -> Option<(&str, &str)> {
    headers
        .get("authorization")?
        .strip_prefix("SharedKey ")?
        .split_once(':')
}

/// Whether `signature` is that of this request by one of `keys` (base64, as listKeys answers them).
pub(crate) fn signed_by(
    keys: &[String],
    account: &str,
    signature: &str,
    (method, target): (&str, &str),
    headers: &BTreeMap<String, String>,
) -> bool {
    let text = to_sign(account, method, target, headers);
    let signature = STANDARD.decode(signature).unwrap_or_default();
    keys.iter().any(|key| {
        let key = STANDARD.decode(key).unwrap_or_default();
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes(), &signature).is_ok()
    })
}

/// The string to sign of versions since 2015-02-21, in which an empty body has no length.
pub(crate) fn to_sign(account: &str, method: &str, target: &str, headers: &BTreeMap<String, String>) -> String {
    let value = |name: &&str| match headers.get(*name).map(String::as_str) {
        Some("0") if *name == "content-length" => String::new(),
        found => found.unwrap_or_default().to_owned(),
    };
    let mut lines = vec![method.to_owned()];
    lines.extend(SIGNED.iter().map(value));
    let own = headers.iter().filter(|(name, _)| name.starts_with("x-ms-"));
    lines.extend(own.map(|(name, value)| format!("{name}:{}", value.trim())));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    lines.push(format!("/{account}{path}"));
    let mut pairs = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        let values = pairs.entry(name.to_ascii_lowercase()).or_default();
        values.push(value.into_owned());
    }
    for (name, mut values) in pairs {
        values.sort_unstable();
        lines.push(format!("{name}:{}", values.join(",")));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Microsoft's own example of a signed list, from the page named above.
    #[test]
    fn the_string_to_sign_is_that_of_microsofts_example() {
        let headers = [
            ("x-ms-date", "Fri, 26 Jun 2015 23:39:12 GMT"),
            ("x-ms-version", "2015-02-21"),
            ("content-length", "0"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let target = "/mycontainer?restype=container&comp=metadata&timeout=20";
        let expected = "GET\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:Fri, 26 Jun 2015 23:39:12 GMT\nx-ms-version:2015-02-21\n\
                        /myaccount/mycontainer\ncomp:metadata\nrestype:container\ntimeout:20";
        assert_eq!(to_sign("myaccount", "GET", target, &headers.into()), expected);
    }

    #[test]
    fn only_the_accounts_own_keys_sign() {
        let headers = BTreeMap::from([("x-ms-version".to_owned(), "2021-12-02".to_owned())]);
        let (key, other) = (STANDARD.encode([1; 64]), STANDARD.encode([2; 64]));
        let secret = hmac::Key::new(hmac::HMAC_SHA256, &[1; 64]);
        let signature = STANDARD.encode(hmac::sign(&secret, to_sign("a", "GET", "/c", &headers).as_bytes()));
        let by = |keys: &[&String], target: &str| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).clone()).collect();
            signed_by(&keys, "a", &signature, ("GET", target), &headers)
        };
        assert!(by(&[&other, &key], "/c"));
        assert!(!by(&[&other], "/c") && !by(&[&key], "/d"));
    }
}
