//! Resource providers that turn out not to be registered when something is written.

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::SubscriptionId;
use aksbackup_shared::step::{Applied, Right, Turn, Wait};

use crate::arm::client::Writer;
use crate::arm::providers::{self, Provider};
use crate::arm::registered;
use crate::arm::visible::Sight;
use crate::steps::turns;

/// Takes a refused write of `what` for patience if its code is one of `busy`, or if its provider is being registered or can
/// be.
///
/// # Errors
/// The failure itself where it is another one, or the caller may not register.
pub(crate) async fn patience(
    writer: &Writer,
    subscription: &SubscriptionId,
    namespace: &str,
    (failure, busy, what): (Box<Failure>, &[&str], &str),
) -> Outcome<Applied> {
    let failure = match turns::busy(failure, busy, what) {
        Ok(wait) => return Ok(Applied::Busy(wait)),
        Err(failure) if registered::is_missing(&failure) => failure,
        Err(failure) => return Err(failure),
    };
    let provider = providers::provider(writer.reader(), subscription, namespace).await?;
    let state = provider
        .and_then(|provider| provider.registration_state)
        .unwrap_or_default();
    let under_way = ["Registering", "Registered"]
        .iter()
        .any(|word| state.eq_ignore_ascii_case(word));
    if !under_way && providers::register(writer, subscription, namespace).await.is_err() {
        return Err(failure);
    }
    Ok(Applied::Busy(Wait::for_(format!(
        "resource provider {namespace}: Registering"
    ))))
}

/// The turn of whoever may register a provider.
pub(crate) fn turn(namespace: &str, subscription: &SubscriptionId) -> Turn {
    turns::contributor(
        format!("resource provider {namespace} isn't registered in subscription {subscription}"),
        shell(format!(
            "az provider register --namespace {namespace} --subscription {subscription} --wait"
        )),
        Right::new(
            format!("{namespace}/register/action"),
            format!("/subscriptions/{subscription}"),
        ),
    )
}

/// Whose turn a write is that failed because its provider is not registered.
pub(crate) fn of_failure(failure: &Failure, namespace: &str, subscription: &SubscriptionId) -> Option<Turn> {
    registered::is_missing(failure).then(|| turn(namespace, subscription))
}

/// The registration state of a provider, where Azure shows it.
pub(crate) fn state(sight: &Sight<Provider>) -> Option<&str> {
    sight.here()?.registration_state.as_deref()
}

/// What is known of registered providers, in a few words.
pub(crate) fn told(providers: &[(&'static str, Sight<Provider>)]) -> String {
    let unknown: Vec<&str> = providers
        .iter()
        .filter(|(_, sight)| state(sight).is_none())
        .map(|(name, _)| *name)
        .collect();
    match unknown.is_empty() {
        true => format!("{} resource providers registered", providers.len()),
        false => format!("registration of {}: unknown", unknown.join(", ")),
    }
}
