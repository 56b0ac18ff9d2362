//! What the stations are called in Azure and Kubernetes, as the state file has it.

use crate::report::text;
use crate::schema::{State, Target};

/// As many as are named; of more, how many there are.
const SHOWN: usize = 4;

/// The names of a station.
pub(super) fn of(station: &str, state: &State) -> Vec<String> {
    let (cloud, cluster, target) = (&state.cloud, &state.cluster, state.target.as_ref());
    let wanted = |name: &dyn Fn(&Target) -> String| target.map(name).into_iter().collect::<Vec<_>>();
    let names: Vec<String> = match station {
        "service-accounts" => service_accounts(state),
        "federated-credentials" => {
            let all = cloud.federation.iter().flat_map(|table| &table.credentials);
            all.map(|own| own.name.to_string()).collect()
        }
        "identity" => cloud
            .identity
            .iter()
            .map(|table| table.identity.name().to_owned())
            .collect(),
        "storage-role" => {
            let all = cloud.roles.iter().flat_map(|table| &table.assignments);
            let own = all.filter(|role| role.holder == "extension identity");
            own.map(|role| role.role.clone()).collect()
        }
        "container" => match (&cloud.storage, &cluster.verification) {
            (Some(table), _) => vec![format!("{}/{}", table.account.name(), table.container)],
            (None, Some(table)) => vec![format!("{}/{}", table.account, table.container)],
            (None, None) => wanted(&|target| format!("{}/{}", target.storage.account, target.storage.container)),
        },
        "vault" => match &cloud.vault {
            Some(table) => vec![table.vault.with_group(), format!("policy {}", table.policy.name())],
            None => wanted(&|target| format!("{}/{}", target.vault.resource_group, target.vault.name)),
        },
        "trusted-access" => cloud
            .trusted_access
            .iter()
            .map(|table| table.binding.name().to_owned())
            .collect(),
        "cluster" => wanted(&|target| target.cluster.with_group()),
        "snapshot-group" => wanted(&|target| target.snapshots.resource_group.to_string()),
        "backup-instance" => match &cloud.instance {
            Some(table) => vec![table.instance.name().to_owned()],
            None => wanted(&|target| target.instance.name.to_string()),
        },
        "last-backup" => cloud
            .backup
            .iter()
            .map(|table| format!("job {}", table.job.rsplit('/').next().unwrap_or_default()))
            .collect(),
        _ => Vec::new(),
    };
    few(names)
}

fn service_accounts(state: &State) -> Vec<String> {
    let cluster = &state.cluster;
    let annotated = cluster.workload_identity.as_ref().map(|table| &table.service_accounts);
    let found = annotated.or(cluster.workloads.as_ref().map(|table| &table.service_accounts));
    if let Some(found) = found {
        return found.iter().map(ToString::to_string).collect();
    }
    let all = state.cloud.federation.iter().flat_map(|table| &table.credentials);
    all.map(|own| own.subject.rsplit(':').next().unwrap_or_default().to_owned())
        .collect()
}

fn few(names: Vec<String>) -> Vec<String> {
    let all = names.len();
    let mut shown: Vec<String> = names.iter().take(SHOWN).map(|name| text::name(name)).collect();
    if all > SHOWN {
        shown.push(format!("and {} more", all - SHOWN));
    }
    shown
}
