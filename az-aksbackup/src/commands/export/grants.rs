//! What gives access: exported only if it is exactly what `grant` and `prepare` set. Only the state file says what was created: if someone
//! adds a role assignment of another principal to it, a deployment of the export would assign that role again after it was removed.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{IssuerUrl, PrincipalId, ResourceId};
use aksbackup_shared::schema::{State, Target};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::identities::{self, FederatedCredential};
use crate::arm::roles::Assignment;
use crate::arm::trusted_access::{BACKUP_OPERATOR, Binding, binding_id};
use crate::arm::vaults;
use crate::arm::{clusters, extensions};
use crate::checks::own_assignments::{self, is_own};
use crate::checks::role_requirements::Holder;
use crate::checks::subjects;
use crate::steps::trusted_access::new_name;
use crate::target_ids;

const ROLE: &str = "Microsoft.Authorization/roleAssignments";
const CREDENTIAL: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";
const BINDING: &str = "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings";

/// Who gets access, according to Azure.
pub(super) struct Grants {
    holders: Vec<(Holder, PrincipalId)>,
    /// The identity of the file, if it is the extension's.
    identity: Option<ResourceId>,
    issuer: Option<IssuerUrl>,
}

impl Grants {
    /// Whether a resource gives access.
    pub(super) fn judges(id: &ResourceId) -> bool {
        [ROLE, CREDENTIAL, BINDING].iter().any(|kind| id.is_kind(kind))
    }

    /// Reads who gets access.
    ///
    /// # Errors
    /// As the reads.
    pub(super) async fn read(reader: &Reader, state: &State, target: &Target) -> Outcome<Self> {
        let vault = target_ids::vault(target);
        let (cluster, extensions, vault) = futures::join!(
            clusters::existing(reader, &target.cluster),
            extensions::of_backup(reader, &target.cluster),
            vaults::vault(reader, &vault),
        );
        let (cluster, extensions) = (cluster?, extensions?);
        let extension = match extensions.as_slice() {
            [own] => own.principal().cloned(),
            _ => None,
        };
        let identity = match (&state.cloud.identity, &extension) {
            (Some(table), Some(principal)) => identities::identity(reader, &table.identity)
                .await?
                .filter(|own| own.properties.principal_id == *principal)
                .map(|_| table.identity.clone()),
            _ => None,
        };
        Ok(Self {
            holders: own_assignments::holders(target, &cluster, &extensions, vault?.as_ref()),
            identity,
            issuer: cluster.issuer().cloned(),
        })
    }

    /// Why a resource isn't exported; `None` if it is what was set, or gives no access.
    pub(super) fn refuse(&self, target: &Target, id: &ResourceId, live: &Value) -> Option<&'static str> {
        if id.is_kind(ROLE) {
            (!self.is_role(target, live)).then_some("it differs from what grant assigns")
        } else if id.is_kind(CREDENTIAL) {
            (!self.is_credential(target, id, live)).then_some("it differs from what prepare creates")
        } else if id.is_kind(BINDING) {
            (!is_binding(target, id, live)).then_some("it differs from what prepare creates")
        } else {
            None
        }
    }

    fn is_role(&self, target: &Target, live: &Value) -> bool {
        let Some(own) = read::<Assignment>(live) else {
            return false;
        };
        // A deployment has no condition, and would assign the whole role.
        !own.is_conditional() && self.holders.iter().any(|holder| is_own(target, holder, &own))
    }

    fn is_credential(&self, target: &Target, id: &ResourceId, live: &Value) -> bool {
        let (Some(identity), Some(issuer), Some(own)) =
            (&self.identity, &self.issuer, read::<FederatedCredential>(live))
        else {
            return false;
        };
        let is_it = identities::credential_id(identity, &own.name) == *id;
        is_it && subjects::is_as_created(&own, issuer, target.cloud.as_str())
    }
}

fn is_binding(target: &Target, id: &ResourceId, live: &Value) -> bool {
    let vault = target_ids::vault(target);
    let Some(own) = read::<Binding>(live) else { return false };
    let has_one_role = matches!(own.properties.roles.as_slice(), [role] if role.eq_ignore_ascii_case(BACKUP_OPERATOR));
    *id == binding_id(&target.cluster, &new_name(&vault)) && own.is_of(&vault) && has_one_role
}

fn read<T: DeserializeOwned>(live: &Value) -> Option<T> {
    serde_json::from_value(live.clone()).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::arm::roles::{self, READER};
    use crate::target_ids::tests::example;

    const PRINCIPAL: &str = "55555555-5555-4555-8555-555555555555";

    fn grants() -> Grants {
        Grants {
            holders: vec![(Holder::Vault, PRINCIPAL.parse().unwrap())],
            identity: None,
            issuer: None,
        }
    }

    fn refused(id: &str, live: &Value) -> bool {
        let mut live = live.clone();
        live["id"] = json!(id);
        grants().refuse(&example(), &id.parse().unwrap(), &live).is_some()
    }

    #[test]
    fn a_role_is_exported_only_as_grant_assigns_it() {
        let target = example();
        let name = roles::assignment_name(READER, &PRINCIPAL.parse().unwrap(), &target.cluster, &[]);
        let id = format!("{}/providers/{ROLE}/{name}", target.cluster);
        let live = |principal: &str, role: &str, condition: Value| {
            json!({ "properties": { "roleDefinitionId": format!("/x/{role}"), "principalId": principal,
                "scope": target.cluster, "condition": condition } })
        };
        assert!(!refused(&id, &live(PRINCIPAL, READER.definition, Value::Null)));
        let other = "66666666-6666-4666-8666-666666666666";
        for bad in [
            live(other, READER.definition, Value::Null),
            live(PRINCIPAL, roles::OWNER.definition, Value::Null),
            live(PRINCIPAL, READER.definition, json!("@Resource[x] StringEquals 'y'")),
            json!({}),
        ] {
            assert!(refused(&id, &bad), "{bad}");
        }
        let id = format!("{}/providers/{ROLE}/{other}", target.cluster);
        assert!(refused(&id, &live(PRINCIPAL, READER.definition, Value::Null)));
    }

    #[test]
    fn a_binding_is_exported_only_as_prepare_creates_it() {
        let target = example();
        let vault = target_ids::vault(&target);
        let id = binding_id(&target.cluster, &new_name(&vault));
        let live = |source: &ResourceId, roles: &[&str]| json!({ "name": id.name(), "properties": { "sourceResourceId": source, "roles": roles } });
        assert!(!refused(id.as_str(), &live(&vault, &[BACKUP_OPERATOR])));
        assert!(refused(id.as_str(), &live(&target.cluster, &[BACKUP_OPERATOR])));
        assert!(refused(id.as_str(), &live(&vault, &[BACKUP_OPERATOR, "Some/other"])));
        let other = binding_id(&target.cluster, "other");
        assert!(refused(other.as_str(), &live(&vault, &[BACKUP_OPERATOR])));
    }
}
