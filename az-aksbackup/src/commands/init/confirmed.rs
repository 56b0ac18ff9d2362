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
    existing: &Existing,
    names: &Names,
) {
    let remembered = Remembered::of_user();
    let known = before.is_none_or(|before| remembered.has(before));
    if !(asked || known && all_named(flags, before, target, existing, names)) {
        return;
    }
    if let Err(error) = remembered.keep(target) {
        console.detail(format!("cannot save the confirmation of these values: {error}"));
    }
}

/// Whether each resource is that of the file before, was named by a flag, or is to be created in a resource group of which that is true.
/// A resource group that `init` itself found may belong to another team, which then controls what is created in it.
///
/// A flag for the resource group names the resource only under its default name: any other one was found in the cluster's settings.
/// What can't be read counts as existing.
fn all_named(flags: &InitArgs, before: Option<&Target>, target: &Target, existing: &Existing, names: &Names) -> bool {
    let same = |is: fn(&Target, &Target) -> bool| before.is_some_and(|before| is(before, target));
    let exists = |found: Option<bool>| found != Some(false);
    let same_account =
        same(|a, b| (&a.storage.account, &a.storage.resource_group) == (&b.storage.account, &b.storage.resource_group));
    let same_vault = same(|a, b| {
        (&a.vault.name, &a.vault.resource_group, &a.vault.subscription)
            == (&b.vault.name, &b.vault.resource_group, &b.vault.subscription)
    });
    // A vault in another subscription is another team's unless that was named as well.
    let same_subscription = target.foreign_subscription().is_none()
        || flags.vault_subscription.is_some()
        || same(|a, b| a.vault.subscription == b.vault.subscription);
    let must_keep_snapshot_group = same(|a, b| a.snapshots.resource_group == b.snapshots.resource_group);
    // Either flag stands for the other group where that one has no flag of its own.
    let group_named = flags.storage_resource_group.is_some() || flags.vault_resource_group.is_some();
    let account = flags.storage_account.is_some()
        || flags.storage_resource_group.is_some() && target.storage.account.as_str() == names.account();
    let vault =
        flags.vault.is_some() || flags.vault_resource_group.is_some() && target.vault.name.as_str() == names.vault();
    let same_storage_group = same(|a, b| a.storage.resource_group == b.storage.resource_group);
    let same_vault_group = same(|a, b| a.vault.resource_group == b.vault.resource_group);
    let storage_group = group_named || same_storage_group || !exists(existing.storage_group);
    let vault_group = group_named || same_vault_group || !exists(existing.vault_group);
    let confirmed = |there: Option<bool>, named: bool, group: bool| if exists(there) { named } else { group };
    (same_account || confirmed(existing.account, account, storage_group))
        && (same_vault || same_subscription && confirmed(existing.vault, vault, vault_group))
        && (must_keep_snapshot_group || flags.snapshot_group.is_some() || !exists(existing.snapshot_group))
}
