//! What is sent back of a body that Azure answered.

use serde_json::{Map, Value};

/// Returns a body without the members that only Azure writes.
pub(crate) fn writable(body: &Value) -> Value {
    let mut own = body.clone();
    let top = ["id", "name", "type", "eTag", "etag", "systemData"];
    let inner = [
        "provisioningState",
        "powerState",
        "fqdn",
        "privateFQDN",
        "azurePortalFQDN",
        "currentKubernetesVersion",
        "maxAgentPools",
        "resourceUID",
        "status",
        "currentProtectionState",
        "protectionStatus",
        "protectionErrorDetails",
    ];
    let pool = [
        "eTag",
        "currentOrchestratorVersion",
        "nodeImageVersion",
        "provisioningState",
        "status",
    ];
    remove(&mut own, &top);
    // By pointer: an index would insert what isn't there.
    if let Some(properties) = own.get_mut("properties") {
        remove(properties, &inner);
    }
    let pools = own
        .pointer_mut("/properties/agentPoolProfiles")
        .and_then(Value::as_array_mut);
    for one in pools.into_iter().flatten() {
        remove(one, &pool);
    }
    if let Some(issuer) = own.pointer_mut("/properties/oidcIssuerProfile") {
        remove(issuer, &["issuerURL"]);
    }
    if let Some(identity) = own.get_mut("identity") {
        remove(identity, &["principalId", "tenantId"]);
    }
    own
}

/// Removes members of an object.
pub(crate) fn remove(value: &mut Value, names: &[&str]) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|name, _| !names.contains(&name.as_str()));
    }
}

/// Changes every object in a value.
pub(crate) fn each(value: &mut Value, change: &dyn Fn(&mut Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            change(members);
            members.values_mut().for_each(|own| each(own, change));
        }
        Value::Array(all) => all.iter_mut().for_each(|own| each(own, change)),
        _ => {}
    }
}
