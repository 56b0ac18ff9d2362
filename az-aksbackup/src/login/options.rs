//! How a credential sends its requests.

use std::sync::Arc;

use aksbackup_shared::pace::Pace;
use azure_core::http::{ClientOptions, ExponentialRetryOptions, RetryOptions, Transport};

use super::lifetime::Lifetime;
use crate::http::timeout::Limit;

/// Options for credentials: this transport, and retries that give up within half a minute.
pub(super) fn credential_options(transport: &Transport, pace: Pace) -> ClientOptions {
    let retries = ExponentialRetryOptions {
        initial_delay: azure_core::time::Duration::milliseconds(500),
        max_retries: 3,
        max_total_elapsed: azure_core::time::Duration::seconds(15),
        max_delay: azure_core::time::Duration::seconds(5),
    };
    ClientOptions {
        retry: RetryOptions::exponential(retries),
        transport: Some(transport.clone()),
        per_try_policies: vec![Arc::new(Lifetime), Arc::new(Limit::of_token(pace))],
        ..ClientOptions::default()
    }
}
