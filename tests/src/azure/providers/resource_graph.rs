//! Resource Graph: queries over the resources that the caller may read.
//!
//! The real one lags minutes behind Resource Manager; this one does not. That one user can send 15 queries in 5 seconds, and the
//! headers that say so, are from
//! <https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests>.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::kusto::{COLUMNS, Query, Row, Trouble};
use crate::azure::path::name_of;
use crate::azure::world::{World, stamp, text};

pub(crate) const ROUTES: &[Route] = &[Route::open(
    "POST",
    "/providers/Microsoft.ResourceGraph/resources",
    resources,
)];

/// The tables, and the types in them, lower case.
const TABLES: [(&str, &[&str]); 3] = [
    (
        "resources",
        &[
            "microsoft.containerservice/managedclusters",
            "microsoft.dataprotection/backupvaults",
            "microsoft.managedidentity/userassignedidentities",
            "microsoft.storage/storageaccounts",
        ],
    ),
    (
        "recoveryservicesresources",
        &[
            "microsoft.dataprotection/backupvaults/backupinstances",
            "microsoft.dataprotection/backupvaults/backupjobs",
            "microsoft.dataprotection/backupvaults/backuppolicies",
            "microsoft.dataprotection/backupvaults/deletedbackupinstances",
        ],
    ),
    (EXTENSIONS, &["microsoft.kubernetesconfiguration/extensions"]),
];

/// The table whose properties have names in Pascal case:
/// <https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources>.
const EXTENSIONS: &str = "kubernetesconfigurationresources";

/// The largest page.
const MOST: usize = 1000;

fn resources(world: &mut World, call: &Call) -> Outcome {
    let quota = quota(world, call)?;
    let answer = answered(world, call)?;
    Ok(quota
        .into_iter()
        .fold(answer, |answer, (name, value)| answer.with(name, value)))
}

