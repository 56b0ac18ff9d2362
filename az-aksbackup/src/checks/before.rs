//! `verify --pre`: what stands in the way before anything is installed.

use std::path::Path;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, az};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::schema::{State, Target};

use crate::arm::backups::Instance;
use crate::arm::client::Reader;
use crate::arm::clusters::Cluster;
use crate::arm::vaults::Vault;
use crate::arm::visible::Sight;
use crate::arm::{region, roles, storage};
use crate::checks::cluster_support;
use crate::checks::required_permissions::{self, Comparison, Needed, Purpose};
use crate::checks::vault_rules;
use crate::checks::view::{Seen, View, hidden};
use crate::checks::{cluster, extension, firewall, instance, judge, locks, look, storage as stored, subscription};

/// What was seen, and what the caller may do.
pub(crate) struct Before {
    /// What was seen.
    pub(crate) view: View,
    rights: Comparison,
    /// Why the name of a missing account cannot be had.
    refused_name: Seen<String>,
}

/// Looks at the cluster, and at what the target names.
pub(crate) async fn look_before(reader: &Reader, id: &ResourceId, state: &State, folder: &Path) -> Before {
    let (view, rights, refused_name) = futures::join!(
        look(reader, id, state, folder),
        compared(reader, state.target.as_ref()),
        refusal(reader, state.target.as_ref()),
    );
    Before {
        view,
        rights,
        refused_name,
    }
}

async fn compared(reader: &Reader, target: Option<&Target>) -> Comparison {
    let Some(target) = target else {
        return Comparison::default();
    };
    let needed = required_permissions::needed(Purpose::Everything, target, None);
    let scopes = required_permissions::scopes(&needed);
    let reads = futures::future::join_all(scopes.iter().map(|scope| roles::permissions(reader, scope))).await;
    let sights = reads
        .into_iter()
        .map(|read| Sight::of(read.map(Some)).unwrap_or(Sight::Absent));
    let sights: Vec<_> = sights.collect();
    let own: Vec<_> = scopes.into_iter().zip(sights).collect();
    required_permissions::compare(needed, &own)
}

async fn refusal(reader: &Reader, target: Option<&Target>) -> Seen<String> {
    let Some(target) = target else { return Seen::Unasked };
    let read: Outcome<_> = storage::refusal_of_name(reader, &target.subscription, &target.storage.account).await;
    Seen::of(read)
}

/// The checks.
pub(crate) fn checks(before: &Before) -> Vec<Check> {
    let view = &before.view;
    let mut all = vec![subscription::state(view), providers(view)];
    match cluster::existence(view) {
        Ok(own) => {
            all.extend(cluster_support::checks(view.cluster_ref(), own));
            all.push(switches(own));
            all.push(cluster::node_group(view, own));
        }
        Err(check) => all.push(*check),
    }
    all.extend(judge::unread(view, &all));
    all.push(name(before));
    if let Seen::Here(account) = &view.account {
        all.extend(stored::usable(view, account));
        all.extend(firewall::checks(view));
    }
    all.push(cluster::locks(view));
    all.push(snapshot_lock(view));
    all.extend(extension::already_there(view));
    all.push(vault(view));
    all.push(protection(view));
    all.extend(lacking(before));
    all.sort_by_key(|check| check.link);
    all
}

fn providers(view: &View) -> Check {
    const NAME: &str = "resource providers";
    let bad = subscription::unregistered(&view.providers);
    let names: Vec<&str> = bad.iter().map(|(name, _)| *name).collect();
    if !names.is_empty() {
        let says = format!("{} will be registered by prepare", names.join(", "));
        return Check::ok(Link::Subscription, NAME, says);
    }
    subscription::unread(view, NAME).unwrap_or_else(|| {
        let says = format!("{} of {} are registered", view.providers.len(), view.providers.len());
        Check::ok(Link::Subscription, NAME, says)
    })
}

