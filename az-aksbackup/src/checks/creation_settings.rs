//! Settings that apply only when a resource is created: a target that was edited since is told, because no command follows it.

use std::fmt;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;
use aksbackup_shared::schema::Target;
use aksbackup_shared::step::{Decision, Drift};

use crate::arm::backups::Instance;
use crate::arm::storage::Account;
use crate::arm::vaults::Vault;

/// A setting whose live value isn't that of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeptSetting {
    /// Its key in `[target]`.
    key: &'static str,
    what: &'static str,
    live: String,
    wanted: String,
}

impl fmt::Display for KeptSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} (the target has {})", self.what, self.live, self.wanted)
    }
}

impl KeptSetting {
    /// Returns what to do about it: Azure can't follow the target, so that the target follows Azure.
    pub(crate) fn hint(&self) -> Fix {
        fix![
            format!(
                "aksbackup doesn't change this setting of an existing resource; to use the current {} in the target: ",
                self.what
            ),
            az(format!("init --set {}={}", self.key, self.live))
        ]
    }

    /// Returns the finding.
    pub(crate) fn check(&self, link: Link) -> Check {
        Check::warning(
            link,
            self.what,
            format!("{} (the target has {})", self.live, self.wanted),
            self.hint(),
        )
    }

    /// Returns how a step ends that has nothing else to do.
    pub(crate) fn finished<C>(kept: Option<&Self>, evidence: String) -> Decision<C> {
        match kept {
            None => Decision::Done(evidence),
            Some(own) => Decision::Differs(evidence, Drift::of_target(vec![own.to_string()], vec![own.hint()])),
        }
    }
}

/// The key of the storage account's SKU.
pub(crate) const SKU: &str = "storage.sku";
/// The key of the vault's redundancy.
pub(crate) const REDUNDANCY: &str = "vault.redundancy";

/// Returns what Azure has of these keys, as far as the resources exist.
pub(crate) fn live(account: Option<&Account>, vault: Option<&Vault>) -> Vec<(&'static str, String)> {
    let sku = account.and_then(sku).map(|own| (SKU, own.to_owned()));
    let redundancy = vault
        .and_then(Vault::redundancy)
        .map(|own| (REDUNDANCY, own.to_owned()));
    sku.into_iter().chain(redundancy).collect()
}

fn sku(account: &Account) -> Option<&str> {
    account.sku.as_ref().map(|sku| sku.name.as_str())
}

/// Returns the SKU of the storage account, if it differs.
pub(crate) fn of_account(target: &Target, own: &Account) -> Option<KeptSetting> {
    let live = sku(own);
    kept((SKU, "SKU of the storage account"), live, &target.storage.sku)
}

/// Returns the redundancy of the vault, if it differs.
pub(crate) fn of_vault(target: &Target, own: &Vault) -> Option<KeptSetting> {
    kept(
        (REDUNDANCY, "redundancy of the vault"),
        own.redundancy(),
        &target.vault.redundancy,
    )
}

/// Returns the name of the backup instance, if it differs.
pub(crate) fn of_instance(target: &Target, own: &Instance) -> Option<KeptSetting> {
    kept(
        ("instance.name", "name of the backup instance"),
        Some(own.id.name()),
        target.instance.name.as_str(),
    )
}

fn kept((key, what): (&'static str, &'static str), live: Option<&str>, wanted: &str) -> Option<KeptSetting> {
    let live = live.filter(|live| !live.is_empty() && !same(live, wanted))?;
    Some(KeptSetting {
        key,
        what,
        live: live.to_owned(),
        wanted: wanted.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn what_azure_keeps_is_told_with_the_command_that_takes_it_over() {
        let vault: Vault = serde_json::from_value(json!({
            "location": "westeurope",
            "properties": { "storageSettings": [{ "datastoreType": "VaultStore", "type": "GeoRedundant" }] },
        }))
        .unwrap();
        let own = of_vault(&example(), &vault).unwrap();
        assert_eq!(
            own.to_string(),
            "redundancy of the vault: GeoRedundant (the target has LocallyRedundant)"
        );
        assert!(
            own.hint()
                .to_string()
                .ends_with("init --set vault.redundancy=GeoRedundant"),
            "{}",
            own.hint()
        );
        let mut target = example();
        target.vault.redundancy = "georedundant".to_owned();
        assert_eq!(of_vault(&target, &vault), None, "Azure doesn't keep the case");
    }
}
