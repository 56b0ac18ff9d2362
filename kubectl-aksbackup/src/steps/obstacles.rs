//! What keeps the webhook from its work for good, and is known before anything is written: variables that a pod template
//! sets itself, containers that it leaves out, a tenant that a service account names.

use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use k8s_openapi::api::core::v1::{Container, EnvVar};

use crate::cluster::deployments::Deployment;
use crate::cluster::injected::{CLIENT_ID, TENANT_ID, TOKEN_FILE, injected, is_skipped};
use crate::cluster::pods::SKIP_ANNOTATION;
use crate::cluster::service_accounts::ServiceAccount;
use crate::steps::goal::Goal;

/// Annotation of a service account: the tenant that its pods sign in to, instead of the webhook's own.
pub(crate) const TENANT_ANNOTATION: &str = "azure.workload.identity/tenant-id";

/// What stands in the way, and what removes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Obstacle {
    /// The known failure that it is.
    pub(crate) failure: &'static str,
    /// What was observed, with the object, the container and the variable or annotation.
    pub(crate) says: String,
    /// The command that removes it.
    pub(crate) fix: CommandLine,
}

/// Refuses what no annotation and no rollout can overcome.
///
/// # Errors
/// The first obstacle, with the command that removes it.
pub(crate) fn refuse(
    deployments: &[Deployment],
    accounts: &[ServiceAccount],
    goal: &Goal,
    namespace: &str,
) -> Outcome<()> {
    let of_templates = deployments.iter().flat_map(|own| of_template(own, goal, namespace));
    let used = accounts
        .iter()
        .filter(|own| deployments.iter().any(|one| one.service_account == own.name));
    let of_accounts = used.filter_map(|own| of_account(own, goal, namespace));
    let all: Vec<Obstacle> = of_templates.chain(of_accounts).collect();
    let Some(first) = all.first() else { return Ok(()) };
    let failure = Failure::failed("new pods wouldn't be injected with workload identity").code(first.failure);
    let failure = all
        .iter()
        .fold(failure, |failure, own| failure.because(own.says.clone()));
    all.iter()
        .fold(failure, |failure, own| failure.hint(own.fix.clone()))
        .hint("then run the same command again; no changes were made")
        .err()
}

/// What a pod template has that keeps workload identity out of its pods.
pub(crate) fn of_template(deployment: &Deployment, goal: &Goal, namespace: &str) -> Vec<Obstacle> {
    let skipped = skipping(deployment, namespace);
    let counts = |container: &Container| {
        deployment.velero() == Some(&container.name) || !is_skipped(deployment.skipped(), &container.name)
    };
    let preset = deployment.variables().filter(|(container, _)| counts(container));
    let preset = preset.filter_map(|(container, own)| variable(deployment, container, own, goal, namespace));
    skipped.into_iter().chain(preset).collect()
}

fn skipping(deployment: &Deployment, namespace: &str) -> Option<Obstacle> {
    let (name, skipped) = (&deployment.name, deployment.skipped());
    let spec = deployment.template.spec.as_ref()?;
    let velero = deployment.velero().filter(|own| is_skipped(skipped, own));
    let says = match (
        velero,
        spec.containers.is_empty() || !injected(spec, skipped).is_empty(),
    ) {
        (Some(velero), _) => {
            format!("deployment {name} excludes container {velero} from the webhook: {SKIP_ANNOTATION}={skipped:?}")
        }
        (None, true) => return None,
        (None, false) => {
            let names: Vec<&str> = spec.containers.iter().map(|own| own.name.as_str()).collect();
            format!(
                "deployment {name} excludes every container (container {}) from the webhook: \
                 {SKIP_ANNOTATION}={skipped:?}",
                names.join(", ")
            )
        }
    };
    let left: Vec<&str> = match velero {
        Some(velero) => skipped
            .split(';')
            .map(str::trim)
            .filter(|own| !own.is_empty() && *own != velero)
            .collect(),
        None => Vec::new(),
    };
    let value = match left.is_empty() {
        true => "null".to_owned(),
        false => format!("{:?}", left.join(";")),
    };
    Some(Obstacle {
        failure: "WI-SKIP",
        says,
        fix: skip_patch(name.as_str(), namespace, &value),
    })
}

/// The command that sets the list of skipped containers to `value`, which is JSON.
pub(crate) fn skip_patch(deployment: &str, namespace: &str, value: &str) -> CommandLine {
    shell(format!(
        "kubectl patch deployment {deployment} --namespace {namespace} --type merge --patch \
         '{{\"spec\":{{\"template\":{{\"metadata\":{{\"annotations\":{{\"{SKIP_ANNOTATION}\":{value}}}}}}}}}}}'"
    ))
}

