//! An Azure Resource Manager template for `az deployment sub create`.

use aksbackup_shared::ids::{ResourceId, folded};
use serde_json::{Value, json};
use uuid::Uuid;

use super::collect::{Found, Item};
use super::place::Place;
use crate::arm::versions;

/// The whole template: resource groups, and one nested deployment for each run of resources in the same resource group. Each waits for
/// the one before it: the order of the items is that in which they need one another, and Azure refuses concurrent writes of some.
pub(super) fn template(found: &Found, cluster: &ResourceId) -> Value {
    let mut resources: Vec<Value> = Vec::new();
    let mut previous: Vec<String> = Vec::new();
    let name = Uuid::new_v5(&Uuid::NAMESPACE_URL, folded(cluster.as_str()).as_bytes()).to_string();
    let (name, mut rest) = (name.get(..8).unwrap_or_default().to_owned(), found.items.as_slice());
    while let Some(first) = rest.first() {
        let elsewhere = first.id.subscription() != cluster.subscription();
        if first.id.kind().is_empty() {
            let own = match elsewhere {
                true => group_elsewhere(&format!("aksbackup-{name}-{}", resources.len() + 1), first),
                false => (resource(first, &[]), first.id.to_string()),
            };
            resources.push(own.0);
            previous.push(own.1);
            rest = &rest[1..];
            continue;
        }
        let group = first.id.resource_group_id();
        let together = rest.iter().take_while(|own| is_in(own, &group)).count();
        let (own, later) = rest.split_at(together);
        let name = format!("aksbackup-{name}-{}", resources.len() + 1);
        let mut own = deployment(&name, &group, own, &previous);
        if elsewhere {
            own["subscriptionId"] = json!(group.subscription().as_str());
        }
        resources.push(own);
        previous = vec![group.resource("Microsoft.Resources/deployments", &name).to_string()];
        rest = later;
    }
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "metadata": {
            "generator": concat!("az aksbackup export ", env!("CARGO_PKG_VERSION")),
            "cluster": literal(json!(cluster.as_str())),
            "leftOut": found.left_out.iter().map(|(what, why)| literal(json!(format!("{what}: {why}")))).collect::<Vec<_>>(),
        },
        "resources": resources,
    })
}

/// A resource group in another subscription than that of the deployment, and the ID of what creates it.
fn group_elsewhere(name: &str, group: &Item) -> (Value, String) {
    let subscription = group.id.subscription();
    let deployment = json!({
        "type": "Microsoft.Resources/deployments",
        "apiVersion": versions::RESOURCES,
        "name": name,
        "subscriptionId": subscription.as_str(),
        "location": group.body.get("location"),
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "inner" },
            "template": {
                "$schema": "https://schema.management.azure.com/schemas/2018-05-01/subscriptionDeploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "resources": [resource(group, &[])],
            },
        },
    });
    let id = format!("/subscriptions/{subscription}/providers/Microsoft.Resources/deployments/{name}");
    (deployment, id)
}

fn is_in(own: &Item, group: &ResourceId) -> bool {
    !own.id.kind().is_empty() && own.id.resource_group_id() == *group
}

fn deployment(name: &str, group: &ResourceId, items: &[Item], after: &[String]) -> Value {
    let mut resources: Vec<Value> = Vec::new();
    let mut previous: Vec<String> = Vec::new();
    for own in items {
        resources.push(resource(own, &previous));
        previous = vec![own.id.to_string()];
    }
    json!({
        "type": "Microsoft.Resources/deployments",
        "apiVersion": versions::RESOURCES,
        "name": name,
        "resourceGroup": group.name(),
        "dependsOn": after,
        "properties": {
            "mode": "Incremental",
            "expressionEvaluationOptions": { "scope": "inner" },
            "template": {
                "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
                "contentVersion": "1.0.0.0",
                "resources": resources,
            },
        },
    })
}

fn resource(own: &Item, after: &[String]) -> Value {
    let place = Place::of(&own.id);
    let mut resource = json!({ "type": place.kind, "apiVersion": own.version, "name": place.names.join("/") });
    if let Some(on) = place.on {
        resource["scope"] = json!(on);
    }
    if !after.is_empty() {
        resource["dependsOn"] = json!(after);
    }
    if let (Some(all), Value::Object(body)) = (resource.as_object_mut(), literal(own.body.clone())) {
        all.extend(body);
    }
    resource
}

