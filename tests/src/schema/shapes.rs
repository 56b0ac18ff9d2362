//! Hand-written schemas: errors, and what the published definitions lack.

use serde_json::{Map, Value, json};

/// The schemas of the table, and the shape of every error.
pub(crate) fn definitions() -> Map<String, Value> {
    let text = json!({ "type": "string" });
    let available = json!({ "message": text, "nameAvailable": { "type": "boolean" }, "reason": text });
    let schemas = [
        ("ArmError", error()),
        ("ArmErrorDetail", detail()),
        ("AsyncOperation", operation()),
        ("Anything", json!({})),
        (
            "CheckNameAvailabilityRequest",
            closed(&[], json!({ "name": text, "type": text })),
        ),
        ("CheckNameAvailabilityResult", closed(&[], available)),
        (
            "CheckAccessRequest",
            json!({ "type": "object", "required": ["Subject", "Actions"] }),
        ),
        (
            "CheckAccessResult",
            json!({ "type": "array", "items": { "required": ["actionId", "accessDecision"] } }),
        ),
        (
            "Tags",
            closed(
                &[],
                json!({ "tags": { "type": "object", "additionalProperties": text } }),
            ),
        ),
        ("Resource", resource()),
        ("ResourceList", list("Resource")),
        (
            "LockRequest",
            closed(&["properties"], json!({ "properties": lock_properties() })),
        ),
        ("Lock", lock()),
        ("ResourceGraphQuery", graph_query()),
        ("ResourceGraphRows", graph_rows()),
        ("LockList", list("Lock")),
        (
            "UnlockDeleteRequest",
            closed(
                &[],
                json!({ "resourceGuardOperationRequests": { "type": "array", "items": text }, "resourceToBeDeleted": text }),
            ),
        ),
        (
            "UnlockDeleteResponse",
            closed(&[], json!({ "unlockDeleteExpiryTime": text })),
        ),
    ];
    schemas
        .into_iter()
        .map(|(name, schema)| (name.to_owned(), schema))
        .collect()
}

/// `QueryRequest` of Resource Graph.
fn graph_query() -> Value {
    let (text, texts) = (
        json!({ "type": "string" }),
        json!({ "type": "array", "items": { "type": "string" } }),
    );
    let number = json!({ "type": "integer", "minimum": 0 });
    let options = json!({
        "$skipToken": text, "$top": { "type": "integer", "minimum": 1, "maximum": 1000 }, "$skip": number,
        "resultFormat": { "enum": ["table", "objectArray"] }, "allowPartialScopes": { "type": "boolean" },
        "authorizationScopeFilter": text,
    });
    let properties = json!({
        "query": text, "subscriptions": texts, "managementGroups": texts, "options": closed(&[], options),
        "facets": { "type": "array" },
    });
    closed(&["query"], properties)
}

/// `QueryResponse` of Resource Graph.
fn graph_rows() -> Value {
    let number = json!({ "type": "integer", "minimum": 0 });
    let properties = json!({
        "totalRecords": number, "count": number, "resultTruncated": { "enum": ["true", "false"] },
        "$skipToken": { "type": "string" }, "data": {}, "facets": { "type": "array" },
    });
    closed(&["totalRecords", "count", "resultTruncated", "data"], properties)
}

/// A closed object.
fn closed(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

/// A page of a list.
pub(crate) fn list(item: &str) -> Value {
    let items = json!({ "type": "array", "items": { "$ref": format!("#/$defs/{item}") } });
    closed(&["value"], json!({ "value": items, "nextLink": { "type": "string" } }))
}

/// ARM's error: code and message are always there.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/common-deployment-errors>
fn error() -> Value {
    let filled = json!({ "type": "string", "minLength": 1 });
    let named = json!({ "required": ["code", "message"], "properties": { "code": filled, "message": filled } });
    closed(
        &["error"],
        json!({ "error": { "allOf": [{ "$ref": "#/$defs/ArmErrorDetail" }, named] } }),
    )
}

fn detail() -> Value {
    let text = json!({ "type": "string" });
    closed(
        &[],
        json!({
            "code": text, "message": text, "target": { "type": ["string", "null"] }, "innererror": { "type": "object" },
            "details": { "type": ["array", "null"], "items": { "$ref": "#/$defs/ArmErrorDetail" } },
            "additionalInfo": { "type": "array", "items": { "required": ["type", "info"] } },
        }),
    )
}

/// A resource as lists of all resources show it: without `properties`.
fn resource() -> Value {
    let (text, any) = (json!({ "type": "string" }), json!({ "type": "object" }));
    closed(
        &["id", "name", "type"],
        json!({
            "id": text, "name": text, "type": text, "location": text, "kind": text, "managedBy": text, "sku": any,
            "plan": any, "identity": any, "extendedLocation": any, "tags": { "type": "object", "additionalProperties": text },
            "createdTime": text, "changedTime": text, "provisioningState": text,
        }),
    )
}

/// What `Azure-AsyncOperation` leads to.
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/async-operations>
fn operation() -> Value {
    let (text, time) = (
        json!({ "type": "string" }),
        json!({ "type": "string", "format": "date-time" }),
    );
    closed(
        &["status"],
        json!({
            "id": text, "name": text, "status": { "type": "string", "minLength": 1 }, "startTime": time, "endTime": time,
            "percentComplete": { "type": "number" }, "properties": { "type": "object" },
            "error": { "$ref": "#/$defs/ArmErrorDetail" },
        }),
    )
}

/// A lock, as <https://learn.microsoft.com/rest/api/resources/management-locks> describes it.
fn lock() -> Value {
    let text = json!({ "type": "string" });
    let members = json!({ "id": text, "name": text, "type": text, "systemData": { "type": "object" } });
    let mut lock = closed(&["properties"], members);
    lock["properties"]["properties"] = lock_properties();
    lock
}

fn lock_properties() -> Value {
    let text = json!({ "type": "string" });
    let level = json!({ "enum": ["NotSpecified", "CanNotDelete", "ReadOnly"] });
    let owners = json!({ "type": "array", "items": closed(&[], json!({ "applicationId": text })) });
    closed(&["level"], json!({ "level": level, "notes": text, "owners": owners }))
}
