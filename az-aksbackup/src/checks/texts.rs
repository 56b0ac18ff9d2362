//! What `doctor` reads besides: everything that Azure says in words.

use aksbackup_shared::chain::finding::{SeenIn, Text};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::failure::Failure;
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::backups::{Instance, Job, JobState};
use crate::checks::protection::{self, Protection};
use crate::checks::view::View;
use crate::checks::{jobs, roles};

/// How deep nested errors are followed.
const DEPTH: u8 = 8;
/// More failed jobs than these say the same.
const MOST_JOBS: usize = 3;

/// The texts, the innermost of nested errors first.
pub(crate) fn texts(view: &View) -> Vec<Text> {
    let mut all = extension(view);
    all.extend(instance(view));
    all.extend(failed_jobs(view));
    all.extend(refusals(view));
    all
}

/// The words of a login that failed.
pub(crate) fn login(failure: &Failure) -> Vec<Text> {
    let words = failure.code.iter().chain(&failure.why).chain([&failure.what]);
    words
        .map(|words| said(SeenIn::Cli, "login", Link::Login, words))
        .collect()
}

/// The words of a failure of Azure Resource Manager.
pub(crate) fn of_arm(failure: &Failure, seen_in: SeenIn, object: &str, link: Link) -> Vec<Text> {
    let code = failure.code.as_deref().unwrap_or_default();
    let coded = |why: &String| match why.starts_with(code) {
        true => why.clone(),
        false => format!("{code}: {why}"),
    };
    let mut words: Vec<String> = failure.why.iter().rev().map(coded).collect();
    if words.is_empty() && !code.is_empty() {
        words.push(code.to_owned());
    }
    words.iter().map(|words| said(seen_in, object, link, words)).collect()
}

fn said(seen_in: SeenIn, object: &str, link: Link, words: &str) -> Text {
    Text {
        seen_in,
        object: object.to_owned(),
        link,
        at: None,
        past: false,
        text: words.to_owned(),
    }
}

fn extension(view: &View) -> Vec<Text> {
    let Some(own) = view.extension() else { return Vec::new() };
    let object = format!("extension {}", own.name);
    let past = own.is_installed();
    let statuses = own.properties.statuses.iter().flatten();
    let statuses = statuses.filter_map(|status| status.message.clone());
    let error = own.properties.error_info.iter();
    let error = error.map(|error| {
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        format!("{}: {}", part(&error.code), part(&error.message))
    });
    let words = statuses.chain(error).filter(|words| words.len() > 2);
    let text = |words: String| Text {
        past,
        ..said(SeenIn::Ext, &object, Link::Extension, &words)
    };
    words.map(text).collect()
}

fn instance(view: &View) -> Vec<Text> {
    let Some(own) = view.instance() else { return Vec::new() };
    let object = format!("backup instance {}", own.id.name());
    let past = protection::of(own) == Protection::Configured;
    let text = |words: String| Text {
        past,
        ..said(SeenIn::Bi, &object, Link::BackupInstance, &words)
    };
    details(own).into_iter().map(text).collect()
}

fn details(own: &Instance) -> Vec<String> {
    let older = own
        .properties
        .protection_status
        .as_ref()
        .and_then(|status| status.get("errorDetails"));
    let mut words = Vec::new();
    for error in own.properties.protection_error_details.iter().chain(older) {
        unwrap(error, DEPTH, &mut words);
    }
    words
}

/// The words of an error of Azure Backup, the innermost first, each with its code in front.
fn unwrap(error: &Value, depth: u8, words: &mut Vec<String>) {
    if depth == 0 {
        return;
    }
    if let Value::Array(all) = error {
        all.iter().for_each(|one| unwrap(one, depth - 1, words));
        return;
    }
    let inner = [
        "innerError",
        "embeddedInnerError",
        "additionalInfo",
        "info",
        "details",
        "warning",
    ];
    for part in inner.iter().filter_map(|name| error.get(name)) {
        unwrap(part, depth - 1, words);
    }
    let text = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let message = match text("message") {
        "" => text("DetailedNonLocalisedMessage"),
        message => message,
    };
    let line = format!("{}: {message}", text("code"));
    let line = line.trim_start_matches(": ").trim_end_matches(": ").to_owned();
    if !line.is_empty() && !words.contains(&line) {
        words.push(line);
    }
}

/// The failed backups since the last that went well. What failed before a role was assigned is history.
fn failed_jobs(view: &View) -> Vec<Text> {
    let changed = roles::youngest(view);
    let recent = jobs::ended(view).take_while(|job| job.state() == JobState::Failed || job.is_incomplete());
    recent.take(MOST_JOBS).flat_map(|job| of_job(job, changed)).collect()
}

