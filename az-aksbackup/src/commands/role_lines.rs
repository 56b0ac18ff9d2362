//! The role assignments of `grant` as commands of the Azure CLI, for an owner who installs nothing.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::handoff::Task;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{State, Target};

use crate::arm::versions;
use crate::checks::role_requirements::{self, Holder, Row};
use crate::target_ids;

/// Where a cluster has its principal: a user-assigned identity has one of its own.
const OF_CLUSTER: &str = "identity.principalId || values(identity.userAssignedIdentities)[0].principalId";

/// Returns one command for each role, if roles are what is asked for and the file names the extension.
///
/// Each command reads the principal from Azure: the one in the file would only confirm itself.
pub(crate) fn of(state: &State, task: &Task) -> Vec<CommandLine> {
    let asked =
        task.who == Person::SubscriptionOwner && task.steps.iter().any(|own| *own == StepName::Roles.in_words());
    let (Some(target), Some(extension)) = (&state.target, &state.cloud.extension) else {
        return Vec::new();
    };
    // An extension of another cluster has a stranger's identity.
    if !asked || !extension.extension.is_within(target.cluster.as_str()) {
        return Vec::new();
    }
    let vault_tier = role_requirements::asks_for_tier(target);
    role_requirements::rows(target, vault_tier, false)
        .iter()
        .map(|row| line(target, &extension.extension, row))
        .collect()
}

fn line(target: &Target, extension: &ResourceId, row: &Row) -> CommandLine {
    shell(format!(
        "az role assignment create --assignee-object-id \"$({})\" --assignee-principal-type ServicePrincipal --role {} --scope {}",
        principal(target, extension, row.holder),
        quoted(row.role.name),
        quoted(row.scope.as_str()),
    ))
}

/// Returns the command that prints the principal of a holder.
fn principal(target: &Target, extension: &ResourceId, holder: Holder) -> String {
    let show = |id: &ResourceId, version: &str, query: &str| {
        let id = quoted(id.as_str());
        format!("az resource show --ids {id} --api-version {version} --query {query} --output tsv")
    };
    match holder {
        Holder::ExtensionIdentity => show(
            extension,
            versions::EXTENSIONS,
            "properties.aksAssignedIdentity.principalId",
        ),
        Holder::Vault => match &target.vault.identity {
            Some(id) => show(id, versions::MANAGED_IDENTITY, "properties.principalId"),
            None => show(
                &target_ids::vault(target),
                versions::BACKUP_VAULT_WRITE,
                "identity.principalId",
            ),
        },
        Holder::Cluster => show(&target.cluster, versions::MANAGED_CLUSTERS, &quoted(OF_CLUSTER)),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use aksbackup_shared::digest::Digest;
    use aksbackup_shared::handoff::Message;
    use aksbackup_shared::schema::ExtensionTable;

    use super::*;
    use crate::arm::extensions;
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
            steps: vec![StepName::Roles.in_words()],
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
    fn each_role_is_assigned_to_a_principal_that_azure_names() {
        let all = lines(&prepared(&cluster()));
        assert_eq!(all.len(), 4, "{all:#?}");
        assert!(
            all[0].contains("properties.aksAssignedIdentity.principalId"),
            "{all:#?}"
        );
        assert!(all[3].contains("--role Contributor"), "{all:#?}");
    }

    #[test]
    fn the_extension_of_another_cluster_gets_nothing() {
        let other = cluster() + "-other";
        assert_eq!(lines(&prepared(&other)), Vec::<String>::new());
    }
}
