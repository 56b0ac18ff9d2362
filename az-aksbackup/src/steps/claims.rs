//! What the state file claims of the parts that roles connect, held against what Azure says.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{CloudTables, IdentityTable, State, Target};

use crate::arm::client::Reader;
use crate::arm::extensions::named_by;
use crate::arm::extensions::{self, Extension};
use crate::arm::identities::{self, Identity};
use crate::arm::visible::Sight;
use crate::checks::role_requirements;
use crate::checks::role_requirements::Proven;
use crate::steps::world::World;
use crate::target_ids;

/// A claim that is not so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lie {
    key: String,
    claim: String,
    reality: String,
}

impl Lie {
    /// Of the value at `key`, from the top of the file; `reality` says whose word is against it, and what it is.
    pub(crate) fn new(key: impl Into<String>, claim: impl Into<String>, reality: impl Into<String>) -> Self {
        let (key, claim, reality) = (key.into(), claim.into(), reality.into());
        Self { key, claim, reality }
    }
}

/// What a person can do who was given a file that claims what is not so.
pub(crate) fn ask() -> Fix {
    fix!["ask where the file comes from. To update it, run: ", az("prepare"),]
}

/// Refuses a file that claims what is not so, with every such claim.
///
/// # Errors
/// There is one.
pub(crate) fn refuse(lies: Vec<Lie>) -> Outcome<()> {
    if lies.is_empty() {
        return Ok(());
    }
    let failure = Failure::failed("the state file doesn't match Azure; no role was assigned");
    lies.into_iter()
        .fold(failure, |failure, lie| {
            failure.at_key(&lie.key, format!("the file has {}, {}", lie.claim, lie.reality))
        })
        .hint(ask())
        .err()
}

/// Every claim of the tables that is not so. Federated credentials, and the scopes and principals of roles that were
/// assigned, may be those of an extension that is gone: step 7 and step 8 themselves find that out, and nothing is
/// assigned by them.
pub(crate) fn lies(world: &World, extension: &Extension, state: &State, target: &Target, proven: &Proven) -> Vec<Lie> {
    let cloud = &state.cloud;
    let subscription = target.cluster.subscription();
    let own = of_azure(
        "target.subscription",
        target.subscription.as_str(),
        subscription.as_str(),
    );
    let identity = cloud.identity.iter();
    [
        own.into_iter().collect(),
        of_cluster(world, cloud, proven),
        of_parts(cloud, target, proven),
        of_extension(extension, cloud, target).into_iter().collect(),
        identity
            .flat_map(|table| of_identity(world, extension, table, target, proven))
            .collect(),
        of_roles(cloud),
    ]
    .concat()
}

