//! One look at everything that `verify` and `doctor` judge, all requests at once.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::diagnosis::mask;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::State;
use futures::future::{try_join, try_join4, try_join5};
use jiff::Timestamp;

use crate::cluster::client::{Listed, Reader};
use crate::cluster::deployments::{of_release, without_velero};
use crate::cluster::lists::allowed;
use crate::cluster::pods::of_deployments;
use crate::cluster::rights::lacking;
use crate::cluster::volumes::Mount;
use crate::cluster::watch::Since;
use crate::commands::checks::{Locations, Sight, checks};
use crate::commands::preconditions::preconditions;
use crate::guide::VERIFY;

/// How many warnings are kept.
pub(crate) const WARNINGS: usize = 500;

/// What was seen, and from where its changes can be watched.
pub(crate) struct Seen {
    /// What was seen.
    pub(crate) sight: Sight,
    /// The versions of its lists.
    pub(crate) since: Since,
}

/// What is read because the target has a filter that names it.
async fn of_target(reader: &Reader, state: &State) -> Outcome<(Option<Vec<Mount>>, Option<Vec<String>>)> {
    let instance = state.target.as_ref().map(|target| &target.instance);
    let by_label = instance.is_some_and(|own| !own.label_selectors.is_empty());
    try_join(reader.mounts(by_label), reader.namespaces(instance.is_some())).await
}

/// Looks at everything that concerns `state`, and at so many pages of events.
///
/// # Errors
/// The API server cannot be reached, or does not accept the login. What may not be read is no error.
pub(crate) async fn look(reader: &Reader, pages: usize, state: &State) -> Outcome<Seen> {
    let of_target = of_target(reader, state);
    let lists = try_join4(
        async { allowed(reader.deployments().await) },
        async { allowed(reader.service_accounts().await) },
        async { allowed(reader.pods().await) },
        async { allowed(reader.storage_locations().await) },
    );
    let around = try_join5(
        reader.surroundings(false),
        reader.injector(),
        reader.extension_agents(),
        reader.volumes(),
        reader.claims(),
    );
    let facts = async { Ok((reader.advertised_issuer().await?, reader.now().await)) };
    let warnings = reader.warnings(reader.namespace(), pages, WARNINGS);
    let ((deployments, accounts, pods, locations), around, (warnings, (issuer, now)), (mounts, namespaces)) =
        try_join4(lists, around, try_join(warnings, facts), of_target).await?;
    let (surroundings, injector, agents, volumes, claims) = around;
    let since = Since {
        deployments: version(deployments.as_ref()),
        pods: version(pods.as_ref()),
        storage_locations: version(locations.as_ref()),
    };
    let own = deployments.as_ref().map(|all| of_release(&all.items));
    let sight = Sight {
        namespace: reader.namespace_name().clone(),
        issuer,
        without_velero: deployments
            .as_ref()
            .and_then(|all| without_velero(&all.items, reader.namespace())),
        accounts: accounts.map(|all| all.items),
        pods: pods.map(|all| match &own {
            Some(own) => of_deployments(all.items, own),
            None => all.items,
        }),
        deployments: own,
        locations: locations.map(|all| Locations {
            // A list always has a version; a kind that is not installed has no list.
            known: !all.version.is_empty(),
            items: all.items,
        }),
        around: surroundings,
        injector,
        agents,
        warnings,
        volumes,
        claims,
        mounts,
        namespaces,
        now,
    };
    Ok(Seen { sight, since })
}

fn version<T>(list: Option<&Listed<T>>) -> String {
    list.map(|list| list.version.clone()).unwrap_or_default()
}

/// What stands in the way of the extension, before it is there.
///
/// # Errors
/// As [`look`].
pub(crate) async fn before(reader: &Reader, state: &State) -> Outcome<(Vec<Check>, Option<String>)> {
    let (around, issuer) = try_join(reader.surroundings(true), reader.advertised_issuer()).await?;
    let checks = preconditions(&around, issuer.as_deref(), reader.namespace_name(), state);
    Ok((checks, issuer))
}

/// What was seen as a document of `command`.
pub(crate) fn examined(command: &str, sight: &Sight, state: &State) -> Examination {
    of_checks(command, checks(sight, state), sight.issuer.clone(), state)
}

/// A document of `command` with these checks, without what looks like a secret in them.
pub(crate) fn of_checks(command: &str, mut checks: Vec<Check>, issuer: Option<String>, state: &State) -> Examination {
    for check in &mut checks {
        check.says = mask(&check.says);
        check.evidence = check.evidence.iter().map(|fact| mask(fact)).collect();
    }
    let cluster = state.target.as_ref().map(|target| target.cluster.to_string());
    let own = Examination {
        command: command.to_owned(),
        program: Program::Kubectl,
        at: Timestamp::now(),
        issuer,
        cluster,
        checks,
        findings: Vec::new(),
    };
    named(own.ordered(), state)
}

/// The document with the cluster's name in its commands, if it is the cluster of the state file.
pub(crate) fn named(own: Examination, state: &State) -> Examination {
    let known = state.cloud.prerequisites.as_ref().map(|table| table.issuer.as_str());
    match own.issuer.is_some() && own.issuer.as_deref() == known {
        true => own.naming_cluster(state.target.as_ref()),
        false => own,
    }
}

/// Refuses an examination that saw nothing at all, with every right that is missing.
///
/// # Errors
/// Exit 4: nothing may be read.
pub(crate) async fn not_blind(reader: &Reader, own: &Examination) -> Outcome<()> {
    if !own.is_blind() {
        return Ok(());
    }
    let (caller, lacks) = try_join(reader.caller(), reader.lacks(VERIFY, |_| Vec::new())).await?;
    match lacks.is_empty() {
        true => Ok(()),
        false => lacking(&caller, &lacks, reader.namespace()).err(),
    }
}
