//! The extension and its settings.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;

use crate::arm::extensions::{self, Extension};
use crate::arm::storage::Account;
use crate::checks::extension_drift;
use crate::checks::extension_settings::{self, ACCOUNT, BUCKET, Stored, TENANT, USE_AAD};
use crate::checks::reinstallation::decision;
use crate::checks::sole_extension::sole;
use crate::checks::view::View;

const LINK: Link = Link::Extension;

/// The names that the Azure CLI takes and translates; on the wire nobody reads them.
const SHORT: [&str; 4] = [
    "blobContainer",
    "storageAccount",
    "storageAccountResourceGroup",
    "storageAccountSubscriptionId",
];

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    const NAME: &str = "extension";
    if let Some(check) = view.extensions.unread(LINK, NAME, "the extensions of the cluster") {
        return vec![check];
    }
    let Some(own) = view.extension() else {
        let says = format!("cluster {} has no Azure Backup extension", view.id.with_group());
        return vec![Check::error(LINK, NAME, says, az("prepare")).proves("EXT-MISSING")];
    };
    vec![
        place(view),
        state(view, own),
        names(own),
        storage(view, own),
        keyless(view, own),
        tenant(view, own),
    ]
    .into_iter()
    .chain(settings(view, own))
    .collect()
}

/// The checks of an extension that was there before anything was set up: those in which `prepare` stops.
pub(crate) fn already_there(view: &View) -> Vec<Check> {
    const NAME: &str = "extension";
    if let Some(check) = view.extensions.unread(LINK, NAME, "the extensions of the cluster") {
        return vec![check];
    }
    match view.extension() {
        Some(own) => vec![place(view), state(view, own), storage(view, own)],
        None => vec![Check::ok(LINK, NAME, "not installed yet (prepare installs it)")],
    }
}

/// The id of the extension.
pub(crate) fn id(view: &View, own: &Extension) -> ResourceId {
    extensions::extension_id(&view.id, &own.name)
}

/// Whether it is the only one, and where Azure Backup expects it.
fn place(view: &View) -> Check {
    const NAME: &str = "number and namespace of extensions";
    match sole(&view.id, view.extensions.here().map_or(&[], Vec::as_slice)) {
        Ok(own) => {
            // What Azure doesn't report isn't claimed.
            let namespace = own.and_then(Extension::namespace);
            let place = namespace.map(|own| format!(", in namespace {own}")).unwrap_or_default();
            Check::ok(LINK, NAME, format!("one Azure Backup extension{place}"))
        }
        Err(failure) => {
            let hint = failure.hints.into_iter().next().unwrap_or_default();
            let check = Check::error(LINK, NAME, failure.what, hint);
            failure.why.into_iter().fold(check, Check::because)
        }
    }
}

fn state(view: &View, own: &Extension) -> Check {
    const NAME: &str = "extension";
    let (name, state) = (&own.name, own.provisioning_state());
    let fact = format!("properties.provisioningState = {state}");
    if own.is_installed() {
        let version = own.properties.current_version.as_deref().unwrap_or("unknown");
        let other = view
            .target()
            .and_then(|target| extension_drift::other_name(&target.extension, own));
        let other = other.map(|own| format!("; {own}")).unwrap_or_default();
        return Check::ok(LINK, NAME, format!("{name} is installed, version {version}{other}")).because(fact);
    }
    if own.has_failed() {
        let said = own.complaints();
        let first = said.first().map_or("Azure reports no reason", String::as_str);
        let says = format!("extension {name} is {state}: {first}");
        let hint = fix![
            "find the cause: ",
            az("doctor"),
            "; then run: ",
            az("prepare"),
            "; if Azure rejects that, ",
            decision(&id(view, own))
        ];
        let check = Check::error(LINK, NAME, says, hint).because(fact).proves("EXT-FAILED");
        return said.into_iter().fold(check, |check, text| {
            check.because(format!("properties.statuses[].message: {text}"))
        });
    }
    let says = format!("extension {name} is {state}: an operation is in progress");
    Check::warning(LINK, NAME, says, fix!["wait for the operation: ", az("prepare")])
        .because(fact)
        .proves("EXT-HELM-BUSY")
}

