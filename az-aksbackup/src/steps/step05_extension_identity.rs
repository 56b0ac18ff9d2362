//! Step 5, "Identify Extension Managed Identity": the identity that the extension brought along, with its client ID.
//!
//! Stands for `az k8s-extension show --query aksAssignedIdentity.principalId` and `az identity list`. Newer answers name the
//! identity themselves; else it is found by its principal in the group of the nodes, and only then in the subscription.
//! It only reads. A reinstalled extension has a new identity, so what the file says is compared.
//!
//! Rights: `Microsoft.ManagedIdentity/userAssignedIdentities/read` on the node group.

use crate::arm::extensions::named_by;
use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{PrincipalId, ResourceGroupName, ResourceId};
use aksbackup_shared::schema::{CloudTables, IdentityTable, RoleRecord, State, Target};
use aksbackup_shared::step::{Applied, Decision, Never, Right, Step};

use crate::arm::client::{Reader, Writer};
use crate::arm::extensions::Extension;
use crate::arm::identities::{self, Identity, IdentityProperties};
use crate::arm::visible::Sight;
use crate::arm::{clusters, extensions};
use crate::checks::reinstallation;
use crate::checks::role_requirements::Holder;
use crate::platform::Azure;
use crate::steps::fresh::JustRead;
use crate::steps::turns;
use crate::target_ids;

/// Step 5.
pub(crate) struct ExtensionIdentity {
    /// What the steps have just read for one another.
    pub(crate) read: JustRead,
}

/// What is there.
pub(crate) struct Seen {
    extension: ResourceId,
    principal: PrincipalId,
    node_group: ResourceId,
    identity: Sight<Identity>,
}

impl Step for ExtensionIdentity {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Never;

