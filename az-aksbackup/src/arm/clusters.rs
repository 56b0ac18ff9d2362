//! AKS clusters.

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{IssuerUrl, PrincipalId, Region, ResourceGroupName, ResourceId, folded};
use aksbackup_shared::schema::ApiServerAccess;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::arm::answer::Answer;
use crate::arm::client::{Reader, Writer};
use crate::arm::{cluster_body, region, versions};

/// An AKS cluster: what the steps read of it, and the whole body as Azure spelt it.
#[derive(Debug, Clone)]
pub(crate) struct Cluster {
    view: View,
    body: Value,
    text: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    location: String,
    e_tag: Option<String>,
    identity: Option<Identity>,
    properties: Properties,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    #[serde(rename = "type")]
    kind: Option<String>,
    principal_id: Option<PrincipalId>,
    user_assigned_identities: Option<serde_json::Map<String, Value>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Properties {
    provisioning_state: Option<String>,
    power_state: Option<PowerState>,
    node_resource_group: Option<ResourceGroupName>,
    oidc_issuer_profile: Option<IssuerProfile>,
}

#[derive(Debug, Clone, Deserialize)]
struct PowerState {
    code: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct IssuerProfile {
    enabled: Option<bool>,
    #[serde(rename = "issuerURL")]
    issuer_url: Option<IssuerUrl>,
}

/// Whether a cluster with this `powerState.code` has its nodes switched on.
pub(crate) fn runs(code: Option<&str>) -> bool {
    code.is_none_or(|code| code.eq_ignore_ascii_case("Running"))
}

impl Cluster {
    /// Reads a cluster's body.
    ///
    /// # Errors
    /// The body lacks what every cluster has, or an identifier in it breaks its rule.
    pub(crate) fn parse(text: String) -> Outcome<Self> {
        let read = || Ok((serde_json::from_str(&text)?, serde_json::from_str(&text)?));
        match read() {
            Ok((view, body)) => Ok(Self { view, body, text }),
            Err(error) => Failure::failed("cannot read the AKS cluster that Azure describes")
                .because(serde_json::Error::to_string(&error))
                .err(),
        }
    }

    /// Its region in programmatic form, as far as Azure's text is one.
    pub(crate) fn region(&self) -> Option<Region> {
        region::parse(&self.view.location)
    }

    /// Azure's word for what goes on with it, `Succeeded` when nothing does.
    pub(crate) fn provisioning_state(&self) -> &str {
        self.view
            .properties
            .provisioning_state
            .as_deref()
            .unwrap_or("Succeeded")
    }

    /// Whether no operation on it is under way.
    pub(crate) fn is_settled(&self) -> bool {
        ["Succeeded", "Failed", "Canceled"]
            .iter()
            .any(|state| self.provisioning_state().eq_ignore_ascii_case(state))
    }

    /// Whether its nodes are switched on.
    pub(crate) fn is_running(&self) -> bool {
        let state = self.view.properties.power_state.as_ref();
        runs(state.and_then(|state| state.code.as_deref()))
    }

    /// Its version for `If-Match`; older api-versions give none.
    pub(crate) fn etag(&self) -> Option<&str> {
        self.view.e_tag.as_deref()
    }

    /// Whether it has a managed identity, and no service principal.
    pub(crate) fn has_managed_identity(&self) -> bool {
        let identity = self.view.identity.as_ref();
        let kind = identity.and_then(|identity| identity.kind.as_deref());
        kind.is_some_and(|kind| !kind.eq_ignore_ascii_case("None"))
    }

    /// Whether its identity is a user-assigned one, which other clusters can have as well.
    pub(crate) fn has_assigned_identity(&self) -> bool {
        let identity = self.view.identity.as_ref();
        let assigned = identity.and_then(|identity| identity.user_assigned_identities.as_ref());
        assigned.is_some_and(|assigned| !assigned.is_empty())
    }

