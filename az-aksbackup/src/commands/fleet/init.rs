//! `fleet init`: a state file for each cluster that has none.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;

use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceGroupName, ResourceId, SubscriptionId, same};
use aksbackup_shared::schema::CloudTables;
use futures::StreamExt as _;

use super::find::{self, Discovery};
use super::folder::{self, Folder, Member};
use super::progress::Progress;
use super::template::{Candidate, Template};
use super::{AT_ONCE, init_output};
use crate::arm::client::Reader;
use crate::arm::clusters;
use crate::cli::{Cli, FleetInitArgs};
use crate::commands::init::adopt::{self, Chosen};
use crate::commands::init::world::Lists;
use crate::commands::list::{self, Scope};
use crate::commands::session::{self, TOOL};

/// What comes of a cluster without a state file.
pub(super) struct Planned {
    /// The cluster.
    pub(super) own: Candidate,
    /// Where its state file is created.
    pub(super) file: PathBuf,
    /// Its target, or why there is none.
    pub(super) chosen: Outcome<Chosen>,
}

/// What the command found.
pub(super) struct Plan {
    pub(super) found: Discovery,
    pub(super) folder: Folder,
    pub(super) planned: Vec<Planned>,
    /// The clusters that the template excludes.
    pub(super) excluded: Vec<ResourceId>,
    /// The state files whose cluster doesn't exist.
    pub(super) gone: Vec<Member>,
    /// The cluster could not be read, so that it isn't known whether it exists.
    pub(super) unsure: Vec<Failure>,
}

/// Creates the state files that are missing.
///
/// # Errors
/// Exit 2: a template that can't be used; several subscriptions and none is named. Exit 4: not signed in, or not permitted.
pub(crate) async fn run(cli: &Cli, args: &FleetInitArgs) -> Outcome<Exit> {
    if args.all_subscriptions && cli.azure.subscription.is_some() {
        return Failure::usage("--all-subscriptions and --subscription can't be used together").err();
    }
    let console = cli.common.console();
    let template = Template::read(args.template.as_deref(), &args.folder)?;
    let folder = match Folder::read(cli, &args.folder) {
        Err(failure) if failure.exit == Exit::Missing => Folder::default(),
        read => read?,
    };
    let reader = session::sign_in(cli, &console, None).await?.reading_once();
    let scope = list::scope(&reader, cli.azure.subscription.as_deref(), args.all_subscriptions).await?;
    let mut plan = plan(&reader, &console, &scope, &template, folder, args).await?;
    console.clear();
    if !args.write.dry_run && plan.writable() > 0 {
        agree(cli, &console, &plan, args)?;
        write(cli, &console, &reader, &template, &mut plan).await?;
    }
    Ok(init_output::show(cli, &console, args, &scope, &plan))
}

impl Plan {
    /// How many state files can be written.
    pub(super) fn writable(&self) -> usize {
        self.planned.iter().filter(|own| own.chosen.is_ok()).count()
    }
}

async fn plan(
    reader: &Reader,
    console: &Console,
    scope: &Scope,
    template: &Template,
    folder: Folder,
    args: &FleetInitArgs,
) -> Outcome<Plan> {
    let group = args.resource_group.as_ref();
    let found = find::clusters(reader, console, scope, group).await?;
    let (gone, unsure) = gone(reader, scope, &found, &folder, group).await;
    let missing = found.clusters.iter().filter(|own| !folder.has(&own.id));
    let (new, excluded): (Vec<&Candidate>, Vec<&Candidate>) = missing.partition(|own| template.includes(own));
    let excluded = excluded.into_iter().map(|own| own.id.clone()).collect();
    let lists = lists(reader, console, &new).await;
    let progress = Progress::new(console, "fleet init", new.len());
    let choices = new.into_iter().map(|own| {
        let (lists, progress) = (&lists, &progress);
        async move {
            let planned = Planned {
                file: folder::place(&args.folder, &own.id),
                chosen: choose(reader, console, template, own, lists).await,
                own: own.clone(),
            };
            progress.done();
            planned
        }
    });
    let mut planned: Vec<Planned> = futures::stream::iter(choices).buffered(AT_ONCE).collect().await;
    for own in planned.iter_mut().filter(|own| own.file.exists()) {
        own.chosen = occupied(&own.file, &own.own.id).err();
    }
    Ok(Plan {
        planned,
        excluded,
        gone,
        unsure,
        folder,
        found,
    })
}

