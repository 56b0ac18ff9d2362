//! Azure's words, as failures: kept whole, with code, request ids and what Azure recommends.

use aksbackup_shared::bounds::{TOO_LARGE, excess_of};
use aksbackup_shared::chain::finding::SeenIn;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, shell};
use aksbackup_shared::diagnosis::meaning;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use azure_core::http::headers::{HeaderName, Headers};
use serde_json::Value;

use crate::http::error::{NETWORK, chain, unreachable};
use crate::http::retry_after::retry_after;
use crate::http::timeout::Silence;
use crate::login;

/// How deep nested errors are followed; deeper ones repeat what their wrappers say.
const DEPTH: u8 = 6;

/// The failure that an answer of ARM is. `what` begins the report, such as `cannot read cluster aks`.
pub(crate) fn from_answer(what: &str, status: u16, headers: &Headers, body: &[u8]) -> Failure {
    let exit = match status {
        401 | 403 => Exit::NotPermitted,
        404 => Exit::Missing,
        _ => Exit::Failed,
    };
    let failure = Failure::new(exit, what).request_id(request_id(headers));
    let parsed: Option<Value> = serde_json::from_slice(body).ok();
    let mut failure = match parsed.as_ref().and_then(error_object) {
        Some(error) => with_error(failure, error),
        None => failure.because(plain(status, body)),
    };
    failure = match status {
        401 => super::challenge::explained(failure, headers),
        429 => throttled(failure, headers),
        _ => failure,
    };
    failure
}

/// Adds what an error object says (`code`, `message`, `details`, `innererror`, `additionalInfo`) to `failure`.
pub(crate) fn with_error(mut failure: Failure, error: &Value) -> Failure {
    if let Some(code) = text(error, "code") {
        failure = failure.code(code);
        failure = barred(failure, error);
        if failure.has_code("AuthorizationFailed") || failure.has_code("LinkedAuthorizationFailed") {
            failure.exit = Exit::NotPermitted;
        }
    }
    let mut advice = Vec::new();
    failure = walk(failure, error, DEPTH, &mut advice);
    failure = advised(failure, advice);
    match missing_right(error.get("message").and_then(Value::as_str).unwrap_or_default()) {
        Some((action, scope)) => failure.hint(Fix::permission(format!("{action} at scope {scope}"))),
        None => failure,
    }
}

/// Adds how to find what no role helps against: a deny assignment, or a lock.
fn barred(failure: Failure, error: &Value) -> Failure {
    let message = text(error, "message").unwrap_or_default();
    let quoted = |after: &str| Some(message.split_once(after)?.1.split_once('\'')?.0);
    if failure.has_code("DenyAssignmentAuthorizationFailed") {
        let scope = quoted("at scope '").unwrap_or_default();
        return failure.hint(fix![
            "ask the owner of the deny assignment to remove it, because no role overrides it: ",
            shell(format!(
                "az rest --method get --url \
             '{scope}/providers/Microsoft.Authorization/denyAssignments?api-version=2022-04-01'"
            ))
        ]);
    }
    let subscription = quoted("are locked: '").and_then(|scope| scope.split('/').nth(2));
    match subscription.filter(|_| failure.has_code("ScopeLocked")) {
        Some(subscription) => failure.hint(fix![
            "to find the lock and its owner, run: ",
            shell(format!("az lock list --subscription {subscription} --output table"))
        ]),
        None => failure,
    }
}

/// The action and scope that a refusal names, such as `… to perform action 'A' over scope 'S' …`.
pub(crate) fn missing_right(message: &str) -> Option<(&str, &str)> {
    let quoted = |after: &str| {
        let (_, rest) = message.split_once(after)?;
        rest.split_once('\'').map(|(text, _)| text)
    };
    let action = quoted("action '").or_else(|| quoted("action(s) '"))?;
    Some((action, quoted("scope '").or_else(|| quoted("scope(s) '"))?))
}

/// The failure that a request without an answer is.
pub(crate) fn from_transport(what: &str, host: &str, error: &azure_core::Error) -> Failure {
    if let Some(excess) = excess_of(error) {
        return Failure::failed(what)
            .because(format!("unexpected response from {host}: {excess}"))
            .code(TOO_LARGE);
    }
    if let Some(failure) = login::refusal(error) {
        return failure;
    }
    if let Some(silence) = error.downcast_ref::<Silence>() {
        return Failure::failed(what)
            .because(format!("{host} gave {silence}"))
            .hint(NETWORK);
    }
    unreachable(
        Failure::failed(what).because(format!("cannot reach {host}")),
        &chain(error),
    )
}

fn error_object(body: &Value) -> Option<&Value> {
    let error = body.get("error").or_else(|| body.get("Error")).unwrap_or(body);
    (error.get("code").is_some() || error.get("message").is_some()).then_some(error)
}

