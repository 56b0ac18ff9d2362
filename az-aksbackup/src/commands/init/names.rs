//! Default names: made from the cluster's, the same every time, and different for every cluster.

use aksbackup_shared::ids::{ResourceId, folded};
use uuid::Uuid;

/// Default names for a cluster.
#[derive(Debug, Clone)]
pub(crate) struct Names {
    /// The cluster's name in lower-case letters, digits and single dashes.
    plain: String,
    /// Eight digits that differ between clusters of the same name.
    mark: String,
}

impl Names {
    /// Names for the cluster with this id.
    pub(crate) fn of(cluster: &ResourceId) -> Self {
        let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, folded(cluster.as_str()).as_bytes());
        let mark: String = id.simple().to_string().chars().take(8).collect();
        Self {
            plain: plain(cluster.name()),
            mark,
        }
    }

    /// A storage account: unique in all of Azure, so with the mark.
    pub(super) fn account(&self) -> String {
        let letters: String = self
            .plain
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(14)
            .collect();
        format!("st{letters}{}", self.mark)
    }

    /// The container.
    pub(super) fn container(&self) -> String {
        format!("aks-{}-{}", shortened(&self.plain, 49), self.mark)
    }

    /// The group of storage account and vault.
    pub(super) fn group(&self) -> String {
        format!("rg-{}-backup", shortened(&self.plain, 70))
    }

    /// The group of snapshots.
    pub(super) fn snapshot_group(&self) -> String {
        format!("rg-{}-snapshots", shortened(&self.plain, 70))
    }

    /// The vault.
    pub(super) fn vault(&self) -> String {
        format!("bv-{}", shortened(&self.plain, 46))
    }

    /// Eight digits that differ between clusters of the same name.
    pub(crate) fn hash(&self) -> &str {
        &self.mark
    }

    /// The backup instance. A state file in a folder of several has this name too.
    pub(crate) fn instance(&self) -> String {
        format!("{}-{}", shortened(&self.plain, 140), self.mark)
    }
}

fn plain(name: &str) -> String {
    let mapped: String = name
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let words: Vec<&str> = mapped.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-")
}

fn shortened(text: &str, most: usize) -> &str {
    text.get(..most).unwrap_or(text).trim_end_matches('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::ids::{BackupInstanceName, ContainerName, ResourceGroupName, StorageAccountName, VaultName};

    fn names(group: &str, cluster: &str) -> Names {
        let id = format!(
            "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/{group}/providers/Microsoft.ContainerService/managedClusters/{cluster}"
        );
        Names::of(&id.parse().unwrap())
    }

    #[test]
    fn every_default_keeps_the_rule_of_its_type() {
        let long = format!("a{}z", "-_".repeat(30));
        for cluster in [
            "aks-demo",
            "A",
            "9__9",
            "x1234567890123456789012345678901234567890123456789012345678901",
            &long,
        ] {
            let names = names("rg", cluster);
            assert!(
                names.account().parse::<StorageAccountName>().is_ok(),
                "{}",
                names.account()
            );
            assert!(
                names.container().parse::<ContainerName>().is_ok(),
                "{}",
                names.container()
            );
            assert!(names.group().parse::<ResourceGroupName>().is_ok());
            assert!(names.snapshot_group().parse::<ResourceGroupName>().is_ok());
            assert!(names.vault().parse::<VaultName>().is_ok(), "{}", names.vault());
            assert!(
                names.instance().parse::<BackupInstanceName>().is_ok(),
                "{}",
                names.instance()
            );
        }
    }

    #[test]
    fn names_are_the_same_every_time_and_differ_between_namesakes() {
        assert_eq!(names("RG", "Aks").account(), names("rg", "aks").account());
        assert_ne!(names("rg", "aks").account(), names("other", "aks").account());
        assert_ne!(names("rg", "aks").container(), names("other", "aks").container());
    }
}
