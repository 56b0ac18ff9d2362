//! The backups: as long as there are some, whatever they need to be restored or deleted stays.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::Target;

use super::claims::Claims;
use crate::arm::backups::{self, Instance};
use crate::arm::client::Reader;
use crate::arm::visible::Sight;
use crate::target_ids;

/// The backup instances that matter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Backups {
    /// Those of the cluster, in whatever vault.
    pub(crate) of_cluster: Vec<Instance>,
    /// Those in the vault, of whatever they protect.
    pub(crate) in_vault: Vec<Instance>,
    /// Those that the vault keeps although they were deleted.
    pub(crate) deleted: Vec<Instance>,
}

impl Backups {
    /// Those in the vault that aren't the cluster's: other people's.
    pub(crate) fn of_others(&self, target: &Target) -> Vec<&Instance> {
        let others = self.in_vault.iter().filter(|own| !own.protects(&target.cluster));
        others.collect()
    }
}

/// What becomes of the cluster's backups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// There are none.
    None,
    /// They are this tool's, and the person wants them deleted.
    Going(ResourceId),
    /// They stay, for this reason.
    Kept(String),
}

/// Reads them all at the same time. What the account isn't authorized to read hides the whole.
///
/// # Errors
/// As the reads.
pub(crate) async fn look(reader: &Reader, target: &Target) -> Outcome<Sight<Backups>> {
    let vault = target_ids::vault(target);
    let (of_cluster, in_vault, deleted) = futures::join!(
        backups::of_cluster(reader, &target.cluster),
        backups::in_vault(reader, &vault),
        backups::deleted_in(reader, &vault),
    );
    let mut lists = Vec::new();
    for list in [of_cluster, in_vault, deleted] {
        lists.push(match Sight::of(list.map(Some))? {
            Sight::Here(list) => list,
            // A vault that does not exist has none.
            Sight::Absent => Vec::new(),
            Sight::Hidden(refusal) => return Ok(Sight::Hidden(refusal)),
        });
    }
    let [of_cluster, in_vault, deleted] = <[Vec<Instance>; 3]>::try_from(lists).unwrap_or_default();
    Ok(Sight::Here(Backups {
        of_cluster,
        in_vault,
        deleted,
    }))
}

/// What becomes of the backups of the cluster, if the person wants them deleted or not.
pub(crate) fn fate(backups: &Backups, claims: &Claims, delete: bool) -> Fate {
    let target = &claims.target;
    let mut ours = None;
    // Azure lists the instances of a cluster and those of a vault apart; either list can be the late one.
    let in_vault = backups.in_vault.iter().filter(|own| own.protects(&target.cluster));
    for own in backups.of_cluster.iter().chain(in_vault) {
        match is_ours(own, claims) {
            true => ours = Some(id(own, target)),
            false => {
                let vault = own.vault().map(|vault| vault.with_group()).unwrap_or_default();
                return Fate::Kept(format!(
                    "backup instance {} in vault {vault}, which this tool didn't create, requires it",
                    own.id.name()
                ));
            }
        }
    }
    let deleted = backups.deleted.iter().find(|own| own.protects(&target.cluster));
    if let (None, Some(own), false) = (&ours, deleted, delete) {
        let until = own.purged_on().map(|day| format!(" until {day}")).unwrap_or_default();
        return Fate::Kept(format!(
            "soft-deleted backup instance {}, which can be undeleted{until}, requires it to restore its backups",
            own.id.name()
        ));
    }
    match (ours, delete) {
        (None, _) => Fate::None,
        (Some(own), true) => Fate::Going(own),
        (Some(own), false) => Fate::Kept(format!(
            "restoring or deleting the backups of backup instance {} later requires it",
            own.name()
        )),
    }
}

/// Whether an instance is the one that this tool created: of this cluster by Azure, in the vault that the person confirmed.
pub(crate) fn is_ours(own: &Instance, claims: &Claims) -> bool {
    let target = &claims.target;
    own.vault().is_some_and(|vault| vault == target_ids::vault(target))
        && own.protects(&target.cluster)
        && claims.has_made(id(own, target).as_str())
}

/// The ID of an instance, in the vault's spelling.
pub(crate) fn id(own: &Instance, target: &Target) -> ResourceId {
    target_ids::vault(target).child("backupInstances", own.id.name())
}
