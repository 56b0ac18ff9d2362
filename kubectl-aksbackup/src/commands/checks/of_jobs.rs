//! What backups fail for: claims without a volume.

use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::schema::State;

use crate::cluster::volumes::Claim;
use crate::commands::checks::of_volumes::{Scope, Why};
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
    let told = |own: &Claim| format!("{}/{} is {}", own.namespace, own.name, own.phase);
    let unbound = || all.iter().filter(|own| own.phase != "Bound");
    let is_bad = |own: &&Claim| own.phase == "Lost" || old(own.created);
    // No backup fails for a claim that it doesn't take.
    let taken = |own: &&Claim| scope.claim(&own.namespace, &own.name);
    let bad: Vec<String> = unbound()
        .filter(|own| is_bad(own) && taken(own).is_none())
        .map(told)
        .collect();
    if bad.is_empty() {
        // What is new is still waited for, and what might not be taken fails no backup for sure.
        let is_open = |own: &&Claim| match taken(own) {
            None => !is_bad(own),
            why => why == Some(Why::Unclear),
        };
        let open: Vec<String> = unbound().filter(is_open).map(told).collect();
        return match (open.is_empty(), &state.target) {
            (false, _) => {
                let says = format!("claims that aren't bound to a volume yet: {}", some_of(&open));
                Check::unknown(LINK, NAME, says)
            }
            (true, Some(_)) => Check::ok(LINK, NAME, "all claims that are backed up are bound to a volume"),
            (true, None) => Check::ok(LINK, NAME, "all claims are bound to a volume"),
        };
    }
    let says = match &state.target {
        Some(_) => format!("backups fail for claims without a volume: {}", some_of(&bad)),
        None => format!("backups that include claims without a volume fail: {}", some_of(&bad)),
    };
    Check::warning(
        LINK,
        NAME,
        says,
        shell("kubectl describe persistentvolumeclaims --all-namespaces"),
    )
    .proves("JOB-PVC")
}