    /// The principal of its own identity: the system-assigned one, else the first user-assigned one.
    pub(crate) fn principal(&self) -> Option<PrincipalId> {
        let identity = self.view.identity.as_ref()?;
        let assigned = || {
            let first = identity.user_assigned_identities.as_ref()?.values().next()?;
            first.get("principalId")?.as_str()?.parse().ok()
        };
        identity.principal_id.clone().or_else(assigned)
    }

    /// The group of its nodes.
    pub(crate) fn node_resource_group(&self) -> Option<&ResourceGroupName> {
        self.view.properties.node_resource_group.as_ref()
    }

    /// Whether a deny assignment keeps everybody from changing what is in the node group.
    pub(crate) fn has_locked_node_group(&self) -> bool {
        self.says("/properties/nodeResourceGroupProfile/restrictionLevel", &["ReadOnly"])
    }

    /// The issuer of its service account tokens, byte for byte, where it is on.
    pub(crate) fn issuer(&self) -> Option<&IssuerUrl> {
        let profile = self.view.properties.oidc_issuer_profile.as_ref()?;
        profile
            .enabled
            .unwrap_or_default()
            .then_some(profile.issuer_url.as_ref())?
    }

    /// Whether the OIDC issuer is on.
    pub(crate) fn has_issuer(&self) -> bool {
        let profile = self.view.properties.oidc_issuer_profile.as_ref();
        profile.and_then(|profile| profile.enabled).unwrap_or_default()
    }

    /// Whether workload identity is on.
    pub(crate) fn has_workload_identity(&self) -> bool {
        self.is_on("/properties/securityProfile/workloadIdentity/enabled")
            .unwrap_or_default()
    }

    /// Whether the CSI disk driver is on; `None` where Azure does not say.
    pub(crate) fn has_disk_driver(&self) -> Option<bool> {
        self.is_on("/properties/storageProfile/diskCSIDriver/enabled")
    }

    /// Whether the snapshot controller is on; `None` where Azure does not say.
    pub(crate) fn has_snapshot_controller(&self) -> Option<bool> {
        self.is_on("/properties/storageProfile/snapshotController/enabled")
    }

    /// Returns whether pods are kept from the instance metadata service; `None` where the api-version does not report it. In
    /// November 2026 only preview versions have the member.
    pub(crate) fn is_imds_restricted(&self) -> Option<bool> {
        let access = self.at("/properties/networkProfile/podLinkLocalAccess")?.as_str()?;
        Some(access.eq_ignore_ascii_case("None"))
    }

    /// Whether it has no way out to the internet.
    pub(crate) fn is_isolated(&self) -> bool {
        self.says("/properties/networkProfile/outboundType", &["none", "block"])
    }

    /// Whether the add-on for the older pod identities is on, which answers for the instance metadata service.
    pub(crate) fn has_pod_identity(&self) -> bool {
        self.is_on("/properties/podIdentityProfile/enabled").unwrap_or_default()
    }

    /// Azure's word for its power, such as `Stopped`.
    pub(crate) fn power(&self) -> &str {
        let code = self.at("/properties/powerState/code").and_then(Value::as_str);
        code.unwrap_or("Running")
    }

    /// The subnets of its node pools, each once and in lower case; none where AKS made the network itself.
    pub(crate) fn subnets(&self) -> Vec<String> {
        let subnets = self.pools().filter_map(|pool| pool.get("vnetSubnetID")?.as_str());
        let mut subnets: Vec<String> = subnets.map(folded).collect();
        subnets.sort();
        subnets.dedup();
        subnets
    }

