//! Tenants, subscriptions, and all resources of a scope.

use serde_json::{Value, json};

use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::path::{group_of, name_of};
use crate::azure::world::{World, text};

pub(crate) const ROUTES: &[Route] = &[
    Route::open("GET", "/tenants", tenants),
    Route::open("GET", "/subscriptions", list),
    Route::open("GET", "/subscriptions/{s}", get),
    Route::new(
        "GET",
        "/subscriptions/{s}/locations",
        "Microsoft.Resources/subscriptions/locations/read",
        locations,
    ),
    Route::open("GET", "/subscriptions/{s}/resources", resources),
    Route::open("GET", "/subscriptions/{s}/resourceGroups/{g}/resources", resources),
];

fn tenants(_: &mut World, call: &Call) -> Outcome {
    // A service principal is of one tenant: that of its token.
    let (id, name) = match call.caller.tenant.as_str() {
        ids::OTHER_TENANT => (ids::OTHER_TENANT, "Fabrikam"),
        _ => (ids::TENANT, "Contoso"),
    };
    let domain = format!("{}.example", name.to_lowercase());
    let tenant = json!({
        "id": format!("/tenants/{id}"), "tenantId": id, "countryCode": "NL", "displayName": name, "domains": [domain],
        "tenantCategory": "Home", "defaultDomain": domain, "tenantType": "AAD",
    });
    Ok(if call.version().is_empty() {
        Answer::empty(400)
    } else {
        Answer::ok(json!({ "value": [tenant], "nextLink": "" }))
    })
}

fn subscription(world: &World, id: &str) -> Value {
    let own = id.eq_ignore_ascii_case(ids::SUBSCRIPTION);
    let state = match own {
        true => world.settings.others.subscription_state.as_str(),
        false => "Enabled",
    };
    let more = ids::MORE_SUBSCRIPTIONS.iter().position(|known| *known == id);
    let name = match id {
        _ if own => "Contoso Backup".to_owned(),
        ids::FOREIGN_SUBSCRIPTION => "Fabrikam Backup".to_owned(),
        _ => more.map_or_else(|| "Contoso Other".to_owned(), |at| format!("Contoso {}", at + 1)),
    };
    let tenant = ids::tenant_of(id).unwrap_or(ids::TENANT);
    json!({
        "id": format!("/subscriptions/{id}"), "subscriptionId": id, "tenantId": tenant, "displayName": name,
        "state": state, "authorizationSource": "RoleBased",
        "subscriptionPolicies": {
            "locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off",
        },
    })
}

fn list(world: &mut World, call: &Call) -> Outcome {
    let all = [ids::SUBSCRIPTION, ids::OTHER_SUBSCRIPTION, ids::FOREIGN_SUBSCRIPTION];
    let seen = all
        .iter()
        .chain(&ids::MORE_SUBSCRIPTIONS)
        .filter(|id| ids::tenant_of(id) == Some(call.caller.tenant.as_str()))
        .filter(|id| world.sees(&call.caller.object_id, &format!("/subscriptions/{id}")));
    let items = seen.map(|id| subscription(world, id)).collect();
    let mut answer = call.page(world, items);
    // Microsoft's schema requires the member here, also where no page follows.
    if let Some(body) = answer.body.as_mut().filter(|body| body["nextLink"].is_null()) {
        body["nextLink"] = json!("");
    }
    Ok(answer)
}

fn get(world: &mut World, call: &Call) -> Outcome {
    Ok(Answer::ok(subscription(world, &call.get("s").to_ascii_lowercase())))
}

fn locations(_: &mut World, call: &Call) -> Outcome {
    let one = |(name, display): (&str, &str)| {
        json!({
            "id": format!("/subscriptions/{}/locations/{name}", call.get("s")), "name": name, "displayName": display,
            "regionalDisplayName": format!("(Europe) {display}"), "type": "Region",
        })
    };
    let all = [
        ("westeurope", "West Europe"),
        ("northeurope", "North Europe"),
        ("swedencentral", "Sweden Central"),
    ];
    Ok(Answer::ok(json!({ "value": all.map(one) })))
}

/// Every tracked resource that the caller may read, filtered by `resourceType eq '…'` and `name eq '…'`.
fn resources(world: &mut World, call: &Call) -> Outcome {
    let scope = call.target.path();
    let scope = &scope[..scope.len() - "/resources".len()];
    let filter = call.target.query("$filter").unwrap_or_default().to_owned();
    let wanted = |field: &str| quoted(&filter, field);
    let (kind, name) = (wanted("resourceType"), wanted("name"));
    let mut items = Vec::new();
    for (key, resource) in &world.resources {
        let body = &resource.body;
        let (id, own) = (text(body, "/id"), text(body, "/type"));
        let fits = crate::azure::path::covers(scope, key)
            && group_of(id).is_some()
            && !text(body, "/location").is_empty()
            && own.contains('/')
            && !own.starts_with("Microsoft.Resources/")
            && kind.as_ref().is_none_or(|kind| kind.eq_ignore_ascii_case(own))
            && name.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(name_of(id)));
        if fits && world.may(&call.caller.object_id, &format!("{own}/read"), id) {
            let mut item = json!({ "id": id, "name": name_of(id), "type": own, "location": body["location"] });
            for field in ["tags", "identity", "kind", "sku"] {
                if let Some(value) = body.get(field) {
                    item[field] = value.clone();
                }
            }
            items.push(item);
        }
    }
    Ok(call.page(world, items))
}

/// The text that `field eq 'text'` compares with in an OData filter.
pub(crate) fn quoted(filter: &str, field: &str) -> Option<String> {
    let lower = filter.to_ascii_lowercase();
    let start = lower.find(&format!("{} eq '", field.to_ascii_lowercase()))?;
    let rest = &filter[start + field.len() + " eq '".len()..];
    Some(rest[..rest.find('\'')?].to_owned())
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_filter_gives_its_text() {
        let filter = "resourceType eq 'Microsoft.Storage/storageAccounts' and Name eq 'x'";
        assert_eq!(quoted(filter, "name").as_deref(), Some("x"));
        assert_eq!(quoted(filter, "principalId"), None);
    }
}
