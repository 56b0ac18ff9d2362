//! Token buckets.

use std::collections::BTreeMap;

/// Buckets by name, each with its level and the model time of its last use.
#[derive(Debug, Default)]
pub(crate) struct Buckets {
    levels: BTreeMap<String, (f64, f64)>,
}

impl Buckets {
    /// Takes one token out of a bucket that holds `capacity` and gains `rate` a second. Gives what is left.
    ///
    /// # Errors
    /// The bucket is empty: seconds until it holds a token again.
    pub(crate) fn take(&mut self, name: &str, capacity: f64, rate: f64, now: f64) -> Result<f64, f64> {
        let (level, since) = self.levels.get(name).copied().unwrap_or((capacity, now));
        let level = (level + (now - since) * rate).min(capacity);
        if level < 1.0 {
            self.levels.insert(name.to_owned(), (level, now));
            return Err((1.0 - level) / rate);
        }
        self.levels.insert(name.to_owned(), (level - 1.0, now));
        Ok(level - 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Buckets;

    #[test]
    fn a_bucket_fills_at_its_rate() {
        let mut buckets = Buckets::default();
        assert!(buckets.take("x", 1.0, 0.25, 0.0).is_ok());
        let wait = buckets.take("x", 1.0, 0.25, 1.0).unwrap_err();
        assert!((wait - 3.0).abs() < 1e-9);
        assert!(buckets.take("y", 1.0, 0.25, 1.0).is_ok());
        assert!(buckets.take("x", 1.0, 0.25, 4.0).is_ok());
    }
}