/// The quota of a user, and what is left of it.
fn quota(world: &mut World, call: &Call) -> Result<[(&'static str, String); 2], Answer> {
    const QUERIES: f64 = 15.0;
    const SECONDS: f64 = 5.0;
    let (now, bucket) = (world.now(), format!("graph/{}", call.caller.object_id));
    let headers = |left: f64, wait: f64| {
        let real = (wait * world.settings.time_scale).ceil();
        [
            ("x-ms-user-quota-remaining", format!("{}", left.floor())),
            ("x-ms-user-quota-resets-after", format!("00:00:{real:02}")),
        ]
    };
    let taken = world.buckets.take(&bucket, QUERIES, QUERIES / SECONDS, now);
    let wait = match taken {
        Ok(left) => return Ok(headers(left, SECONDS)),
        Err(wait) => wait,
    };
    // As quoted in https://github.com/Azure/azure-cli-extensions/issues/3325.
    let throttled = "Client application has been throttled and should not attempt to repeat the request until an amount of time \
                     has elapsed. Please see https://aka.ms/resourcegraph-throttling for help.";
    let details = json!([{ "code": "RateLimiting", "message": throttled }]);
    let body = json!({ "error": { "code": "RateLimiting", "message": support(), "details": details } });
    let refusal = Answer::new(429, body);
    Err(headers(0.0, wait)
        .into_iter()
        .fold(refusal, |answer, (name, value)| answer.with(name, value)))
}

fn answered(world: &mut World, call: &Call) -> Outcome {
    let query = Query::parse(call.text("/query")).map_err(|trouble| invalid(&trouble))?;
    let table = TABLES.iter().find(|(name, _)| *name == query.table);
    let (_, kinds) = table.ok_or_else(|| invalid(&(0, query.table.clone())))?;
    let rows = query.run(&rows(world, call, kinds));
    let option = |name: &str| {
        call.body["options"][name]
            .as_u64()
            .and_then(|number| usize::try_from(number).ok())
    };
    let token = call.text("/options/$skipToken").parse::<usize>().ok();
    let skip = token.or_else(|| option("$skip")).unwrap_or(0);
    let top = option("$top").unwrap_or(MOST).min(MOST);
    let total = rows.len();
    let page: Vec<Row> = rows.into_iter().skip(skip).take(top).collect();
    let more = skip + page.len() < total && !page.is_empty();
    let mut answer = json!({
        "totalRecords": total, "count": page.len(), "facets": [], "resultTruncated": "false",
    });
    // Where there is a token, nothing is truncated:
    // https://learn.microsoft.com/azure/governance/resource-graph/concepts/paging-results.
    if more {
        answer["$skipToken"] = json!((skip + page.len()).to_string());
    }
    answer["data"] = shaped(call, page);
    Ok(Answer::ok(answer))
}

/// Rows as objects, or as a table where that is asked for, as it is without a wish before 2021-03-01.
fn shaped(call: &Call, page: Vec<Row>) -> Value {
    let format = match call.text("/options/resultFormat") {
        "" if call.version() < "2021-03-01" => "table",
        "" => "objectArray",
        wanted => wanted,
    };
    if !format.eq_ignore_ascii_case("table") {
        return json!(page);
    }
    let names: Vec<String> = page
        .first()
        .map(|row| row.keys().cloned().collect())
        .unwrap_or_default();
    let kind = |name: &String| match page.first().map(|row| &row[name.as_str()]) {
        Some(Value::Object(_) | Value::Array(_)) => "object",
        _ => "string",
    };
    let columns: Vec<Value> = names
        .iter()
        .map(|name| json!({ "name": name, "type": kind(name) }))
        .collect();
    let rows: Vec<Value> = page
        .iter()
        .map(|row| names.iter().map(|name| row[name.as_str()].clone()).collect())
        .collect();
    json!({ "columns": columns, "rows": rows })
}

fn rows(world: &World, call: &Call, kinds: &[&str]) -> Vec<Row> {
    let wanted: Option<Vec<&str>> = call.body["subscriptions"]
        .as_array()
        .map(|list| list.iter().filter_map(Value::as_str).collect());
    let mut rows = Vec::new();
    for resource in world.resources.values() {
        let (body, kind) = (&resource.body, text(&resource.body, "/type").to_ascii_lowercase());
        let id = text(body, "/id");
        let subscription = id.split('/').nth(2).unwrap_or_default();
        let asked = wanted
            .as_ref()
            .is_none_or(|list| list.iter().any(|own| own.eq_ignore_ascii_case(subscription)));
        if asked
            && kinds.contains(&kind.as_str())
            && ids::tenant_of(subscription) == Some(call.caller.tenant.as_str())
            && world.may(&call.caller.object_id, &format!("{kind}/read"), id)
        {
            rows.push(row(body, &kind, subscription));
        }
    }
    rows
}

/// One resource with every column of its table; types and names of groups are in lower case there.
fn row(body: &Value, kind: &str, subscription: &str) -> Row {
    let id = text(body, "/id");
    let mut row: Row = COLUMNS
        .iter()
        .map(|name| ((*name).to_owned(), body.get(*name).cloned().unwrap_or(Value::Null)))
        .collect();
    let group = id.split('/').nth(4).unwrap_or_default().to_lowercase();
    for (name, value) in [
        ("name", name_of(id)),
        ("type", kind),
        ("tenantId", ids::tenant_of(subscription).unwrap_or_default()),
        ("resourceGroup", &group),
        ("subscriptionId", subscription),
    ] {
        row.insert(name.to_owned(), json!(value));
    }
    for name in ["kind", "location", "managedBy"] {
        if row[name].is_null() {
            row.insert(name.to_owned(), json!(""));
        }
    }
    if TABLES[2].1.contains(&kind) {
        row.insert("properties".to_owned(), in_pascal_case(&body["properties"]));
    }
    row
}

fn in_pascal_case(properties: &Value) -> Value {
    let members = properties.as_object().into_iter().flatten();
    let renamed = members.map(|(name, value)| {
        let (first, rest) = name.split_at(usize::from(!name.is_empty()));
        (first.to_ascii_uppercase() + rest, value.clone())
    });
    renamed.collect::<Row>().into()
}

/// What Resource Graph answers to a query that it can't parse.
fn invalid((position, token): &Trouble) -> Answer {
    let message = support();
    let general = "Query is invalid. Please refer to the documentation for the Azure Resource Graph service and fix the error \
                   before retrying.";
    let details = json!([
        { "code": "InvalidQuery", "message": general },
        {
            "code": "ParserFailure", "message": "ParserFailure", "line": 1, "characterPositionInLine": position,
            "token": token, "expectedToken": "",
        },
    ]);
    Answer::new(
        400,
        json!({ "error": { "code": "BadRequest", "message": message, "details": details } }),
    )
}

fn support() -> String {
    format!(
        "Please provide below info when asking for support: timestamp = {}, correlationId = {}.",
        stamp(),
        ids::fresh()
    )
}
