//! The course of `init`.

use std::path::Path;

use aksbackup_shared::command_line::az;
use aksbackup_shared::console::{Console, Tone};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{Region, ResourceId, SubscriptionId};
use aksbackup_shared::process::document;
use aksbackup_shared::runner::report::turn_lines;
use aksbackup_shared::schema::{CloudTables, ClusterTables, State, Target};
use aksbackup_shared::status;
use serde_json::json;

use super::check::{self, Existing, PolicyFile};
use super::choice::Choice;
use super::confirmed::remember;
use super::flags::InitArgs;
use super::names::Names;
use super::pick::Picker;
use super::place::{self, Place};
use super::settings::{self, Fixed};
use super::show::{self, Difference};
use super::values;
use super::world::World;
use crate::arm::client::Reader;
use crate::checks::{content, extension_drift, filters, policy, subscription_rules, vault_drift};
use crate::cli::Cli;
use crate::commands::session::TOOL;
use crate::commands::{options, session};
use crate::steps::policy_names::{self, Renamed};

/// What was found out: the target, how it differs from the file's, and what of it exists.
struct Plan {
    target: Target,
    differences: Vec<Difference>,
    /// What a difference costs, in words.
    costs: Vec<String>,
    existing: Existing,
    by: String,
}

/// Chooses the target and writes it into the state file.
///
/// # Errors
/// Exit 2: a question that could not be asked, or another cluster's file. Exit 3: subscription, group or cluster do not
/// exist. Exit 4: not signed in or not permitted. Exit 1: what exists will not do.
pub(crate) async fn run(cli: &Cli, flags: &InitArgs) -> Outcome<Exit> {
    let console = cli.common.console();
    let before = session::load(cli)?.unwrap_or_default();
    let mut store = cli.common.store::<CloudTables>(TOOL);
    if !flags.write.dry_run {
        store.must_write(&before)?;
    }
    let plan = plan(cli, flags, &console, &before).await?;
    console.clear();
    let changed = !plan.differences.is_empty();
    for line in show::summary(&console, &plan.target, &plan.existing) {
        console.say(line);
    }
    for cost in &plan.costs {
        console.say(console.paint(Tone::Attention, &format!("warning: {cost}")));
    }
    if changed && !flags.write.dry_run {
        agree(cli, &console, before.target.is_some(), &plan)?;
        store.speak_on(&console);
        store.set_author(plan.by.clone());
        store.choose(plan.target.clone()).await?;
        let asked = !cli.common.yes && console.can_ask();
        let values = (before.target.as_ref(), &plan.target);
        remember(
            &console,
            asked,
            flags,
            values,
            &plan.existing,
            &Names::of(&plan.target.cluster),
        );
    }
    Ok(tell(cli, &console, flags, &before, &plan))
}

async fn plan(cli: &Cli, flags: &InitArgs, console: &Console, before: &State) -> Outcome<Plan> {
    let named = flags.cluster_id.is_some() || flags.resource_group.is_some() || flags.cluster_name.is_some();
    let known = before
        .target
        .as_ref()
        .filter(|_| !named && cli.azure.subscription.is_none());
    let policy_file = policy_file(cli, flags)?;
    let reader = session::sign_in(cli, console, known).await?;
    let picker = Picker::new(console, cli.common.yes);
    let known = known.map(|target| &target.cluster);
    let place = place::find(&reader, &picker, cli.azure.subscription.as_deref(), flags, known).await?;
    let base = before.target.as_ref().filter(|target| target.cluster == place.id);
    if base.is_none() {
        must_be_free(cli, before)?;
    }
    let region = region(&place)?;
    let known = flags.storage_resource_group.is_some() || flags.vault_resource_group.is_some();
    let to_choose = base.is_none() && !(known && flags.snapshot_group.is_some());
    let mut world = World::look(&reader, console, &place, (base, to_choose)).await?;
    let vault_subscription = vault_subscription(&reader, flags, base, (&place, &world)).await?;
    if let Some(own) = &vault_subscription {
        world.look_at_vaults(&reader, console, own).await?;
    }
    if flags.from_azure && world.protected.is_none() {
        return unprotected(&place).err();
    }
    let choice = Choice {
        reader: &reader,
        picker: &picker,
        flags,
        base,
        world: &world,
        cluster: &place.id,
        region: &region,
        names: Names::of(&place.id),
        policy_file,
        vault_subscription,
    };
    let target = choice.target().await?;
    let (target, existing, fixed) = completed(&reader, flags, (target, base), &world).await?;
    let folder = options::folder(cli);
    let (mut target, existing, renamed) = with_own_policy(&reader, flags, &folder, (target, existing)).await?;
    if base.is_none() {
        settings::with_alerts(&flags.sets, &mut target, existing.vault);
    }
    let differences = show::differences(before.target.as_ref(), &target)?;
    let mut costs = match base {
        Some(_) => settings::cost(&differences, fixed, &[world.live(), existing.kept.clone()].concat())?,
        None => Vec::new(),
    };
    costs.extend(renamed.map(|own| own.words()));
    // Once, when they come into the file: what is backed up is shown each time.
    let comes = |key: &str| differences.iter().any(|(own, ..)| own == key);
    if comes("instance.included_volume_types") {
        costs.extend(content::of_files(&target.instance));
    }
    Ok(Plan {
        target,
        differences,
        costs,
        existing,
        by: reader.caller().name.clone(),
    })
}

