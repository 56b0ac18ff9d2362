//! How the cluster admin gets to the cluster.

use serde::Serialize;

use crate::args::quoted;
use crate::command_line::{CommandLine, kubectl, shell};
use crate::ids::ResourceId;
use crate::names::NAMESPACE;
use crate::schema::{ApiServerAccess, State};

/// How the cluster admin gets to the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Access {
    /// Writes the cluster into the kubeconfig, where it isn't there yet.
    pub credentials: CommandLine,
    /// From where the API server can be reached, if not from everywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Runs a kubectl command in a private cluster from anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke: Option<CommandLine>,
}

impl Access {
    /// Returns what `command` needs of the cluster of `state`; `None` if it doesn't talk to the cluster, or the file names none.
    pub(super) fn of(command: &CommandLine, state: &State) -> Option<Self> {
        let cluster = &state.target.as_ref()?.cluster;
        if !command.completes(&kubectl("configure")) {
            return None;
        }
        let reach = state.cloud.prerequisites.as_ref().and_then(|table| table.api_server);
        let from = reach.map(|reach| match reach {
            ApiServerAccess::Private => {
                "The cluster is private: run the commands on a machine in its virtual network or in one connected to it (VPN, \
                 ExpressRoute, peering, jump host). az and kubectl aksbackup don't have to run on the same machine."
            }
            ApiServerAccess::AuthorizedRanges => {
                "The API server accepts connections only from authorized IP ranges: run the commands on a machine \
                 with an address in one of them."
            }
        });
        Some(Self {
            credentials: shell(format!("az aks get-credentials {}", flags(cluster))),
            from: from.map(str::to_owned),
            invoke: (reach == Some(ApiServerAccess::Private)).then(|| invoke(cluster)),
        })
    }
}

/// Returns the line that runs a kubectl command in a private cluster from anywhere.
#[must_use]
pub fn invoke(cluster: &ResourceId) -> CommandLine {
    let pods = format!("kubectl get pods --namespace {NAMESPACE}");
    shell(format!(
        "az aks command invoke {} --command {}",
        flags(cluster),
        quoted(&pods)
    ))
}

/// Returns the flags of the Azure CLI that name a cluster, quoted for a shell.
fn flags(cluster: &ResourceId) -> String {
    format!(
        "--resource-group {} --name {} --subscription {}",
        quoted(cluster.resource_group().as_str()),
        quoted(cluster.name()),
        cluster.subscription()
    )
}
