//! Which of the volumes that are backed up aren't copied to the vault tier.

use aksbackup_shared::chain::check::Check;

use super::words::{amount, grouped, with_claims};
use super::{LINK, Volumes};
use crate::cluster::volumes::{Medium, Volume};

/// So many disks of a backup instance the vault tier supports (support matrix of AKS backup, January 2026).
const DISKS: usize = 100;

pub(super) fn checks(own: &Volumes<'_>) -> Vec<Check> {
    const NAME: &str = "vault tier disks";
    if !is_used(own) {
        return Vec::new();
    }
    let taken: Vec<&Volume> = own
        .all
        .iter()
        .filter(|(_, why)| why.is_none())
        .map(|(own, _)| *own)
        .collect();
    let left: Vec<&Volume> = taken
        .iter()
        .copied()
        .filter(|one| reason(one).is_some() && !own.is_on_purpose(one))
        .collect();
    let mut all = vec![match left.is_empty() {
        true => Check::ok(LINK, NAME, "no setting excludes a disk"),
        false => {
            let says = format!("not copied to the vault tier: {}", grouped(&left, reason));
            let hint =
                "keep their backups in the operational tier only, or move the data to disks without these settings";
            let hint = aksbackup_shared::fix![hint].and(own.on_purpose(&left));
            with_claims(Check::warning(LINK, NAME, says, hint), &left).proves("JOB-TIERING")
        }
    }];
    let disks: Vec<&Volume> = taken.into_iter().filter(|one| one.medium == Medium::Disk).collect();
    if disks.len() > DISKS {
        let says = format!(
            "{} are backed up; the vault tier supports {DISKS} disks, and backups and restores can fail above this limit",
            amount(&disks)
        );
        let hint = "back up fewer namespaces with this backup instance, or use a policy without the vault tier";
        all.push(Check::warning(LINK, "vault tier limit", says, hint));
    }
    all
}

/// Whether a volume that is backed up isn't copied to the vault tier although the policy has copies there.
pub(super) fn is_left(own: &Volumes<'_>, volume: &Volume) -> bool {
    is_used(own) && reason(volume).is_some()
}

fn is_used(own: &Volumes<'_>) -> bool {
    let target = own.state.target.as_ref();
    target.is_some_and(|target| target.policy.uses_vault_tier())
}

fn reason(own: &Volume) -> Option<String> {
    match own.medium {
        Medium::Share => Some("Azure Files".into()),
        Medium::Disk | Medium::Other => own.untiered.clone(),
    }
}
