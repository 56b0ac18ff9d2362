//! The subscription and its resource providers.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::fix;

use crate::arm::providers::Provider;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Subscription;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    vec![state(view), providers(view)]
}

pub(crate) fn state(view: &View) -> Check {
    const NAME: &str = "subscription";
    let id = view.id.subscription();
    if let Some(check) = view.subscription.unread(LINK, NAME, "the subscription") {
        return check;
    }
    let Some(own) = view.subscription.here() else {
        let says = format!("subscription {id} doesn't exist, or the signed-in account has no access to it");
        let hint = format!("az account set --subscription {id}, or sign in to its tenant: az login --tenant TENANT");
        return Check::error(LINK, NAME, says, hint).proves("LOGIN-SUB-NOT-FOUND");
    };
    let Some(state) = own.state.as_deref() else {
        return stateless(NAME, &format!("subscription {id}"), "state");
    };
    let fact = format!("state = {state}");
    let hint = "ask the subscription's owner or billing owner to enable it in the Azure portal";
    match state {
        "Enabled" => Check::ok(LINK, NAME, format!("{} is {state}", own.display_name)),
        "Warned" | "PastDue" => Check::warning(
            LINK,
            NAME,
            format!("subscription {} is {state}", own.display_name),
            hint,
        ),
        _ => Check::error(
            LINK,
            NAME,
            format!("subscription {} is {state}", own.display_name),
            hint,
        )
        .proves("LOGIN-SUB-DISABLED"),
    }
    .because(fact)
}

/// The check of an object whose body lacks the member that is judged.
fn stateless(check: &str, what: &str, member: &str) -> Check {
    let says = format!("cannot read {what}: unexpected response from Azure: the response has no {member}");
    Check::error(
        LINK,
        check,
        says,
        fix!["run the command again; to log every request: ", az("verify -v")],
    )
}

fn providers(view: &View) -> Check {
    const NAME: &str = "resource providers";
    let silent = view.providers.iter().find_map(|(namespace, seen)| {
        let silent = seen.here().is_some_and(|own| own.registration_state.is_none());
        silent.then(|| stateless(NAME, &format!("resource provider {namespace}"), "registrationState"))
    });
    let bad = unregistered(&view.providers);
    let Some((first, _)) = bad.first() else {
        return unread(view, NAME).or(silent).unwrap_or_else(|| {
            let says = format!("{} of {} are registered", view.providers.len(), view.providers.len());
            Check::ok(LINK, NAME, says)
        });
    };
    let names: Vec<String> = bad.iter().map(|(name, state)| format!("{name} is {state}")).collect();
    let by_hand = shell(format!(
        "az provider register --namespace {first} --subscription {}",
        view.id.subscription()
    ));
    let hint = fix![az("prepare"), " (manually: ", by_hand, ")"];
    let check = Check::error(LINK, NAME, names.join("; "), hint).proves("ARM-RP-UNREGISTERED");
    bad.iter().fold(check, |check, (name, state)| {
        check.because(format!("{name}: registrationState = {state}"))
    })
}

/// The check of the first resource provider that could not be read.
pub(crate) fn unread(view: &View, check: &str) -> Option<Check> {
    view.providers.iter().find_map(|(namespace, seen)| {
        let what = format!("resource provider {namespace}");
        seen.unread(LINK, check, &what)
    })
}

/// The providers that are not registered, each with Azure's word.
pub(crate) fn unregistered(all: &[(&'static str, Seen<Provider>)]) -> Vec<(&'static str, String)> {
    let state = |seen: &Seen<Provider>| seen.here().and_then(|own| own.registration_state.clone());
    let states = all.iter().filter_map(|(name, seen)| Some((*name, state(seen)?)));
    states
        .filter(|(_, state)| !state.eq_ignore_ascii_case("Registered"))
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::view::tests::{found, view};

    #[test]
    fn a_disabled_subscription_and_a_missing_provider_are_errors() {
        let mut view = view();
        view.subscription = found(json!({ "displayName": "Contoso", "state": "Disabled" }));
        view.providers[1].1 = found(json!({ "registrationState": "NotRegistered" }));
        let ids: Vec<_> = checks(&view).into_iter().filter_map(|own| own.failure).collect();
        assert_eq!(ids, ["LOGIN-SUB-DISABLED", "ARM-RP-UNREGISTERED"]);
        view.subscription = Seen::Absent;
        assert_eq!(checks(&view)[0].failure.as_deref(), Some("LOGIN-SUB-NOT-FOUND"));
    }

    #[test]
    fn a_body_without_a_state_says_nothing_good() {
        let mut view = view();
        view.subscription = found(json!({ "displayName": "Contoso" }));
        view.providers[1].1 = found(json!({}));
        assert!(checks(&view).iter().all(Check::is_finding));
    }
}
