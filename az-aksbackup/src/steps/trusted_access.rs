//! Trusted access, which the guide forgot: without it the vault cannot reach the cluster.
//!
//! Stands for `az aks trustedaccess rolebinding create --roles Microsoft.DataProtection/backupVaults/backup-operator`. A
//! binding of the vault is taken whatever its name. It is an operation of the cluster, so it waits for any other.
//!
//! Rights: `Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/{read,write}` on the cluster.

use crate::arm::visible;
use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, folded};
use aksbackup_shared::schema::{CloudTables, State, Target, TrustedAccessTable};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};
use uuid::Uuid;

use crate::arm::client::{Reader, Writer};
use crate::arm::trusted_access::{self, BACKUP_OPERATOR, Binding, LIMIT};
use crate::arm::versions;
use crate::platform::{self, Azure};
use crate::steps::turns;
use crate::target_ids;

/// Trusted access.
pub(crate) struct TrustedAccess;

/// What is there.
pub(crate) struct Seen {
    target: Target,
    bindings: Vec<Binding>,
}

/// A binding to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Bind {
    binding: ResourceId,
    cluster: ResourceId,
    vault: ResourceId,
    roles: Vec<String>,
}

impl Change for Bind {
    fn note(&self) -> ChangeNote {
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!(
                "grant Backup vault {} access to cluster {} with Trusted Access role binding {}",
                self.vault.with_group(),
                self.cluster.with_group(),
                self.binding.name()
            ),
            right: Right::new(
                "Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings/write",
                &self.cluster,
            ),
            creates: Some(self.binding.to_string()),
            warning: None,
        }
    }
}

impl Step for TrustedAccess {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Bind;

