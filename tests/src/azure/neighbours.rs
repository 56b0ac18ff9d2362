//! What others have in the same subscription: namesakes of the demo world's resources, each with identities of its own.

use serde_json::{Value, json};

use super::engine::Azure;
use super::ids;
use super::providers::groups;
use super::world::text;

impl Azure {
    /// Copies a resource and all below it into another resource group, which is created if it is missing, under the same name.
    /// Every principal in the copy is `owner`'s own; what the copy points at (storage settings, the source of a binding) stays.
    /// Gives the ID of the copy, as `id` is written; empty where there is no such resource.
    pub fn namesake(&self, id: &str, group: &str, owner: &str) -> String {
        let mut world = self.lock();
        let own = format!("{}/", ids::group_id(group));
        let (lower, copy) = (id.to_lowercase(), moved(id, &own));
        let is_below = |found: &str| {
            let found = found.to_lowercase();
            found == lower || found.strip_prefix(&lower).is_some_and(|rest| rest.starts_with('/'))
        };
        let all = world.resources.values().map(|found| found.body.clone());
        let mut bodies: Vec<Value> = all.filter(|body| is_below(text(body, "/id"))).collect();
        if bodies.is_empty() {
            return String::new();
        }
        if world.get(&ids::group_id(group)).is_none() {
            let body = groups::body(&ids::group_id(group), ids::LOCATION, &json!({ "owner": owner }));
            world.put(body, 0.0);
        }
        for body in &mut bodies {
            body["id"] = json!(moved(text(body, "/id"), &own));
            rename_principals(body, owner);
            world.put(body.clone(), 0.0);
        }
        copy
    }
}

/// The principal that a copy for `owner` has where the original has `principal`.
#[must_use]
pub fn principal_of(owner: &str, principal: &str) -> String {
    ids::named(&format!("{owner}/{principal}"))
}

/// The ID with everything up to its provider replaced by that of a group.
fn moved(id: &str, group: &str) -> String {
    let from = id.to_lowercase().find("/providers/").map_or(id.len(), |at| at + 1);
    format!("{group}{}", &id[from..])
}

fn rename_principals(value: &mut Value, owner: &str) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(old) if name == "principalId" => *value = json!(principal_of(owner, old)),
                    _ => rename_principals(value, owner),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename_principals(item, owner)),
        _ => {}
    }
}
