//! Clusters by three queries of Resource Graph, however many clusters there are.

use std::collections::HashMap;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, SubscriptionId, folded};
use aksbackup_shared::names::EXTENSION_TYPE;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use super::Clusters;
use crate::arm::backups::{self, Instance, InstanceProperties, Job, JobProperties, PolicyInfo, Source};
use crate::arm::client::Reader;
use crate::arm::extensions::{self, Extension, ExtensionProperties};
use crate::arm::resource_graph::{quoted, rows};
use crate::checks::overview::{self, Overview};
use crate::checks::view::Seen;

#[derive(Deserialize)]
struct ClusterRow {
    id: ResourceId,
    #[serde(default)]
    location: String,
    wanted: Option<String>,
    current: Option<String>,
    power: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct InstanceRow {
    id: ResourceId,
    cluster_id: String,
    state: Option<String>,
    error_code: Option<String>,
    policy_id: Option<String>,
    job_id: Option<String>,
    status: Option<String>,
    started: Option<String>,
    ended: Option<String>,
}

#[derive(Deserialize)]
struct ExtensionRow {
    id: String,
    state: Option<String>,
}

/// The instances of a cluster, and its last backup.
type Protected = (Vec<Instance>, Option<Job>);

/// Reads the clusters of `subscription`, or of all, perhaps of one resource group.
///
/// # Errors
/// Resource Graph can't be queried.
pub(super) async fn read(
    reader: &Reader,
    subscription: Option<&SubscriptionId>,
    group: Option<&ResourceGroupName>,
) -> Outcome<Clusters> {
    let (of_clusters, of_instances, of_extensions) = (clusters(group), instances(subscription), installed());
    // A vault can be in another subscription than its clusters.
    let (clusters, instances, installed) = futures::try_join!(
        rows::<ClusterRow>(reader, subscription, &of_clusters),
        rows::<InstanceRow>(reader, None, &of_instances),
        rows::<ExtensionRow>(reader, subscription, &of_extensions),
    )?;
    let mut protected: HashMap<String, Protected> = HashMap::new();
    for row in instances.all {
        row.into(&mut protected);
    }
    let mut extended: HashMap<String, Vec<Extension>> = HashMap::new();
    for row in installed.all {
        row.into(&mut extended);
    }
    let missing = |is_partial: bool, what: &str| is_partial.then(|| partial(what));
    let (unlisted, uninstalled) = (
        missing(instances.is_partial, "backup instances"),
        missing(installed.is_partial, "extensions"),
    );
    let mut all: HashMap<String, Overview> = HashMap::new();
    for row in clusters.all {
        let key = folded(row.id.as_str());
        let (own, job) = protected.remove(&key).unwrap_or_default();
        let extension = worst(extended.remove(&key).unwrap_or_default());
        let overview = Overview {
            id: row.id,
            region: row.location,
            version: filled(row.current).or_else(|| filled(row.wanted)),
            power: filled(row.power),
            instance: seen(overview::foremost(own), unlisted.as_ref()),
            last: seen(job, unlisted.as_ref()),
            extension: seen(extension, uninstalled.as_ref()),
        };
        all.entry(key).or_insert(overview);
    }
    let unread = missing(clusters.is_partial, "clusters")
        .into_iter()
        .chain(unlisted)
        .chain(uninstalled);
    Ok(Clusters {
        clusters: all.into_values().collect(),
        unread: unread.collect(),
    })
}

fn clusters(group: Option<&ResourceGroupName>) -> String {
    let group = group.map(|group| format!("| where resourceGroup =~ {} ", quoted(&group.to_string())));
    format!(
        "resources | where type =~ 'microsoft.containerservice/managedclusters' {}\
         | project id, location, wanted = tostring(properties.kubernetesVersion), \
         current = tostring(properties.currentKubernetesVersion), power = tostring(properties.powerState.code) \
         | order by id asc",
        group.unwrap_or_default()
    )
}

/// Instances with the last backup of their cluster. Jobs are joined within their table, which every version of the service does; the
/// result of `summarize` alone would have one page only:
/// <https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language>. The IDs in jobs can end with a slash.
fn instances(subscription: Option<&SubscriptionId>) -> String {
    let source = quoted(backups::DATASOURCE_TYPE);
    let ended: Vec<String> = backups::COMPLETED
        .iter()
        .chain(&backups::FAILED)
        .map(|word| quoted(word))
        .collect();
    let within = subscription.map(|id| {
        let scope = format!("/subscriptions/{}/", id.as_str().to_ascii_lowercase());
        format!("| where clusterId startswith {} ", quoted(&scope))
    });
    let within = within.unwrap_or_default();
    format!(
        "recoveryservicesresources | where type in~ ('microsoft.dataprotection/backupvaults/backupinstances', \
         'microsoft.dataprotection/backupvaults/deletedbackupinstances') \
         | where properties.dataSourceInfo.datasourceType =~ {source} \
         | extend clusterId = tolower(tostring(properties.dataSourceInfo.resourceID)) {within}\
         | project id, clusterId, state = tostring(properties.currentProtectionState), \
         errorCode = tostring(properties.protectionErrorDetails.code), policyId = tostring(properties.policyInfo.policyId) \
         | join kind=leftouter (recoveryservicesresources \
         | where type =~ 'microsoft.dataprotection/backupvaults/backupjobs' \
         | where properties.dataSourceType =~ {source} and properties.operationCategory =~ 'Backup' \
         | where properties.status in~ ({}) \
         | extend clusterId = trim_end('/', tolower(tostring(properties.dataSourceId))) {within}\
         | project jobId = id, clusterId, status = tostring(properties.status), started = todatetime(properties.startTime), \
         ended = todatetime(properties.endTime) \
         | summarize arg_max(started, ended, status, jobId) by clusterId) on clusterId \
         | project id, clusterId, state, errorCode, policyId, jobId, status, started, ended | order by id asc",
        ended.join(", ")
    )
}

/// The table has names of properties in Pascal case:
/// <https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources>. Other tables spell them as
/// Resource Manager does, so that both are accepted.
fn installed() -> String {
    format!(
        "kubernetesconfigurationresources | where type =~ {} \
         | extend extensionType = strcat(tostring(properties.ExtensionType), tostring(properties.extensionType)), \
         state = strcat(tostring(properties.ProvisioningState), tostring(properties.provisioningState)) \
         | where extensionType =~ {} | project id, state | order by id asc",
        quoted(&extensions::KIND.to_ascii_lowercase()),
        quoted(EXTENSION_TYPE)
    )
}

/// The table writes a value that is missing as an empty text.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn time(text: Option<String>) -> Option<Timestamp> {
    filled(text)?.parse().ok()
}