    fn name(&self) -> StepName {
        StepName::TrustedAccess
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let bindings = trusted_access::bindings(reader, &target.cluster).await?;
        Ok(Seen { target, bindings })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<Bind>> {
        let (cluster, vault) = (seen.target.cluster.clone(), target_ids::vault(&seen.target));
        let bind = |name: &str, roles: Vec<String>| {
            let binding = trusted_access::binding_id(&cluster, name);
            let (cluster, vault) = (cluster.clone(), vault.clone());
            Ok(Decision::Change(vec![Bind {
                binding,
                cluster,
                vault,
                roles,
            }]))
        };
        let Some(binding) = of_vault(seen) else {
            return match seen.bindings.len() < LIMIT {
                true => bind(&new_name(&vault), vec![BACKUP_OPERATOR.to_owned()]),
                false => Err(Box::new(full(&cluster))),
            };
        };
        let (name, state) = (&binding.name, &binding.properties.provisioning_state);
        match state.as_deref().unwrap_or("Succeeded") {
            "Succeeded" if binding.lets_back_up() => {
                let (vault, cluster) = (vault.with_group(), cluster.with_group());
                Ok(Decision::Done(format!(
                    "role binding {name} grants vault {vault} access to cluster {cluster}"
                )))
            }
            "Succeeded" | "Failed" | "Canceled" => {
                let mut roles = binding.properties.roles.clone();
                if !binding.lets_back_up() {
                    roles.push(BACKUP_OPERATOR.to_owned());
                }
                bind(name, roles)
            }
            other => Ok(Decision::Wait(Wait::for_(format!(
                "Trusted Access role binding {name}: {other}"
            )))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &Bind) -> Outcome<Applied> {
        let title = change.note().summary;
        match trusted_access::put_binding(writer, &change.binding, &change.vault, &change.roles).await {
            Ok(answer) => Ok(answer.applied(writer, title, (change.binding.to_string(), versions::MANAGED_CLUSTERS))),
            Err(failure) => turns::busy(failure, &turns::CLUSTER_BUSY, &title).map(Applied::Busy),
        }
    }

    /// The only wait is for a role binding that AKS has accepted.
    fn goes_on(&self, seen: &Seen) -> bool {
        of_vault(seen).is_some()
    }

    fn is_last(&self, _change: &Bind) -> bool {
        true
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        tables.trusted_access = of_vault(seen).map(|binding| TrustedAccessTable {
            binding: trusted_access::binding_id(&seen.target.cluster, &binding.name),
            vault: target_ids::vault(&seen.target),
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        platform::settle(tables, StepName::TrustedAccess, |_| of_vault(seen).is_some());
    }

    fn hand_over(&self, change: &Bind, failure: &Failure) -> Option<Turn> {
        visible::is_refused(failure).then(|| turns::not_ours(change.note(), az("prepare")))
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let target = state.target.as_ref().filter(|_| state.cloud.trusted_access.is_none());
        let bind = target.map(|target| {
            let (cluster, vault) = (target.cluster.clone(), target_ids::vault(target));
            let binding = trusted_access::binding_id(&cluster, &new_name(&vault));
            Bind {
                binding,
                cluster,
                vault,
                roles: Vec::new(),
            }
        });
        bind.iter().map(Change::note).collect()
    }
}

/// The binding of the vault, one with the right role first.
fn of_vault(seen: &Seen) -> Option<&Binding> {
    let vault = target_ids::vault(&seen.target);
    let mut own = seen.bindings.iter().filter(|binding| binding.is_of(&vault));
    own.clone()
        .find(|binding| binding.lets_back_up())
        .or_else(|| own.next())
}

/// A name of at most 24 letters, digits and hyphens, the same for the same vault.
pub(crate) fn new_name(vault: &ResourceId) -> String {
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, folded(vault.as_str()).as_bytes());
    format!("backup-{}", &hash.simple().to_string()[..8])
}

fn full(cluster: &ResourceId) -> Failure {
    let place = format!(
        "--cluster-name {} --resource-group {}",
        cluster.name(),
        cluster.resource_group()
    );
    Failure::failed(format!(
        "cluster {} can't have another Trusted Access role binding",
        cluster.with_group()
    ))
    .because(format!("it already has the maximum of {LIMIT}"))
    .hint(fix![
        "find a role binding that is no longer needed: ",
        shell(format!("az aks trustedaccess rolebinding list {place}"))
    ])
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::arm::visible::tests::refusal;
    use crate::target_ids::tests::{example, state};

    fn step() -> TrustedAccess {
        TrustedAccess {}
    }

    fn binding(change: impl FnOnce(&mut Value)) -> Binding {
        let mut body = json!({ "name": "by-hand", "properties": {
            "sourceResourceId": target_ids::vault(&example()).as_str().to_lowercase(), "provisioningState": "Succeeded",
            "roles": [BACKUP_OPERATOR] } });
        change(&mut body["properties"]);
        serde_json::from_value(body).unwrap()
    }

    fn seen(bindings: Vec<Binding>) -> Seen {
        Seen {
            target: example(),
            bindings,
        }
    }

    #[test]
    fn satisfied_world_needs_nothing_whatever_the_binding_is_called() {
        let seen = seen(vec![binding(|_| ())]);
        let evidence = "role binding by-hand grants vault rg-backup/bv-aks access to cluster rg-aks/aks";
        assert_eq!(step().decide(&seen, &state()).unwrap(), Decision::Done(evidence.into()));
        let mut tables = CloudTables::default();
        step().record(&seen, &mut tables);
        assert_eq!(tables.trusted_access.unwrap().binding.name(), "by-hand");
    }

    #[test]
    fn a_missing_binding_is_made_under_a_name_that_fits() {
        let other = binding(|own| own["sourceResourceId"] = json!("/subscriptions/x/other"));
        let Decision::Change(changes) = step().decide(&seen(vec![other]), &state()).unwrap() else {
            panic!("no change")
        };
        let name = changes[0].binding.name();
        assert!(
            name.len() <= 24 && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'),
            "{name}"
        );
        assert!(step().hand_over(&changes[0], &refusal("AuthorizationFailed")).is_some());
    }

    #[test]
    fn a_binding_with_another_role_keeps_it() {
        let other = binding(|own| own["roles"] = json!(["Some/other"]));
        let Decision::Change(changes) = step().decide(&seen(vec![other]), &state()).unwrap() else {
            panic!("no change")
        };
        assert_eq!(changes[0].roles, ["Some/other", BACKUP_OPERATOR]);
        assert_eq!(changes[0].binding.name(), "by-hand");
    }

    #[test]
    fn one_that_is_being_made_is_waited_for() {
        let updating = binding(|own| own["provisioningState"] = json!("Updating"));
        assert!(matches!(
            step().decide(&seen(vec![updating]), &state()),
            Ok(Decision::Wait(_))
        ));
    }

    #[test]
    fn a_full_cluster_fails() {
        let other = || binding(|own| own["sourceResourceId"] = json!("/subscriptions/x/other"));
        assert!(
            step()
                .decide(&seen((0..8).map(|_| other()).collect()), &state())
                .is_err()
        );
    }
}