/// What `prepare` switches on is no finding.
fn switches(cluster: &Cluster) -> Check {
    let off: Vec<&str> = [
        (cluster.has_issuer(), "OIDC issuer"),
        (cluster.has_workload_identity(), "workload identity"),
    ]
    .into_iter()
    .filter(|(on, _)| !on)
    .map(|(_, name)| name)
    .collect();
    let says = match off.is_empty() {
        true => "OIDC issuer and workload identity are enabled".to_owned(),
        false => format!(
            "prepare will enable {}, which restarts the API server (brief outage)",
            off.join(" and ")
        ),
    };
    Check::ok(Link::Cluster, "workload identity", says)
}

fn name(before: &Before) -> Check {
    const NAME: &str = "account name";
    const LINK: Link = Link::Storage;
    let view = &before.view;
    let Some(target) = view.target() else {
        return Check::unknown(LINK, NAME, "no state file specifies a storage account").hinted(az("init"));
    };
    let account = &target.storage.account;
    match (&view.account, &before.refused_name) {
        (Seen::Here(_), _) => Check::ok(LINK, NAME, format!("account {account} already exists")),
        (_, Seen::Here(why)) => {
            let hint = fix!["choose another: ", az("init --storage-account NAME")];
            Check::error(LINK, NAME, format!("account name {account} isn't available"), hint)
                .because(why.clone())
                .proves("STO-NAME-TAKEN")
        }
        (_, Seen::Absent) => Check::ok(LINK, NAME, format!("account name {account} is available")),
        (_, Seen::Hidden(failure)) => hidden(LINK, NAME, "the availability of the name", failure),
        (_, Seen::Unasked) => Check::unknown(LINK, NAME, "the availability of the name can't be checked"),
    }
}

/// Any lock on the snapshot resource group keeps Azure Backup from deleting old snapshots, so that `prepare` stops there.
fn snapshot_lock(view: &View) -> Check {
    const NAME: &str = "locks on the snapshot resource group";
    const LINK: Link = Link::Storage;
    let Some(group) = &view.places.snapshots else {
        return Check::unknown(LINK, NAME, "no state file specifies a snapshot resource group").hinted(az("init"));
    };
    let own = view.locks.iter().find(|(scope, _)| scope == group).map(|(_, own)| own);
    match own.map(|own| (own, own.here().and_then(|all| all.first()))) {
        Some((_, Some(lock))) => {
            let says = format!("lock {} prevents Azure Backup from deleting old snapshots", lock.id);
            Check::error(LINK, NAME, says, locks::whose_lock(lock))
                .because(format!("properties.level = {}", lock.properties.level))
                .proves("VLT-SNAPSHOT-LOCK")
        }
        Some((own, None)) => own
            .unread(LINK, NAME, "the locks on the snapshot resource group")
            .unwrap_or_else(|| Check::ok(LINK, NAME, "none")),
        None => Check::unknown(LINK, NAME, "not read"),
    }
}

/// Whether a vault protects the cluster already, and whether its protection works.
fn protection(view: &View) -> Check {
    const NAME: &str = "backup instance";
    const LINK: Link = Link::BackupInstance;
    if let Some(check) = view.instances.unread(LINK, NAME, "the backup instances of the cluster") {
        return check;
    }
    let elsewhere = |own: &&Instance| view.target().is_some() && own.vault() != view.places.vault;
    let all = view.instances.here().map(Vec::as_slice).unwrap_or_default();
    match (all.iter().find(elsewhere), view.instance()) {
        (Some(other), _) => instance::elsewhere(view, other),
        (None, None) => Check::ok(LINK, NAME, "no vault protects the cluster"),
        (None, Some(own)) => instance::protection(own),
    }
}

