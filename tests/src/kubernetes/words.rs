//! Velero's own words for what went wrong, as it stores them in `status.message`.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::settings::Dialect;
use crate::planes::Workload;

const RULE: &str = "--------------------------------------------------------------------------------";

/// Why a storage location is not available.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The error as the plugin gives it.
    raw: String,
    /// `CODE: message`, where the error is an answer of a service with an `ERROR CODE:` line.
    short: Option<String>,
    /// It happened before Velero even had a store to validate.
    pub(crate) early: bool,
}

impl Failure {
    /// A failure while the storage client is made.
    pub(crate) fn early(text: &str) -> Self {
        Self {
            raw: text.to_owned(),
            short: None,
            early: true,
        }
    }

    /// The error as it stands in the log.
    pub(crate) fn full(&self) -> String {
        format!("rpc error: code = Unknown desc = {}", self.raw)
    }

    /// What Velero stores in `status.message`.
    pub(crate) fn stored(&self, dialect: Dialect) -> String {
        let text = match (dialect, &self.short) {
            (Dialect::Newer, Some(short)) => format!("rpc error: code = Unknown desc = {short}"),
            _ => self.full(),
        };
        format!("BackupStorageLocation \"default\" is unavailable: {text}")
    }
}

/// The exchange of a service account token was refused by Entra with `text`.
pub(crate) fn exchange(text: &str, host: &str, tenant: &str) -> Failure {
    let code = text
        .strip_prefix("AADSTS")
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect());
    let code: String = code.unwrap_or_default();
    let description = Value::from(text);
    let raw = format!(
        "WorkloadIdentityCredential authentication failed. \n\
         POST {}/{tenant}/oauth2/v2.0/token\n{RULE}\nRESPONSE 400: 400 Bad Request\n{RULE}\n\
         {{\n  \"error\": \"invalid_client\",\n  \"error_description\": {description},\n  \"error_codes\": [\n    {code}\n  ]\n}}\n\
         {RULE}\nTo troubleshoot, visit https://aka.ms/azsdk/go/identity/troubleshoot#workload",
        host.trim_end_matches('/')
    );
    Failure {
        raw,
        short: None,
        early: false,
    }
}

/// The instance metadata service answered `text`, which may be its whole JSON body or only the description in it.
pub(crate) fn metadata(text: &str) -> Failure {
    let body = text
        .find('{')
        .and_then(|start| serde_json::from_str::<Value>(&text[start..]).ok())
        .unwrap_or_default();
    let description = body["error_description"].as_str().unwrap_or(text);
    let assigned = if description.contains("Identity not found") {
        " the requested identity isn't assigned to this resource"
    } else {
        ""
    };
    let raw = format!(
        "ManagedIdentityCredential authentication failed. ManagedIdentityCredential authentication failed.{assigned}\n\
         GET http://169.254.169.254/metadata/identity/oauth2/token\n{RULE}\nRESPONSE 400: 400 Bad Request\n{RULE}\n\
         {{\n  \"error\": \"invalid_request\",\n  \"error_description\": {}\n}}\n\
         {RULE}\nTo troubleshoot, visit https://aka.ms/azsdk/go/identity/troubleshoot#managed-id",
        Value::from(description)
    );
    Failure {
        raw,
        short: None,
        early: false,
    }
}

/// The blob service answered `text`, which is `CODE: message` after whatever stands before it.
pub(crate) fn storage(text: &str, endpoint: &str, account: &str, bucket: &str) -> Failure {
    let text = text.rsplit_once("desc = ").map_or(text, |(_, rest)| rest);
    let Some((code, message)) = text.split_once(": ").filter(|(code, _)| !code.contains(' ')) else {
        return Failure {
            raw: text.to_owned(),
            short: None,
            early: false,
        };
    };
    let default = format!("https://{account}.blob.core.windows.net");
    let host = if endpoint.is_empty() {
        &default
    } else {
        endpoint.trim_end_matches('/')
    };
    if message.starts_with("dial tcp") {
        // Nobody answered, so there is no code either: the text is that of Go's HTTP client.
        let raw = format!("Get \"{host}/{bucket}?comp=list&delimiter=%2F&restype=container\": {message}");
        return Failure {
            raw,
            short: None,
            early: false,
        };
    }
    let status = if code.ends_with("NotFound") { 404 } else { 403 };
    let request = Uuid::new_v4();
    let raw = format!(
        "GET {host}/{bucket}\n{RULE}\nRESPONSE {status}: {status} {message}\nERROR CODE: {code}\n{RULE}\n\
         \u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{message}\n\
         RequestId:{request}\nTime:{}</Message></Error>\n{RULE}\n",
        Timestamp::now()
    );
    Failure {
        raw,
        short: Some(format!("{code}: {message}")),
        early: false,
    }
}

/// Without `useAAD` Velero asks Resource Manager for the account's keys, which a data role does not allow.
pub(crate) fn keys_denied(workload: &Workload, subscription: &str, group: &str, account: &str) -> Failure {
    let scope = format!(
        "/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{account}"
    );
    let message = format!(
        "The client '{}' with object id '{}' does not have authorization to perform action \
         'Microsoft.Storage/storageAccounts/listKeys/action' over scope '{scope}' or the scope is invalid. \
         If access was recently granted, please refresh your credentials.",
        workload.client_id, workload.principal_id
    );
    let body = json!({ "error": { "code": "AuthorizationFailed", "message": message } });
    let raw = format!(
        "failed to get storage account access key: failed to list storage account access keys: \
         POST https://management.azure.com{scope}/listKeys\n{RULE}\nRESPONSE 403: 403 Forbidden\n\
         ERROR CODE: AuthorizationFailed\n{RULE}\n{body:#}\n{RULE}\n"
    );
    Failure {
        raw,
        short: Some(format!("AuthorizationFailed: {message}")),
        early: true,
    }
}

#[cfg(test)]
mod tests {
    use super::super::velero_log::report;
    use super::*;

    #[test]
    fn the_newer_dialect_keeps_code_and_message_only() {
        let failure = storage(
            "AuthorizationFailure: This request is not authorized.",
            "",
            "acc",
            "box",
        );
        let start = "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = ";
        assert_eq!(
            failure.stored(Dialect::Newer),
            format!("{start}AuthorizationFailure: This request is not authorized.")
        );
        let older = failure.stored(Dialect::Older);
        assert!(older.contains("ERROR CODE: AuthorizationFailure") && older.contains("acc.blob.core.windows.net/box"));
    }

    #[test]
    fn what_the_cloud_has_already_framed_is_not_framed_twice() {
        let failure = storage(
            "rpc error: code = Unknown desc = ContainerNotFound: gone",
            "",
            "acc",
            "box",
        );
        assert!(
            failure
                .stored(Dialect::Newer)
                .ends_with("desc = ContainerNotFound: gone")
        );
    }

    #[test]
    fn texts_of_entra_pass_unchanged_in_both_dialects() {
        let failure = exchange("AADSTS70021: No matching record.", "https://login.example/", "tenant");
        for dialect in [Dialect::Newer, Dialect::Older] {
            assert!(failure.stored(dialect).contains("AADSTS70021: No matching record."));
        }
        let log = report("ns", &Err(failure));
        assert!(log[0].contains("level=error") && !log[0].contains('\n'));
    }
}
