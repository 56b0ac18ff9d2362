//! The storage account and its container, as the control plane has them.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::az;
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;

use crate::arm::clusters::Cluster;
use crate::arm::region;
use crate::arm::storage::Account;
use crate::checks::account;
use crate::checks::creation_settings;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::Storage;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let own = match existence(view) {
        Ok(account) => account,
        Err(check) => return vec![*check],
    };
    let mut all = usable(view, own);
    all.extend(
        view.target()
            .and_then(|target| creation_settings::of_account(target, own))
            .map(|own| own.check(LINK)),
    );
    all.extend([container(view), other_clusters(view), immutability(view)]);
    all
}

/// What has to hold of an account that exists.
pub(crate) fn usable(view: &View, account: &Account) -> Vec<Check> {
    vec![
        state(view, account),
        kind(account),
        region_of(view, account),
        subscription(view),
    ]
}

fn existence(view: &View) -> Result<&Account, Box<Check>> {
    const NAME: &str = "storage account";
    if let Some(check) = view.account.unread(LINK, NAME, "the storage account") {
        return Err(Box::new(check));
    }
    view.account.here().ok_or_else(|| {
        let name = view
            .places
            .account
            .as_ref()
            .map(|id| id.name().to_owned())
            .unwrap_or_default();
        let group = view.places.account.as_ref().map(|id| id.resource_group().to_string());
        if let Some(check) = vanished(view, NAME, false) {
            return Box::new(check);
        }
        let says = format!(
            "storage account {name} doesn't exist in resource group {}",
            group.unwrap_or_default()
        );
        Box::new(Check::error(LINK, NAME, says, az("prepare")).proves("ARM-NOT-FOUND"))
    })
}

/// What existed by the state file or the extension, and is gone: to be recovered, not to be created again.
fn vanished(view: &View, name: &str, account: bool) -> Option<Check> {
    let extensions = view.extensions.here().map_or(&[][..], Vec::as_slice);
    let gone = account::vanished(&view.state, view.target()?, extensions, (account, false))?;
    Some(Check::error(LINK, name, gone.says, gone.hint).proves("STO-VANISHED"))
}

fn state(view: &View, account: &Account) -> Check {
    const NAME: &str = "storage account";
    let own = &account.properties;
    let status = own.status_of_primary.as_deref().unwrap_or("available");
    let state = own.provisioning_state.as_deref().unwrap_or("Succeeded");
    let facts = format!("properties.statusOfPrimary = {status}, properties.provisioningState = {state}");
    let name = view.places.account.as_ref().map(|id| id.name()).unwrap_or_default();
    if !status.eq_ignore_ascii_case("available") {
        let says = format!("storage account {name} is {status}");
        let hint = "check the subscription's state and Azure Service Health in the Azure portal";
        return Check::error(LINK, NAME, says, hint)
            .because(facts)
            .proves("STO-ACCOUNT-DISABLED");
    }
    match state {
        "Succeeded" => Check::ok(LINK, NAME, format!("{name} is {status}")),
        "Failed" => Check::error(
            LINK,
            NAME,
            format!("storage account {name} is in state Failed"),
            account::another(),
        ),
        _ => Check::warning(
            LINK,
            NAME,
            format!("storage account {name} is {state}"),
            "run this command again in a minute",
        ),
    }
    .because(facts)
}

fn kind(account: &Account) -> Check {
    const NAME: &str = "kind of account";
    let kind = account.kind.as_deref().unwrap_or_default();
    let sku = account.sku.as_ref().map(|sku| sku.name.as_str()).unwrap_or_default();
    let fact = format!("kind = {kind}, sku.name = {sku}");
    match kind.eq_ignore_ascii_case("StorageV2") && !sku.to_ascii_lowercase().starts_with("premium") {
        true => Check::ok(LINK, NAME, format!("{kind} with SKU {sku}")),
        false => {
            let says =
                format!("the account is {kind} with SKU {sku}; Azure Backup requires StorageV2 with a standard SKU");
            Check::error(LINK, NAME, says, account::another()).proves("STO-WRONG-KIND")
        }
    }
    .because(fact)
}

