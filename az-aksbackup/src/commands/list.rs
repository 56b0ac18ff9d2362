//! `list`: the AKS clusters that the signed-in account can see, and how each is protected.

pub(crate) mod direct;
mod document;
mod graph;
mod metrics;
mod table;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, SubscriptionId, folded};
use jiff::Timestamp;

use crate::arm::client::Reader;
use crate::arm::inventory::{self, Visible};
use crate::checks::overview::{Finding, Overview};
use crate::cli::{Cli, ListArgs};
use crate::commands::init::place;
use crate::commands::{failures, session};

/// Where clusters are looked for.
pub(crate) struct Scope {
    /// The subscriptions.
    subscriptions: Vec<Visible>,
    /// Whether they are all that the account can see.
    is_all: bool,
}

impl Scope {
    /// The only subscription; `None` where all are asked for.
    pub(crate) fn one(&self) -> Option<&SubscriptionId> {
        let first = self.subscriptions.first().filter(|_| !self.is_all);
        first.map(|own| &own.subscription_id)
    }

    /// The subscriptions.
    pub(crate) fn subscriptions(&self) -> &[Visible] {
        &self.subscriptions
    }

    /// The scope in words.
    pub(crate) fn words(&self) -> String {
        match self.subscriptions.as_slice() {
            [own] if own.display_name.is_empty() => format!("subscription {}", own.subscription_id),
            [own] => format!("subscription {} ({})", own.display_name, own.subscription_id),
            all => format!("{} subscriptions", all.len()),
        }
    }
}

/// What answered.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// Resource Graph, which lags behind by minutes.
    Graph,
    /// Resource Manager, since Resource Graph failed for this reason.
    Manager(Box<Failure>),
}

/// What was read.
#[derive(Debug)]
struct Clusters {
    clusters: Vec<Overview>,
    /// What could not be read.
    unread: Vec<Failure>,
}

/// A cluster, with what is wrong with it.
struct Listed {
    overview: Overview,
    findings: Vec<Finding>,
}

/// Lists clusters.
///
/// # Errors
/// Exit 2: several subscriptions and none is named. Exit 3: no such subscription. Exit 4: nothing could be read for lack of a permission,
/// or not signed in.
pub(crate) async fn run(cli: &Cli, args: &ListArgs) -> Outcome<Exit> {
    if args.all_subscriptions && cli.azure.subscription.is_some() {
        return Failure::usage("--all-subscriptions and --subscription can't be used together").err();
    }
    if let Some(file) = &args.metrics {
        file.out(&cli.common.state).check()?;
    }
    let console = cli.common.console();
    let reader = session::sign_in(cli, &console, None).await?;
    let scope = scope(&reader, cli.azure.subscription.as_deref(), args.all_subscriptions).await?;
    let (source, found) = read(&reader, &console, &scope, args.resource_group.as_ref()).await?;
    let now = Timestamp::now();
    let mut listed: Vec<Listed> = found
        .clusters
        .into_iter()
        .filter(|own| !args.unprotected || own.is_unprotected())
        .map(|overview| Listed {
            findings: overview.findings(now),
            overview,
        })
        .collect();
    listed.sort_by_cached_key(|own| order(&own.overview));
    let exit = exit(args.check, &listed, &found.unread);
    if let Some(file) = &args.metrics {
        metrics::of(&listed, found.unread.len(), now).write(file, &cli.common.state)?;
    }
    if cli.common.output.is_document() {
        console.document(&document::of(&scope, &source, now, &listed, &found.unread, exit));
        return Ok(exit);
    }
    show(&console, args, &scope, &source, &listed);
    failures::show(&console, &found.unread, "reads");
    Ok(exit)
}

/// By subscription, resource group and name.
fn order(own: &Overview) -> [String; 3] {
    let group = own.id.resource_group();
    [
        own.id.subscription().to_string(),
        group.to_string(),
        own.id.name().to_owned(),
    ]
    .map(|part| folded(&part))
}

/// A part that could not be read outranks findings: others might be there.
fn exit(check: bool, listed: &[Listed], unread: &[Failure]) -> Exit {
    let found = check && listed.iter().any(|own| !own.findings.is_empty());
    let exit = if found { Exit::Pending } else { Exit::Done };
    unread.iter().fold(exit, |exit, failure| exit.worse(failure.exit))
}

/// Returns where clusters are looked for.
///
/// # Errors
/// Exit 2: several subscriptions and none is named. Exit 3: no such subscription.
pub(crate) async fn scope(reader: &Reader, wanted: Option<&str>, is_all: bool) -> Outcome<Scope> {
    let mut subscriptions = place::subscriptions(reader, wanted).await?;
    if !is_all && wanted.is_none() && subscriptions.len() > 1 {
        let preferred = place::az_default();
        subscriptions.retain(|own| preferred.as_ref() == Some(&own.subscription_id));
        if subscriptions.is_empty() {
            return Failure::usage(
                "the signed-in account has access to several subscriptions, and none is the default",
            )
            .hint("specify a subscription: --subscription NAME, or list all of them: --all-subscriptions")
            .err();
        }
    }
    Ok(Scope { subscriptions, is_all })
}

