//! Answers of Azure that are read once, however many clusters they are about.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use aksbackup_shared::failure::Outcome;
use tokio::sync::OnceCell;

use super::super::call::Raw;

/// The most bytes that are kept. What comes later is read each time.
const MOST: usize = 12 << 20;

/// What belongs to one cluster is read once anyway, and would fill the memory.
const OF_ONE_CLUSTER: [&str; 2] = ["/managedclusters/", "/storageaccounts/"];

type Answer = Arc<OnceCell<Outcome<Raw>>>;

/// The answers that were kept, by their URL.
#[derive(Default)]
pub(super) struct Kept {
    answers: Mutex<HashMap<String, Answer>>,
    bytes: AtomicUsize,
}

impl Kept {
    /// Reads what is at `url`, unless that was read before or is being read now. A failure is kept, too: otherwise each cluster would wait
    /// for the same timeout, one after another.
    pub(super) async fn read(&self, url: &str, read: impl Future<Output = Outcome<Raw>>) -> Outcome<Raw> {
        let Some(answer) = self.answer(url) else {
            return read.await;
        };
        let reading = async {
            let read = read.await;
            let size = read.as_ref().map_or(0, |raw| raw.body().len());
            self.bytes.fetch_add(size, Ordering::Relaxed);
            read
        };
        answer.get_or_init(|| reading).await.clone()
    }

    /// The place of an answer; `None` for one that isn't kept.
    fn answer(&self, url: &str) -> Option<Answer> {
        let key = url.to_ascii_lowercase();
        if OF_ONE_CLUSTER.iter().any(|own| key.contains(own)) {
            return None;
        }
        let mut answers = self.answers.lock().ok()?;
        match self.bytes.load(Ordering::Relaxed) > MOST {
            true => answers.get(&key).cloned(),
            false => Some(Arc::clone(answers.entry(key).or_default())),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use azure_core::http::headers::Headers;

    use super::*;

    fn raw(size: usize) -> Raw {
        Raw::new(200, Headers::new(), vec![b'x'; size])
    }

    #[tokio::test]
    async fn what_clusters_share_is_read_once_and_what_is_theirs_is_not_kept() {
        let (kept, reads) = (Kept::default(), Cell::new(0));
        let read = |url: &'static str, size| {
            let (kept, reads) = (&kept, &reads);
            let reading = async move {
                reads.set(reads.get() + 1);
                tokio::task::yield_now().await;
                Ok(raw(size))
            };
            async move { kept.read(url, reading).await.unwrap().body().len() }
        };
        let vault = "/subscriptions/s/providers/Microsoft.DataProtection/backupVaults/v?api-version=1";
        let three = futures::future::join3(read(vault, 3), read(vault, 4), read(vault, 5)).await;
        assert_eq!((three, reads.get()), ((3, 3, 3), 1), "by those that wait, too");
        let cluster = "/subscriptions/s/providers/Microsoft.ContainerService/managedClusters/c";
        assert_eq!((read(cluster, 1).await, read(cluster, 2).await), (1, 2));
        read("/subscriptions/s/large", MOST + 1).await;
        assert_eq!(
            (
                read("/subscriptions/s/late", 1).await,
                read("/subscriptions/s/late", 2).await
            ),
            (1, 2),
            "the memory is bounded"
        );
        assert_eq!(read(vault, 9).await, 3);
    }

    #[tokio::test]
    async fn a_failure_is_told_to_all_and_not_waited_for_again() {
        let (kept, reads) = (Kept::default(), Cell::new(0));
        for _ in 0..3 {
            let read = kept.read("/subscriptions/s", async {
                reads.set(reads.get() + 1);
                aksbackup_shared::failure::Failure::failed("no answer").err()
            });
            assert_eq!(read.await.unwrap_err().what, "no answer");
        }
        assert_eq!(reads.get(), 1);
    }
}