/// Keeps a text that Azure Resource Manager would take for an expression as it is, in names as well: it evaluates those of members, as
/// those of `userAssignedIdentities` in Microsoft's own templates.
fn literal(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(escaped(text)),
        Value::Array(items) => items.into_iter().map(literal).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, own)| (escaped(name), literal(own)))
            .collect(),
        value => value,
    }
}

fn escaped(text: String) -> String {
    match text.starts_with('[') && text.ends_with(']') {
        true => format!("[{text}"),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids;
    use crate::target_ids::tests::example;

    fn item(id: ResourceId, body: Value) -> Item {
        Item {
            id,
            version: "2025-01-01",
            body,
        }
    }

    #[test]
    fn resources_of_a_group_are_deployed_together_and_after_those_before_them() {
        let target = example();
        let (account, vault) = (target_ids::account(&target), target_ids::vault(&target));
        let items = vec![
            item(account.resource_group_id(), json!({ "location": "westeurope" })),
            item(
                account,
                json!({ "tags": { "a": "[b]", "c": "[d", "[subscription().displayName]": "e" } }),
            ),
            item(vault, json!({})),
            item(target_ids::extension(&target), json!({})),
        ];
        let found = Found {
            items,
            left_out: vec![],
        };
        let template = template(&found, &target.cluster);
        let resources = template["resources"].as_array().unwrap();
        assert_eq!(resources.len(), 3);
        let (backups, cluster) = (&resources[1], &resources[2]);
        assert_eq!(
            backups["dependsOn"],
            json!([target_ids::storage_group(&target).as_str()])
        );
        let inner = &backups["properties"]["template"]["resources"];
        assert_eq!(
            inner[0]["tags"],
            json!({ "a": "[[b]", "c": "[d", "[[subscription().displayName]": "e" })
        );
        assert_eq!(inner[1]["dependsOn"], json!([target_ids::account(&target).as_str()]));
        assert_eq!(cluster["resourceGroup"], "rg-aks");
        assert!(
            cluster["dependsOn"][0]
                .as_str()
                .unwrap()
                .ends_with(backups["name"].as_str().unwrap())
        );
        let extension = &cluster["properties"]["template"]["resources"][0];
        assert_eq!(extension["scope"], "Microsoft.ContainerService/managedClusters/aks");
        assert_eq!(extension["name"], "azure-aks-backup");
    }

    #[test]
    fn what_is_in_another_subscription_is_deployed_there() {
        let mut target = example();
        let other = "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22";
        target.vault.subscription = Some(other.parse().unwrap());
        let vault = target_ids::vault(&target);
        let items = vec![
            item(vault.resource_group_id(), json!({ "location": "westeurope" })),
            item(vault, json!({})),
            item(target_ids::extension(&target), json!({})),
        ];
        let found = Found {
            items,
            left_out: vec![],
        };
        let template = template(&found, &target.cluster);
        let [group, vault, cluster] = template["resources"].as_array().unwrap().as_slice() else {
            panic!("{template:#}")
        };
        assert_eq!(
            (&group["subscriptionId"], &group["location"]),
            (&json!(other), &json!("westeurope"))
        );
        assert_eq!(
            group["properties"]["template"]["resources"][0]["type"],
            "Microsoft.Resources/resourceGroups"
        );
        assert_eq!(
            (&vault["subscriptionId"], &vault["resourceGroup"]),
            (&json!(other), &json!("rg-backup"))
        );
        let first = format!(
            "/subscriptions/{other}/providers/Microsoft.Resources/deployments/{}",
            group["name"].as_str().unwrap()
        );
        assert_eq!(vault["dependsOn"], json!([first]));
        assert_eq!(cluster["subscriptionId"], Value::Null);
        assert!(
            cluster["dependsOn"][0]
                .as_str()
                .unwrap()
                .starts_with(&format!("/subscriptions/{other}/"))
        );
    }
}
