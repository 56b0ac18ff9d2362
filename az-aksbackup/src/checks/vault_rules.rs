//! Whether a Backup vault that exists will do, and what vault and policy have otherwise.

use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::Target;

use crate::arm::region;
use crate::arm::vaults::Vault;
use crate::checks::vault_drift;
use crate::target_ids;

/// What to do about a vault that can't be used.
pub(crate) fn another() -> Fix {
    fix!["choose another vault, or a new name: ", az("init --vault NAME")]
}

/// Checks that a vault that exists can protect a cluster in the target's region.
///
/// # Errors
/// Another region, or a vault that failed.
pub(crate) fn usable(vault: &Vault, target: &Target) -> Outcome<()> {
    let name = target_ids::vault(target).with_group();
    if !region::is(&vault.location, &target.region) {
        return Failure::failed(format!("Backup vault {name} can't protect the cluster"))
            .because(format!(
                "it is in region {}, but the cluster is in {}; Azure Backup requires the same region",
                vault.location, target.region
            ))
            .hint(another())
            .err();
    }
    if vault.properties.provisioning_state.as_deref() == Some("Failed") {
        return Failure::failed(format!("Backup vault {name} is in state Failed"))
            .hint(fix![
                "check the vault in the Azure portal, or choose another: ",
                az("init --vault NAME")
            ])
            .err();
    }
    Ok(())
}

/// What proves both, with what of the vault is otherwise than a new one would be.
pub(crate) fn evidence(target: &Target, vault: Option<&Vault>, ours: bool) -> String {
    let mut text = format!(
        "vault {}, policy {}",
        target_ids::vault(target).with_group(),
        target.policy.name
    );
    if let Some(vault) = vault {
        for own in vault_drift::kept(&target.vault, vault, ours) {
            text.push_str(&format!("; {own}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_vault_of_another_region_is_refused_with_both_regions() {
        let target = target_ids::tests::example();
        let vault = |location: &str| serde_json::from_value(json!({ "location": location })).unwrap();
        assert!(usable(&vault("West Europe"), &target).is_ok());
        let failure = usable(&vault("northeurope"), &target).unwrap_err();
        assert!(failure.why[0].contains("northeurope") && failure.why[0].contains("westeurope"));
    }
}
