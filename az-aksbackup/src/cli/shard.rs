//! The part of a fleet that one of several processes works on.

use std::fmt;
use std::str::FromStr;

use aksbackup_shared::failure::{Failure, Outcome};

/// The variable that tells a pod of an Indexed Job its index:
/// <https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode>.
const INDEX: &str = "JOB_COMPLETION_INDEX";

/// The value of `--shard`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShardArg {
    index: Option<usize>,
    count: usize,
}

impl FromStr for ShardArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} isn't a shard: write INDEX/COUNT, such as 0/4, or COUNT in an Indexed Job");
        let (index, count) = match text.split_once('/') {
            Some((index, count)) => (Some(index.parse().map_err(|_| wrong())?), count),
            None => (None, text),
        };
        let count: usize = count.parse().map_err(|_| wrong())?;
        match index {
            _ if count == 0 => Err(wrong()),
            Some(index) if index >= count => Err(format!("with {count} shards, the index is from 0 to {}", count - 1)),
            index => Ok(Self { index, count }),
        }
    }
}

impl ShardArg {
    /// The shard of this process, whose index the environment can tell.
    ///
    /// # Errors
    /// Exit 2: the environment tells none, or one that doesn't exist.
    pub(crate) fn of_this_process(self) -> Outcome<Shard> {
        self.by(std::env::var(INDEX).ok().as_deref())
    }

    fn by(self, variable: Option<&str>) -> Outcome<Shard> {
        let Self { index, count } = self;
        let told = || variable.and_then(|text| text.parse().ok());
        match index.or_else(told) {
            Some(index) if index < count => Ok(Shard { index, count }),
            Some(index) => Failure::usage(format!("shard {index} of {count} doesn't exist"))
                .because(format!("{INDEX} must be from 0 to {}", count - 1))
                .hint("set the completions of the Job to the count in --shard")
                .err(),
            None => Failure::usage(format!("--shard {count} doesn't specify which shard to process"))
                .because(format!(
                    "environment variable {INDEX}, which an Indexed Job sets, is missing"
                ))
                .hint(format!("specify the shard: --shard INDEX/{count}"))
                .err(),
        }
    }
}

/// One of several equal parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shard {
    index: usize,
    count: usize,
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// The part of `all`. Neighbors stay together: they are ordered by subscription, which has the budgets.
    pub(crate) fn of<T>(self, all: Vec<T>) -> Vec<T> {
        let at = |index: usize| all.len() * index / self.count;
        let (first, end) = (at(self.index), at(self.index + 1));
        all.into_iter().skip(first).take(end - first).collect()
    }

    /// Whether it is the first one.
    pub(crate) fn is_first(self) -> bool {
        self.index == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shards_have_each_cluster_once() {
        for (clusters, count) in [(10, 3), (2, 5), (0, 4), (1000, 7)] {
            let parts = (0..count).map(|index| Shard { index, count }.of((0..clusters).collect::<Vec<usize>>()));
            let parts: Vec<Vec<usize>> = parts.collect();
            assert_eq!(parts.concat(), (0..clusters).collect::<Vec<_>>());
            let sizes = || parts.iter().map(Vec::len);
            assert!(
                sizes().max().unwrap() - sizes().min().unwrap() <= 1,
                "{clusters} {count}"
            );
        }
    }

    #[test]
    fn a_shard_is_named_or_told_by_the_job() {
        let shard_arg = |text: &str| text.parse::<ShardArg>();
        assert_eq!(
            shard_arg("1/3").unwrap().by(Some("2")).unwrap(),
            Shard { index: 1, count: 3 }
        );
        assert_eq!(
            shard_arg("3").unwrap().by(Some("2")).unwrap(),
            Shard { index: 2, count: 3 }
        );
        assert!(shard_arg("3").unwrap().by(None).is_err());
        assert!(shard_arg("3").unwrap().by(Some("3")).is_err());
        for bad in ["", "3/3", "1/0", "0", "a/2", "-1/2", "1/2/3"] {
            assert!(shard_arg(bad).is_err(), "{bad}");
        }
    }
}