fn of_cluster(world: &World, cloud: &CloudTables, proven: &Proven) -> Vec<Lie> {
    let Some(table) = &cloud.prerequisites else {
        return Vec::new();
    };
    let cluster = &world.cluster;
    let issuer = cluster.issuer().map(ToString::to_string);
    let group = cluster.node_resource_group().map(ToString::to_string);
    let none = || "none".to_owned();
    [
        // Entra compares issuers byte for byte.
        (issuer.as_deref() != Some(table.issuer.as_str())).then(|| {
            let reality = format!("but Azure has {}", issuer.clone().unwrap_or_else(none));
            Lie::new("cloud.prerequisites.issuer", table.issuer.as_str(), reality)
        }),
        of_azure(
            "cloud.prerequisites.cluster_principal",
            table.cluster_principal.as_str(),
            proven.cluster.as_str(),
        ),
        of_azure(
            "cloud.prerequisites.node_resource_group",
            table.node_resource_group.as_str(),
            &group.unwrap_or_else(none),
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A file whose tables contradict its target was tampered with, or its target was changed and nothing prepared since.
fn of_parts(cloud: &CloudTables, target: &Target, proven: &Proven) -> Vec<Lie> {
    let mut lies = Vec::new();
    if let Some(table) = &cloud.vault {
        lies.push(of_azure(
            "cloud.vault.principal",
            table.principal.as_str(),
            proven.vault.as_str(),
        ));
        lies.push(of_target("cloud.vault.vault", &table.vault, &target_ids::vault(target)));
        lies.push(of_target(
            "cloud.vault.policy",
            &table.policy,
            &target_ids::policy(target),
        ));
    }
    if let Some(table) = &cloud.storage {
        lies.push(of_target(
            "cloud.storage.account",
            &table.account,
            &target_ids::account(target),
        ));
        lies.push(of_target(
            "cloud.storage.snapshot_group",
            &table.snapshot_group,
            &target_ids::snapshot_group(target),
        ));
    }
    if let Some(table) = &cloud.trusted_access {
        lies.push(of_target(
            "cloud.trusted_access.vault",
            &table.vault,
            &target_ids::vault(target),
        ));
    }
    lies.into_iter().flatten().collect()
}

fn of_extension(extension: &Extension, cloud: &CloudTables, target: &Target) -> Option<Lie> {
    let table = cloud.extension.as_ref()?;
    let own = extensions::extension_id(&target.cluster, &extension.name);
    of_azure("cloud.extension.extension", table.extension.as_str(), own.as_str())
}

/// The identity: as the extension names it, else as Azure has it under the id that the file claims. Who may not look
/// cannot compare more than the principal, to which alone a role is assigned.
fn of_identity(
    world: &World,
    extension: &Extension,
    table: &IdentityTable,
    target: &Target,
    proven: &Proven,
) -> Vec<Lie> {
    let client_id = |own: &Identity| {
        let own = own.properties.client_id.as_str();
        of_azure("cloud.identity.client_id", table.client_id.as_str(), own)
    };
    let (key, claim) = ("cloud.identity.identity", table.identity.as_str());
    let identity = match (named_by(extension), &world.identity) {
        _ if !can_be(&table.identity, target) => {
            let subscription = target.cluster.subscription();
            let reality = format!("which isn't an identity in the cluster's subscription {subscription}");
            vec![Some(Lie::new(key, claim, reality))]
        }
        (Some(own), _) => vec![of_azure(key, claim, own.id.as_str()), client_id(&own)],
        (None, Sight::Here(own)) if own.properties.principal_id == proven.extension => vec![client_id(own)],
        (None, Sight::Here(own)) => {
            let reality = format!(
                "which has principal {}, but the extension has principal {}",
                own.properties.principal_id, proven.extension
            );
            vec![Some(Lie::new(key, claim, reality))]
        }
        (None, Sight::Absent) => vec![Some(Lie::new(key, claim, "which doesn't exist"))],
        (None, Sight::Hidden(_)) => Vec::new(),
    };
    let principal = of_azure(
        "cloud.identity.principal",
        table.principal.as_str(),
        proven.extension.as_str(),
    );
    identity.into_iter().chain([principal]).flatten().collect()
}

/// Whether this is an identity, and in the subscription of the cluster, where that of an extension always is.
fn can_be(identity: &ResourceId, target: &Target) -> bool {
    identity.is_kind(identities::KIND) && identity.subscription() == target.cluster.subscription()
}

/// The identity that the file claims, as Azure has it; absent where it claims none, or none that can be the extension's.
///
/// # Errors
/// As the read; that the caller may not read it is none.
pub(crate) async fn identity(reader: &Reader, state: &State, target: &Target) -> Outcome<Sight<Identity>> {
    match &state.cloud.identity {
        Some(table) if can_be(&table.identity, target) => {
            Sight::of(identities::identity(reader, &table.identity).await)
        }
        Some(_) | None => Ok(Sight::Absent),
    }
}

/// Roles never change, as scopes and principals of old rows do.
fn of_roles(cloud: &CloudTables) -> Vec<Lie> {
    let rows = cloud.roles.iter().flat_map(|table| &table.assignments).enumerate();
    rows.filter(|(_, row)| !role_requirements::ASSIGNED.contains(&row.role.as_str()))
        .map(|(at, row)| {
            let reality = format!(
                "but this program only assigns {}",
                role_requirements::ASSIGNED.join(", ")
            );
            Lie::new(format!("cloud.roles.assignments[{at}].role"), &row.role, reality)
        })
        .collect()
}

fn of_azure(key: &str, claim: &str, own: &str) -> Option<Lie> {
    differs(key, claim, "but Azure has", own)
}

fn of_target(key: &str, claim: &ResourceId, own: &ResourceId) -> Option<Lie> {
    differs(key, claim.as_str(), "but its [target] has", own.as_str())
}

fn differs(key: &str, claim: &str, who: &str, own: &str) -> Option<Lie> {
    let same = claim.eq_ignore_ascii_case(own);
    (!same).then(|| Lie::new(key, claim, format!("{who} {own}")))
}
