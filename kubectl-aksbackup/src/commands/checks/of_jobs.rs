//! What backups will have to leave out: volumes that no snapshot can be taken of, claims without a volume, namespaces that the
//! target doesn't include, disks that stay out of the vault tier.

use std::collections::BTreeSet;
use std::time::Duration;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::schema::{InstanceTarget, State};

use crate::cluster::neighbours::Volume;
use crate::commands::checks::{Sight, counted, some_of, unreadable};

const LINK: Link = Link::Jobs;
/// The driver of Azure's disks, the only one whose volumes are backed up (Microsoft's support matrix of AKS backup).
const DISK: &str = "disk.csi.azure.com";
/// A claim may wait so long for its volume.
const PATIENCE: Duration = Duration::from_secs(600);

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let mut all = vec![volumes(sight), claims(sight)];
    if let (Some(target), Some(volumes)) = (&state.target, sight.volumes.as_deref()) {
        all.push(namespaces(&target.instance, volumes));
        let tiers = target.policy.uses_vault_tier();
        all.extend(tiers.then(|| tiered(volumes)));
    }
    all
}

/// Whether the backup includes every namespace with a volume. An included list doesn't grow by itself.
fn namespaces(instance: &InstanceTarget, volumes: &[Volume]) -> Check {
    const NAME: &str = "volume namespaces";
    let names = |list: &[NamespaceName], own: &str| list.iter().any(|name| name.as_str() == own);
    let included = |own: &str| instance.included_namespaces.is_empty() || names(&instance.included_namespaces, own);
    let all = volumes.iter().map(|own| own.namespace.as_str());
    // What the target excludes was left out on purpose.
    let left: BTreeSet<&str> = all
        .filter(|own| !included(own) && !names(&instance.excluded_namespaces, own))
        .collect();
    if left.is_empty() {
        return Check::ok(LINK, NAME, "the target includes each of them");
    }
    let left: Vec<String> = left.into_iter().map(str::to_owned).collect();
    let flags: String = instance
        .included_namespaces
        .iter()
        .map(NamespaceName::as_str)
        .chain(left.iter().map(String::as_str))
        .map(|name| format!(" --include-namespace {name}"))
        .collect();
    let hint = fix![
        "to include them in the target, run: ",
        az(format!("init{flags}")),
        ", then update the backup instance: ",
        az("protect")
    ];
    let says = format!("namespaces with volumes aren't backed up: {}", some_of(&left));
    Check::warning(LINK, NAME, says, hint).proves("VLT-NS-GAP")
}

/// Whether every disk can be copied to the vault tier.
fn tiered(volumes: &[Volume]) -> Check {
    const NAME: &str = "vault tier disks";
    let disks = volumes.iter().filter(|own| own.driver == DISK);
    let bad: Vec<String> = disks
        .filter_map(|own| Some(format!("{} is {}", own.name, own.untiered.as_ref()?)))
        .collect();
    if bad.is_empty() {
        return Check::ok(LINK, NAME, "no setting excludes a disk");
    }
    let says = format!("disks aren't copied to the vault tier: {}", some_of(&bad));
    let hint = "keep their backups in the operational tier only, or move the data to disks without these settings";
    Check::warning(LINK, NAME, says, hint).proves("JOB-TIERING")
}

fn volumes(sight: &Sight) -> Check {
    const NAME: &str = "volumes";
    let Some(all) = sight.volumes.as_deref() else {
        return unreadable(LINK, NAME, "persistent volumes", "list persistentvolumes");
    };
    let other = all.iter().filter(|own| own.driver != DISK);
    let kinds = counted(other.map(|own| match own.driver.as_str() {
        "" => "without a CSI driver".to_owned(),
        driver => format!("of {driver}"),
    }));
    if kinds.is_empty() {
        return Check::ok(LINK, NAME, format!("{} in use, all on disks", all.len()));
    }
    let kinds: Vec<String> = kinds
        .into_iter()
        .map(|(kind, count)| format!("{count} {kind}"))
        .collect();
    let says = format!("volumes that aren't Azure disks aren't backed up: {}", kinds.join(", "));
    let names: Vec<String> = all
        .iter()
        .filter(|own| own.driver != DISK)
        .map(|own| own.name.clone())
        .collect();
    Check::warning(
        LINK,
        NAME,
        says,
        "protect these volumes by other means, or exclude their namespaces from the backup",
    )
    .because(format!("volumes: {}", some_of(&names)))
    .proves("JOB-VOLUMES-SKIPPED")
}

fn claims(sight: &Sight) -> Check {
    const NAME: &str = "volume claims";
    let Some(all) = sight.claims.as_deref() else {
        return unreadable(LINK, NAME, "persistent volume claims", "list persistentvolumeclaims");
    };
    let old = |created: Option<jiff::Timestamp>| match (created, sight.now) {
        (Some(created), Some(now)) => now.duration_since(created).unsigned_abs() > PATIENCE,
        _ => true,
    };
    let bad: Vec<String> = all
        .iter()
        .filter(|own| own.phase == "Lost" || old(own.created))
        .map(|own| format!("{} is {}", own.name, own.phase))
        .collect();
    if bad.is_empty() {
        return Check::ok(LINK, NAME, "each is bound to a volume");
    }
    let says = format!("backups fail for claims without a volume: {}", some_of(&bad));
    Check::warning(
        LINK,
        NAME,
        says,
        shell("kubectl describe persistentvolumeclaims --all-namespaces"),
    )
    .proves("JOB-PVC")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(namespace: &str, untiered: Option<&str>) -> Volume {
        Volume {
            name: "v".into(),
            driver: DISK.into(),
            namespace: namespace.into(),
            untiered: untiered.map(str::to_owned),
        }
    }

    #[test]
    fn a_namespace_with_volumes_that_no_list_names_is_told_with_all_that_are_to_be_included() {
        let mut instance = InstanceTarget {
            name: "instance".parse().unwrap(),
            friendly_name: "i".into(),
            snapshot_volumes: true,
            include_cluster_scope_resources: true,
            included_namespaces: vec![],
            excluded_namespaces: vec![],
            label_selectors: vec![],
            included_resource_types: vec![],
            excluded_resource_types: vec![],
            included_volume_types: vec![],
            backup_hooks: vec![],
        };
        assert!(
            !namespaces(&instance, &[volume("shop", None)]).is_finding(),
            "no list: all are included"
        );
        instance.included_namespaces = vec!["web".parse().unwrap()];
        let check = namespaces(
            &instance,
            &[volume("web", None), volume("shop", None), volume("shop", None)],
        );
        assert_eq!(check.failure.as_deref(), Some("VLT-NS-GAP"));
        let hint = check.hint.unwrap().to_string();
        let init = "az aksbackup init --include-namespace web --include-namespace shop,";
        assert!(hint.contains(init), "{hint}");
        instance.excluded_namespaces = vec!["shop".parse().unwrap()];
        assert!(
            !namespaces(&instance, &[volume("shop", None)]).is_finding(),
            "left out on purpose"
        );
    }

    #[test]
    fn a_disk_that_stays_out_of_the_vault_tier_is_told() {
        assert!(!tiered(&[volume("shop", None)]).is_finding());
        let check = tiered(&[volume("shop", Some("larger than 1 TiB"))]);
        assert_eq!(check.failure.as_deref(), Some("JOB-TIERING"));
        assert!(check.says.contains("v is larger than 1 TiB"), "{}", check.says);
    }
}
