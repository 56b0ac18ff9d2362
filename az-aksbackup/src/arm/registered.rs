//! Resource providers that are not registered: nothing of theirs exists in the subscription.

use aksbackup_shared::failure::{Failure, Outcome};

/// Whether Azure refused a call because its resource provider is not registered.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    failure.has_code("MissingSubscriptionRegistration") || failure.has_code("SubscriptionNotRegistered")
}

/// A read for which an unregistered provider means that there is nothing.
pub(crate) fn or_nothing<T: Default>(read: Outcome<T>) -> Outcome<T> {
    match read {
        Err(failure) if is_missing(&failure) => Ok(T::default()),
        read => read,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unregistered_provider_has_nothing_and_other_failures_stand() {
        let failure = |code: &str| Failure::failed("x").code(code).err::<Option<u8>>();
        assert_eq!(or_nothing(failure("MissingSubscriptionRegistration")), Ok(None));
        assert!(or_nothing(failure("Other")).is_err());
    }
}