fn of_job(job: &Job, changed: Option<Timestamp>) -> Vec<Text> {
    let object = format!("backup job {}", job.name());
    let at = job.properties.end_time.or(job.properties.start_time);
    let warnings = job
        .properties
        .extended_info
        .as_ref()
        .and_then(|info| info.get("warningDetails"));
    let mut words = Vec::new();
    for error in job.properties.error_details.iter().chain(warnings) {
        unwrap(error, DEPTH, &mut words);
    }
    let past = at.zip(changed).is_some_and(|(at, changed)| at < changed);
    let text = |words: String| Text {
        at,
        past,
        ..said(SeenIn::Job, &object, Link::Jobs, &words)
    };
    words.into_iter().map(text).collect()
}

/// What Azure refused while the chain was read. A right that the reader lacks breaks no link: it is not among them.
fn refusals(view: &View) -> Vec<Text> {
    let all = [
        (view.subscription.hidden(), Link::Subscription, "subscription"),
        (view.cluster.hidden(), Link::Cluster, "cluster"),
        (view.extensions.hidden(), Link::Extension, "extensions"),
        (view.account.hidden(), Link::Storage, "storage account"),
        (view.container.hidden(), Link::Storage, "container"),
        (view.vault.hidden(), Link::Vault, "vault"),
        (view.bindings.hidden(), Link::Vault, "trusted access"),
        (view.instances.hidden(), Link::BackupInstance, "backup instances"),
        (view.jobs.hidden(), Link::Jobs, "backup jobs"),
        (
            view.credentials.hidden(),
            Link::FederatedCredentials,
            "federated credentials",
        ),
    ];
    let read = all
        .into_iter()
        .filter_map(|(failure, link, object)| Some((failure?, link, object)));
    let read = read.filter(|(failure, _, _)| !failure.has_code("AuthorizationFailed"));
    read.flat_map(|(failure, link, object)| of_arm(failure, SeenIn::Arm, object, link))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::protection::tests::instance as protected;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::{extension as described, found, view};

    #[test]
    fn a_world_as_it_should_be_says_nothing() {
        assert_eq!(texts(&view()), []);
    }

    #[test]
    fn a_code_that_the_words_begin_with_is_said_once() {
        let said = |why: &str| {
            let failure = Failure::failed("x").because(why).code("Denied");
            let texts = of_arm(&failure, SeenIn::Arm, "x", Link::Vault);
            texts[0].text.clone()
        };
        assert_eq!(said("not you"), "Denied: not you");
        assert_eq!(said("Denied: not you"), "Denied: not you");
    }

    #[test]
    fn the_innermost_words_of_a_nested_error_come_first() {
        let mut view = view();
        view.instances = Seen::Here(vec![protected("ProtectionError", |body| {
            body["properties"]["protectionErrorDetails"] = json!({
                "code": "UserErrorOuter", "message": "outer",
                "innerError": { "code": "Inner", "additionalInfo": { "DetailedNonLocalisedMessage": "the very reason" } } });
        })]);
        let words: Vec<String> = texts(&view).into_iter().map(|text| text.text).collect();
        assert_eq!(words, ["the very reason", "Inner", "UserErrorOuter: outer"]);
    }

    #[test]
    fn what_was_said_before_it_was_mended_is_past() {
        let mut view = view();
        view.extensions = Seen::Here(vec![described(|own| {
            own["statuses"] = json!([{ "level": "Error", "message": "timed out waiting for the condition" }]);
        })]);
        let job = |at: &str| {
            json!([{ "id": "/x/backupJobs/j", "properties": { "status": "Failed", "operationCategory": "Backup",
            "endTime": at, "errorDetails": [{ "code": "UserErrorX", "message": "no" }] } }])
        };
        view.jobs = found(job("2026-01-01T00:00:00Z"));
        assert!(texts(&view).iter().all(|text| text.past), "{:?}", texts(&view));
        view.jobs = found(job("2026-01-01T23:59:00Z"));
        assert!(
            texts(&view)
                .iter()
                .any(|text| !text.past && text.seen_in == SeenIn::Job)
        );
    }

    #[test]
    fn what_the_reader_may_not_read_breaks_no_link() {
        let refused = |code: &str| Seen::Hidden(Box::new(Failure::not_permitted("x").code(code).because("no")));
        let mut view = view();
        view.account = refused("AuthorizationFailed");
        assert_eq!(texts(&view), []);
        view.account = refused("InvalidAuthenticationTokenTenant");
        assert_eq!(texts(&view)[0].text, "InvalidAuthenticationTokenTenant: no");
    }
}
