//! What backups will have to leave out: volumes that no snapshot can be taken of, claims without a volume.

use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;

use crate::commands::checks::{Sight, counted, some_of, unreadable};

const LINK: Link = Link::Jobs;
/// The driver of Azure's disks, the only one whose volumes are backed up (Microsoft's support matrix of AKS backup).
const DISK: &str = "disk.csi.azure.com";
/// A claim may wait so long for its volume.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn checks(sight: &Sight) -> Vec<Check> {
    vec![volumes(sight), claims(sight)]
}

fn volumes(sight: &Sight) -> Check {
    const NAME: &str = "volumes";
    let Some(all) = sight.volumes.as_deref() else {
        return unreadable(LINK, NAME, "persistent volumes", "list persistentvolumes");
    };
    let other = all.iter().filter(|own| own.driver != DISK);
    let kinds = counted(other.map(|own| match own.driver.as_str() {
        "" => "without a CSI driver".to_owned(),
        driver => format!("of {driver}"),
    }));
    if kinds.is_empty() {
        return Check::ok(LINK, NAME, format!("{} in use, each on a disk", all.len()));
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let says = format!(
        "backups leave out volumes that are on no Azure disk: {}",
        kinds.join(", ")
    );
    let names: Vec<String> = all
        .iter()
        .filter(|own| own.driver != DISK)
        .map(|own| own.name.clone())
        .collect();
    Check::warning(
        LINK,
        NAME,
        says,
        "protect these by other means, or leave their namespaces out of the backup",
    )
    .because(format!("volumes: {}", some_of(&names)))
    .proves("JOB-VOLUMES-SKIPPED")
}

fn claims(sight: &Sight) -> Check {
    const NAME: &str = "volume claims";
    let Some(all) = sight.claims.as_deref() else {
        return unreadable(LINK, NAME, "persistent volume claims", "list persistentvolumeclaims");
    };
    let old = |created: Option<jiff::Timestamp>| match (created, sight.now) {
        (Some(created), Some(now)) => now.duration_since(created).unsigned_abs() > PATIENCE,
        _ => true,
    };
    let bad: Vec<String> = all
        .iter()
        .filter(|own| own.phase == "Lost" || old(own.created))
        .map(|own| format!("{} is {}", own.name, own.phase))
        .collect();
    if bad.is_empty() {
        return Check::ok(LINK, NAME, "each has its volume");
    }
    let says = format!("backups fail for claims without a volume: {}", some_of(&bad));
    Check::warning(
        LINK,
        NAME,
        says,
        shell("kubectl describe persistentvolumeclaims --all-namespaces"),
    )
    .proves("JOB-PVC")
}
