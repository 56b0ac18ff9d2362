//! Volumes in words: how many, how large, and in which namespaces.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use aksbackup_shared::chain::check::Check;

use crate::cluster::quantity::told;
use crate::cluster::volumes::Volume;

/// How many groups are shown.
const GROUPS: usize = 5;
/// How many claims are listed as evidence.
const CLAIMS: usize = 20;

/// `3 volumes, 120 GiB`.
pub(super) fn amount(volumes: &[&Volume]) -> String {
    let bytes: i128 = volumes.iter().map(|own| own.bytes).sum();
    let noun = if volumes.len() == 1 { "volume" } else { "volumes" };
    match bytes {
        0 => format!("{} {noun}", volumes.len()),
        _ => format!("{} {noun}, {}", volumes.len(), told(bytes)),
    }
}

/// `3 volumes, 120 GiB in namespace db; 1 volume, 5 GiB in namespace web`: the largest first, each with what `detail` says of it.
pub(super) fn grouped(volumes: &[&Volume], detail: impl Fn(&Volume) -> Option<String>) -> String {
    let mut groups: BTreeMap<(&str, Option<String>), Vec<&Volume>> = BTreeMap::new();
    for own in volumes {
        groups.entry((&own.namespace, detail(own))).or_default().push(own);
    }
    let size = |all: &[&Volume]| all.iter().map(|own| own.bytes).sum::<i128>();
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, all)| Reverse((size(all), all.len())));
    let shown = groups.iter().take(GROUPS).map(|((namespace, detail), all)| {
        let detail = detail.as_ref().map(|own| format!(" ({own})")).unwrap_or_default();
        format!("{} in namespace {namespace}{detail}", amount(all))
    });
    let mut text = shown.collect::<Vec<_>>().join("; ");
    let rest: Vec<&Volume> = groups
        .iter()
        .skip(GROUPS)
        .flat_map(|(_, all)| all.iter().copied())
        .collect();
    if !rest.is_empty() {
        text.push_str(&format!("; and {} in other namespaces", amount(&rest)));
    }
    text
}

/// Adds each claim as a fact, the largest first.
pub(super) fn with_claims(check: Check, volumes: &[&Volume]) -> Check {
    let mut volumes = volumes.to_vec();
    volumes.sort_by_key(|own| (Reverse(own.bytes), &own.namespace, &own.claim));
    let fact = |own: &&Volume| {
        let (namespace, claim, name) = (&own.namespace, &own.claim, &own.name);
        format!(
            "persistent volume claim {namespace}/{claim}: {}, volume {name}",
            told(own.bytes)
        )
    };
    let check = volumes.iter().take(CLAIMS).map(fact).fold(check, Check::because);
    match volumes.len() {
        0..=CLAIMS => check,
        count => check.because(format!("and {} more claims", count - CLAIMS)),
    }
}