/// Reads by Resource Graph, else by Resource Manager.
///
/// # Errors
/// Neither can be asked.
async fn read(
    reader: &Reader,
    console: &Console,
    scope: &Scope,
    group: Option<&ResourceGroupName>,
) -> Outcome<(Source, Clusters)> {
    let by_graph = graph::read(reader, scope.one(), group);
    let by_manager = direct::read(reader, &scope.subscriptions, group);
    let (found, fallback) = by_graph_or_manager(console, by_graph, by_manager).await?;
    Ok((fallback.map_or(Source::Graph, Source::Manager), found))
}

/// Asks Resource Graph, or Resource Manager if that can't be used; then with the reason.
///
/// # Errors
/// Exit 124: Resource Graph didn't answer in time. Otherwise as `by_manager`.
pub(crate) async fn by_graph_or_manager<T>(
    console: &Console,
    by_graph: impl Future<Output = Outcome<T>>,
    by_manager: impl Future<Output = Outcome<T>>,
) -> Outcome<(T, Option<Box<Failure>>)> {
    let failure = match by_graph.await {
        Ok(found) => return Ok((found, None)),
        Err(failure) if failure.exit == Exit::Deadline => return Err(failure),
        Err(failure) => failure,
    };
    let why = failure.why.first().map_or(failure.what.as_str(), String::as_str);
    console.say(format!(
        "Azure Resource Graph can't be used ({why}); reading each subscription from Azure Resource Manager"
    ));
    Ok((by_manager.await?, Some(failure)))
}

/// The clusters of several state files, as `list` shows them.
pub(crate) struct OfFiles {
    scope: Scope,
    listed: Vec<Listed>,
    /// What could not be read.
    pub(crate) unread: Vec<Failure>,
    /// The clusters that were found and have no file.
    pub(crate) others: Vec<ResourceId>,
    /// Why Resource Graph wasn't used.
    pub(crate) fallback: Option<Box<Failure>>,
}

/// Lists the clusters that `has_file` names, in the subscription that is `wanted`, or in all.
///
/// # Errors
/// As [`run`].
pub(crate) async fn of_files(
    reader: &Reader,
    console: &Console,
    wanted: Option<&str>,
    has_file: impl Fn(&ResourceId) -> bool,
) -> Outcome<OfFiles> {
    let scope = Scope {
        subscriptions: place::subscriptions(reader, wanted).await?,
        is_all: wanted.is_none(),
    };
    let (source, found) = read(reader, console, &scope, None).await?;
    let now = Timestamp::now();
    let (own, others): (Vec<Overview>, Vec<Overview>) = found.clusters.into_iter().partition(|own| has_file(&own.id));
    let mut listed: Vec<Listed> = own
        .into_iter()
        .map(|overview| Listed {
            findings: overview.findings(now),
            overview,
        })
        .collect();
    listed.sort_by_cached_key(|own| order(&own.overview));
    let mut others: Vec<ResourceId> = others.into_iter().map(|own| own.id).collect();
    others.sort_by_cached_key(|id| folded(id.as_str()));
    Ok(OfFiles {
        scope,
        listed,
        unread: found.unread,
        others,
        fallback: match source {
            Source::Graph => None,
            Source::Manager(failure) => Some(failure),
        },
    })
}

impl OfFiles {
    /// Whether the cluster was found.
    pub(crate) fn has(&self, cluster: &ResourceId) -> bool {
        let mut all = self.listed.iter();
        all.any(|own| folded(own.overview.id.as_str()) == folded(cluster.as_str()))
    }

    /// Whether a search of these subscriptions would have found the cluster.
    pub(crate) fn covers(&self, cluster: &ResourceId) -> bool {
        let mut all = self.scope.subscriptions.iter();
        all.any(|own| own.subscription_id == cluster.subscription())
    }

    /// Whether a cluster has a finding.
    pub(crate) fn has_findings(&self) -> bool {
        self.listed.iter().any(|own| !own.findings.is_empty())
    }

    /// The number of clusters that were found.
    pub(crate) fn count(&self) -> usize {
        self.listed.len()
    }

    /// The lines of the table.
    pub(crate) fn lines(&self, console: &Console) -> Vec<String> {
        table::lines(console, &self.scope, &self.listed)
    }

    /// The objects of the clusters, each with its resource ID.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&ResourceId, serde_json::Value)> {
        let all = self.listed.iter();
        all.map(|own| (&own.overview.id, document::cluster(&self.scope, own)))
    }
}

fn show(console: &Console, args: &ListArgs, scope: &Scope, source: &Source, listed: &[Listed]) {
    if listed.is_empty() {
        let kind = if args.unprotected {
            "unprotected AKS clusters"
        } else {
            "AKS clusters"
        };
        let group = args.resource_group.as_ref();
        let place = group.map_or_else(String::new, |group| format!("resource group {group} of "));
        console.say(format!("No {kind} found in {place}{}", scope.words()));
    }
    for line in table::lines(console, scope, listed) {
        console.result(&line);
    }
    if *source == Source::Graph {
        console.say(
            "Source: Azure Resource Graph, which can be several minutes behind and returns only what the signed-in \
             account can read",
        );
    }
}

/// Returns the subscription's name for people, else its ID.
fn name_of(scope: &Scope, id: &SubscriptionId) -> String {
    let mut own = scope.subscriptions.iter().filter(|own| own.subscription_id == *id);
    let name = own.next().map(|own: &inventory::Visible| own.display_name.clone());
    name.filter(|name| !name.is_empty()).unwrap_or_else(|| id.to_string())
}
