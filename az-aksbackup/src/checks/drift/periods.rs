//! The first backups of a day, a week, a month and a year: how long a live policy keeps them, against what the target asks for.

use aksbackup_shared::ids::same;
use aksbackup_shared::schema::PolicyTarget;

use super::{Difference, Setting, UNUSED, difference};
use crate::checks::policy::Facts;
use crate::checks::policy::retention::{self, Period, Rule};

/// Returns what differs. The daily copy in the vault tier is compared elsewhere.
pub(super) fn of_policy(target: &aksbackup_shared::schema::Target, own: &Facts) -> Vec<Difference> {
    let (wanted, live) = (retention::asked(&target.policy), &own.first);
    let default = |policy: &PolicyTarget| policy.retention.clone();
    let mut all = Vec::new();
    for period in Period::ALL {
        let (live_rule, wanted_rule) = (at(live, period), at(&wanted, period));
        if live_rule.is_none() && wanted_rule.is_none() {
            continue;
        }
        let default = default(&target.policy);
        let kept = (
            retention::in_force(live, period, Some(&own.retention), false).unwrap_or_default(),
            retention::in_force(&wanted, period, Some(&default), false).unwrap_or_default(),
        );
        // Where both keep it as long as any other backup, the default retention tells the difference.
        let is_default = same(kept.0, &own.retention) && same(kept.1, &default);
        if !kept.0.is_empty() && !same(kept.0, kept.1) && !is_default {
            all.push(difference(Setting::Kept(period), kept.0, kept.1));
        }
        if period != Period::Day {
            all.extend(copied(period, live_rule, wanted_rule));
        }
    }
    all
}

fn at(rules: &retention::Rules, period: Period) -> Option<&Rule> {
    rules.get(period as usize)?.as_ref()
}

fn copied(period: Period, live: Option<&Rule>, wanted: Option<&Rule>) -> Option<Difference> {
    let (live, wanted) = (
        live.and_then(|own| own.vault.as_deref()),
        wanted.and_then(|own| own.vault.as_deref()),
    );
    let is_same = match (live, wanted) {
        // A rule that copies to the vault tier doesn't have to say how long the copies are kept.
        (Some(live), Some(wanted)) => live.is_empty() || same(live, wanted),
        (None, None) => true,
        _ => false,
    };
    let live = live.map_or(UNUSED, |own| if own.is_empty() { "in use" } else { own });
    (!is_same).then(|| difference(Setting::Copied(period), live, wanted.unwrap_or(UNUSED)))
}
