//! The role assignments of `grant` as commands of the Azure CLI, for an owner who installs nothing.

use std::iter;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::handoff::Task;
use aksbackup_shared::schema::{State, Target};

use crate::arm::{extensions, versions};
use crate::checks::role_requirements::{self, Holder, Row};
use crate::target_ids;

/// Where a cluster has its principal: a user-assigned identity has one of its own.
const OF_CLUSTER: &str = "identity.principalId || values(identity.userAssignedIdentities)[0].principalId";

/// Where a backup extension has its principal; another extension gets no role, since `False` is no principal.
const OF_EXTENSION: &str = "(properties.extensionType=='microsoft.dataprotection.kubernetes' || \
                            properties.extensionType=='Microsoft.DataProtection.Kubernetes') && properties.aksAssignedIdentity.principalId";

/// Returns one command for each role, after a line with the resources, if roles are what is asked for and the file names the extension.
///
/// The resources are placeholders, as in the command of `grant`: those in the file would only confirm themselves. Each command reads the
/// principal from Azure.
pub(crate) fn of(state: &State, task: &Task) -> Vec<CommandLine> {
    let asked = task.who == Person::SubscriptionOwner && task.steps.contains(&StepName::Roles);
    let (Some(target), Some(extension)) = (&state.target, &state.cloud.extension) else {
        return Vec::new();
    };
    if !asked {
        return Vec::new();
    }
    let name = extension.extension.name();
    let vault_tier = role_requirements::asks_for_tier(target);
    let rows = role_requirements::rows(target, vault_tier, false);
    let lines = rows.iter().map(|row| line(target, name, row));
    iter::once(places(target)).chain(lines).collect()
}

/// The variables that the other lines use.
fn places(target: &Target) -> CommandLine {
    let identity = match &target.vault.identity {
        Some(_) => " identity=IDENTITY-ID",
        None => "",
    };
    shell(format!(
        "cluster=CLUSTER-ID vault=VAULT-ID account=STORAGE-ACCOUNT-ID snapshots=SNAPSHOT-RESOURCE-GROUP-ID{identity}"
    ))
}

fn line(target: &Target, extension: &str, row: &Row) -> CommandLine {
    let scope = match &row.scope {
        own if *own == target.cluster => "cluster",
        own if *own == target_ids::account(target) => "account",
        _ => "snapshots",
    };
    shell(format!(
        "az role assignment create --role {} --scope \"${scope}\" --assignee-principal-type ServicePrincipal --assignee-object-id \"$({})\"",
        quoted(row.role.name),
        principal(target, extension, row.holder),
    ))
}

/// Returns the command that prints the principal of a holder.
fn principal(target: &Target, extension: &str, holder: Holder) -> String {
    let show = |id: &str, version: &str, query: &str| {
        let query = quoted(query);
        format!("az resource show --ids \"{id}\" --api-version {version} --query {query} --output tsv")
    };
    match holder {
        Holder::ExtensionIdentity => {
            let id = format!("$cluster/providers/{}/{extension}", extensions::KIND);
            show(&id, versions::EXTENSIONS, OF_EXTENSION)
        }
        Holder::Vault => match &target.vault.identity {
            Some(_) => show("$identity", versions::MANAGED_IDENTITY, "properties.principalId"),
            None => show("$vault", versions::BACKUP_VAULT_WRITE, "identity.principalId"),
        },
        Holder::Cluster => show("$cluster", versions::MANAGED_CLUSTERS, OF_CLUSTER),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aksbackup_shared::digest::Digest;
    use aksbackup_shared::handoff::Message;
    use aksbackup_shared::schema::ExtensionTable;

    use super::*;
    use crate::target_ids::tests::state;

    /// A file with the extension of `cluster`.
    fn prepared(cluster: &str) -> State {
        let mut state = state();
        state.cloud.extension = Some(ExtensionTable {
            extension: extensions::extension_id(&cluster.parse().unwrap(), "azure-aks-backup"),
            version: None,
            namespace: "dataprotection-microsoft".parse().unwrap(),
            written: None,
        });
        state
    }

    fn cluster() -> String {
        state().target.unwrap().cluster.to_string()
    }

    fn lines(state: &State) -> Vec<String> {
        let task = Task {
            who: Person::SubscriptionOwner,
            steps: vec![StepName::Roles],
            ..task_of(state)
        };
        of(state, &task).iter().map(ToString::to_string).collect()
    }

    fn task_of(state: &State) -> Task {
        let digest = Digest::of(&toml::Table::new());
        let message = Message::new(state, &digest, Path::new("aksbackup.toml"));
        message.turn.or_else(|| message.later.into_iter().next()).unwrap()
    }

    #[test]
    fn each_role_is_assigned_on_what_the_owner_names_to_a_principal_that_azure_names() {
        let all = lines(&prepared(&cluster()));
        assert_eq!(all.len(), 5, "{all:#?}");
        assert!(all[0].starts_with("cluster=CLUSTER-ID vault=VAULT-ID "), "{all:#?}");
        assert!(
            all[1].contains("aksAssignedIdentity.principalId") && all[1].contains("--scope \"$account\""),
            "{all:#?}"
        );
        assert!(all[4].contains("--role Contributor --scope \"$snapshots\""), "{all:#?}");
        // Nothing of the file confirms itself.
        let all = all.join("\n");
        assert!(!all.contains("/subscriptions/"), "{all}");
    }

    #[test]
    fn a_user_assigned_identity_of_the_vault_is_the_owner_s_to_name() {
        let mut state = prepared(&cluster());
        let id = format!(
            "{}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/evil",
            target_ids::vault_group(state.target.as_ref().unwrap())
        );
        state.target.as_mut().unwrap().vault.identity = Some(id.parse().unwrap());
        let all = lines(&state).join("\n");
        assert!(all.contains("identity=IDENTITY-ID") && !all.contains("evil"), "{all}");
        // Fails before: replacing VAULT-ID changed VAULT-IDENTITY-ID.
        let places = all.lines().next().unwrap();
        let names: Vec<&str> = places
            .split(' ')
            .filter_map(|own| own.split_once('='))
            .map(|own| own.1)
            .collect();
        for name in &names {
            assert_eq!(
                names.iter().filter(|own| own.contains(name)).count(),
                1,
                "{name} in {names:?}"
            );
        }
    }
}