/// Adds what the error and those within it say, and collects what they recommend.
fn walk(mut failure: Failure, error: &Value, depth: u8, advice: &mut Vec<String>) -> Failure {
    if depth == 0 {
        return failure;
    }
    if let Some(message) = text(error, "message") {
        failure = match text(error, "code") {
            // Azure Backup repeats its error under `additionalInfo`.
            Some(code) if failure.has_code(code) && failure.why.iter().any(|why| why == message) => failure,
            Some(code) if depth < DEPTH && !message.contains(code) => failure.because(format!("{code}: {message}")),
            Some(_) | None => failure.because(message),
        };
    }
    for note in list(error, "additionalInfo") {
        failure = noted(failure, note, depth - 1, advice);
    }
    for detail in list(error, "details") {
        failure = walk(failure, detail, depth - 1, advice);
    }
    for name in ["innererror", "innerError", "embeddedInnerError"] {
        if let Some(inner) = error.get(name) {
            failure = walk(failure, inner, depth - 1, advice);
        }
    }
    if let Some(message) = error
        .pointer("/additionalInfo/DetailedNonLocalisedMessage")
        .and_then(Value::as_str)
    {
        failure = failure.because(without_markup(message));
    }
    advice.extend(recommended(error));
    failure
}

/// The lines of a message that Velero quotes from the storage service, without the rules and the XML between them. What the XML
/// says is on the lines before it.
fn without_markup(message: &str) -> String {
    let is_words = |line: &&str| {
        let line = line.trim_start_matches('\u{feff}').trim();
        !line.is_empty() && !line.starts_with('<') && line.chars().any(|c| c != '-')
    };
    let text = message.split("<?xml").next().unwrap_or_default();
    text.lines().filter(is_words).collect::<Vec<_>>().join("\n")
}

/// An entry of `additionalInfo`: the user facing error of Azure Backup, or the policy that refused.
fn noted(mut failure: Failure, note: &Value, depth: u8, advice: &mut Vec<String>) -> Failure {
    let info = note.get("info").unwrap_or(&Value::Null);
    let policy = text(info, "policyAssignmentDisplayName").or_else(|| text(info, "policyDefinitionDisplayName"));
    if let Some(policy) = policy {
        failure = failure.because(format!("Azure Policy: {policy}"));
    }
    walk(failure, info, depth, advice)
}

