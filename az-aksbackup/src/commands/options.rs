//! From flags to what the guide's lists are told.

use std::path::Path;

use crate::cli::{BackupArgs, Cli, RoleArgs, WriteArgs};
use crate::guide::{BackupOptions, GrantOptions, PrepareOptions, ProtectOptions};

/// For `prepare`.
pub(crate) fn prepare(cli: &Cli, subjects: &[String]) -> PrepareOptions {
    PrepareOptions {
        subjects: subjects.to_vec(),
        recreate_storage: false,
        folder: cli.common.state.parent().unwrap_or_else(|| Path::new("")).to_owned(),
        state_flag: cli.common.state_flag(),
    }
}

/// For `grant`. Who is shown the changes and asked vouches by the answer; `--yes` alone vouches for nothing.
pub(crate) fn grant(cli: &Cli, roles: &RoleArgs, write: WriteArgs) -> GrantOptions {
    GrantOptions {
        on_container: roles.on_container,
        vault: roles.vault.as_ref().map(ToString::to_string),
        snapshot_group: roles.snapshot_group.as_ref().map(ToString::to_string),
        storage_account: roles.storage_account.as_ref().map(ToString::to_string),
        vouched_by_prompt: write.dry_run || (!cli.common.yes && cli.common.console().can_ask()),
        in_passing: false,
        state_flag: cli.common.state_flag(),
    }
}

/// For `protect`.
pub(crate) fn protect(cli: &Cli, without_verification: bool) -> ProtectOptions {
    ProtectOptions {
        without_verification,
        state_flag: cli.common.state_flag(),
    }
}

/// For `backup`.
pub(crate) fn backup(cli: &Cli, args: &BackupArgs) -> BackupOptions {
    BackupOptions {
        rule: args.rule.clone(),
        retention_tag: args.retention_tag.clone(),
        state_flag: cli.common.state_flag(),
    }
}