async fn choose(
    reader: &Reader,
    console: &Console,
    template: &Template,
    own: &Candidate,
    lists: &BTreeMap<String, Outcome<Rc<Lists>>>,
) -> Outcome<Chosen> {
    let key = own.id.subscription().to_string();
    let lists = match lists.get(&key) {
        Some(Ok(lists)) => Rc::clone(lists),
        Some(Err(failure)) => return Err(failure.clone()),
        None => Rc::default(),
    };
    let flag = folder::state_flag(std::path::Path::new("FILE"));
    let choosing = adopt::choose(reader, console, &own.id, lists, |found| template.flags(own, found));
    aksbackup_shared::command_line::on_state(flag, choosing).await
}

/// What each subscription has, read once.
async fn lists(reader: &Reader, console: &Console, new: &[&Candidate]) -> BTreeMap<String, Outcome<Rc<Lists>>> {
    let mut all: BTreeMap<String, SubscriptionId> = BTreeMap::new();
    for own in new {
        let id = own.id.subscription();
        all.insert(id.to_string(), id);
    }
    let reads = all.into_iter().map(async |(key, id)| {
        let read = Lists::read(reader, console, &id).await;
        (key, read.map(Rc::new))
    });
    futures::stream::iter(reads).buffered(AT_ONCE).collect().await
}

/// The file is there, but it isn't known to be that of the cluster.
fn occupied(file: &std::path::Path, cluster: &ResourceId) -> Failure {
    Failure::new(
        Exit::StateUnreadable,
        format!(
            "cannot create state file {} for cluster {}",
            file.display(),
            cluster.with_group()
        ),
    )
    .because("a file with this name exists, and it isn't a usable state file of this cluster")
    .hint("repair the file, or move it out of the folder; fleet init doesn't overwrite it")
}

/// The state files whose cluster wasn't found, as far as the search would have found it. Resource Graph lags behind: Resource Manager
/// decides.
async fn gone(
    reader: &Reader,
    scope: &Scope,
    found: &Discovery,
    folder: &Folder,
    group: Option<&ResourceGroupName>,
) -> (Vec<Member>, Vec<Failure>) {
    let in_scope = |own: &&Member| {
        let subscription = own.cluster.subscription();
        let mut all = scope.subscriptions().iter();
        all.any(|one| one.subscription_id == subscription)
            && group.is_none_or(|group| same(group.as_str(), own.cluster.resource_group().as_str()))
    };
    let is_found = |own: &&Member| {
        found
            .clusters
            .iter()
            .any(|one| same(one.id.as_str(), own.cluster.as_str()))
    };
    let missing = folder.members.iter().filter(in_scope).filter(|own| !is_found(own));
    let reads = missing.map(async |own| (own, clusters::get(reader, &own.cluster).await));
    let read: Vec<_> = futures::stream::iter(reads).buffered(AT_ONCE).collect().await;
    let (mut gone, mut unsure) = (Vec::new(), Vec::new());
    for (own, read) in read {
        match read {
            Ok(None) => gone.push(own.clone()),
            Ok(Some(_)) => {}
            Err(failure) => unsure.push(*failure),
        }
    }
    (gone, unsure)
}

/// A new file overwrites nothing: without a terminal it needs no answer.
fn agree(cli: &Cli, console: &Console, plan: &Plan, args: &FleetInitArgs) -> Outcome<()> {
    if cli.common.yes || !console.can_ask() {
        return Ok(());
    }
    for line in init_output::planned(console, plan) {
        console.say(line);
    }
    let question = format!(
        "Write {} to {}?",
        init_output::files(plan.writable()),
        args.folder.display()
    );
    match console.confirm_harmless(&question)? {
        true => Ok(()),
        false => Failure::new(
            Exit::Pending,
            format!("folder {} was not changed", args.folder.display()),
        )
        .err(),
    }
}

async fn write(cli: &Cli, console: &Console, reader: &Reader, template: &Template, plan: &mut Plan) -> Outcome<()> {
    let asked = !cli.common.yes && console.can_ask();
    for own in &mut plan.planned {
        let Ok(chosen) = &own.chosen else { continue };
        if let Some(folder) = own.file.parent() {
            std::fs::create_dir_all(folder).or_else(|error| {
                Failure::failed(format!("cannot create folder {}", folder.display()))
                    .because(error.to_string())
                    .err()
            })?;
        }
        let of_file = folder::of_file(cli, &own.file);
        let mut store = of_file.common.store::<CloudTables>(TOOL);
        store.set_author(reader.caller().name.clone());
        match store.create(chosen.target.clone()).await {
            Ok(true) => chosen.remember(console, asked, &template.named_flags(&own.own)?),
            Ok(false) => own.chosen = occupied(&own.file, &own.own.id).err(),
            Err(failure) => own.chosen = Err(failure),
        }
    }
    Ok(())
}
