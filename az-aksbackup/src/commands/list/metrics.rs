//! The metrics of `list`: of each cluster how it is protected, and of the list when it was read.

use aksbackup_shared::chain::check::Verdict;
use aksbackup_shared::metrics::Metrics;
use jiff::Timestamp;

use super::Listed;
use crate::arm::backups::Instance;
use crate::checks::jobs::{self, Last};
use crate::checks::view::Seen;

const PROTECTED: (&str, &str) = (
    "aksbackup_cluster_protected",
    "Whether a backup instance exists for the cluster, in any state; absent if it couldn't be read.",
);
const STATE: (&str, &str) = (
    "aksbackup_cluster_protection_state",
    "State of the backup instance in Azure, in the label state.",
);
const GOOD: (&str, &str) = (
    "aksbackup_last_good_backup_timestamp_seconds",
    "Time when the last finished backup ended, in seconds since 1970; absent if the backup is incomplete.",
);
const ENDED: (&str, &str) = (
    "aksbackup_last_backup_timestamp_seconds",
    "Time when the last finished backup ended, in seconds since 1970, with its status in Azure in the label status.",
);
const FINDINGS: (&str, &str) = (
    "aksbackup_cluster_findings",
    "Number of findings of the cluster, by severity.",
);
const READ: (&str, &str) = (
    "aksbackup_list_timestamp_seconds",
    "Time when the clusters were read, in seconds since 1970.",
);
const UNREAD: (&str, &str) = (
    "aksbackup_list_unread",
    "Number of failed reads; clusters might be missing.",
);

/// Returns the metrics of these clusters, and of `unread` reads that failed.
pub(super) fn of(listed: &[Listed], unread: usize, now: Timestamp) -> Metrics {
    let mut metrics = Metrics::default();
    for own in listed {
        of_cluster(&mut metrics, own, now);
    }
    metrics.add(READ, &[], now.as_second());
    metrics.add(UNREAD, &[], unread);
    metrics
}

fn of_cluster(metrics: &mut Metrics, own: &Listed, now: Timestamp) {
    let overview = &own.overview;
    let (subscription, group) = (
        overview.id.subscription().to_string(),
        overview.id.resource_group().to_string(),
    );
    let cluster = [
        ("subscription", subscription.as_str()),
        ("resource_group", group.as_str()),
        ("cluster", overview.id.name()),
    ];
    let and = |label: &'static str, value| [&cluster[..], &[(label, value)]].concat();
    if matches!(overview.instance, Seen::Here(_) | Seen::Absent) {
        metrics.add(PROTECTED, &cluster, u8::from(!overview.is_unprotected()));
    }
    if let Some(state) = overview.instance.here().map(Instance::protection) {
        metrics.add(STATE, &and("state", state), 1);
    }
    if let Some(job) = overview.last.here()
        && let Some(at) = job.properties.end_time
    {
        metrics.add(ENDED, &and("status", &job.properties.status), at.as_second());
        if matches!(jobs::judged(job, now), Last::Good | Last::Overdue(_)) {
            metrics.add(GOOD, &cluster, at.as_second());
        }
    }
    for (word, verdict) in [("error", Verdict::Error), ("warning", Verdict::Warning)] {
        let count = own.findings.iter().filter(|finding| finding.verdict == verdict).count();
        metrics.add(FINDINGS, &and("severity", word), count);
    }
}