    fn name(&self) -> StepName {
        StepName::ExtensionIdentity
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?;
        let fresh = self.read.extension.take();
        let known_id = state.cloud.identity.as_ref().map(|table| &table.identity);
        // An extension that names its identity leaves nothing to look up.
        let known_id = known_id.filter(|_| fresh.as_ref().and_then(named_by).is_none());
        let (extension, known, node_group) = futures::join!(
            installed(reader, fresh, state, target),
            known(reader, known_id),
            node_group(reader, state, target),
        );
        let extension = extension?;
        let node_group = ResourceId::group(&target.cluster.subscription(), &node_group?);
        let Some(principal) = extension.principal().cloned() else {
            return Failure::failed(format!("extension {} has no identity", extension.name))
                .because("Azure reports no principal for it")
                .hint(fix!["to check the extension: ", az("doctor")])
                .err();
        };
        let of_extension = |identity: &&Identity| identity.properties.principal_id == principal;
        let identity = match (named_by(&extension), known.here().filter(of_extension)) {
            (Some(identity), _) => Sight::Here(identity),
            (None, Some(identity)) => Sight::Here(identity.clone()),
            (None, None) => match search(reader, &extension, &principal, &node_group).await? {
                Sight::Hidden(refusal) => {
                    believed(state, &principal, &known).map_or(Sight::Hidden(refusal), Sight::Here)
                }
                sight => sight,
            },
        };
        Ok(Seen {
            extension: extensions::extension_id(&target.cluster, &extension.name),
            principal,
            node_group,
            identity,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<Never>> {
        match &seen.identity {
            Sight::Here(identity) => Ok(Decision::Done(format!(
                "identity {} with client ID {}",
                identity.id.name(),
                identity.properties.client_id
            ))),
            Sight::Hidden(_) => Ok(Decision::Blocked(
                vec![],
                vec![turns::contributor(
                    format!(
                        "the signed-in account isn't authorized to read the identities in resource group {}",
                        seen.node_group.name()
                    ),
                    az("prepare"),
                    Right::new(
                        "Microsoft.ManagedIdentity/userAssignedIdentities/read",
                        &seen.node_group,
                    ),
                )],
            )),
            Sight::Absent => {
                let why = format!(
                    "no identity in resource group {} or in the subscription has principal {}",
                    seen.node_group.name(),
                    seen.principal
                );
                reinstallation::has_no_identity(&seen.extension, why).err()
            }
        }
    }

    async fn apply(&self, _writer: &Writer, change: &Never) -> Outcome<Applied> {
        match *change {}
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let Some(identity) = seen.identity.here() else { return };
        let IdentityProperties {
            principal_id,
            client_id,
        } = identity.properties.clone();
        // What the file says of roles is about the identity of an extension that is gone.
        let holder = Holder::ExtensionIdentity.to_string();
        let stale = |own: &RoleRecord| own.holder == holder && own.principal != principal_id;
        tables.roles.take_if(|roles| roles.assignments.iter().any(stale));
        tables.identity = Some(IdentityTable {
            identity: identity.id.clone(),
            client_id,
            principal: principal_id,
            written: None,
        });
    }
}

/// The extension: as it was just read, else as Azure has it.
async fn installed(reader: &Reader, fresh: Option<Extension>, state: &State, target: &Target) -> Outcome<Extension> {
    if let Some(extension) = fresh {
        return Ok(extension);
    }
    let id = match &state.cloud.extension {
        Some(table) => table.extension.clone(),
        None => target_ids::extension(target),
    };
    match extensions::extension(reader, &id).await? {
        Some(extension) => Ok(extension),
        None => Failure::missing(format!(
            "extension {} doesn't exist on cluster {}",
            id.name(),
            target.cluster.with_group()
        ))
        .hint(fix!["install the extension: ", az("prepare")])
        .err(),
    }
}

/// The identity that the file has for the principal that Azure itself names, for who may not look. An identity that was
/// looked at, and has another principal or is gone, is not believed: the file may come from anybody.
fn believed(state: &State, principal: &PrincipalId, looked: &Sight<Identity>) -> Option<Identity> {
    let Sight::Hidden(_) = looked else { return None };
    let table = state
        .cloud
        .identity
        .as_ref()
        .filter(|table| table.principal == *principal)?;
    let properties = IdentityProperties {
        principal_id: table.principal.clone(),
        client_id: table.client_id.clone(),
    };
    Some(Identity {
        id: table.identity.clone(),
        properties,
    })
}

/// The identity that the file names, as Azure has it. What Azure makes nothing of is none.
async fn known(reader: &Reader, recorded: Option<&ResourceId>) -> Sight<Identity> {
    match recorded {
        Some(recorded) => Sight::of(identities::identity(reader, recorded).await).unwrap_or(Sight::Absent),
        None => Sight::Absent,
    }
}

async fn node_group(reader: &Reader, state: &State, target: &Target) -> Outcome<ResourceGroupName> {
    if let Some(table) = &state.cloud.prerequisites {
        return Ok(table.node_resource_group.clone());
    }
    let cluster = clusters::existing(reader, &target.cluster).await?;
    match cluster.node_resource_group() {
        Some(group) => Ok(group.clone()),
        None => Failure::failed(format!(
            "cluster {} has no node resource group",
            target.cluster.with_group()
        ))
        .err(),
    }
}

async fn search(
    reader: &Reader,
    extension: &Extension,
    principal: &PrincipalId,
    node_group: &ResourceId,
) -> Outcome<Sight<Identity>> {
    let own = extension.properties.aks_assigned_identity.as_ref();
    if let Some(id) = own.and_then(|own| own.resource_id.as_ref()) {
        return Sight::of(identities::identity(reader, id).await);
    }
    let of_extension = |all: Vec<Identity>| {
        all.into_iter()
            .find(|identity| identity.properties.principal_id == *principal)
    };
    let nearby = Sight::of(identities::in_group(reader, node_group).await.map(of_extension))?;
    if let Sight::Here(_) = nearby {
        return Ok(nearby);
    }
    let anywhere = identities::in_subscription(reader, &node_group.subscription()).await;
    match Sight::of(anywhere.map(of_extension))? {
        Sight::Here(identity) => Ok(Sight::Here(identity)),
        // The group of the nodes is where it belongs: what was seen there decides.
        Sight::Absent | Sight::Hidden(_) => Ok(nearby),
    }
}

#[cfg(test)]
mod tests;
