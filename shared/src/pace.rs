//! How long to wait between two looks at the world.

use std::time::Duration;

/// The program's pacing. `scale` is 1 except against a sandbox on loopback whose time runs faster.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    scale: f64,
}

impl Pace {
    /// Environment variable that a sandbox sets: real seconds for one second of its time.
    pub const VARIABLE: &'static str = "AKSBACKUP_TIME_SCALE";

    /// Azure's own speed.
    #[must_use]
    pub const fn real() -> Self {
        Self { scale: 1.0 }
    }

    /// The sandbox's speed where `loopback` holds and the variable names one, else Azure's own. A remote service is
    /// never paced faster, whatever the environment says.
    #[must_use]
    pub fn from_environment(loopback: bool) -> Self {
        let scale = std::env::var(Self::VARIABLE)
            .ok()
            .and_then(|text| text.parse::<f64>().ok());
        match scale {
            Some(scale) if loopback && scale > 0.0 && scale <= 1.0 => Self { scale },
            Some(_) | None => Self::real(),
        }
    }

    /// A duration of Azure's time in ours.
    #[must_use]
    pub fn scaled(self, duration: Duration) -> Duration {
        duration.mul_f64(self.scale)
    }

    /// When to look again: what the remote asked for, else a tenth of the time already waited, at least two and at
    /// most fifteen seconds.
    #[must_use]
    pub fn next_look(self, waited: Duration, retry_after: Option<Duration>) -> Duration {
        const LEAST: Duration = Duration::from_secs(2);
        const MOST: Duration = Duration::from_secs(15);
        retry_after.unwrap_or_else(|| (waited / 10).clamp(self.scaled(LEAST), self.scaled(MOST)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_wish_of_the_remote_the_wait_grows_within_its_bounds() {
        let pace = Pace::real();
        assert_eq!(pace.next_look(Duration::ZERO, None), Duration::from_secs(2));
        assert_eq!(pace.next_look(Duration::from_secs(100), None), Duration::from_secs(10));
        assert_eq!(pace.next_look(Duration::from_secs(1000), None), Duration::from_secs(15));
    }

    #[test]
    fn the_remote_knows_best() {
        let wish = Some(Duration::from_secs(60));
        assert_eq!(Pace::real().next_look(Duration::ZERO, wish), Duration::from_secs(60));
    }
}