fn partial(what: &str) -> Failure {
    Failure::failed(format!("cannot read all {what}"))
        .because("the response of Azure Resource Graph is incomplete")
        .hint("list one subscription at a time: --subscription NAME")
}

/// What isn't in a list that is complete doesn't exist.
fn seen<T>(found: Option<T>, missing: Option<&Failure>) -> Seen<T> {
    match (found, missing) {
        (Some(found), _) => Seen::Here(found),
        (None, Some(failure)) => Seen::Hidden(Box::new(failure.clone())),
        (None, None) => Seen::Absent,
    }
}

/// Returns, of several extensions, the one that needs attention.
pub(super) fn worst(all: Vec<Extension>) -> Option<Extension> {
    all.into_iter()
        .min_by_key(|own| (!own.has_failed(), own.is_installed(), own.name.clone()))
}

impl InstanceRow {
    fn into(self, all: &mut HashMap<String, Protected>) {
        let error = filled(self.error_code).map(|code| json!({ "code": code }));
        let (instances, last) = all.entry(folded(&self.cluster_id)).or_default();
        if let Some(id) = filled(self.job_id) {
            let properties = JobProperties {
                status: self.status.unwrap_or_default(),
                operation_category: Some("Backup".to_owned()),
                data_source_id: Some(self.cluster_id.clone()),
                start_time: time(self.started),
                end_time: time(self.ended),
                ..JobProperties::default()
            };
            *last = Some(Job { id, properties });
        }
        instances.push(Instance {
            id: self.id,
            properties: InstanceProperties {
                deletion_info: None,
                friendly_name: None,
                data_source_info: Some(Source { id: self.cluster_id }),
                data_source_set_info: None,
                identity_details: None,
                policy_info: PolicyInfo {
                    policy_id: self.policy_id.unwrap_or_default(),
                    policy_parameters: None,
                },
                current_protection_state: self.state,
                protection_error_details: error,
                protection_status: None,
            },
        });
    }
}

impl ExtensionRow {
    fn into(self, all: &mut HashMap<String, Vec<Extension>>) {
        let id = folded(&self.id);
        let kind = format!("/providers/{}/", folded(extensions::KIND));
        let Some((cluster, _)) = id.rsplit_once(&kind) else {
            return;
        };
        let name = self.id.rsplit('/').next().unwrap_or_default().to_owned();
        let properties = ExtensionProperties {
            extension_type: Some(EXTENSION_TYPE.to_owned()),
            provisioning_state: filled(self.state),
            ..ExtensionProperties::default()
        };
        all.entry(cluster.to_owned()).or_default().push(Extension {
            name,
            properties,
            system_data: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_of_one_subscription_finds_vaults_in_others() {
        let id: SubscriptionId = "0B1F6471-1bf0-4dda-aec3-cb9272f09590".parse().unwrap();
        let query = instances(Some(&id));
        let filter = "clusterId startswith '/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/'";
        assert_eq!(query.matches(filter).count(), 2, "{query}");
        assert!(!instances(None).contains("startswith"));
    }

    #[test]
    fn what_a_partial_list_lacks_is_not_absent() {
        assert!(matches!(seen::<u8>(None, None), Seen::Absent));
        assert!(matches!(seen::<u8>(None, Some(&partial("x"))), Seen::Hidden(_)));
        assert!(matches!(seen(Some(1), Some(&partial("x"))), Seen::Here(1)));
    }

    #[test]
    fn an_extension_belongs_to_the_cluster_in_its_id() {
        let mut all = HashMap::new();
        let id = "/subscriptions/S/resourceGroups/G/providers/Microsoft.ContainerService/managedClusters/C/providers/\
                  Microsoft.KubernetesConfiguration/extensions/azure-aks-backup";
        let row = |state: &str| ExtensionRow {
            id: id.to_owned(),
            state: Some(state.to_owned()),
        };
        row("Succeeded").into(&mut all);
        row("Failed").into(&mut all);
        let key = "/subscriptions/s/resourcegroups/g/providers/microsoft.containerservice/managedclusters/c";
        let found = worst(all.remove(key).unwrap()).unwrap();
        assert!(found.has_failed());
    }
}
