//! The loop of the stand-ins: they look whenever an object changes, a time has come, or an order was given.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cluster::Inner;
use super::kubelet::{self, Pods};
use super::velero;
use crate::kubernetes::validation::Validation;

/// Runs kubelet and Velero for as long as the future is polled.
pub(crate) async fn run(inner: Arc<Inner>) {
    let mut pods = Pods::default();
    let mut validation = Validation::default();
    let mut stirred = inner.stirred.subscribe();
    loop {
        stirred.borrow_and_update();
        let kubelet = kubelet::step(&inner, &mut pods).await;
        let velero = velero::step(&inner, &mut validation).await;
        let wake = kubelet.into_iter().chain(velero).min();
        let wake = wake.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        // What failed is due at once; the API server gets a moment.
        let wake = wake.max(Instant::now() + Duration::from_millis(5));
        tokio::select! {
            _ = stirred.changed() => {}
            () = tokio::time::sleep_until(wake.into()) => {}
        }
    }
}
