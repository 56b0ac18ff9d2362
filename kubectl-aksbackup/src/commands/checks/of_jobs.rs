//! What backups fail for: claims without a volume.

use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::schema::State;

use crate::commands::checks::of_volumes::Scope;
use crate::commands::checks::{Sight, some_of, unreadable};

const LINK: Link = Link::Jobs;
/// A claim may wait so long for its volume.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    vec![claims(sight, state)]
}

fn claims(sight: &Sight, state: &State) -> Check {
    const NAME: &str = "volume claims";
    let Some(all) = sight.claims.as_deref() else {
        return unreadable(LINK, NAME, "persistent volume claims", "list persistentvolumeclaims");
    };
    let old = |created: Option<jiff::Timestamp>| match (created, sight.now) {
        (Some(created), Some(now)) => now.duration_since(created).unsigned_abs() > PATIENCE,
        _ => true,
    };
    let scope = Scope::of(sight, state);
    let bad: Vec<String> = all
        .iter()
        .filter(|own| own.phase == "Lost" || own.phase != "Bound" && old(own.created))
        // No backup fails for a claim that it doesn't take.
        .filter(|own| scope.claim(&own.namespace, &own.name).is_none())
        .map(|own| format!("{}/{} is {}", own.namespace, own.name, own.phase))
        .collect();
    if bad.is_empty() {
        return Check::ok(LINK, NAME, "all claims that are backed up are bound to a volume");
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
