//! The clusters that a fleet can have: by Resource Graph, which lags behind by minutes, else by Resource Manager.

use std::collections::BTreeMap;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, folded};
use serde::Deserialize;

use super::template::Candidate;
use crate::arm::backups::DATASOURCE_TYPE;
use crate::arm::client::Reader;
use crate::arm::cluster_list;
use crate::arm::resource_graph::{quoted, rows};
use crate::commands::list::Scope;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// The clusters, by resource ID.
    pub(super) clusters: Vec<Candidate>,
    /// What could not be read.
    pub(super) unread: Vec<Failure>,
    /// Why Resource Graph wasn't used.
    pub(super) fallback: Option<Box<Failure>>,
}

#[derive(Deserialize)]
struct Row {
    id: ResourceId,
    #[serde(default)]
    location: String,
    tags: Option<BTreeMap<String, String>>,
}

/// Finds the clusters of the scope.
///
/// # Errors
/// Neither can be asked.
pub(super) async fn clusters(
    reader: &Reader,
    console: &Console,
    scope: &Scope,
    group: Option<&ResourceGroupName>,
) -> Outcome<Found> {
    let read = rows::<Row>(reader, scope.one(), &query(group)).await;
    let mut found = match read {
        Ok(rows) => {
            let partial = || {
                Failure::failed("cannot read all clusters")
                    .because("the response of Azure Resource Graph is incomplete")
                    .hint("run the command for one subscription at a time: --subscription NAME")
            };
            Found {
                clusters: rows.all.into_iter().map(Row::candidate).collect(),
                unread: rows.is_partial.then(partial).into_iter().collect(),
                fallback: None,
            }
        }
        Err(failure) if failure.exit == Exit::Deadline => return Err(failure),
        Err(failure) => {
            let why = failure.why.first().map_or(failure.what.as_str(), String::as_str);
            console.say(format!(
                "Azure Resource Graph can't be used ({why}); reading each subscription from Azure Resource Manager"
            ));
            Found {
                fallback: Some(failure),
                ..by_manager(reader, scope, group).await?
            }
        }
    };
    found.clusters.sort_by_cached_key(|own| folded(own.id.as_str()));
    found.clusters.dedup_by_key(|own| folded(own.id.as_str()));
    Ok(found)
}

impl Row {
    fn candidate(self) -> Candidate {
        candidate(&self.id, self.location, self.tags)
    }
}

/// Azure lists IDs in whatever letter case; a state file has one spelling.
fn candidate(id: &ResourceId, region: String, tags: Option<BTreeMap<String, String>>) -> Candidate {
    Candidate {
        id: id.resource_group_id().resource(DATASOURCE_TYPE, id.name()),
        region,
        tags: tags.unwrap_or_default(),
    }
}

fn query(group: Option<&ResourceGroupName>) -> String {
    let group = group.map(|group| format!("| where resourceGroup =~ {} ", quoted(&group.to_string())));
    format!(
        "resources | where type =~ 'microsoft.containerservice/managedclusters' {}| project id, location, tags | order by id asc",
        group.unwrap_or_default()
    )
}

async fn by_manager(reader: &Reader, scope: &Scope, group: Option<&ResourceGroupName>) -> Outcome<Found> {
    let mut found = Found::default();
    for own in scope.subscriptions() {
        match cluster_list::clusters(reader, &own.subscription_id, group).await {
            Ok(all) => found
                .clusters
                .extend(all.into_iter().map(|own| candidate(&own.id, own.location, own.tags))),
            Err(failure) => found.unread.push(Failure {
                what: format!("cannot list the AKS clusters of subscription {}", own.subscription_id),
                ..*failure
            }),
        }
    }
    match found.unread.len() == scope.subscriptions().len() && !found.unread.is_empty() {
        true => found.unread.swap_remove(0).err(),
        false => Ok(found),
    }
}
