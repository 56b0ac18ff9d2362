//! The backup instance: whether the cluster is protected, by which vault, and as the target says.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::fix;

use crate::arm::backups::Instance;
use crate::checks::creation_settings;
use crate::checks::drift;
use crate::checks::protection::{self, Protection};
use crate::checks::refused_validation::is_too_young;
use crate::checks::roles;
use crate::checks::view::{Seen, View};

const LINK: Link = Link::BackupInstance;

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    const NAME: &str = "backup instance";
    if let Some(check) = view.instances.unread(LINK, NAME, "the backup instances of the cluster") {
        return vec![check];
    }
    let all = view.instances.here().map(Vec::as_slice).unwrap_or_default();
    let own = view.instance().filter(|own| own.vault() == view.places.vault);
    match (own, all.first()) {
        (Some(own), _) => [
            vec![protection(own), source(own)],
            as_wanted(view, own),
            young(view, own),
        ]
        .concat(),
        (None, Some(other)) => vec![elsewhere(view, other)],
        (None, None) => vec![absent(view)],
    }
}

/// Another vault protects the cluster.
pub(crate) fn elsewhere(view: &View, other: &Instance) -> Check {
    const NAME: &str = "backup instance";
    let says = match other.vault() {
        Some(vault) => format!(
            "vault {} in resource group {} protects the cluster",
            vault.name(),
            vault.resource_group()
        ),
        None => "another vault protects the cluster".to_owned(),
    };
    let hint = match view.target() {
        Some(target) => protection::elsewhere(target, other).hints.remove(0),
        None => az("init --vault NAME").into(),
    };
    Check::error(
        LINK,
        NAME,
        format!("{says}; only one vault can protect a cluster"),
        hint,
    )
    .because(format!("id = {}", other.id))
    .proves("VLT-BI-EXISTS")
}

fn absent(view: &View) -> Check {
    const NAME: &str = "backup instance";
    match view.deleted.here().and_then(|all| all.first()) {
        Some(deleted) => {
            let says = format!(
                "backup instance {} is soft-deleted; the vault still retains it",
                deleted.id.name()
            );
            Check::error(LINK, NAME, says, protection::paused(deleted).hints.remove(0))
                .because(format!("properties.currentProtectionState = {}", deleted.protection()))
                .proves("VLT-BI-SOFTDELETED")
        }
        None => Check::error(LINK, NAME, "the cluster isn't protected yet", az("protect"))
            .because("no backup instance refers to the cluster"),
    }
}

pub(crate) fn protection(own: &Instance) -> Check {
    const NAME: &str = "backup instance";
    let (name, state) = (own.id.name(), own.protection());
    let check = match protection::of(own) {
        Protection::Configured => Check::ok(LINK, NAME, format!("{name} is {state}")),
        Protection::Changing => Check::warning(
            LINK,
            NAME,
            format!("backup instance {name} is {state}"),
            fix!["wait for the operation: ", az("protect")],
        ),
        Protection::Unknown => {
            let says = format!(
                "backup instance {name} is in state {state}, which this version of aksbackup doesn't \
                    recognize"
            );
            Check::warning(
                LINK,
                NAME,
                says,
                fix!["to see the backup instance's state in Azure: ", protection::shown(own)],
            )
        }
        Protection::Paused => {
            let hint = protection::paused(own).hints.remove(0);
            let check = Check::error(LINK, NAME, format!("backup instance {name} is {state}"), hint);
            match state.starts_with("SoftDelet") {
                true => check.proves("VLT-BI-SOFTDELETED"),
                false => check,
            }
        }
        Protection::Broken => {
            let says = format!("backup instance {name} is in state {state}. {}", protection::said(own));
            Check::error(
                LINK,
                NAME,
                says,
                fix![
                    "to see the cause: ",
                    az("doctor"),
                    "; fix the cause, then run: ",
                    az("protect")
                ],
            )
            .proves("VLT-BI-ERROR")
        }
    };
    let check = check.because(format!("properties.currentProtectionState = {state}"));
    let errors = own.errors();
    errors.iter().fold(check, |check, error| {
        check.because(format!("properties.protectionErrorDetails.code = {}", error.code))
    })
}

fn source(own: &Instance) -> Check {
    const NAME: &str = "data source set";
    match own.has_data_source_set() {
        true => Check::ok(LINK, NAME, "set"),
        false => {
            let says = "the backup instance was created without dataSourceSetInfo, so its protection doesn't work";
            Check::error(LINK, NAME, says, az("protect"))
                .because("properties.dataSourceSetInfo = null")
                .proves("VLT-DATASET-INFO")
        }
    }
}

