//! The clusters that a fleet can have: by Resource Graph, which lags behind by minutes, else by Resource Manager.

use std::collections::BTreeMap;

use aksbackup_shared::console::Console;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, folded};
use serde::Deserialize;

use super::template::Candidate;
use crate::arm::backups::DATASOURCE_TYPE;
use crate::arm::client::Reader;
use crate::arm::resource_graph::{quoted, rows};
use crate::commands::list::{Scope, by_graph_or_manager, direct};

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Discovery {
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
) -> Outcome<Discovery> {
    let by_graph = by_graph(reader, scope, group);
    let by_manager = by_manager(reader, scope, group);
    let (mut found, fallback) = by_graph_or_manager(console, by_graph, by_manager).await?;
    found.fallback = fallback;
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

async fn by_graph(reader: &Reader, scope: &Scope, group: Option<&ResourceGroupName>) -> Outcome<Discovery> {
    let rows = rows::<Row>(reader, scope.one(), &query(group)).await?;
    let partial = || {
        Failure::failed("cannot read all clusters")
            .because("the response of Azure Resource Graph is incomplete")
            .hint("run the command for one subscription at a time: --subscription NAME")
    };
    Ok(Discovery {
        clusters: rows.all.into_iter().map(Row::candidate).collect(),
        unread: rows.is_partial.then(partial).into_iter().collect(),
        fallback: None,
    })
}

async fn by_manager(reader: &Reader, scope: &Scope, group: Option<&ResourceGroupName>) -> Outcome<Discovery> {
    let (listed, unread) = direct::listed(reader, scope.subscriptions(), group).await?;
    let clusters = listed.into_iter().map(|own| candidate(&own.id, own.location, own.tags));
    Ok(Discovery {
        clusters: clusters.collect(),
        unread,
        fallback: None,
    })
}