fn region_of(view: &View, account: &Account) -> Check {
    const NAME: &str = "region";
    let fact = format!("location = {}", account.location);
    match view.cluster.here().and_then(Cluster::region) {
        None => Check::unknown(
            LINK,
            NAME,
            format!(
                "the account is in {}; the cluster's region is unknown",
                account.location
            ),
        ),
        Some(own) if region::is(&account.location, &own) => Check::ok(LINK, NAME, "same as the cluster"),
        Some(own) => {
            let says = format!("the account is in {}, but the cluster is in {own}", account.location);
            Check::error(LINK, NAME, says, account::another()).proves("CLU-REGION-MISMATCH")
        }
    }
    .because(fact)
}

fn subscription(view: &View) -> Check {
    const NAME: &str = "subscription";
    let own = view
        .places
        .account
        .as_ref()
        .map(|id| id.subscription().to_string())
        .unwrap_or_default();
    let cluster = view.id.subscription();
    match own.eq_ignore_ascii_case(cluster.as_str()) {
        true => Check::ok(LINK, NAME, "same as the cluster"),
        false => {
            let says = format!("the account is in subscription {own}, but the cluster is in {cluster}");
            Check::error(LINK, NAME, says, account::another()).proves("STO-WRONG-SUB")
        }
    }
}

fn container(view: &View) -> Check {
    const NAME: &str = "container";
    if let Some(check) = view.container.unread(LINK, NAME, "the container") {
        return check;
    }
    let name = view
        .places
        .container
        .as_ref()
        .map(|id| id.name().to_owned())
        .unwrap_or_default();
    match &view.container {
        Seen::Here(own) if own.properties.deleted == Some(true) => {
            let hint = fix![
                "restore the container in the Azure portal, or choose another: ",
                az("init --container NAME")
            ];
            Check::error(LINK, NAME, format!("container {name} was deleted"), hint)
                .because("properties.deleted = true")
                .proves("STO-CONTAINER-DELETING")
        }
        Seen::Here(_) => Check::ok(LINK, NAME, format!("{name} exists")),
        Seen::Absent | Seen::Hidden(_) | Seen::Unasked => {
            if let Some(check) = vanished(view, NAME, true) {
                return check;
            }
            Check::error(LINK, NAME, format!("container {name} doesn't exist"), az("prepare"))
                .because("HTTP 404 for the container")
                .proves("STO-CONTAINER-MISSING")
        }
    }
}

/// Resource Graph lags behind by minutes and knows only what the signed-in account can read: another cluster in the container is a fact,
/// none is the best that can be known. Where it can't be queried, nothing is known, which is no finding of the cluster.
fn other_clusters(view: &View) -> Check {
    const NAME: &str = "other clusters";
    let name = view.places.container.as_ref().map(|id| id.name()).unwrap_or_default();
    let unread = |why: &str| {
        Check::unknown(
            LINK,
            NAME,
            format!("cannot check which clusters use container {name}: {why}"),
        )
    };
    let own = match &view.container_clusters {
        Seen::Here(own) => own,
        Seen::Hidden(failure) => return unread(failure.why.first().unwrap_or(&failure.what)),
        Seen::Absent | Seen::Unasked => return unread("its location is unknown"),
    };
    let others: Vec<String> = own.others(&view.id).map(ResourceId::with_group).collect();
    match (others.is_empty(), own.is_partial) {
        (true, true) => unread("the response of Azure Resource Graph is incomplete"),
        (true, false) => Check::ok(LINK, NAME, format!("none is known to use container {name}")),
        (false, _) => shared(name, &others),
    }
}

fn shared(container: &str, others: &[String]) -> Check {
    let says = match others {
        [one] => format!("cluster {one} stores backups in container {container}, too"),
        all => format!(
            "clusters {} store backups in container {container}, too",
            all.join(", ")
        ),
    };
    let hint = "use a separate container for each cluster. The container of an installed extension can't be changed, so decide with the \
                teams of these clusters which of them moves to another container";
    Check::warning(LINK, "other clusters", says, hint)
        .because("configurationSettings of the extensions, by Azure Resource Graph")
        .proves("STO-CONTAINER-SHARED")
}