/// What is backed up, against the target.
fn as_wanted(view: &View, own: &Instance) -> Vec<Check> {
    const NAME: &str = "what is backed up";
    let Some(target) = view.target() else { return Vec::new() };
    let all = drift::of_instance(target, own);
    let immutable = view.vault.here().and_then(|own| own.immutability()) == Some("Locked");
    let (check, missing) = match (all.is_empty(), drift::unreported(own)) {
        (true, missing) if missing.is_empty() => (
            Check::ok(
                LINK,
                NAME,
                "policy, namespaces, volumes, and cluster-scoped resources match the target",
            ),
            missing,
        ),
        (true, missing) => (
            Check::unknown(LINK, NAME, format!("Azure doesn't report {}", missing.join(", "))),
            missing,
        ),
        (false, missing) => {
            let says = all.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            let hint = Fix::joined(drift::hints(&all));
            let id = if immutable { "VLT-IMMUTABLE" } else { "VLT-NO-EDIT" };
            (Check::error(LINK, NAME, says, hint).proves(id), missing)
        }
    };
    let facts = missing.iter().map(|what| format!("{what}: not reported"));
    let check = facts.fold(check, Check::because);
    let check = check.because(format!(
        "properties.policyInfo.policyId = {}",
        own.properties.policy_info.policy_id
    ));
    let kept = creation_settings::of_instance(target, own).map(|own| own.check(LINK));
    std::iter::once(check).chain(kept).collect()
}

/// Roles that may not be in force yet, where the instance complains of what they are for.
fn young(view: &View, own: &Instance) -> Vec<Check> {
    const NAME: &str = "age of role assignments";
    let complaint = own.errors().into_iter().find(|error| is_too_young(&error.code));
    let open = roles::checks(view).iter().any(|check| check.is_finding());
    let (Some(error), Some(since), false) = (complaint, roles::youngest(view), open) else {
        return Vec::new();
    };
    let minutes = view.now.duration_since(since).as_secs() / 60;
    if protection::of(own) != Protection::Broken || !(0..60).contains(&minutes) {
        return Vec::new();
    }
    let says = format!(
        "all roles are assigned, the last one {minutes} minutes ago; an assignment can take up to an hour to take \
         effect"
    );
    let hint = fix!["wait, then ", az("protect")];
    vec![
        Check::warning(LINK, NAME, says, hint)
            .because(format!("properties.createdOn = {since}"))
            .because(format!("properties.protectionErrorDetails.code = {}", error.code))
            .proves("RBAC-PROPAGATING"),
    ]
}

/// Whether the caller could still protect the cluster: nothing stands in the vault, or it is broken.
pub(crate) fn is_open(view: &View) -> bool {
    match &view.instances {
        Seen::Here(all) => match all.iter().find(|own| own.vault() == view.places.vault) {
            Some(own) => protection::of(own) == Protection::Broken,
            None => all.is_empty(),
        },
        Seen::Absent => true,
        Seen::Hidden(_) | Seen::Unasked => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::checks::protection::tests::instance;
    use crate::checks::view::tests::{failures, found, view};

    fn told(state: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut view = view();
        view.instances = Seen::Here(vec![instance(state, change)]);
        failures(&checks(&view))
    }

    #[test]
    fn each_state_of_the_instance_proves_its_failure() {
        assert_eq!(told("ProtectionConfigured", |_| ()), Vec::<String>::new());
        assert_eq!(told("ProtectionError", |_| ()), ["VLT-BI-ERROR"]);
        assert_eq!(told("SoftDeleted", |_| ()), ["VLT-BI-SOFTDELETED"]);
        let other = |body: &mut Value| body["properties"]["policyInfo"]["policyId"] = json!("/x/backupPolicies/other");
        assert_eq!(told("ProtectionConfigured", other), ["VLT-NO-EDIT"]);
        let mut view = view();
        view.instances = Seen::Here(vec![instance("ProtectionConfigured", |body| {
            body["properties"]["dataSourceSetInfo"] = Value::Null;
        })]);
        assert_eq!(failures(&checks(&view)), ["VLT-DATASET-INFO"]);
    }

    #[test]
    fn young_roles_are_the_cause_of_a_complaint_about_them() {
        let complains = |body: &mut Value| {
            body["properties"]["protectionErrorDetails"] =
                json!({ "code": "UserErrorBackupStorageLocationNotReady", "message": "x" });
        };
        assert_eq!(told("ProtectionError", complains), ["VLT-BI-ERROR", "RBAC-PROPAGATING"]);
    }

    #[test]
    fn an_instance_in_another_vault_or_one_that_was_deleted_is_told() {
        let mut view = view();
        let other = instance("ProtectionConfigured", |body| {
            body["id"] = json!(body["id"].as_str().unwrap().replace("bv-aks", "bv-other"));
        });
        view.instances = Seen::Here(vec![other.clone()]);
        assert_eq!(failures(&checks(&view)), ["VLT-BI-EXISTS"]);
        view.instances = Seen::Here(vec![]);
        assert!(failures(&checks(&view)).is_empty() && checks(&view)[0].is_finding());
        view.deleted = found(json!([]));
        view.deleted = Seen::Here(vec![other]);
        assert_eq!(failures(&checks(&view)), ["VLT-BI-SOFTDELETED"]);
    }
}
