//! What somebody does by hand, in the portal or with a script of their own: for tests of what is found afterwards.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::engine::Azure;
use super::ids;
use super::rights::Assignment;
use super::world::Resource;
use crate::settings::Settings;

/// A world as it was, to come back to.
pub struct Memory {
    resources: BTreeMap<String, Resource>,
    assignments: Vec<Assignment>,
    registrations: BTreeMap<(String, String), String>,
    settings: Settings,
}

impl Azure {
    /// Keeps resources, roles, registrations and switches as they are now.
    #[must_use]
    pub fn remember(&self) -> Memory {
        let world = self.lock();
        Memory {
            resources: world.resources.clone(),
            assignments: world.assignments.clone(),
            registrations: world.registrations.clone(),
            settings: world.settings.clone(),
        }
    }

    /// Goes back to what was kept. What is still to come is not taken back.
    pub fn recall(&self, memory: &Memory) {
        let mut world = self.lock();
        world.resources.clone_from(&memory.resources);
        world.assignments.clone_from(&memory.assignments);
        world.registrations.clone_from(&memory.registrations);
        world.settings.clone_from(&memory.settings);
    }

    /// Sets a member of a resource; what is on the way to it is made. `Value::Null` takes the member away. Gives whether
    /// there is such a resource.
    pub fn change(&self, id: &str, pointer: &str, value: Value) -> bool {
        let mut world = self.lock();
        let Some(body) = world.get_mut(id) else { return false };
        let (parent, name) = pointer.rsplit_once('/').unwrap_or(("", pointer));
        let mut place = body;
        for part in parent.split('/').filter(|part| !part.is_empty()) {
            place = match part.parse::<usize>() {
                Ok(index) if place.is_array() => &mut place[index],
                _ => &mut place[part],
            };
        }
        match (value, place.as_object_mut()) {
            (Value::Null, Some(members)) => {
                members.remove(name);
            }
            (value, _) => place[name] = value,
        }
        true
    }

    /// Puts a condition on every assignment of a role to a principal. What it says is for people: whoever has a role under
    /// a condition cannot count on it.
    pub fn narrow(&self, principal: &str, role: &str, condition: &str) {
        let mut world = self.lock();
        let own = world
            .assignments
            .iter_mut()
            .filter(|own| own.principal.eq_ignore_ascii_case(principal) && own.role.name.eq_ignore_ascii_case(role));
        own.for_each(|own| own.condition = condition.to_owned());
    }

    /// Signs `persona` in: an access token for Resource Manager, as the Azure CLI's login would hold one.
    #[must_use]
    pub fn sign_in(&self, persona: &str) -> String {
        let persona = super::personas::persona(persona);
        self.mint
            .token(&self.endpoint, ids::TENANT, &persona, &self.endpoint, 3_599.0)
    }

    /// Takes every role away that a principal has.
    pub fn disown(&self, principal: &str) {
        let mut world = self.lock();
        world
            .assignments
            .retain(|own| !own.principal.eq_ignore_ascii_case(principal));
    }

    /// Unregisters a resource provider.
    pub fn unregister(&self, namespace: &str) {
        let key = (ids::SUBSCRIPTION.to_owned(), namespace.to_ascii_lowercase());
        self.lock().registrations.insert(key, "NotRegistered".to_owned());
    }

    /// Adds a private endpoint of somebody's to a storage account, in this state of approval.
    pub fn connect(&self, account: &str, status: &str) {
        let kind = "Microsoft.Storage/storageAccounts/privateEndpointConnections";
        let own = json!([{
            "id": format!("{account}/privateEndpointConnections/pe-1"), "name": "pe-1", "type": kind,
            "properties": {
                "provisioningState": "Succeeded", "privateEndpoint": { "id": format!("{}/providers/Microsoft.Network/privateEndpoints/pe-1", ids::group_id(ids::BACKUP_GROUP)) },
                "privateLinkServiceConnectionState": { "status": status, "description": "", "actionRequired": "None" },
            },
        }]);
        self.change(account, "/properties/privateEndpointConnections", own);
    }
}