/// Checks a target, with what `--set` says of it. Returns also what of it exists, so that it can't be set.
///
/// # Errors
/// As [`run`].
pub(super) async fn completed(
    reader: &Reader,
    flags: &InitArgs,
    (mut target, base): (Target, Option<&Target>),
    world: &World,
) -> Outcome<(Target, Existing, Fixed)> {
    let existing = check::check(reader, &target, world).await?;
    if flags.from_azure || base.is_none_or(|own| own.storage.account != target.storage.account) {
        existing.adopt(flags.sku.is_some(), &mut target);
    }
    let fixed = existing.fixed(world);
    let (target, existing) = match flags.sets.is_empty() {
        true => (target, existing),
        false => {
            let target = settings::apply(&flags.sets, &target, fixed)?;
            let existing = check::check(reader, &target, world).await?;
            (target, existing)
        }
    };
    filters::usable(&target.instance)?;
    vault_drift::coherent(&target.vault)?;
    extension_drift::coherent(&target.extension, world.extension.as_ref())?;
    values::usable_tags(&target.tags)?;
    // Azure has the rules of a policy that exists, whatever they are.
    if target.policy.file.is_none() && existing.policy != Some(true) {
        policy::preset(&target.policy)?;
    }
    Ok((target, existing, fixed))
}

/// Gives the policy another name where the vault has one of its name with other rules: Azure doesn't let them be changed.
///
/// # Errors
/// As [`policy_names::settled`].
pub(super) async fn with_own_policy(
    reader: &Reader,
    flags: &InitArgs,
    folder: &Path,
    (mut target, mut existing): (Target, Existing),
) -> Outcome<(Target, Existing, Option<Renamed>)> {
    let renamed = match existing.policy {
        // The policy that Azure has is asked for.
        Some(true) if !flags.from_azure => policy_names::settled(reader, folder, &target).await?,
        Some(_) | None => None,
    };
    if let Some(own) = &renamed {
        (target.policy.name, existing.policy) = (own.to.clone(), Some(own.exists));
    }
    Ok((target, existing, renamed))
}

/// Returns the target that `init` would propose for a cluster without a state file: what exists of it, else the defaults. Asks nothing.
///
/// # Errors
/// As [`run`].
pub(crate) async fn proposed(cli: &Cli, cluster: &ResourceId) -> Outcome<Target> {
    let console = cli.common.console();
    let reader = session::sign_in(cli, &console, None).await?;
    let place = place::by_id(&reader, cluster, None).await?;
    let region = region(&place)?;
    let mut world = World::look(&reader, &console, &place, (None, true)).await?;
    silently(&reader, &console, &InitArgs::default(), (&place, &region), &mut world).await
}

/// Returns the target of a cluster without a state file. Asks nothing.
///
/// # Errors
/// As [`run`].
pub(super) async fn silently(
    reader: &Reader,
    console: &Console,
    flags: &InitArgs,
    (place, region): (&Place, &Region),
    world: &mut World,
) -> Outcome<Target> {
    let vault_subscription = vault_subscription(reader, flags, None, (place, world)).await?;
    if let Some(own) = &vault_subscription {
        world.look_at_vaults(reader, console, own).await?;
    }
    let choice = Choice {
        reader,
        picker: &Picker::silent(),
        flags,
        base: None,
        world,
        cluster: &place.id,
        region,
        names: Names::of(&place.id),
        policy_file: None,
        vault_subscription,
    };
    choice.target().await
}

/// Returns the subscription of the vault, where it isn't the cluster's: the flag's, else the file's, else that of the instance.
///
/// # Errors
/// Exit 2: the flag's isn't one of the tenant.
async fn vault_subscription(
    reader: &Reader,
    flags: &InitArgs,
    base: Option<&Target>,
    (place, world): (&Place, &World),
) -> Outcome<Option<SubscriptionId>> {
    let base = base.filter(|_| !flags.from_azure);
    let own = match (&flags.vault_subscription, base) {
        (Some(wanted), _) => {
            let found = place::subscriptions(reader, Some(wanted)).await;
            let found = found.map_err(|failure| subscription_rules::in_tenant(wanted, failure))?;
            found.into_iter().next()
        }
        (None, Some(base)) => return Ok(base.vault.subscription.clone()),
        (None, None) => {
            let protected = world.protected.as_ref().map(|own| own.vault_subscription.clone());
            return Ok(protected.filter(|own| *own != place.id.subscription()));
        }
    };
    Ok(own
        .map(|own| own.subscription_id)
        .filter(|own| *own != place.id.subscription()))
}