/// Whether the extension has the settings of the target. Without a target, none are asked for.
fn settings(view: &View, own: &Extension) -> Option<Check> {
    const NAME: &str = "settings of the extension";
    let target = &view.target()?.extension;
    if let Err(failure) = extension_drift::coherent(target, Some(own)) {
        let check = Check::error(LINK, NAME, failure.what, Fix::joined(failure.hints));
        return Some(failure.why.into_iter().fold(check, Check::because));
    }
    let all = extension_drift::differences(target, own);
    if all.is_empty() {
        return Some(Check::ok(LINK, NAME, "match the target"));
    }
    let says: Vec<String> = all.iter().map(ToString::to_string).collect();
    let fix = fix![
        "to change the extension to match the target: ",
        az("prepare"),
        "; to keep the settings in Azure: ",
        extension_drift::adopting(&all, own)
    ];
    Some(Check::error(LINK, NAME, says.join("; "), fix))
}

/// Whether the settings have the names that the chart reads.
fn names(own: &Extension) -> Check {
    const NAME: &str = "names of settings";
    let unmapped: Vec<&str> = SHORT.into_iter().filter(|key| !own.setting(key).is_empty()).collect();
    let missing: Vec<&str> = [BUCKET, ACCOUNT]
        .into_iter()
        .filter(|key| own.setting(key).is_empty())
        .collect();
    if missing.is_empty() {
        return Check::ok(
            LINK,
            NAME,
            "container and account are set with the names that the chart uses",
        );
    }
    let says = format!("the chart reads {}, which isn't set", missing.join(" and "));
    let check = Check::error(LINK, NAME, says, fix![az("prepare"), ", which sets the full names"]);
    let check = missing.iter().fold(check, |check, key| {
        check.because(format!("configurationSettings[{key}] is not set"))
    });
    let check = unmapped.iter().fold(check, |check, key| {
        check.because(format!("configurationSettings[{key}] is set"))
    });
    check.proves("EXT-CONFIG-UNMAPPED")
}

/// Whether backups go where the target says.
fn storage(view: &View, own: &Extension) -> Check {
    const NAME: &str = "storage of the extension";
    let (container, account) = (own.setting(BUCKET), own.setting(ACCOUNT));
    let facts = format!("configurationSettings: container {container}, account {account}");
    let Some(target) = view.target() else {
        return Check::ok(LINK, NAME, format!("container {container} in account {account}")).because(facts);
    };
    let unset = container.is_empty() || account.is_empty();
    match extension_settings::stored(target, own) {
        Stored::There => Check::ok(LINK, NAME, "matches the target").because(facts),
        // What is not set at all is another check's.
        Stored::Nowhere => {
            Check::unknown(LINK, NAME, "the extension's settings have no container and account").because(facts)
        }
        Stored::Elsewhere(_) if unset => {
            Check::unknown(LINK, NAME, "the extension's settings have no container and account").because(facts)
        }
        Stored::Elsewhere(failure) => {
            let says = failure.why.into_iter().next().unwrap_or(failure.what);
            let hint = fix![
                "to keep the extension's settings, run: ",
                az(format!("init --storage-account {account} --container {container}")),
                "; to use the state file's settings (existing backups stay in the old container, and this extension \
                 can't restore them), ",
                decision(&id(view, own))
            ];
            Check::error(LINK, NAME, says, hint)
                .because(facts)
                .proves("STO-WRONG-TARGET")
        }
    }
}

/// Whether the extension asks for tokens and not for keys.
fn keyless(view: &View, own: &Extension) -> Check {
    const NAME: &str = "keyless";
    let value = own.setting(USE_AAD);
    let fact = format!("configurationSettings[{USE_AAD}] = {value:?}");
    if value.is_empty() && [BUCKET, ACCOUNT].iter().any(|key| own.setting(key).is_empty()) {
        // Settings under other names are another check's.
        return Check::unknown(LINK, NAME, "the settings don't have the names that the chart uses").because(fact);
    }
    if ["true", "t", "1"].iter().any(|yes| value.eq_ignore_ascii_case(yes)) {
        return Check::ok(LINK, NAME, "the extension uses tokens").because(fact);
    }
    if !value.is_empty() && !["false", "f", "0"].iter().any(|no| value.eq_ignore_ascii_case(no)) {
        let says = format!("useAAD is {value:?}, which is neither true nor false");
        return Check::error(LINK, NAME, says, az("prepare"))
            .because(fact)
            .proves("EXT-USEAAD-BAD");
    }
    let keys = view.account.here().map(takes_keys);
    let says = match keys {
        Some(false) => "the extension uses account keys, which the account doesn't allow",
        Some(true) | None => "the extension uses account keys instead of tokens",
    };
    let check = Check::error(LINK, NAME, says, az("prepare")).because(fact);
    match keys {
        Some(false) => check
            .because("properties.allowSharedKeyAccess = false")
            .proves("STO-KEYS-OFF"),
        Some(true) | None => check.proves("STO-LISTKEYS-DENIED"),
    }
}

