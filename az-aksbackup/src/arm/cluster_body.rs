//! The whole-object PUT of an AKS cluster: what Azure gave goes back, with two flags on.

use serde_json::{Value, json};

/// `body` with OIDC issuer and workload identity on and without what only Azure writes. Everything else stays as it is,
/// known to this program or not: a field left out might be reset.
pub(crate) fn with_workload_identity(body: &Value) -> Value {
    let mut body = body.clone();
    strip_read_only(&mut body);
    set(&mut body, &["properties", "oidcIssuerProfile", "enabled"]);
    set(
        &mut body,
        &["properties", "securityProfile", "workloadIdentity", "enabled"],
    );
    body
}

/// Switches a flag on, making the objects on the way to it.
fn set(body: &mut Value, path: &[&str]) {
    let Some((key, rest)) = path.split_first() else {
        *body = json!(true);
        return;
    };
    if !body.is_object() {
        *body = json!({});
    }
    set(&mut body[*key], rest);
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
fn strip_read_only(body: &mut Value) {
    remove(body, "", &TOP);
    remove(body, "/properties", &PROPERTIES);
    remove(body, "/identity", &["principalId", "tenantId"]);
    remove(body, "/properties/oidcIssuerProfile", &["issuerURL"]);
    remove(
        body,
        "/properties/networkProfile/loadBalancerProfile",
        &["effectiveOutboundIPs"],
    );
    remove(
        body,
        "/properties/networkProfile/natGatewayProfile",
        &["effectiveOutboundIPs"],
    );
    remove(body, "/properties/ingressProfile/webAppRouting", &["identity"]);
    remove_each(body, "/identity/userAssignedIdentities", &["principalId", "clientId"]);
    remove_each(body, "/properties/agentPoolProfiles", &POOL);
    remove_each(body, "/properties/addonProfiles", &["identity"]);
    remove_each(body, "/properties/privateLinkResources", &["privateLinkServiceID"]);
    remove_each(
        body,
        "/properties/podIdentityProfile/userAssignedIdentities",
        &["provisioningState", "provisioningInfo"],
    );
}

fn remove(body: &mut Value, pointer: &str, keys: &[&str]) {
    if let Some(object) = body.pointer_mut(pointer).and_then(Value::as_object_mut) {
        object.retain(|key, _| !keys.contains(&key.as_str()));
    }
}

fn remove_each(body: &mut Value, pointer: &str, keys: &[&str]) {
    let items: Vec<&mut Value> = match body.pointer_mut(pointer) {
        Some(Value::Array(items)) => items.iter_mut().collect(),
        Some(Value::Object(items)) => items.values_mut().collect(),
        Some(_) | None => Vec::new(),
    };
    for item in items {
        remove(item, "", keys);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::arm::clusters::tests::cluster;

    #[test]
    fn what_goes_back_keeps_unknown_fields_and_loses_read_only_ones() {
        let off = cluster(|body| {
            body["properties"]["oidcIssuerProfile"] = json!({ "enabled": false });
            body["properties"]["securityProfile"] = json!({ "defender": { "unknown": 1 } });
            body["properties"]["future"] = json!({ "x": [1, null] });
        });
        let body = off.with_workload_identity();
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
