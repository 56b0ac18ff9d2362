//! Remembers what this user chose on this machine.

use aksbackup_shared::console::Console;
use aksbackup_shared::schema::Target;
use aksbackup_shared::state::remembered::Remembered;

use super::check::Existing;
use super::flags::InitArgs;
use super::names::Names;

/// Remembers a target that this user chose here, so that `--yes` suffices for it from now on. At a prompt the user saw all of
/// it. Without one, values of a file that was there before count only if they were remembered too, and resources that exist
/// only if flags named them: `init` can have found another team's under a default name, or in the cluster's settings.
pub(super) fn remember(
    console: &Console,
    asked: bool,
    flags: &InitArgs,
    (before, target): (Option<&Target>, &Target),
    existing: Existing,
    names: &Names,
) {
    let remembered = Remembered::of_user();
    let known = before.is_none_or(|before| remembered.has(before));
    if !(asked || known && all_named(flags, before, target, existing, names)) {
        return;
    }
    if let Err(error) = remembered.keep(target) {
        console.detail(format!("cannot remember that these values are confirmed: {error}"));
    }
}

/// Whether each resource is to be created, is that of the file before, or was named by a flag.
///
/// A flag for the resource group names the resource only under its default name: any other one was found in the cluster's settings.
/// What can't be read counts as existing.
fn all_named(flags: &InitArgs, before: Option<&Target>, target: &Target, existing: Existing, names: &Names) -> bool {
    let same = |is: fn(&Target, &Target) -> bool| before.is_some_and(|before| is(before, target));
    let account = flags.storage_account.is_some()
        || flags.storage_resource_group.is_some() && target.storage.account.as_str() == names.account()
        || same(|a, b| {
            (&a.storage.account, &a.storage.resource_group) == (&b.storage.account, &b.storage.resource_group)
        });
    let vault = flags.vault.is_some()
        || flags.vault_resource_group.is_some() && target.vault.name.as_str() == names.vault()
        || same(|a, b| (&a.vault.name, &a.vault.resource_group) == (&b.vault.name, &b.vault.resource_group));
    let snapshots =
        flags.snapshot_group.is_some() || same(|a, b| a.snapshots.resource_group == b.snapshots.resource_group);
    let exists = |found: Option<bool>| found != Some(false);
    (account || !exists(existing.account))
        && (vault || !exists(existing.vault))
        && (snapshots || !exists(existing.snapshot_group))
}
