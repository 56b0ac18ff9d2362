//! Reads what is judged: first what the cluster and the state file name, then what those name, then the roles. No read
//! waits for another that it does not need.

use std::path::Path;

use aksbackup_shared::chain::link::Link;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::{PrincipalId, ResourceId};
use aksbackup_shared::schema::{State, Target};
use futures::future::join_all;
use jiff::Timestamp;

use crate::arm::backups::{self, Instance, Job};
use crate::arm::client::Reader;
use crate::arm::clusters::Cluster;
use crate::arm::extensions::Extension;
use crate::arm::extensions::named_by;
use crate::arm::identities::{FederatedCredential, Identity};
use crate::arm::providers::PROVIDERS;
use crate::arm::trusted_access::Binding;
use crate::arm::{
    clusters, container_clusters, extensions, groups, identities, providers, roles, storage, trusted_access, vaults,
};
use crate::checks::culprits::{self, Culprits};
use crate::checks::extension_settings;
use crate::checks::policy_file;
use crate::checks::view::{Listed, Places, Seen, View, extension};
use crate::checks::{judge, roles as judged};
use crate::target_ids;

/// Looks at all links of the chain of `cluster`. `state` is that of its file, which is in `folder`, or empty.
pub(crate) async fn look(reader: &Reader, cluster: &ResourceId, state: &State, folder: &Path) -> View {
    let mut view = first(reader, cluster, state).await;
    second(reader, &mut view).await;
    if let (Some(target), Seen::Here(own)) = (&state.target, &view.policy) {
        let target = &target.policy;
        view.policy_file = policy_file::compared(target, own, &policy_file::asked(target, folder));
    }
    view.roles = listed(reader, &view).await;
    let open = |link| judge::of(&view).iter().any(|own| own.link == link && own.is_finding());
    if open(Link::FederatedCredentials) || open(Link::StorageRole) {
        view.culprits = culprits::look(reader, &view).await;
    }
    view
}

/// What is known by the cluster's id alone.
async fn first(reader: &Reader, id: &ResourceId, state: &State) -> View {
    let subscription = id.subscription();
    let states = PROVIDERS.map(|namespace| providers::provider(reader, &subscription, namespace));
    let (own, states, cluster, extensions, bindings, instances) = futures::join!(
        groups::subscription(reader, &subscription),
        join_all(states),
        clusters::get(reader, id),
        extensions::of_backup(reader, id),
        trusted_access::bindings(reader, id),
        backups::of_cluster(reader, id),
    );
    let states = states.into_iter().map(Seen::of);
    let (extensions, instances) = (Seen::of(extensions.map(Some)), Seen::of(instances.map(Some)));
    let bindings = Seen::of(bindings.map(Some));
    let places = match &state.target {
        Some(target) => of_target(target),
        None => of_answers(id, extension(&extensions), &instances, &bindings),
    };
    View {
        state: state.clone(),
        id: id.clone(),
        caller: reader.caller().clone(),
        now: Timestamp::now(),
        places,
        subscription: Seen::of(own),
        providers: PROVIDERS.into_iter().zip(states).collect(),
        cluster: Seen::of(cluster),
        extensions,
        bindings,
        instances,
        account: Seen::Unasked,
        container: Seen::Unasked,
        container_clusters: Seen::Unasked,
        snapshots: Seen::Unasked,
        locks: Vec::new(),
        vault: Seen::Unasked,
        vault_subscription: Seen::Unasked,
        policy: Seen::Unasked,
        policy_file: None,
        deleted: Seen::Unasked,
        jobs: Seen::Unasked,
        identity: Seen::Unasked,
        credentials: Seen::Unasked,
        roles: Vec::new(),
        culprits: Culprits::default(),
    }
}

fn of_target(target: &Target) -> Places {
    Places {
        account: Some(target_ids::account(target)),
        container: Some(target_ids::container(target)),
        snapshots: Some(target_ids::snapshot_group(target)),
        vault: Some(target_ids::vault(target)),
        policy: Some(target_ids::policy(target)),
    }
}

/// Storage by the extension's settings, all else by the backup instance, the vault at least by who is let in.
fn of_answers(
    id: &ResourceId,
    extension: Option<&Extension>,
    instances: &Seen<Vec<Instance>>,
    bindings: &Seen<Vec<Binding>>,
) -> Places {
    let setting = |key| extension.map(|own| own.setting(key)).filter(|value| !value.is_empty());
    let account = (|| {
        let subscription =
            setting(extension_settings::SUBSCRIPTION).map_or_else(|| id.subscription().to_string(), str::to_owned);
        let (group, name) = (
            setting(extension_settings::GROUP)?,
            setting(extension_settings::ACCOUNT)?,
        );
        let kind = storage::KIND;
        format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}")
            .parse()
            .ok()
    })();
    let account: Option<ResourceId> = account;
    let instance = instances.here().and_then(|all| all.first());
    let operators = bindings.here().into_iter().flatten().filter(|own| own.lets_back_up());
    let let_in = operators.filter_map(|own| own.properties.source_resource_id.parse::<ResourceId>().ok());
    let mut let_in = let_in.filter(|own| own.is_kind(vaults::KIND));
    Places {
        container: account
            .as_ref()
            .zip(setting(extension_settings::BUCKET))
            .and_then(|(account, bucket)| {
                let id = storage::container_id(account, bucket);
                id.as_str().parse().ok()
            }),
        account,
        snapshots: instance.and_then(|own| own.snapshot_group()?.parse().ok()),
        vault: instance.and_then(Instance::vault).or_else(|| let_in.next()),
        policy: instance.and_then(|own| own.properties.policy_info.policy_id.parse().ok()),
    }
}

