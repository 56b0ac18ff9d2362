//! From flags to what the guide's lists are told.

use std::path::{Path, PathBuf};

use aksbackup_shared::args::quoted;

use crate::cli::{BackupArgs, Cli, Command, ConfirmArgs, RoleArgs, TeardownArgs, WriteArgs};
use crate::guide::{BackupOptions, GrantOptions, PrepareOptions, ProtectOptions, TeardownOptions};
use crate::steps::confirm::{Confirm, Named};
use crate::steps::step03_vault_and_policy::settings::Irreversible;

/// The folder of the state file.
pub(crate) fn folder(cli: &Cli) -> PathBuf {
    cli.common.state.parent().unwrap_or_else(|| Path::new("")).to_owned()
}

/// The words of `apply`: a plan is applied as a whole, and not by the command that it is of.
pub(crate) fn applying(cli: &Cli) -> Option<String> {
    match &cli.command {
        Command::Apply(args) => Some(format!("apply {}", quoted(&args.file.to_string_lossy()))),
        _ => None,
    }
}

/// For `prepare`, which changes nothing for good.
pub(crate) fn prepare(cli: &Cli, subjects: &[String]) -> PrepareOptions {
    PrepareOptions {
        applying: applying(cli),
        subjects: subjects.to_vec(),
        recreate_storage: false,
        irreversible: Irreversible::Unconfirmed,
        requests: cli.command.operation_requests(),
        folder: folder(cli),
    }
}

/// For a look at the steps of `prepare`.
pub(crate) fn shown(cli: &Cli) -> PrepareOptions {
    PrepareOptions {
        irreversible: Irreversible::Shown,
        ..prepare(cli, &[])
    }
}

/// What `--irreversible` says, where a dry run shows everything.
pub(crate) fn irreversible(named: Option<&Named>, dry_run: bool) -> Irreversible {
    match (dry_run, named) {
        (true, _) => Irreversible::Shown,
        (false, Some(named)) => Irreversible::Confirmed(named.clone()),
        (false, None) => Irreversible::Unconfirmed,
    }
}

/// What the flags confirm. Whoever is shown the resources and asked confirms them by the answer; so does a dry run, which
/// changes nothing. `--yes` alone confirms nothing.
pub(crate) fn confirm(cli: &Cli, args: &ConfirmArgs, dry_run: bool) -> Confirm {
    Confirm {
        cluster: args.confirm_cluster.clone(),
        vault: args.confirm_vault.clone(),
        account: args.confirm_account.clone(),
        snapshots: args.confirm_snapshots.clone(),
        identity: args.confirm_identity.clone(),
        subscription: cli.azure.subscription.clone(),
        by_prompt: dry_run || (!cli.common.yes && cli.common.console().can_ask()),
    }
}

/// For `grant`.
pub(crate) fn grant(cli: &Cli, roles: &RoleArgs, write: WriteArgs) -> GrantOptions {
    GrantOptions {
        on_container: roles.on_container,
        confirm: confirm(cli, &roles.confirm, write.dry_run),
        in_passing: false,
    }
}

/// For `protect`.
pub(crate) fn protect(cli: &Cli, without_verification: bool) -> ProtectOptions {
    ProtectOptions {
        applying: applying(cli),
        without_verification,
        requests: cli.command.operation_requests(),
        remove_unused_policies: false,
        folder: folder(cli),
    }
}

/// For `backup`.
pub(crate) fn backup(args: &BackupArgs) -> BackupOptions {
    BackupOptions {
        rule: args.rule.clone(),
        retention_tag: args.retention_tag.clone(),
    }
}

/// For `teardown`.
pub(crate) fn teardown(args: &TeardownArgs) -> TeardownOptions {
    TeardownOptions {
        delete_backups: args.delete_backups.clone(),
        requests: args.reduce.operation_requests.clone(),
    }
}
