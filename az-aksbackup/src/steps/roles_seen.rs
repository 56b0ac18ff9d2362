//! What is known of the roles before a cluster is protected, and of the policy that decides which ones are needed.
//!
//! Azure is asked for the roles whenever the principals can be known: one that was assigned can be revoked. Only where the signed-in account
//! isn't authorized to read them is the state file's word all there is, and then it is said.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::{Right, Turn};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::client::Reader;
use crate::arm::clusters::{self, Cluster};
use crate::arm::extensions::{self, Extension};
use crate::arm::vaults::{self, Vault};
use crate::arm::visible::Sight;
use crate::checks::policy;
use crate::checks::role_requirements::{self, Checked, Proven};
use crate::checks::sole_extension::sole;
use crate::steps::world::{self, Proof};
use crate::target_ids;

/// What is known of the roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RolesSeen {
    /// They are assigned; since when, as far as that is known.
    Assigned(Option<Timestamp>),
    /// The state file says that they were assigned, at this time; the signed-in account can't read them.
    Reported(Option<Timestamp>),
    /// Somebody has to do something first.
    Open(Turn),
}

impl RolesSeen {
    /// Since when they are assigned.
    pub(crate) fn since(&self) -> Option<Timestamp> {
        match self {
            Self::Assigned(since) | Self::Reported(since) => *since,
            Self::Open(_) => None,
        }
    }

    /// Whose turn it is first, unless they are assigned.
    pub(crate) const fn open(&self) -> Option<&Turn> {
        match self {
            Self::Assigned(_) | Self::Reported(_) => None,
            Self::Open(turn) => Some(turn),
        }
    }

    /// What is said where only the state file vouches for them.
    pub(crate) fn remark(&self) -> Option<String> {
        let words = "role assignments: reported by the state file and not checked, because the signed-in account isn't authorized to \
                     read them";
        matches!(self, Self::Reported(_)).then(|| words.to_owned())
    }
}

/// What a look shows.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    /// The roles.
    pub(crate) roles: RolesSeen,
    /// The policy of the target.
    pub(crate) policy: Sight<Value>,
}

/// Looks at the roles. `cluster` is what was just read of it.
///
/// # Errors
/// As the reads, or the file claims what is not so.
pub(crate) async fn look(reader: &Reader, state: &State, target: &Target, cluster: Option<Cluster>) -> Outcome<Looked> {
    // A record of another policy or principal says nothing of what is needed now.
    let holds = StepName::Roles.stale(state).is_none();
    let recorded = state.cloud.roles.as_ref().filter(|_| holds);
    let Some(table) = recorded else {
        return unrecorded(reader, state, target).await;
    };
    let claim = world::claim(state);
    let needs = |own: &Proven| role_requirements::needs(target, own, false);
    // The claim is only good for asking early: one that Azure doesn't confirm is asked for again.
    let early = async {
        match &claim {
            Some(claim) => Some(role_requirements::check(reader, needs(claim)).await),
            None => None,
        }
    };
    let (parts, early) = futures::join!(Parts::look(reader, target, cluster), early);
    let Parts { principals, policy } = parts?;
    let checked = match principals {
        Principals::Known(own) => match early.filter(|_| claim.as_ref() == Some(&own)) {
            Some(checked) => checked,
            None => role_requirements::check(reader, needs(&own)).await,
        },
        Principals::Hidden(failure) => Err(failure),
        Principals::Missing(turn) => {
            let roles = RolesSeen::Open(turn);
            return Ok(Looked { roles, policy });
        }
    };
    let roles = match Sight::of(checked.map(Some))? {
        Sight::Here(checked) => of_checked(&checked, target),
        Sight::Absent | Sight::Hidden(_) => {
            RolesSeen::Reported(table.written.as_ref().map(|written| written.observed_at))
        }
    };
    Ok(Looked { roles, policy })
}

/// Without a record, what the file says of the parts is held against Azure, as `grant` does.
async fn unrecorded(reader: &Reader, state: &State, target: &Target) -> Outcome<Looked> {
    let world = world::look(reader, state, target).await?;
    let roles = match world::prove(&world, state, target)? {
        Proof::Proven(proven) => {
            let needs = role_requirements::needs(target, &proven, false);
            of_checked(&role_requirements::check(reader, needs).await?, target)
        }
        Proof::NotYet(turn) => RolesSeen::Open(turn),
    };
    let policy = world.policy.map_or(Sight::Absent, Sight::Here);
    Ok(Looked { roles, policy })
}

