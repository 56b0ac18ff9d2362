//! The whole-object PUT of an AKS cluster: what Azure gave goes back, with two flags on.

use crate::arm::members::Members;

/// The text of a cluster with OIDC issuer and workload identity on and without what only Azure writes. Everything else
/// stays as Azure spelt it, known to this program or not: a field left out might be reset.
pub(crate) fn with_workload_identity(text: &str) -> String {
    let mut body = Members::of(text).unwrap_or_default();
    strip_read_only(&mut body);
    body.switch_on(&["properties", "oidcIssuerProfile", "enabled"]);
    body.switch_on(&["properties", "securityProfile", "workloadIdentity", "enabled"]);
    body.to_string()
}

const TOP: [&str; 6] = ["id", "name", "type", "eTag", "etag", "systemData"];
const PROPERTIES: [&str; 9] = [
    "provisioningState",
    "powerState",
    "maxAgentPools",
    "currentKubernetesVersion",
    "fqdn",
    "privateFQDN",
    "azurePortalFQDN",
    "resourceUID",
    "status",
];
const POOL: [&str; 5] = [
    "eTag",
    "currentOrchestratorVersion",
    "nodeImageVersion",
    "provisioningState",
    "status",
];

/// Removes the fields that Microsoft's definition of `managedClusters` marks as read-only.
fn strip_read_only(body: &mut Members) {
    remove(body, &[], &TOP);
    remove(body, &["properties"], &PROPERTIES);
    remove(body, &["identity"], &["principalId", "tenantId"]);
    remove(body, &["properties", "oidcIssuerProfile"], &["issuerURL"]);
    for gateway in ["loadBalancerProfile", "natGatewayProfile"] {
        remove(
            body,
            &["properties", "networkProfile", gateway],
            &["effectiveOutboundIPs"],
        );
    }
    remove(body, &["properties", "ingressProfile", "webAppRouting"], &["identity"]);
    remove_each(
        body,
        &["identity", "userAssignedIdentities"],
        &["principalId", "clientId"],
    );
    remove_each(body, &["properties", "agentPoolProfiles"], &POOL);
    remove_each(body, &["properties", "addonProfiles"], &["identity"]);
    remove_each(body, &["properties", "privateLinkResources"], &["privateLinkServiceID"]);
    remove_each(
        body,
        &["properties", "podIdentityProfile", "userAssignedIdentities"],
        &["provisioningState", "provisioningInfo"],
    );
}

fn remove(body: &mut Members, path: &[&str], names: &[&str]) {
    body.at(path, &|object: &mut Members| object.remove(names));
}

fn remove_each(body: &mut Members, path: &[&str], names: &[&str]) {
    body.each(path, &|object: &mut Members| object.remove(names));
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::arm::clusters::tests::cluster;

    #[test]
    fn what_goes_back_keeps_unknown_fields_and_loses_read_only_ones() {
        let off = cluster(|body| {
            body["properties"]["oidcIssuerProfile"] = json!({ "enabled": false });
            body["properties"]["securityProfile"] = json!({ "defender": { "unknown": 1 } });
            body["properties"]["future"] = json!({ "x": [1, null] });
        });
        let body: Value = serde_json::from_str(&off.with_workload_identity()).unwrap();
        assert_eq!(body["properties"]["future"], json!({ "x": [1, null] }));
        assert_eq!(
            body["properties"]["securityProfile"]["defender"],
            json!({ "unknown": 1 })
        );
        assert_eq!(
            body["properties"]["securityProfile"]["workloadIdentity"],
            json!({ "enabled": true })
        );
        assert_eq!(body["properties"]["oidcIssuerProfile"], json!({ "enabled": true }));
        assert_eq!(
            body["properties"]["agentPoolProfiles"],
            json!([{ "name": "p", "count": 3, "future": "kept" }])
        );
        assert_eq!(body["identity"], json!({ "type": "SystemAssigned" }));
        assert!(body.get("id").is_none() && body.get("eTag").is_none());
        assert!(body["properties"].get("powerState").is_none());
    }
}
