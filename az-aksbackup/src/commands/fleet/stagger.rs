//! Times of day for the backups of many clusters: at one time for all, they would reach the limits of snapshots and storage together.

/// How long the window is, in minutes, where the template doesn't say it.
pub(super) const WINDOW: u32 = 6 * 60;
/// How far two times are apart, in minutes. Each time takes a policy of its own in a vault.
pub(super) const SLOT: u32 = 30;

const DAY: u32 = 24 * 60;

/// The times of day at which backups begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    /// Minutes after midnight, UTC.
    start: u32,
    slots: u32,
    slot: u32,
}

impl Window {
    /// A window of so many minutes from `start`, such as `22:00`, with a time in every `slot` minutes.
    pub(super) fn new(start: Option<&str>, window: u32, slot: u32) -> Self {
        let number = |text: &str| text.parse::<u32>().unwrap_or_default();
        let start = start.and_then(|text| text.split_once(':'));
        Self {
            start: start.map_or(0, |(hours, minutes)| number(hours) * 60 + number(minutes)),
            slots: (window / slot.max(1)).max(1),
            slot,
        }
    }

    /// The time of a cluster, by the hexadecimal digits that are its own. It depends on no other cluster, so that it stays when clusters
    /// come and go.
    pub(super) fn time(self, mark: &str) -> String {
        let own = u32::from_str_radix(mark, 16).unwrap_or_default() % self.slots;
        let minutes = (self.start + own * self.slot) % DAY;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn times_stay_in_the_window_and_spread_over_it() {
        let window = Window::new(Some("22:00"), 240, 30);
        let mut counts: BTreeMap<String, u32> = BTreeMap::new();
        for number in 0..800_u32 {
            let mark = format!("{:08x}", number.wrapping_mul(2_654_435_761));
            *counts.entry(window.time(&mark)).or_default() += 1;
        }
        let times: Vec<&str> = counts.keys().map(String::as_str).collect();
        assert_eq!(
            times,
            ["00:00", "00:30", "01:00", "01:30", "22:00", "22:30", "23:00", "23:30"]
        );
        assert!(counts.values().all(|count| (60..=140).contains(count)), "{counts:?}");
        assert_eq!(window.time("0000000a"), window.time("0000000a"));
    }

    #[test]
    fn a_window_of_one_slot_has_one_time() {
        assert_eq!(Window::new(None, 10, 30).time("ffffffff"), "00:00");
    }
}
