//! The order in which resource groups are offered.
//!
//! An account that can create resource groups is offered a new one first. Any other account is offered an existing one first: another
//! person would have to create the new one before `prepare` can do anything.

use aksbackup_shared::ids::{ResourceGroupName, ResourceId, same};

use crate::arm::inventory::Listed;
use crate::commands::init::world::World;

/// How well an existing group fits, the best first; `None` for one in which the account can't create what is needed.
pub(super) type Rank = Option<u8>;

/// Something to choose.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Offer<'a> {
    /// A group that is there.
    Existing(&'a Listed),
    /// A new group; whether another person has to create it.
    New { by_others: bool },
}

impl Offer<'_> {
    /// The line to choose; `default` is the name of the new group.
    pub(super) fn text(&self, default: &str) -> String {
        match self {
            Self::Existing(group) => format!("{} ({})", group.name, group.location),
            Self::New { by_others: false } => format!("a new one, {default}"),
            Self::New { by_others: true } => format!("a new one, {default} (another user must create it)"),
        }
    }
}

/// What is offered, the default first.
pub(super) fn offers<'a>(world: &'a World, rank: impl Fn(&Listed) -> Rank) -> Vec<Offer<'a>> {
    let existing = |group| Offer::Existing(group);
    if world.writable.is_none() {
        let new = Offer::New { by_others: false };
        return std::iter::once(new).chain(world.groups.iter().map(existing)).collect();
    }
    let mut fit: Vec<&Listed> = world.groups.iter().filter(|group| rank(group).is_some()).collect();
    fit.sort_by_key(|group| rank(group));
    let unfit = world.groups.iter().filter(|group| rank(group).is_none());
    let new = Offer::New { by_others: true };
    let fit = fit.into_iter().map(existing);
    fit.chain([new]).chain(unfit.map(existing)).collect()
}

/// For storage account and vault: a group in which the caller can create them.
pub(super) fn for_backups(world: &World, cluster: &ResourceId, group: &Listed) -> Rank {
    let writable = world.writable.iter().flatten();
    writable.into_iter().find(|own| **own == group.id)?;
    Some(if is_of(cluster, group) {
        3
    } else if says(group, "backup") {
        0
    } else if says(group, "snapshot") {
        2
    } else {
        1
    })
}

/// For disk snapshots: any group, since roles in it are assigned by another person. That of the backups is as good.
pub(super) fn for_snapshots(cluster: &ResourceId, backups: &ResourceGroupName, group: &Listed) -> Rank {
    Some(if says(group, "snapshot") {
        0
    } else if same(&group.name, backups.as_str()) {
        1
    } else if is_of(cluster, group) {
        3
    } else {
        2
    })
}

fn is_of(cluster: &ResourceId, group: &Listed) -> bool {
    same(&group.name, cluster.resource_group().as_str())
}

fn says(group: &Listed, word: &str) -> bool {
    group.name.to_ascii_lowercase().contains(word)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use serde_json::json;

    use super::*;
    use crate::commands::init::world::Lists;
    use crate::target_ids::tests::example;

    fn group(name: &str) -> Listed {
        let id = format!("/subscriptions/{}/resourceGroups/{name}", example().subscription);
        serde_json::from_value(json!({ "id": id, "name": name, "location": "westeurope" })).unwrap()
    }

    fn world(writable: Option<&[&str]>) -> World {
        let names = ["rg-aks", "rg-other", "rg-snapshots", "rg-backup"];
        let lists = Lists {
            groups: names.map(group).to_vec(),
            writable: writable.map(|names| names.iter().map(|name| group(name).id).collect()),
            ..Lists::default()
        };
        World {
            lists: Rc::new(lists),
            ..World::default()
        }
    }

    fn texts(world: &World) -> Vec<String> {
        let cluster = example().cluster;
        let offers = offers(world, |group| for_backups(world, &cluster, group));
        offers.iter().map(|offer| offer.text("rg-new")).collect()
    }

    #[test]
    fn who_can_create_groups_is_offered_a_new_one_first() {
        assert_eq!(texts(&world(None))[..2], ["a new one, rg-new", "rg-aks (westeurope)"]);
    }

    #[test]
    fn who_cannot_is_offered_first_what_they_can_write_to_and_the_cluster_s_own_last() {
        let expected = [
            "rg-backup (westeurope)",
            "rg-aks (westeurope)",
            "a new one, rg-new (another user must create it)",
            "rg-other (westeurope)",
            "rg-snapshots (westeurope)",
        ];
        assert_eq!(texts(&world(Some(&["rg-aks", "rg-backup"]))), expected);
        let nothing = texts(&world(Some(&[])));
        assert_eq!(nothing[0], "a new one, rg-new (another user must create it)");
    }

    #[test]
    fn snapshots_go_where_the_name_says_so_or_to_the_backups() {
        let (cluster, backups) = (example().cluster, "rg-backup".parse().unwrap());
        let rank = |name| for_snapshots(&cluster, &backups, &group(name));
        assert!(rank("rg-snapshots") < rank("rg-backup"));
        assert!(rank("rg-backup") < rank("rg-other") && rank("rg-other") < rank("rg-aks"));
    }
}
