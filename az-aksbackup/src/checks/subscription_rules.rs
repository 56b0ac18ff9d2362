//! The subscription of a vault that isn't the cluster's.

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{SubscriptionId, same};
use aksbackup_shared::schema::Target;

use crate::arm::groups::Subscription;

/// Checks that a vault in it can protect the target's cluster.
///
/// # Errors
/// It takes no writes, or is another tenant's.
pub(crate) fn of_vault(id: &SubscriptionId, own: &Subscription, target: &Target) -> Outcome<()> {
    let tenant = own.tenant_id.as_deref().unwrap_or(target.tenant.as_str());
    if !same(tenant, target.tenant.as_str()) {
        return Err(Box::new(of_tenant(id.as_str())));
    }
    let state = own.state.as_deref().unwrap_or("Enabled");
    if ["Disabled", "Deleted"].contains(&state) {
        return Failure::failed(format!("subscription {id} of the vault is {state}"))
            .because("Azure doesn't accept changes in this subscription")
            .hint(fix![
                "use another subscription: ",
                az("init --vault-subscription SUBSCRIPTION")
            ])
            .err();
    }
    Ok(())
}

/// Takes an answer of Azure's that the subscription is another tenant's for what that means here: another sign-in doesn't help.
pub(crate) fn in_tenant(id: &str, failure: Box<Failure>) -> Box<Failure> {
    match failure.has_code("InvalidAuthenticationTokenTenant") {
        true => Box::new(of_tenant(id)),
        false => failure,
    }
}

fn of_tenant(id: &str) -> Failure {
    Failure::usage(format!("subscription {id} of the vault is in another tenant"))
        .because("a vault can only protect clusters in its own tenant")
        .hint(fix![
            "use a subscription of the cluster's tenant: ",
            az("init --vault-subscription SUBSCRIPTION")
        ])
}

/// The failure where the signed-in account doesn't see it.
pub(crate) fn absent(id: &SubscriptionId) -> Failure {
    Failure::missing(format!(
        "subscription {id} of the vault doesn't exist, or the signed-in account has no access to it"
    ))
    .hint(shell("az account list --output table"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn a_subscription_of_another_tenant_or_without_writes_is_refused() {
        let target = example();
        let refused = |tenant: &str, state: &str| {
            let own = json!({ "displayName": "Other", "tenantId": tenant, "state": state });
            let own: Subscription = serde_json::from_value(own).unwrap();
            of_vault(&target.subscription, &own, &target)
                .err()
                .map(|failure| failure.to_string())
        };
        assert_eq!(refused(target.tenant.as_str(), "Enabled"), None);
        assert_eq!(refused(&target.tenant.as_str().to_uppercase(), "Warned"), None);
        let other = refused("72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11", "Enabled").unwrap();
        assert!(other.contains("clusters in its own tenant"), "{other}");
        assert!(
            refused(target.tenant.as_str(), "Disabled")
                .unwrap()
                .contains("is Disabled")
        );
    }
}