/// Whose roles are needed, as Azure has it.
enum Principals {
    Known(Proven),
    /// One of the parts doesn't exist.
    Missing(Turn),
    /// The signed-in account isn't authorized to read one of the parts.
    Hidden(Box<Failure>),
}

struct Parts {
    principals: Principals,
    policy: Sight<Value>,
}

impl Parts {
    async fn look(reader: &Reader, target: &Target, cluster: Option<Cluster>) -> Outcome<Self> {
        let (vault, policy) = (target_ids::vault(target), target_ids::policy(target));
        let cluster = async {
            match cluster {
                Some(own) => Ok(own),
                None => clusters::existing(reader, &target.cluster).await,
            }
        };
        let (cluster, extensions, vault, policy) = futures::join!(
            cluster,
            extensions::of_backup(reader, &target.cluster),
            vaults::vault(reader, &vault),
            vaults::policy(reader, &policy),
        );
        let (cluster, extensions) = (cluster?, Sight::of(extensions.map(Some))?);
        let (vault, policy) = (Sight::of(vault)?, Sight::of(policy)?);
        let principals = principals(target, &cluster, (&extensions, &vault, &policy))?;
        Ok(Self { principals, policy })
    }
}

fn principals(
    target: &Target,
    cluster: &Cluster,
    (extensions, vault, policy): (&Sight<Vec<Extension>>, &Sight<Vault>, &Sight<Value>),
) -> Outcome<Principals> {
    // A policy only decides whether the vault tier is used.
    let hidden = [extensions.hidden(), vault.hidden()];
    if let Some(failure) = hidden.into_iter().flatten().next() {
        return Ok(Principals::Hidden(Box::new(failure.clone())));
    }
    let missing = |why: String| {
        Principals::Missing(Turn {
            who: Person::PlatformTeam,
            why,
            command: az("prepare"),
            right: None,
            also: Vec::new(),
        })
    };
    let all = extensions.here().map(Vec::as_slice).unwrap_or_default();
    let Some(extension) = sole(&target.cluster, all)?.and_then(Extension::principal) else {
        let cluster = target.cluster.with_group();
        return Ok(missing(format!(
            "the extension on cluster {cluster} isn't installed, or has no identity"
        )));
    };
    let identity = target.vault.identity.as_ref();
    let Some(vault) = vault.here().and_then(|own| own.principal_of(identity)) else {
        let vault = target_ids::vault(target).with_group();
        return Ok(missing(format!("vault {vault} doesn't exist, or has no identity")));
    };
    let Some(cluster) = cluster.principal() else {
        return Ok(missing(format!(
            "cluster {} has no identity",
            target.cluster.with_group()
        )));
    };
    Ok(Principals::Known(Proven {
        extension: extension.clone(),
        vault,
        cluster,
        vault_tier: role_requirements::asks_for_tier(target) && policy.here().is_some_and(policy::has_vault_tier),
    }))
}

/// What is known once Azure listed the roles.
pub(crate) fn of_checked(checked: &[Checked], target: &Target) -> RolesSeen {
    if checked.iter().all(|own| own.met.is_some()) {
        return RolesSeen::Assigned(role_requirements::youngest(checked));
    }
    let missing: Vec<&Checked> = checked.iter().filter(|own| own.met.is_none()).collect();
    let mut rights: Vec<Right> = Vec::new();
    for own in &missing {
        let right = Right::new("Microsoft.Authorization/roleAssignments/write", &own.need.scope);
        if !rights.contains(&right) {
            rights.push(right);
        }
    }
    let mut rights = rights.into_iter();
    RolesSeen::Open(Turn {
        who: Person::SubscriptionOwner,
        why: match missing.len() {
            1 => "1 role assignment is missing".to_owned(),
            count => format!("{count} role assignments are missing"),
        },
        command: az(format!("grant{}", Target::confirmations(Some(target)))),
        right: rights.next(),
        also: rights.collect(),
    })
}