/// A variable of the template that the webhook would set and, since it is there, never overwrites.
fn variable(
    deployment: &Deployment,
    container: &Container,
    own: &EnvVar,
    goal: &Goal,
    namespace: &str,
) -> Option<Obstacle> {
    let wanted = match own.name.as_str() {
        CLIENT_ID => Some(goal.client_id.as_str()),
        TENANT_ID => goal.tenant.as_deref(),
        TOKEN_FILE => None,
        _ => return None,
    };
    let value = own.value.as_deref().filter(|_| own.value_from.is_none());
    let right = match (value, wanted) {
        (Some(value), Some(wanted)) => value.eq_ignore_ascii_case(wanted),
        // A tenant that nothing contradicts.
        (Some(_), None) => own.name == TENANT_ID,
        (None, _) => false,
    };
    if right {
        return None;
    }
    let (name, container, variable) = (&deployment.name, &container.name, &own.name);
    let told = value.map_or("a value from another source (valueFrom)".to_owned(), |value| {
        format!("{value:?}")
    });
    let wanted = wanted.map(|wanted| format!("; expected {wanted}")).unwrap_or_default();
    Some(Obstacle {
        failure: "WI-ENV-PRESET",
        says: format!(
            "container {container} of deployment {name} sets {variable} to {told}{wanted}; the webhook doesn't \
             overwrite existing variables"
        ),
        fix: shell(format!(
            "kubectl set env deployment {name} --namespace {namespace} --containers {container} {variable}-"
        )),
    })
}

/// A tenant on a service account that is not the subscription's.
pub(crate) fn of_account(account: &ServiceAccount, goal: &Goal, namespace: &str) -> Option<Obstacle> {
    let (own, wanted) = (account.keys.get(TENANT_ANNOTATION)?, goal.tenant.as_deref()?);
    let name = &account.name;
    (!own.eq_ignore_ascii_case(wanted)).then(|| Obstacle {
        failure: "WI-TENANT",
        says: format!(
            "service account {name} has tenant ID {own} in annotation {TENANT_ANNOTATION}; expected \
            {wanted}"
        ),
        fix: shell(format!(
            "kubectl annotate serviceaccount {name} --namespace {namespace} {TENANT_ANNOTATION}-"
        )),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;
    use serde_json::{Value, json};

    const TENANT: &str = "4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10";

    fn goal() -> Goal {
        Goal {
            client_id: testing::CLIENT_ID.into(),
            issuer: testing::ISSUER.into(),
            tenant: Some(TENANT.into()),
        }
    }

    fn found(env: Value, skipped: &str) -> Vec<Obstacle> {
        let mut own = testing::deployment();
        own.template = serde_json::from_value(json!({
            "metadata": { "annotations": { SKIP_ANNOTATION: skipped } },
            "spec": { "containers": [{ "name": "velero", "env": env }, { "name": "b" }] },
        }))
        .unwrap();
        of_template(&own, &goal(), "ns")
    }

    #[test]
    fn each_variable_that_the_webhook_would_set_is_an_obstacle_unless_it_is_right() {
        let set = |name: &str, value: &str| found(json!([{ "name": name, "value": value }]), "");
        assert_eq!(set(CLIENT_ID, &testing::CLIENT_ID.to_uppercase()), []);
        assert_eq!(set(TENANT_ID, TENANT), []);
        assert_eq!(set("HOME", "/"), []);
        for name in [CLIENT_ID, TENANT_ID, TOKEN_FILE] {
            let own = set(name, "other").remove(0);
            assert!(
                own.says.contains("container velero") && own.says.contains(name),
                "{own:?}"
            );
            assert!(
                own.fix.to_string().ends_with(&format!("--containers velero {name}-")),
                "{own:?}"
            );
            let from = json!({ "configMapKeyRef": { "name": "m", "key": "k" } });
            assert_eq!(found(json!([{ "name": name, "valueFrom": from }]), "").len(), 1);
        }
    }

    #[test]
    fn velero_may_not_be_skipped_and_not_all_others_either() {
        assert_eq!(found(json!([]), "b"), []);
        let own = found(json!([]), "b; velero").remove(0);
        assert!(
            own.fix
                .to_string()
                .ends_with("\"azure.workload.identity/skip-containers\":\"b\"}}}}}'"),
            "{own:?}"
        );
        let own = found(json!([]), "velero").remove(0);
        assert!(own.fix.to_string().contains(":null}"), "{own:?}");
    }

    #[test]
    fn a_tenant_of_a_service_account_counts() {
        let mut account = testing::account();
        assert_eq!(of_account(&account, &goal(), "ns"), None);
        account.keys.insert(TENANT_ANNOTATION.into(), TENANT.to_uppercase());
        assert_eq!(of_account(&account, &goal(), "ns"), None);
        account.keys.insert(TENANT_ANNOTATION.into(), "other".into());
        let failure = refuse(&[testing::deployment()], &[account], &goal(), "ns").unwrap_err();
        assert!(
            failure.hints[0]
                .to_string()
                .ends_with("azure.workload.identity/tenant-id-"),
            "{failure}"
        );
    }
}
