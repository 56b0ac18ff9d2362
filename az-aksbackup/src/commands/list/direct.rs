//! Clusters from Resource Manager: a list for each subscription, two reads for each cluster, and the jobs of each vault.

use std::collections::{BTreeMap, BTreeSet};

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, folded};
use futures::stream::{self, StreamExt as _};

use super::Clusters;
use super::graph::worst;
use crate::arm::backups::{self, Job};
use crate::arm::client::Reader;
use crate::arm::cluster_list::{self, Listed};
use crate::arm::extensions;
use crate::arm::inventory::Visible;
use crate::checks::overview::{Overview, foremost, latest};
use crate::checks::view::Seen;

/// So many requests are under way at once.
const AT_ONCE: usize = 8;

/// Reads the clusters of `subscriptions`, perhaps of one resource group. What can't be read of one is named, and the rest is read.
///
/// # Errors
/// The clusters of no subscription can be listed: the first failure.
pub(super) async fn read(
    reader: &Reader,
    subscriptions: &[Visible],
    group: Option<&ResourceGroupName>,
) -> Outcome<Clusters> {
    let (listed, mut unread) = listed(reader, subscriptions, group).await?;
    let reads = listed.into_iter().map(|own| one(reader, own));
    let mut clusters: Vec<Overview> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    backups(reader, &mut clusters).await;
    unread.extend(hidden(&clusters));
    Ok(Clusters { clusters, unread })
}

/// Lists the clusters of `subscriptions`, perhaps of one resource group, and names those that can't be read.
///
/// # Errors
/// The clusters of no subscription can be listed: the first failure.
pub(crate) async fn listed(
    reader: &Reader,
    subscriptions: &[Visible],
    group: Option<&ResourceGroupName>,
) -> Outcome<(Vec<Listed>, Vec<Failure>)> {
    let lists = subscriptions.iter().map(async |own| {
        let read = cluster_list::clusters(reader, &own.subscription_id, group).await;
        read.map_err(|failure| Failure {
            what: format!("cannot list the AKS clusters of subscription {}", own.subscription_id),
            ..*failure
        })
    });
    let lists: Vec<Result<Vec<Listed>, Failure>> = stream::iter(lists).buffered(AT_ONCE).collect().await;
    let (mut listed, mut unread) = (Vec::new(), Vec::new());
    for list in lists {
        match list {
            Ok(own) => listed.extend(own),
            Err(failure) => unread.push(failure),
        }
    }
    if unread.len() == subscriptions.len() && !unread.is_empty() {
        return unread.swap_remove(0).err();
    }
    Ok((listed, unread))
}

async fn one(reader: &Reader, own: Listed) -> Overview {
    // Azure lists ids in whatever case.
    let id = own
        .id
        .resource_group_id()
        .resource(backups::DATASOURCE_TYPE, own.id.name());
    let (instances, installed) = futures::join!(backups::of_cluster(reader, &id), extensions::of_backup(reader, &id));
    let properties = own.properties;
    Overview {
        region: own.location,
        version: properties.current_kubernetes_version.or(properties.kubernetes_version),
        power: properties.power_state.and_then(|state| state.code),
        instance: Seen::of(instances.map(foremost)),
        last: Seen::Unasked,
        extension: Seen::of(installed.map(worst)),
        id,
    }
}

/// Reads the jobs of each vault once, and keeps the last backup of each cluster.
async fn backups(reader: &Reader, clusters: &mut [Overview]) {
    let vaults: BTreeMap<String, ResourceId> = clusters
        .iter()
        .filter_map(|own| own.instance.here()?.vault())
        .map(|vault| (folded(vault.as_str()), vault))
        .collect();
    let wanted: BTreeSet<String> = clusters.iter().map(|own| folded(own.id.as_str())).collect();
    let reads = vaults.into_iter().map(async |(key, vault)| {
        let read = backups::jobs(reader, &vault).await;
        (key, read.map(|jobs| by_cluster(jobs, &wanted)))
    });
    let read: BTreeMap<String, Outcome<BTreeMap<String, Job>>> = stream::iter(reads).buffered(AT_ONCE).collect().await;
    for own in clusters {
        let vault = own.instance.here().and_then(backups::Instance::vault);
        let Some(jobs) = vault.and_then(|vault| read.get(&folded(vault.as_str()))) else {
            continue;
        };
        let last = jobs.as_ref().map(|jobs| jobs.get(&folded(own.id.as_str())).cloned());
        own.last = Seen::of(last.map_err(Clone::clone));
    }
}

fn by_cluster(jobs: Vec<Job>, wanted: &BTreeSet<String>) -> BTreeMap<String, Job> {
    let mut all: BTreeMap<String, Vec<Job>> = BTreeMap::new();
    for job in jobs {
        let source = job.properties.data_source_id.as_deref().unwrap_or_default();
        let key = folded(source.trim_end_matches('/'));
        if wanted.contains(&key) {
            all.entry(key).or_default().push(job);
        }
    }
    let last = all.into_iter().filter_map(|(key, jobs)| Some((key, latest(jobs)?)));
    last.collect()
}

/// What could not be read of clusters, each failure once.
fn hidden(clusters: &[Overview]) -> Vec<Failure> {
    let all = clusters.iter().flat_map(|own| {
        let all = [own.instance.hidden(), own.extension.hidden(), own.last.hidden()];
        all.into_iter().flatten()
    });
    let mut known = BTreeSet::new();
    all.filter(|failure| known.insert((failure.what.clone(), failure.why.clone())))
        .cloned()
        .collect()
}
