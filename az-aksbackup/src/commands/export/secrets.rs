//! Texts that look like secrets: an export has none, in whichever form it is printed.

use aksbackup_shared::diagnosis::mask::mask;
use serde_json::Value;

use super::terraform::expression;
use crate::checks::extension_settings;

/// What the name of a setting has, without its dots, hyphens and underscores, if its value might be a secret. `mask` knows fewer: it reads
/// sentences, in which such words are common.
const WORDS: [&str; 14] = [
    "secret",
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "token",
    "credential",
    "accountkey",
    "accesskey",
    "sharedkey",
    "privatekey",
    "apikey",
    "connectionstring",
    "signature",
];

/// Removes tags, and settings of the extension, that might be secrets, and names them.
pub(super) fn without(body: &mut Value, id: &str, left_out: &mut Vec<(String, &'static str)>) {
    let mut drop = |what: &str, members: Option<&mut Value>, is_secret: fn(&str, &Value) -> bool| {
        let Some(members) = members.and_then(Value::as_object_mut) else {
            return;
        };
        members.retain(|name, own| {
            let secret = is_secret(name, own);
            if secret {
                left_out.push((mask(&format!("{what} {name} of {id}")), "it might be a secret"));
            }
            !secret
        });
    };
    drop("tag", body.get_mut("tags"), is_masked);
    let settings = body.pointer_mut("/properties/configurationSettings");
    drop("setting", settings, |name, own| is_named(name) || is_masked(name, own));
}

/// Whether a text in what is left looks like a secret.
pub(super) fn has_one(body: &Value) -> bool {
    differs(&format!("{body:#}")) || differs(&body.to_string()) || differs(&expression(body, 0))
}

/// Whether the name of a setting is that of a secret. Those that aksbackup sets hold none.
fn is_named(name: &str) -> bool {
    let word: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let word = word.to_ascii_lowercase();
    name != extension_settings::TENANT && (word.ends_with("key") || WORDS.iter().any(|own| word.contains(own)))
}

/// Whether a reader of the export, or of a message with this name and value, would see what is masked elsewhere.
fn is_masked(name: &str, value: &Value) -> bool {
    let plain = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let quoted = Value::from(name);
    differs(&format!("{name}=unknown"))
        || differs(&format!("{name}={plain}"))
        || differs(&format!("{quoted}: \"unknown\""))
        || differs(&format!("{quoted}: {value}"))
        || differs(&plain)
}

fn differs(text: &str) -> bool {
    mask(text) != text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn left(tags: &Value, settings: &Value) -> (Value, Vec<String>) {
        let mut body = json!({ "tags": tags, "properties": { "configurationSettings": settings } });
        let mut left_out = Vec::new();
        without(&mut body, "/x", &mut left_out);
        assert!(!has_one(&body), "{body}");
        (body, left_out.into_iter().map(|(what, _)| what).collect())
    }

    #[test]
    fn a_setting_that_might_be_a_secret_is_left_out_and_named() {
        let kept = json!({
            "credentials.tenantId": "t",
            "configuration.backupStorageLocation.config.useAAD": "true",
            "configuration.backupStorageLocation.config.storageAccountURI": "https://st.blob.core.windows.net/",
            "configuration.backupStorageLocation.config.storageAccount": "st",
        });
        let key = format!("{}==", "A".repeat(86));
        for (name, value) in [
            ("credentials.clientSecret", "s"),
            ("db.passwd", "s"),
            ("velero.sas-token", "s"),
            ("azure.storage_account_access_key", "s"),
            ("env.CONNECTION_STRING", "s"),
            ("encryptionKey", "s"),
            ("note", "DefaultEndpointsProtocol=https;AccountKey=Zm9vYmFyYmF6;"),
            ("url", "https://st.blob.core.windows.net/x?sv=1&sig=aB%2Fc9%3D"),
            ("proxy", "http://ada:hunter22@proxy.example:3128"),
            ("value", key.as_str()),
            ("jwt", "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"),
        ] {
            let mut settings = kept.clone();
            settings[name] = json!(value);
            let (body, left_out) = left(&json!({}), &settings);
            assert_eq!(body["properties"]["configurationSettings"], kept, "{name}");
            assert_eq!(left_out, [format!("setting {name} of /x")]);
        }
        assert_eq!(left(&json!({}), &kept).1, Vec::<String>::new());
    }

    #[test]
    fn a_tag_that_would_be_masked_is_left_out_and_no_other() {
        let tags =
            json!({ "cost-key": "1", "team": "shop", "db_password": "hunter22", "note": "AccountKey=Zm9vYmFyYmF6" });
        let (body, left_out) = left(&tags, &json!({}));
        assert_eq!(body["tags"], json!({ "cost-key": "1", "team": "shop" }));
        assert_eq!(left_out, ["tag db_password of /x", "tag note of /x"]);
    }

    #[test]
    fn a_name_that_is_a_secret_is_named_without_it() {
        let (_, left_out) = left(&json!({}), &json!({ "eyJhbGciOiJSUzI1NiJ9": "x" }));
        assert_eq!(left_out, ["setting [token] of /x"]);
    }
}
