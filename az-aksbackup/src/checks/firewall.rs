//! The network rules of the storage account: whether the cluster's nodes get through.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{kubectl, shell};
use aksbackup_shared::fix;
use aksbackup_shared::ids::same;

use crate::arm::clusters::Cluster;
use crate::arm::storage::{Account, EndpointConnection};
use crate::checks::policy;
use crate::checks::view::View;

const LINK: Link = Link::Storage;
const NAME: &str = "network rules";

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let Some(account) = view.account.here() else {
        return Vec::new();
    };
    let tier = view.policy.here().filter(|policy| policy::has_vault_tier(policy));
    let mut all = vec![rules(view, account)];
    all.extend(tier.map(|_| trusted_services(account)));
    all
}

/// Whether the vault can reach a closed account, as copies to the vault tier require.
fn trusted_services(account: &Account) -> Check {
    const NAME: &str = "trusted services";
    let bypass = account
        .properties
        .network_acls
        .as_ref()
        .and_then(|rules| rules.bypass.as_deref());
    let passes = bypass.is_none_or(|all| {
        all.split(',')
            .any(|own| own.trim().eq_ignore_ascii_case("AzureServices"))
    });
    if !is_closed(account) || passes {
        return Check::ok(LINK, NAME, "the vault can reach the account");
    }
    let says = "the account's network rules exclude trusted Azure services, which the copy to the vault tier requires";
    let hint = fix![
        "ask the account's owner to allow trusted services: ",
        shell("az storage account update --resource-group RESOURCE-GROUP --name NAME --bypass AzureServices")
    ];
    Check::error(LINK, NAME, says, hint)
        .because(format!(
            "properties.networkAcls.bypass = {}",
            bypass.unwrap_or_default()
        ))
        .proves("JOB-TIER-FIREWALL")
}

/// Whether not everybody may come in.
fn is_closed(account: &Account) -> bool {
    let own = &account.properties;
    let access = own.public_network_access.as_deref().unwrap_or("Enabled");
    let action = own
        .network_acls
        .as_ref()
        .and_then(|rules| rules.default_action.as_deref());
    !access.eq_ignore_ascii_case("Enabled") || action.is_some_and(|action| action.eq_ignore_ascii_case("Deny"))
}

fn connections(account: &Account) -> &[EndpointConnection] {
    account
        .properties
        .private_endpoint_connections
        .as_deref()
        .unwrap_or_default()
}

fn is_approved(own: &EndpointConnection) -> bool {
    own.status().eq_ignore_ascii_case("Approved")
}

fn rules(view: &View, account: &Account) -> Check {
    let own = &account.properties;
    let access = own.public_network_access.as_deref().unwrap_or("Enabled");
    let acls = own.network_acls.as_ref();
    let action = acls
        .and_then(|rules| rules.default_action.as_deref())
        .unwrap_or("Allow");
    let facts = format!(
        "properties.publicNetworkAccess = {access}, properties.networkAcls.defaultAction = {action}, \
         {} private endpoints",
        connections(account).len()
    );
    let told = |check: Check| check.because(facts.clone());
    if !is_closed(account) {
        return told(Check::ok(LINK, NAME, "all networks are allowed"));
    }
    if connections(account).iter().any(is_approved) {
        return told(Check::ok(LINK, NAME, "only the private endpoint is allowed"));
    }
    let public = access.eq_ignore_ascii_case("Enabled");
    let subnets = view.cluster.here().map(Cluster::subnets).unwrap_or_default();
    let admitted = acls
        .map(|rules| rules.virtual_network_rules.as_slice())
        .unwrap_or_default();
    let admits = |subnet: &String| admitted.iter().any(|rule| same(&rule.id, subnet));
    if public && !subnets.is_empty() && subnets.iter().all(admits) {
        return told(Check::ok(LINK, NAME, "the nodes' subnets are allowed"));
    }
    let by_address = acls.is_some_and(|rules| !rules.ip_rules.is_empty());
    if public && (by_address || subnets.is_empty() && !admitted.is_empty()) {
        let says = "some addresses or subnets are allowed; whether they include the nodes can't be checked in Azure";
        return told(Check::unknown(LINK, NAME, says))
            .hinted(fix!["to check from inside the cluster, run: ", kubectl("verify")]);
    }
    if !connections(account).is_empty() {
        return told(waiting(connections(account)));
    }
    let says = "the account's network rules block the cluster's nodes: no rule and no approved private endpoint \
        allows them";
    let hint = "create a private endpoint in the cluster's virtual network with its private DNS zone, or add a rule \
        for the nodes' subnet: az storage account network-rule add --account-name NAME --subnet ID";
    told(Check::error(LINK, NAME, says, hint).proves("STO-FIREWALL"))
}

