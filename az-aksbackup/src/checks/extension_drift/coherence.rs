//! Settings of the extension that go together, and amounts with which its pods can run.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::ExtensionTarget;

use super::{CPU_LIMIT, MEMORY_LIMIT, amounts, size};
use crate::arm::extensions::Extension;

/// The least limits: Microsoft's default requests. Velero restarts where memory runs out, and with it every backup fails:
/// <https://learn.microsoft.com/troubleshoot/azure/azure-kubernetes/extensions/azure-kubernetes-service-backup-troubleshooting>.
const LEAST: [(&str, &str, &str); 2] = [(CPU_LIMIT, "500m", "1000m"), (MEMORY_LIMIT, "256Mi", "1280Mi")];

/// Checks that the settings go together: with one another, and with those of the extension that stay.
///
/// # Errors
/// Exit 2: both keys, and why they don't.
pub(crate) fn coherent(target: &ExtensionTarget, own: Option<&Extension>) -> Outcome<()> {
    upgraded(target, own)?;
    enough(target)?;
    requested(target, own)
}

/// A version and a release train have to fit the automatic upgrades that are in force: the target's, else Azure's.
fn upgraded(target: &ExtensionTarget, own: Option<&Extension>) -> Outcome<()> {
    if target.version.is_some() && target.auto_upgrade == Some(true) {
        return Failure::usage("extension.version and extension.auto_upgrade contradict each other")
            .because("an extension with a pinned version isn't upgraded automatically")
            .hint(fix![
                "to upgrade the extension automatically, run: ",
                az("init --set extension.version= --set extension.auto_upgrade=true")
            ])
            .err();
    }
    let wanted = if target.version.is_some() {
        Some(false)
    } else {
        target.auto_upgrade
    };
    let live = own.and_then(|own| own.upgrades().automatic);
    if target.release_train.is_none() || wanted.or(live) != Some(false) {
        return Ok(());
    }
    let failure = Failure::usage("extension.release_train has no effect without automatic upgrades")
        .because("Azure takes versions from a release train only for automatic upgrades");
    let failure = match (wanted, own) {
        (None, Some(own)) => failure
            .because(format!(
                "automatic upgrades of extension {} are disabled in Azure",
                own.name
            ))
            .hint(fix![
                "to enable automatic upgrades: ",
                az("init --set extension.auto_upgrade=true")
            ]),
        _ => failure,
    };
    failure
        .hint(fix![
            "clear the release train: ",
            az("init --set extension.release_train=")
        ])
        .err()
}

/// With less, the pods can't run: such a value is a mistake, or a trap in a file of others.
fn enough(target: &ExtensionTarget) -> Outcome<()> {
    for (key, what, wire, wanted) in amounts(target) {
        let Some((_, least, default)) = LEAST.iter().find(|(own, ..)| *own == wire) else {
            continue;
        };
        let Some(wanted) = wanted.filter(|wanted| size(wire, wanted) < size(wire, least)) else {
            continue;
        };
        return Failure::usage(format!("extension.{key} {wanted} is too low"))
            .because(format!(
                "the extension's pods request {least} by default; Kubernetes rejects pods that request more than \
                 their limit, and terminates pods that run out of memory, which makes backups fail; Microsoft's \
                 default {what} is {default}"
            ))
            .hint(fix![
                format!("use Microsoft's default, or at least {least}: "),
                az(format!("init --set extension.{key}={default}"))
            ])
            .err();
    }
    Ok(())
}

/// No request is higher than its limit.
fn requested(target: &ExtensionTarget, own: Option<&Extension>) -> Outcome<()> {
    let amounts = amounts(target);
    for (request, limit) in [(1, 0), (3, 2)] {
        let effective = |at: usize| {
            let (_, _, wire, wanted) = amounts.get(at)?;
            let live = own
                .map(|own| own.setting(wire).to_owned())
                .filter(|live| !live.is_empty());
            wanted.clone().or(live)
        };
        let (Some(least), Some(most)) = (effective(request), effective(limit)) else {
            continue;
        };
        let Some((key, what, wire, _)) = amounts.get(request) else {
            continue;
        };
        let limit = amounts.get(limit).map_or("", |(key, ..)| key);
        if size(wire, &least) > size(wire, &most) {
            return Failure::usage(format!("the {what} of the extension is higher than its limit"))
                .because(format!(
                    "the {what} is {least}, and the limit is {most}; Kubernetes rejects such pods"
                ))
                .hint(fix![
                    "set both: ",
                    az(format!(
                        "init --set extension.{key}={most} --set extension.{limit}={most}"
                    ))
                ])
                .err();
        }
    }
    Ok(())
}
