//! The target of one of several clusters: what exists of it is adopted, the rest is what a template says.

use std::path::Path;
use std::rc::Rc;

use aksbackup_shared::console::Console;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::Target;

use super::check::Existing;
use super::confirmed::remember;
use super::flags::InitArgs;
use super::names::Names;
use super::world::{Lists, World};
use super::{place, run, settings};
use crate::arm::client::Reader;
use crate::target_ids;

/// What a cluster has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopted {
    /// Neither a backup instance nor a backup extension.
    Nothing,
    /// A backup extension, whose storage account and container are adopted.
    Extension,
    /// A backup instance, whose settings are adopted as `init --from-azure` does.
    Instance,
}

/// A target that was chosen for a cluster.
#[derive(Debug)]
pub(crate) struct Chosen {
    /// The target.
    pub(crate) target: Target,
    /// What of it was adopted.
    pub(crate) found: Adopted,
    /// What of it exists.
    existing: Existing,
}

impl Chosen {
    /// Remembers the target as confirmed by this user, as far as `named`, the flags that the user named, and what doesn't exist yet allow
    /// it: what was found in Azure might belong to another team.
    pub(crate) fn remember(&self, console: &Console, asked: bool, named: &InitArgs) {
        let names = Names::of(&self.target.cluster);
        remember(console, asked, named, (None, &self.target), &self.existing, &names);
    }
}

/// Chooses the target of a cluster that has no state file, with the flags that `flags` returns for what the cluster has. Asks nothing.
///
/// # Errors
/// Exit 3: there is no such cluster. Exit 1: what exists can't be used. Exit 2: a value that its key can't have.
pub(crate) async fn choose(
    reader: &Reader,
    console: &Console,
    cluster: &ResourceId,
    lists: Rc<Lists>,
    flags: impl FnOnce(Adopted) -> Outcome<InitArgs>,
) -> Outcome<Chosen> {
    let place = place::by_id(reader, cluster, None).await?;
    let region = run::region(&place)?;
    let mut world = World::of_one(reader, console, &place.id, lists).await?;
    let found = match (&world.protected, &world.extension) {
        (Some(_), _) => Adopted::Instance,
        (None, Some(_)) => Adopted::Extension,
        (None, None) => Adopted::Nothing,
    };
    let flags = flags(found)?;
    let target = run::silently(reader, console, &flags, (&place, &region), &mut world).await?;
    must_be_held(&world, &target)?;
    let (target, existing, _) = run::completed(reader, &flags, (target, None), &world).await?;
    // A template has no policy file.
    let (mut target, existing, _) = run::with_own_policy(reader, &flags, Path::new(""), (target, existing)).await?;
    settings::with_alerts(&flags.sets, &mut target, existing.vault);
    Ok(Chosen {
        target,
        found,
        existing,
    })
}

/// Refuses a target that doesn't have the vault by which the cluster is protected: a file that seems to adopt it would be about another
/// vault.
fn must_be_held(world: &World, target: &Target) -> Outcome<()> {
    let own = target_ids::vault(target);
    match &world.protected {
        Some(live) if !same(live.vault_id.as_str(), own.as_str()) => Failure::failed(format!(
            "cannot adopt cluster {}: it is protected by vault {}",
            target.cluster.with_group(),
            live.vault_id
        ))
        .because(format!("the template specifies vault {own}"))
        .hint("use the existing vault in the template for this cluster, or exclude the cluster: add an override with exclude = true")
        .err(),
        _ => Ok(()),
    }
}