fn unprotected(place: &Place) -> Failure {
    Failure::missing(format!("no backup instance protects cluster {}", place.id.with_group()))
        .because("--from-azure copies the settings of the backup instance, and the signed-in account can't read any")
        .hint(fix!["protect the cluster first: ", az("protect")])
}

fn policy_file(cli: &Cli, flags: &InitArgs) -> Outcome<Option<PolicyFile>> {
    let file = flags.policy_file.as_deref();
    file.map(|file| check::policy_file(file, &cli.common.state)).transpose()
}

pub(super) fn region(place: &Place) -> Outcome<Region> {
    match place.cluster.region() {
        Some(region) => Ok(region),
        None => Failure::failed(format!(
            "Azure reports no valid region for cluster {}",
            place.id.with_group()
        ))
        .err(),
    }
}

/// One file, one cluster: what was achieved for another one is not overwritten.
fn must_be_free(cli: &Cli, before: &State) -> Outcome<()> {
    let untouched = before.cloud == CloudTables::default() && before.cluster == ClusterTables::default();
    let other = before.target.as_ref().filter(|_| !untouched);
    match other {
        None => Ok(()),
        Some(other) => Failure::usage(format!(
            "state file {} belongs to cluster {}, and contains results for it",
            cli.common.state.display(),
            other.cluster.with_group()
        ))
        .hint("use a separate state file for each cluster: --state FILE")
        .err(),
    }
}

fn agree(cli: &Cli, console: &Console, replaces: bool, plan: &Plan) -> Outcome<()> {
    let file = cli.common.state.display();
    if replaces {
        console.say(format!("Differences from {file}:"));
        for line in show::lines(console, &plan.differences) {
            console.say(format!("  {line}"));
        }
    }
    let question = format!("Write {file}?");
    // A new file overwrites nothing: without a terminal it needs no answer, and with one Enter is enough after the questions before it.
    let agreed = match (cli.common.yes, replaces) {
        (true, _) => true,
        (false, false) => !console.can_ask() || console.confirm_harmless(&question)?,
        (false, true) => console.confirm(&question)?,
    };
    if agreed {
        return Ok(());
    }
    Failure::new(Exit::Pending, format!("state file {file} was not changed")).err()
}

fn tell(cli: &Cli, console: &Console, flags: &InitArgs, before: &State, plan: &Plan) -> Exit {
    let dry_run = flags.write.dry_run;
    let changed = !plan.differences.is_empty();
    let exit = if dry_run && changed { Exit::Pending } else { Exit::Done };
    let after = State {
        target: Some(plan.target.clone()),
        ..before.clone()
    };
    let said = |key: &str| !flags.from_azure || flags.says(key);
    // A cluster that is adopted is protected: what a new file doesn't report isn't left to do.
    let open = || (!flags.from_azure).then(|| status::next(&after)).flatten();
    let next = settings::applied_by(&plan.differences, &after, said).or_else(open);
    let file = cli.common.state.display().to_string();
    let handed: Vec<String> = next.iter().flat_map(|turn| turn_lines(console, turn)).collect();
    if cli.common.output.is_document() {
        // As at the end of every other command that writes, you are told what is next too.
        handed.iter().for_each(|line| console.say(line));
        let differences: Vec<_> = plan
            .differences
            .iter()
            .map(|(key, old, new)| json!({ "key": key, "old": old, "new": new }))
            .collect();
        console.document(&document(json!({
            "command": "init", "exit": exit, "dry_run": dry_run, "changed": changed && !dry_run, "state": file,
            "target": plan.target, "differences": differences, "warnings": plan.costs, "next": next,
        })));
        return exit;
    }
    let said = match (changed, dry_run) {
        (false, _) => format!("init: nothing to do, {file} is up to date"),
        (true, true) => {
            for line in show::lines(console, &plan.differences) {
                console.text(&line);
            }
            let pending = show::counted(plan.differences.len());
            format!("init: dry run: {pending} would change; {file} was not changed")
        }
        (true, false) if flags.from_azure && next.is_none() => {
            format!("init: wrote {file} with the settings in Azure; there are no changes to apply")
        }
        (true, false) => format!("init: wrote {file}"),
    };
    console.text(&said);
    handed.iter().for_each(|line| console.text(line));
    exit
}