fn vault(view: &View) -> Check {
    const NAME: &str = "vault";
    const LINK: Link = Link::Vault;
    match (&view.vault, view.target()) {
        (Seen::Here(vault), Some(target)) => match vault_rules::usable(vault, target) {
            Ok(()) => Check::ok(LINK, NAME, "already exists"),
            Err(failure) => refused(*failure, vault, target),
        },
        (Seen::Here(_), None) => Check::ok(LINK, NAME, "already exists"),
        (Seen::Absent, _) => Check::ok(LINK, NAME, "doesn't exist yet (prepare creates it)"),
        (Seen::Hidden(failure), _) => hidden(LINK, NAME, "the vault", failure),
        (Seen::Unasked, _) => Check::unknown(LINK, NAME, "the vault couldn't be read"),
    }
}

/// A vault that `prepare` refuses, in its words.
fn refused(failure: Failure, vault: &Vault, target: &Target) -> Check {
    let says = [&[failure.what], failure.why.as_slice()].concat().join(": ");
    let check = Check::error(Link::Vault, "vault", says, Fix::joined(failure.hints))
        .because(format!("location = {}", vault.location));
    match region::is(&vault.location, &target.region) {
        true => check,
        false => check.proves("VLT-REGION"),
    }
}

/// The rights of the caller on each scope. A right that is missing is somebody else's turn, and a warning.
fn lacking(before: &Before) -> Vec<Check> {
    const LINK: Link = Link::Login;
    if before.view.target().is_none() {
        return vec![
            Check::unknown(LINK, "permissions", "no state file specifies the scopes to check").hinted(az("init")),
        ];
    }
    let Comparison { held, missing, unknown } = &before.rights;
    // Who assigns roles is another person in most teams: that the caller can't is as it should be.
    let (roles, missing): (Vec<&Needed>, Vec<&Needed>) = missing
        .iter()
        .partition(|own| own.action.starts_with("Microsoft.Authorization/roleAssignments/"));
    let mut scopes: Vec<&ResourceId> = missing.iter().map(|right| &right.scope).collect();
    scopes.dedup();
    let of_scope = |scope: &&ResourceId| {
        let actions: Vec<&str> = missing
            .iter()
            .filter(|own| own.scope == **scope)
            .map(|own| own.action)
            .collect();
        let says = format!(
            "the signed-in account lacks permissions on {}: {}",
            scope.name(),
            actions.join(", ")
        );
        let who = fix![
            "run the command with an account that has these permissions: ",
            az("prepare")
        ];
        let check = Check::warning(LINK, format!("permissions on {}", scope.name()), says, who).proves("ARM-AUTHZ");
        actions.iter().fold(check, |check, action| {
            check.because(format!("lacks {action} on {scope}"))
        })
    };
    let mut all: Vec<Check> = scopes.iter().map(of_scope).collect();
    all.extend(unknown.iter().map(|scope| {
        let says = format!(
            "{} doesn't exist yet, or the signed-in account can't read its permissions on it",
            scope.name()
        );
        Check::unknown(LINK, format!("permissions on {}", scope.name()), says)
    }));
    if all.is_empty() {
        all.push(Check::ok(LINK, "permissions", format!("all {held} granted")));
    }
    if !roles.is_empty() {
        let mut names: Vec<&str> = roles.iter().map(|own| own.scope.name()).collect();
        names.dedup();
        let says = format!(
            "the subscription owner assigns roles on {} with grant",
            names.join(", ")
        );
        all.push(Check::ok(LINK, "role assignments", says));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arm::groups::Lock;
    use crate::checks::protection::tests::instance as protected;
    use crate::checks::view::tests::{failures, view};
    use crate::steps::step04_extension::tests::extension;

    fn before() -> Before {
        Before {
            view: view(),
            rights: Comparison {
                held: 9,
                ..Comparison::default()
            },
            refused_name: Seen::Absent,
        }
    }

    #[test]
    fn nothing_stands_in_the_way_of_a_world_as_it_should_be() {
        let all = checks(&before());
        assert!(
            all.iter()
                .all(|own| own.verdict == aksbackup_shared::chain::check::Verdict::Ok),
            "{all:#?}"
        );
    }

    #[test]
    fn what_stops_prepare_stands_in_the_way() {
        let findings = |change: fn(&mut View)| {
            let mut before = before();
            change(&mut before.view);
            failures(&checks(&before))
        };
        let lock = |level: &str| -> Lock {
            serde_json::from_value(serde_json::json!({ "id": "/l", "properties": { "level": level } })).unwrap()
        };
        assert_eq!(findings(|_| ()), Vec::<String>::new());
        let mut before = before();
        let snapshots = before.view.places.snapshots.clone().unwrap();
        before.view.locks = vec![(snapshots, Seen::Here(vec![lock("CanNotDelete")]))];
        assert_eq!(failures(&checks(&before)), ["VLT-SNAPSHOT-LOCK"]);
        let vault = before.view.places.vault.clone().unwrap().resource_group_id();
        before.view.locks = vec![(vault, Seen::Here(vec![lock("ReadOnly")]))];
        assert_eq!(failures(&checks(&before)), ["ARM-LOCK"]);
        assert_eq!(
            findings(|view| view.extensions = Seen::Here(vec![extension(|body| {
                body["properties"]["provisioningState"] = "Failed".into();
            })])),
            ["EXT-FAILED"]
        );
        assert_eq!(
            findings(
                |view| view.instances = Seen::Here(vec![protected("ProtectionConfigured", |body| {
                    body["id"] = body["id"].as_str().unwrap().replace("bv-aks", "bv-other").into();
                })])
            ),
            ["VLT-BI-EXISTS"]
        );
    }

    #[test]
    fn a_provider_that_could_not_be_read_is_not_called_registered() {
        let mut before = before();
        before.view.providers[1].1 = Seen::Hidden(Box::new(Failure::not_permitted("no")));
        let check = checks(&before)
            .into_iter()
            .find(|own| own.check == "resource providers");
        assert_eq!(check.unwrap().verdict, aksbackup_shared::chain::check::Verdict::Unknown);
    }

    #[test]
    fn what_prepare_makes_is_no_finding_and_a_name_of_others_is_one() {
        let mut before = before();
        before.view.account = Seen::Absent;
        before.view.vault = Seen::Absent;
        before.view.cluster = Seen::Here(crate::arm::clusters::tests::cluster(|body| {
            body["properties"]["oidcIssuerProfile"] = serde_json::json!({ "enabled": false });
        }));
        assert_eq!(failures(&checks(&before)), Vec::<String>::new());
        before.refused_name = Seen::Here("taken".into());
        assert_eq!(failures(&checks(&before)), ["STO-NAME-TAKEN"]);
    }

    #[test]
    fn rights_that_are_missing_are_listed_by_scope() {
        let mut before = before();
        let scope = before.view.id.clone();
        let lacks = |action| required_permissions::Needed {
            action,
            scope: scope.clone(),
        };
        before.rights.missing = vec![lacks("A/write"), lacks("B/write")];
        let all = checks(&before);
        let bad: Vec<_> = all.iter().filter(|own| own.is_finding()).collect();
        assert_eq!((bad.len(), bad[0].evidence.len()), (1, 2));
        assert!(bad[0].says.ends_with("A/write, B/write"), "{}", bad[0].says);
    }

    #[test]
    fn that_another_person_assigns_the_roles_is_no_finding() {
        let mut before = before();
        before.rights.missing = vec![required_permissions::Needed {
            action: "Microsoft.Authorization/roleAssignments/write",
            scope: before.view.id.clone(),
        }];
        let all = checks(&before);
        assert!(all.iter().all(|own| !own.is_finding()), "{all:?}");
        let roles = all.iter().find(|own| own.check == "role assignments").unwrap();
        assert!(
            roles.says.starts_with("the subscription owner assigns roles on "),
            "{}",
            roles.says
        );
    }
}