    /// Whether no pool can run the extension's pods, which want Linux on amd64. Arm machines have a `p` behind the number
    /// of their size: <https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions>.
    pub(crate) fn has_no_suitable_pool(&self) -> bool {
        let text = |pool: &Value, key: &str| pool.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let suits = |pool: &Value| {
            let size = text(pool, "vmSize").to_ascii_lowercase();
            let features = size
                .trim_start_matches("standard_")
                .trim_start_matches(|c: char| c.is_ascii_alphabetic());
            let features = features.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-');
            let features = features.split('_').next().unwrap_or_default().to_owned();
            !text(pool, "osType").eq_ignore_ascii_case("Windows") && !features.contains('p')
        };
        let pools: Vec<&Value> = self.pools().collect();
        !pools.is_empty() && !pools.into_iter().any(suits)
    }

    /// Whether AKS adds nodes of its own choice for pods that fit no pool (node auto-provisioning).
    pub(crate) fn provisions_nodes(&self) -> bool {
        self.says("/properties/nodeProvisioningProfile/mode", &["Auto"])
    }

    /// The names of the node pools whose nodes are in an availability set.
    pub(crate) fn availability_sets(&self) -> Vec<&str> {
        let is_set = |pool: &&Value| pool["type"].as_str() == Some("AvailabilitySet");
        self.pools()
            .filter(is_set)
            .filter_map(|pool| pool["name"].as_str())
            .collect()
    }

    fn pools(&self) -> impl Iterator<Item = &Value> {
        let pools = self.at("/properties/agentPoolProfiles").and_then(Value::as_array);
        pools.into_iter().flatten()
    }

    /// Returns whether its API server has an address in its virtual network only.
    pub(crate) fn is_private(&self) -> bool {
        self.is_on("/properties/apiServerAccessProfile/enablePrivateCluster") == Some(true)
    }

    /// Returns how many ranges of addresses its API server accepts; 0 means that it accepts every address.
    pub(crate) fn authorized_ranges(&self) -> usize {
        let ranges = self.at("/properties/apiServerAccessProfile/authorizedIPRanges");
        ranges.and_then(Value::as_array).map_or(0, Vec::len)
    }

    /// Returns whether `az aks command invoke` works for it: it can be disabled for each cluster.
    pub(crate) fn has_run_command(&self) -> bool {
        self.is_on("/properties/apiServerAccessProfile/disableRunCommand") != Some(true)
    }

    /// Returns which machines can reach its API server, if access is restricted.
    pub(crate) fn api_server_access(&self) -> Option<ApiServerAccess> {
        match (self.is_private(), self.authorized_ranges()) {
            (true, _) => Some(ApiServerAccess::Private),
            (false, 0) => None,
            (false, _) => Some(ApiServerAccess::AuthorizedRanges),
        }
    }

    fn says(&self, pointer: &str, words: &[&str]) -> bool {
        let own = self.at(pointer).and_then(Value::as_str).unwrap_or_default();
        words.iter().any(|word| own.eq_ignore_ascii_case(word))
    }

    fn is_on(&self, pointer: &str) -> Option<bool> {
        self.at(pointer).and_then(Value::as_bool)
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.body.pointer(pointer)
    }