fn takes_keys(account: &Account) -> bool {
    account.properties.allow_shared_key_access != Some(false)
}

fn tenant(view: &View, own: &Extension) -> Check {
    const NAME: &str = "tenant of the extension";
    let value = own.setting(TENANT);
    let wanted = match view.subscription.here().and_then(|own| own.tenant_id.clone()) {
        Some(tenant) => tenant,
        None => view.caller.tenant.to_string(),
    };
    let fact = format!("configurationSettings[{TENANT}] = {value:?}");
    match value.is_empty() || value.eq_ignore_ascii_case(&wanted) {
        true => Check::ok(LINK, NAME, "the subscription's tenant"),
        false => {
            let says = format!("the extension signs in to tenant {value}, but the subscription is in tenant {wanted}");
            Check::error(LINK, NAME, says, az("prepare")).proves("WI-TENANT")
        }
    }
    .because(fact)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::{extension, failures, view};

    fn told(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut view = view();
        view.extensions = Seen::Here(vec![extension(change)]);
        failures(&checks(&view))
    }

    #[test]
    fn each_fault_of_the_extension_proves_its_failure() {
        let mut none = view();
        none.extensions = Seen::Here(vec![]);
        assert_eq!(failures(&checks(&none)), ["EXT-MISSING"]);
        assert_eq!(told(|own| own["provisioningState"] = json!("Failed")), ["EXT-FAILED"]);
        assert_eq!(
            told(|own| own["provisioningState"] = json!("Updating")),
            ["EXT-HELM-BUSY"]
        );
        let set = |key: &'static str, value: &'static str| {
            move |own: &mut Value| own["configurationSettings"][key] = json!(value)
        };
        assert_eq!(told(set(BUCKET, "other")), ["STO-WRONG-TARGET"]);
        assert_eq!(told(set(USE_AAD, "false")), ["STO-KEYS-OFF"]);
        assert_eq!(told(set(USE_AAD, "yes please")), ["EXT-USEAAD-BAD"]);
        assert_eq!(told(set(TENANT, "72d0c9b4-1f55-4a0e-9d3b-8f0e5b6c7a11")), ["WI-TENANT"]);
        let short = json!({ "blobContainer": "aks", "storageAccount": "stbackup", "useAAD": "true" });
        assert_eq!(
            told(|own| own["configurationSettings"] = short),
            ["EXT-CONFIG-UNMAPPED"]
        );
    }

    #[test]
    fn a_second_one_and_one_in_another_namespace_are_errors() {
        let mut view = view();
        view.extensions = Seen::Here(vec![extension(|_| ()), extension(|_| ())]);
        assert!(checks(&view)[0].says.contains("has 2 Azure Backup extensions"));
        view.extensions = Seen::Here(vec![extension(|own| {
            own["scope"] = json!({ "cluster": { "releaseNamespace": "velero" } });
        })]);
        let check = &checks(&view)[0];
        assert!(check.evidence[0].contains("namespace velero"), "{check:?}");
    }

    #[test]
    fn keys_that_the_account_takes_are_another_failure() {
        let mut view = view();
        view.extensions = Seen::Here(vec![extension(|own| {
            own["configurationSettings"][USE_AAD] = json!(null);
        })]);
        view.account = Seen::Here(crate::checks::account::tests::account(|own| {
            own["properties"]["allowSharedKeyAccess"] = json!(true);
        }));
        assert_eq!(failures(&checks(&view)), ["STO-LISTKEYS-DENIED"]);
    }

    #[test]
    fn the_words_of_a_failed_one_are_kept() {
        let mut view = view();
        view.extensions = Seen::Here(vec![extension(|own| {
            own["provisioningState"] = json!("Failed");
            own["statuses"] = json!([{ "level": "Error", "message": "timed out waiting for the condition" }]);
        })]);
        let check = &checks(&view)[1];
        assert!(check.says.contains("timed out"), "{check:?}");
        assert!(
            check.evidence.iter().any(|fact| fact.contains("statuses[].message")),
            "{check:?}"
        );
    }
}