/// Endpoints that wait for somebody, while there is no other way in.
fn waiting(all: &[EndpointConnection]) -> Check {
    let waiting: Vec<String> = all
        .iter()
        .map(|own| format!("{} is {}", own.name, own.status()))
        .collect();
    let hint = fix![
        "ask the owner of the storage account to approve the private endpoint: ",
        shell("az network private-endpoint-connection approve --id ID")
    ];
    let says = format!("the account's private endpoint isn't approved: {}", waiting.join("; "));
    let check = Check::error(LINK, NAME, says, hint).proves("STO-PE-PENDING");
    waiting.into_iter().fold(check, |check, own| {
        check.because(format!("properties.privateEndpointConnections[]: {own}"))
    })
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::chain::check::Verdict;
    use serde_json::{Value, json};

    use super::*;
    use crate::arm::clusters::tests::cluster;
    use crate::checks::account::tests::account;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::{failures, view};

    const SUBNET: &str =
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/v/subnets/Nodes";

    fn seen(change: impl FnOnce(&mut Value)) -> View {
        let mut view = view();
        view.account = Seen::Here(account(|body| change(&mut body["properties"])));
        view.cluster = Seen::Here(cluster(|body| {
            body["properties"]["agentPoolProfiles"][0]["vnetSubnetID"] = json!(SUBNET);
        }));
        view
    }

    fn endpoint(status: &str) -> Value {
        json!([{ "name": "pe", "properties": { "privateLinkServiceConnectionState": { "status": status } } }])
    }

    #[test]
    fn a_closed_account_is_an_error_unless_the_nodes_get_through() {
        let closed = |more: Value| {
            seen(|own| {
                own["networkAcls"] = json!({ "defaultAction": "Deny" });
                for (key, value) in more.as_object().into_iter().flatten() {
                    own[key] = value.clone();
                }
            })
        };
        assert_eq!(failures(&checks(&closed(json!({})))), ["STO-FIREWALL"]);
        assert_eq!(
            failures(&checks(&closed(
                json!({ "privateEndpointConnections": endpoint("Approved") })
            ))),
            Vec::<String>::new()
        );
        let rules = json!({ "networkAcls": { "defaultAction": "Deny", "virtualNetworkRules": [{ "id": SUBNET.to_uppercase() }] } });
        assert_eq!(failures(&checks(&closed(rules))), Vec::<String>::new());
        assert_eq!(
            failures(&checks(&closed(
                json!({ "privateEndpointConnections": endpoint("Pending") })
            ))),
            ["STO-PE-PENDING"]
        );
        let disabled = seen(|own| own["publicNetworkAccess"] = json!("Disabled"));
        assert_eq!(failures(&checks(&disabled)), ["STO-FIREWALL"]);
    }

    #[test]
    fn copies_to_the_vault_tier_need_trusted_services() {
        let told = |bypass: &str, tier: bool| {
            let mut view = seen(|own| {
                let rules = json!({ "defaultAction": "Deny", "bypass": bypass });
                (own["networkAcls"], own["privateEndpointConnections"]) = (rules, endpoint("Approved"));
            });
            let copies = json!([{ "dataStore": { "dataStoreType": "VaultStore" } }]);
            let lifecycle = json!({ "sourceDataStore": {}, "targetDataStoreCopySettings": copies });
            let rule = json!({ "objectType": "AzureRetentionRule", "lifecycles": [lifecycle] });
            view.policy = Seen::Here(json!({ "policyRules": if tier { json!([rule]) } else { json!([]) } }));
            failures(&checks(&view))
        };
        assert_eq!(told("Logging", true), ["JOB-TIER-FIREWALL"]);
        assert!(told("Logging, AzureServices", true).is_empty() && told("None", false).is_empty());
    }

    #[test]
    fn addresses_that_are_let_in_may_be_those_of_the_cluster() {
        let view =
            seen(|own| own["networkAcls"] = json!({ "defaultAction": "Deny", "ipRules": [{ "value": "1.2.3.4" }] }));
        assert_eq!(checks(&view)[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn an_endpoint_that_waits_does_no_harm_to_an_open_account() {
        let view = seen(|own| own["privateEndpointConnections"] = endpoint("Pending"));
        assert_eq!(failures(&checks(&view)), Vec::<String>::new());
    }
}
