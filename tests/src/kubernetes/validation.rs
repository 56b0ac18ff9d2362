//! When Velero validates a storage location.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::controllers::uid;
use crate::planes::Clock;

/// What the Velero servers remember.
#[derive(Debug, Default)]
pub(crate) struct Validation {
    /// First validation of each running pod, by uid; `None` once it is done.
    starts: BTreeMap<String, Option<Instant>>,
    /// The last validation by anybody, with the specification that it was about.
    last: Option<(Instant, Value)>,
}

/// When Velero validates: `start` seconds of the model after its container is ready, and then every `period` seconds,
/// where the location itself says nothing else.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rhythm {
    pub(crate) clock: Clock,
    pub(crate) start: f64,
    pub(crate) period: f64,
}

impl Rhythm {
    /// Between two validations of `location`; `None` where there is only a first one.
    fn period(self, location: &Value) -> Option<Duration> {
        let own = location["spec"]["validationFrequency"].as_str().and_then(seconds);
        let seconds = own.unwrap_or(self.period);
        (seconds > 0.0).then(|| self.clock.real(seconds))
    }
}

impl Validation {
    /// Whether this pod has been seen before. Other pods than `running` are forgotten.
    pub(crate) fn knows(&mut self, pod: &str, running: &[impl Borrow<Value>]) -> bool {
        self.starts
            .retain(|known, _| running.iter().any(|pod| uid(pod.borrow()) == *known));
        self.starts.contains_key(pod)
    }

    /// When the pod with this uid validates next: some time after its start, then periodically, and at once after a
    /// change of the specification. `None` is never.
    pub(crate) fn due(&mut self, pod: &str, location: &Value, rhythm: Rhythm) -> Option<Instant> {
        let now = Instant::now();
        let fresh = now + rhythm.clock.real(rhythm.start);
        let first = *self.starts.entry(pod.to_owned()).or_insert(Some(fresh));
        if first.is_some() {
            return first;
        }
        match &self.last {
            Some((_, known)) if *known != location["spec"] => Some(now),
            Some((at, _)) => rhythm.period(location).map(|period| *at + period),
            None => Some(now),
        }
    }

    /// The pod has validated `location`.
    pub(crate) fn done(&mut self, pod: &str, location: &Value) {
        self.starts.insert(pod.to_owned(), None);
        self.last = Some((Instant::now(), location["spec"].clone()));
    }
}

/// A duration as Go writes it (`1m30s`), in seconds.
fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    let mut number = String::new();
    for letter in text.chars() {
        let unit = match letter {
            'h' => 3600.0,
            'm' => 60.0,
            's' => 1.0,
            _ => {
                number.push(letter);
                continue;
            }
        };
        total += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    number.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_writes_them() {
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("0s"), Some(0.0));
        assert_eq!(seconds("5"), None);
    }
}