    /// The text of the whole body to send back, with OIDC issuer and workload identity on.
    pub(crate) fn with_workload_identity(&self) -> String {
        cluster_body::with_workload_identity(&self.text)
    }
}

/// A cluster; `None` where there is none.
pub(crate) async fn get(reader: &Reader, cluster: &ResourceId) -> Outcome<Option<Cluster>> {
    let body = reader
        .get::<Box<RawValue>>(cluster.as_str(), versions::MANAGED_CLUSTERS)
        .await?;
    body.map(|body| Cluster::parse(String::from(Box::<str>::from(body))))
        .transpose()
}

/// A cluster that has to exist.
///
/// # Errors
/// Exit 3 where it does not.
pub(crate) async fn existing(reader: &Reader, cluster: &ResourceId) -> Outcome<Cluster> {
    match get(reader, cluster).await? {
        Some(cluster) => Ok(cluster),
        None => Failure::missing(format!(
            "AKS cluster {} doesn't exist in resource group {}",
            cluster.name(),
            cluster.resource_group()
        ))
        .because(format!("Azure returned no resource with ID {cluster}"))
        .hint(shell(format!(
            "az aks list --subscription {} --output table",
            cluster.subscription()
        )))
        .err(),
    }
}

/// Writes a whole cluster, unless it has changed since `etag` was read.
pub(crate) async fn put(writer: &Writer, cluster: &ResourceId, body: &str, etag: Option<&str>) -> Outcome<Answer> {
    writer
        .put(cluster.as_str(), versions::MANAGED_CLUSTERS, &body, etag)
        .await
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A cluster as Azure describes one, with what a test wants otherwise.
    pub(crate) fn cluster(change: impl FnOnce(&mut Value)) -> Cluster {
        let mut body = json!({
            "id": "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourcegroups/rg-aks/providers/Microsoft.ContainerService/managedClusters/aks",
            "name": "aks", "type": "Microsoft.ContainerService/ManagedClusters", "location": "westeurope", "eTag": "e-1",
            "identity": { "type": "SystemAssigned", "principalId": "11111111-1111-4111-8111-111111111111", "tenantId": "t" },
            "properties": {
                "provisioningState": "Succeeded", "powerState": { "code": "Running" }, "nodeResourceGroup": "MC_rg-aks_aks",
                "oidcIssuerProfile": { "enabled": true, "issuerURL": "https://oidc.example/t/g/" },
                "securityProfile": { "workloadIdentity": { "enabled": true }, "defender": { "unknown": 1 } },
                "storageProfile": { "diskCSIDriver": { "enabled": true }, "snapshotController": { "enabled": true } },
                "agentPoolProfiles": [{ "name": "p", "count": 3, "provisioningState": "Succeeded", "future": "kept" }],
            },
        });
        change(&mut body);
        Cluster::parse(body.to_string()).unwrap()
    }

    #[test]
    fn a_restriction_that_is_not_reported_is_not_known() {
        let of = |profile: Value| cluster(|body| body["properties"]["networkProfile"] = profile).is_imds_restricted();
        assert_eq!(cluster(|_| ()).is_imds_restricted(), None);
        assert_eq!(of(json!({ "networkPlugin": "azure" })), None);
        assert_eq!(of(json!({ "podLinkLocalAccess": "IMDS" })), Some(false));
        assert_eq!(of(json!({ "podLinkLocalAccess": "None" })), Some(true));
    }

    #[test]
    fn an_api_server_that_not_everybody_reaches_is_told_apart() {
        let of =
            |profile: Value| cluster(|body| body["properties"]["apiServerAccessProfile"] = profile).api_server_access();
        assert_eq!(
            of(json!({ "enablePrivateCluster": true })),
            Some(ApiServerAccess::Private)
        );
        let ranges = json!({ "enablePrivateCluster": false, "authorizedIPRanges": ["203.0.113.0/24"] });
        assert_eq!(of(ranges), Some(ApiServerAccess::AuthorizedRanges));
        assert_eq!(of(json!({ "authorizedIPRanges": [] })), None);
        assert_eq!(of(Value::Null), None);
    }

    #[test]
    fn the_issuer_keeps_its_trailing_slash() {
        assert_eq!(cluster(|_| ()).issuer().unwrap().as_str(), "https://oidc.example/t/g/");
    }

    #[test]
    fn a_user_assigned_identity_is_the_cluster_s_own_where_there_is_no_other() {
        let cluster = cluster(|body| {
            body["identity"] = json!({ "type": "UserAssigned", "userAssignedIdentities": {
                "/subscriptions/x": { "principalId": "22222222-2222-4222-8222-222222222222", "clientId": "c" } } });
        });
        assert_eq!(
            cluster.principal().unwrap().as_str(),
            "22222222-2222-4222-8222-222222222222"
        );
        let sent: Value = serde_json::from_str(&cluster.with_workload_identity()).unwrap();
        assert_eq!(
            sent["identity"]["userAssignedIdentities"],
            json!({ "/subscriptions/x": {} })
        );
    }
}