/// What those name.
async fn second(reader: &Reader, view: &mut View) {
    let places = view.places.clone();
    let foreign = places.vault.as_ref().map(ResourceId::subscription);
    let foreign = foreign.filter(|own| *own != view.id.subscription());
    let (storage, policy, vault, people, locks, tenant) = futures::join!(
        async {
            let account = async { ask(places.account.as_ref(), |id| storage::account(reader, id)).await };
            let container = async { ask(places.container.as_ref(), |id| storage::container(reader, id)).await };
            let group = async { ask(places.snapshots.as_ref(), |id| groups::group(reader, id)).await };
            let own_clusters = async {
                ask(places.container.as_ref(), |id| async move {
                    container_clusters::of(reader, id).await.map(Some)
                })
                .await
            };
            futures::join!(account, container, group, own_clusters)
        },
        ask(places.policy.as_ref(), |id| vaults::policy(reader, id)),
        of_vault(reader, places.vault.as_ref(), &view.id),
        identity(reader, view),
        locks(reader, view),
        ask(foreign.as_ref(), |id| groups::subscription(reader, id)),
    );
    (view.account, view.container, view.snapshots, view.container_clusters) = storage;
    (view.vault, view.deleted, view.jobs) = vault;
    (view.identity, view.credentials) = people;
    (view.policy, view.locks, view.vault_subscription) = (policy, locks, tenant);
}

/// A read of what is at `place`, where that is known.
async fn ask<'a, P, T, F>(place: Option<&'a P>, read: impl FnOnce(&'a P) -> F) -> Seen<T>
where
    F: Future<Output = Outcome<Option<T>>>,
{
    match place {
        Some(place) => Seen::of(read(place).await),
        None => Seen::Unasked,
    }
}

type OfVault = (Seen<vaults::Vault>, Seen<Vec<Instance>>, Seen<Vec<Job>>);

async fn of_vault(reader: &Reader, vault: Option<&ResourceId>, cluster: &ResourceId) -> OfVault {
    let Some(vault) = vault else {
        return (Seen::Unasked, Seen::Unasked, Seen::Unasked);
    };
    let (own, deleted, jobs) = futures::join!(
        vaults::vault(reader, vault),
        backups::deleted(reader, vault, cluster),
        jobs(reader, vault, cluster),
    );
    (Seen::of(own), Seen::of(deleted.map(Some)), Seen::of(jobs.map(Some)))
}

/// The jobs of the cluster. Those of other clusters are dropped at once: they can be many.
async fn jobs(reader: &Reader, vault: &ResourceId, cluster: &ResourceId) -> Outcome<Vec<Job>> {
    let mut jobs = backups::jobs(reader, vault).await?;
    jobs.retain(|job| job.is_of(cluster));
    jobs.shrink_to_fit();
    jobs.sort_by_key(|job| std::cmp::Reverse(job.properties.start_time));
    Ok(jobs)
}

/// The extension's identity and its credentials: by the id that the extension names, else by its principal among those of
/// the node group.
async fn identity(reader: &Reader, view: &View) -> (Seen<Identity>, Seen<Vec<FederatedCredential>>) {
    let Some(extension) = view.extension() else {
        return (Seen::Unasked, Seen::Unasked);
    };
    let credentials = async |id: &ResourceId| Seen::of(identities::credentials(reader, id).await.map(Some));
    if let Some(own) = named_by(extension) {
        let (there, credentials) = futures::join!(identities::identity(reader, &own.id), credentials(&own.id));
        return (Seen::of(there), credentials);
    }
    let nodes = view.cluster.here().and_then(Cluster::node_resource_group);
    let (Some(principal), Some(nodes)) = (extension.principal(), nodes) else {
        return (Seen::Unasked, Seen::Unasked);
    };
    let group = ResourceId::group(&view.id.subscription(), nodes);
    let of_extension = |all: Vec<Identity>| all.into_iter().find(|own| own.properties.principal_id == *principal);
    let found = Seen::of(identities::in_group(reader, &group).await.map(of_extension));
    match &found {
        Seen::Here(own) => {
            let credentials = credentials(&own.id).await;
            (found, credentials)
        }
        Seen::Absent | Seen::Hidden(_) | Seen::Unasked => (found, Seen::Unasked),
    }
}

/// The locks on everything that is written to.
async fn locks(reader: &Reader, view: &View) -> Vec<(ResourceId, Seen<Vec<groups::Lock>>)> {
    let places = &view.places;
    let account = places.account.as_ref().map(ResourceId::resource_group_id);
    let vault = places.vault.as_ref().map(ResourceId::resource_group_id);
    let mut scopes = vec![view.id.resource_group_id()];
    for scope in [account, vault, places.snapshots.clone()].into_iter().flatten() {
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    let reads = scopes.iter().map(|scope| groups::locks(reader, scope));
    let seen = join_all(reads).await.into_iter().map(|read| Seen::of(read.map(Some)));
    let seen: Vec<_> = seen.collect();
    scopes.into_iter().zip(seen).collect()
}

/// The assignments of every principal on every scope where it needs a role.
async fn listed(reader: &Reader, view: &View) -> Vec<Listed> {
    let mut wanted: Vec<(ResourceId, PrincipalId)> = Vec::new();
    for need in judged::needs(view) {
        let place = (need.reach, need.principal);
        if !wanted.contains(&place) {
            wanted.push(place);
        }
    }
    let reads = wanted
        .iter()
        .map(|(scope, principal)| roles::assignments(reader, scope, principal));
    let seen = join_all(reads).await.into_iter().map(|read| Seen::of(read.map(Some)));
    let listed = |((scope, principal), assignments)| Listed {
        scope,
        principal,
        assignments,
    };
    let seen: Vec<_> = seen.collect();
    wanted.into_iter().zip(seen).map(listed).collect()
}