/// What Azure recommends, as a list or as one text.
fn recommended(error: &Value) -> Vec<String> {
    let texts = match error.get("recommendedAction") {
        Some(Value::String(advice)) => vec![advice.as_str()],
        Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let texts = texts.into_iter().filter(|advice| !advice.is_empty());
    texts.map(str::to_owned).collect()
}

/// Adds the fix for a failure of Azure Backup: the catalog's where it has the failure, else what Azure recommends. Azure's own advice
/// takes no account of keyless access: for `UserErrorStorageAccountKeyAccessDisallowed` it is to allow account keys again.
pub(super) fn advised(mut failure: Failure, advice: Vec<String>) -> Failure {
    let code = failure.code.as_deref().unwrap_or_default();
    if advice.is_empty() && !code.contains("UserError") {
        return failure;
    }
    let mut words = failure.code.iter().chain(&failure.why);
    let known = words.find_map(|words| meaning(SeenIn::Bi, Link::BackupInstance, words));
    if let Some(known) = known {
        return failure.hint(known.cure);
    }
    for advice in advice {
        if !failure.hints.iter().any(|hint| *hint == advice.as_str()) {
            failure = failure.hint(advice);
        }
    }
    failure
}

fn throttled(failure: Failure, headers: &Headers) -> Failure {
    let limits = ["SubscriptionRequestsThrottled", "TenantRequestsThrottled"];
    let who = match limits.iter().any(|code| failure.has_code(code)) {
        true => "Azure Resource Manager is throttling the requests of this account in the subscription",
        false => "the resource provider is throttling requests for this operation",
    };
    match retry_after(headers) {
        Some(wish) => failure.hint(format!("run the command again in {}s: {who}", wish.as_secs())),
        None => failure.hint(format!("run the command again in a few minutes: {who}")),
    }
}

/// What an answer that is no JSON says: its status, and the beginning of its text.
fn plain(status: u16, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let begin: String = text.trim().chars().take(300).collect();
    match begin.is_empty() {
        true => format!("HTTP {status}"),
        false => format!("HTTP {status}: {begin}"),
    }
}

/// Azure's own id of a request, and that of all requests that belong together.
pub(super) fn request_id(headers: &Headers) -> Option<String> {
    let text = |name: &'static str| headers.get_optional_string(&HeaderName::from_static(name));
    match (text("x-ms-request-id"), text("x-ms-correlation-request-id")) {
        (Some(id), Some(correlation)) if id != correlation => Some(format!("{id}, correlation {correlation}")),
        (id, correlation) => id.or(correlation),
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str().map(str::trim).filter(|text| !text.is_empty())
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn failure(status: u16, body: &Value) -> Failure {
        let mut headers = Headers::new();
        headers.insert("x-ms-request-id", "r-1");
        headers.insert("x-ms-correlation-request-id", "c-1");
        from_answer("cannot read cluster aks", status, &headers, body.to_string().as_bytes())
    }

    #[test]
    fn a_missing_right_is_exit_4_with_action_and_scope() {
        let message = "The client 'x' with object id 'y' does not have authorization to perform action 'A/read' over scope \
                       '/subscriptions/s' or the scope is invalid. \"quoted\"";
        let failure = failure(
            403,
            &json!({"error": {"code": "AuthorizationFailed", "message": message}}),
        );
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert_eq!(failure.why, [message]);
        assert_eq!(failure.hints, ["get permission A/read at scope /subscriptions/s"]);
        assert_eq!(failure.request_id.as_deref(), Some("r-1, correlation c-1"));
        assert!(failure.has_code("authorizationfailed"));
    }

    #[test]
    fn nested_errors_and_recommendations_of_azure_backup_are_kept() {
        let failure = failure(
            400,
            &json!({"error": {"code": "Outer", "message": "outer", "details": [{"code": "Inner", "message": "inner"}],
                "additionalInfo": [{"type": "UserFacingError", "info": {"code": "UserErrorX", "message": "rights are missing",
                    "recommendedAction": ["grant them"],
                    "innerError": {"code": "Z", "additionalInfo": {"DetailedNonLocalisedMessage": "the very reason"}}}}]}}),
        );
        assert_eq!(failure.code.as_deref(), Some("Outer"));
        let expected = [
            "outer",
            "UserErrorX: rights are missing",
            "the very reason",
            "Inner: inner",
        ];
        assert_eq!(failure.why, expected);
        assert_eq!(failure.hints, ["grant them"]);
    }

    /// As recorded: `validateForBackup` of 3 November 2025, without what is not an error.
    #[test]
    fn advice_to_allow_account_keys_is_replaced_by_the_fix_of_the_catalog() {
        let quoted = "Default BSL is not available. InnerErrorMessage: rpc error: code = Unknown desc = GET https://x\n----------\n\
                      RESPONSE 403: 403 Key based authentication is not permitted on this storage account.\n\
                      ERROR CODE: KeyBasedAuthenticationNotPermitted\n----------\n\u{feff}<?xml version=\"1.0\"?><Error>\nx</Error>\n---\n";
        let message = "The storage account does not support key based authentication";
        let code = "UserErrorStorageAccountKeyAccessDisallowed";
        let failure = failure(
            400,
            &json!({ "error": { "code": code, "message": message, "additionalInfo": [{ "type": "UserFacingError", "info": {
                "code": code, "message": message,
                "recommendedAction": ["Please ensure that storage account key access is enabled and then retry the operation."],
                "innerError": { "code": "Success", "additionalInfo": { "DetailedNonLocalisedMessage": quoted } } } }] } }),
        );
        assert_eq!(failure.why.len(), 2, "{failure}");
        assert_eq!(failure.why[0], message);
        assert!(
            failure.why[1].ends_with("ERROR CODE: KeyBasedAuthenticationNotPermitted"),
            "{failure}"
        );
        assert!(!failure.why[1].contains("----"), "{failure}");
        assert_eq!(failure.hints.len(), 1, "{failure}");
        assert!(
            failure.hints[0].to_string().starts_with("az aksbackup prepare  # "),
            "{failure}"
        );
    }

    #[test]
    fn the_fix_of_the_catalog_does_not_depend_on_advice() {
        let code = "UserErrorStorageAccountKeyAccessDisallowed";
        let failure = failure(400, &json!({ "error": { "code": code, "message": "no" } }));
        assert!(
            failure.hints[0].to_string().starts_with("az aksbackup prepare  # "),
            "{failure}"
        );
    }

    #[test]
    fn a_policy_is_named() {
        let failure = failure(
            403,
            &json!({"error": {"code": "RequestDisallowedByPolicy", "message": "no", "additionalInfo":
                [{"type": "PolicyViolation", "info": {"policyAssignmentDisplayName": "No storage"}}]}}),
        );
        assert_eq!(failure.why, ["no", "Azure Policy: No storage"]);
    }

    #[test]
    fn an_answer_that_is_no_json_is_quoted() {
        let failure = from_answer("cannot x", 502, &Headers::new(), b"<html>bad gateway</html>");
        assert_eq!(failure.why, ["HTTP 502: <html>bad gateway</html>"]);
        let empty = from_answer("cannot x", 404, &Headers::new(), b"");
        assert_eq!((empty.exit, empty.why), (Exit::Missing, vec!["HTTP 404".to_owned()]));
    }
}