fn immutability(view: &View) -> Check {
    const NAME: &str = "immutability";
    let Some(own) = view.container.here().map(|own| &own.properties) else {
        return Check::unknown(LINK, NAME, "the container couldn't be read");
    };
    let (policy, hold) = (
        own.has_immutability_policy == Some(true),
        own.has_legal_hold == Some(true),
    );
    let facts = format!("properties.hasImmutabilityPolicy = {policy}, properties.hasLegalHold = {hold}");
    match policy || hold {
        false => Check::ok(LINK, NAME, "blobs can be changed and deleted"),
        true => {
            let says = "blobs in the container are immutable, so backups can't be overwritten or deleted";
            let hint = fix![
                "choose a container without an immutability policy: ",
                az("init --container NAME"),
                "; the vault protects backups instead"
            ];
            Check::error(LINK, NAME, says, hint).proves("STO-IMMUTABLE")
        }
    }
    .because(facts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use aksbackup_shared::chain::check::Verdict;

    use super::*;
    use crate::arm::container_clusters::ContainerClusters;
    use crate::checks::account::tests::account;
    use crate::checks::view::tests::{failures, found, view};

    #[test]
    fn each_fault_of_the_account_proves_its_failure() {
        type Case = (fn(&mut serde_json::Value), &'static str);
        let cases: [Case; 4] = [
            (|own| own["kind"] = json!("BlobStorage"), "STO-WRONG-KIND"),
            (|own| own["sku"]["name"] = json!("Premium_LRS"), "STO-WRONG-KIND"),
            (|own| own["location"] = json!("North Europe"), "CLU-REGION-MISMATCH"),
            (
                |own| own["properties"]["statusOfPrimary"] = json!("unavailable"),
                "STO-ACCOUNT-DISABLED",
            ),
        ];
        for (change, id) in cases {
            let mut view = view();
            view.account = Seen::Here(account(change));
            assert_eq!(failures(&checks(&view)), [id]);
        }
    }

    #[test]
    fn a_container_that_is_missing_deleted_or_immutable_is_told() {
        let mut view = view();
        view.container = Seen::Absent;
        assert_eq!(
            failures(&checks(&view)),
            ["STO-VANISHED"],
            "the extension stores backups in it"
        );
        view.extensions = Seen::Here(Vec::new());
        assert_eq!(failures(&checks(&view)), ["STO-CONTAINER-MISSING"]);
        view.container = found(json!({ "properties": { "hasLegalHold": true } }));
        assert_eq!(failures(&checks(&view)), ["STO-IMMUTABLE"]);
        view.container = found(json!({ "properties": { "deleted": true } }));
        assert_eq!(failures(&checks(&view)), ["STO-CONTAINER-DELETING"]);
    }

    /// Fails before: the other clusters of a container weren't checked.
    #[test]
    fn another_cluster_in_the_container_is_told_and_what_is_unknown_is_not_green() {
        let mut view = view();
        let other: ResourceId = format!("{}-other", view.id).parse().unwrap();
        view.container_clusters = Seen::Here(ContainerClusters {
            clusters: vec![view.id.clone()],
            is_partial: false,
        });
        assert!(failures(&checks(&view)).is_empty());
        let told = |view: &View| {
            checks(view)
                .into_iter()
                .find(|own| own.check == "other clusters")
                .unwrap()
        };
        assert_eq!(told(&view).verdict, Verdict::Ok);
        view.container_clusters = Seen::Here(ContainerClusters {
            clusters: vec![view.id.clone()],
            is_partial: true,
        });
        assert_eq!(told(&view).verdict, Verdict::Unknown);
        view.container_clusters = Seen::Hidden(aksbackup_shared::failure::Failure::failed("no answer").into());
        assert_eq!(told(&view).verdict, Verdict::Unknown);
        view.container_clusters = Seen::Here(ContainerClusters {
            clusters: vec![other],
            is_partial: true,
        });
        assert_eq!(failures(&checks(&view)), ["STO-CONTAINER-SHARED"]);
        assert!(
            told(&view)
                .says
                .starts_with(&format!("cluster {}-other stores backups", view.id.with_group())),
            "{:?}",
            told(&view)
        );
    }

    #[test]
    fn an_account_of_another_subscription_is_told() {
        let mut view = view();
        let id = view.places.account.clone().unwrap();
        let other = id
            .as_str()
            .replace(id.subscription().as_str(), "5d2e9f0a-7c3b-4e61-8a55-0f4c1b7e9d22");
        view.places.account = Some(other.parse().unwrap());
        assert_eq!(failures(&checks(&view)), ["STO-WRONG-SUB"]);
    }
}
