//! Before anything is written: subscription, cluster, and what the caller may do.
//!
//! It fails only for what can never work, each with its cure. A missing right does not fail it: the step that needs the
//! right says whose turn it is. What Azure does not show is *unknown*, and said to be.
//!
//! A resource group that doesn't exist and that the caller can't create is another person's turn *before* anything is changed: storage
//! and vault can't be created without it, and the OIDC issuer can't be switched off again.
//!
//! Rights: read on the subscription and the cluster.

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{ResourceId, SubscriptionId};
use aksbackup_shared::schema::{CloudTables, State, Target};
use aksbackup_shared::step::{Applied, Decision, Never, Step};

use crate::arm::backups::{self, Instance};
use crate::arm::client::{Reader, Writer};
use crate::arm::clusters::{self, Cluster};
use crate::arm::extensions::{self, Extension};
use crate::arm::groups::{self, Subscription};
use crate::arm::roles::{self, Permission};
use crate::arm::visible::Sight;
use crate::checks::cluster_support::{ClusterRef, must_be_fit};
use crate::checks::protection;
use crate::checks::required_permissions::{self, Comparison, Purpose};
use crate::checks::sole_extension::no_conflict;
use crate::platform::Azure;
use crate::steps::conditions;
use crate::steps::fresh::JustRead;
use crate::steps::missing_groups::{self, ScopePermissions};
use crate::steps::teardown;
use crate::steps::turns;
use crate::target_ids;

/// Preflight.
pub(crate) struct Preflight {
    /// What the caller is about to do.
    purpose: Purpose,
    read: JustRead,
}

impl Preflight {
    /// For this purpose; keeps in `read` what the steps after it would read again.
    pub(crate) fn new(purpose: Purpose, read: &JustRead) -> Self {
        Self {
            purpose,
            read: read.clone(),
        }
    }

    /// Returns whether the command depends on the extension: a conflict with it is then found before anything is written.
    fn needs_extension(&self) -> bool {
        matches!(
            self.purpose,
            Purpose::Prepare | Purpose::Protect | Purpose::Restore | Purpose::Everything
        )
    }

    /// Returns whether the command depends on a cluster that runs and that Azure Backup supports. Whoever suspends or stops backups might
    /// do so because it doesn't.
    fn needs_fit_cluster(&self) -> bool {
        matches!(
            self.purpose,
            Purpose::Prepare | Purpose::Protect | Purpose::Backup | Purpose::Restore | Purpose::Everything
        )
    }

    /// Returns whether the command creates what doesn't exist.
    fn creates(&self) -> bool {
        matches!(self.purpose, Purpose::Prepare | Purpose::Everything)
    }

    /// Whether the command would install the extension.
    fn installs(&self, seen: &Seen) -> bool {
        self.creates() && seen.extensions.as_ref().is_none_or(Vec::is_empty)
    }

    /// Returns the subscriptions in which the command would create resource groups and the caller can't.
    async fn without_groups(&self, reader: &Reader, target: &Target) -> Vec<SubscriptionId> {
        let mut barred = Vec::new();
        for own in std::iter::once(&target.subscription).chain(target.foreign_subscription()) {
            if self.creates() && groups::cannot_create(reader, own).await {
                barred.push(own.clone());
            }
        }
        barred
    }

    /// Returns the extensions where they can be read; where they cannot, the evidence says so and the steps say why.
    async fn extensions(&self, reader: &Reader, target: &Target) -> Option<Vec<Extension>> {
        match self.needs_extension() {
            true => extensions::of_backup(reader, &target.cluster).await.ok(),
            false => None,
        }
    }
}

/// What is there.
pub(crate) struct Seen {
    target: Target,
    caller: String,
    subscription: Sight<Subscription>,
    cluster: Cluster,
    instances: Sight<Vec<Instance>>,
    /// `None` where they cannot be read, or do not matter.
    extensions: Option<Vec<Extension>>,
    rights: Comparison,
    /// Resource groups that don't exist and that the caller can't create.
    uncreatable: Vec<ResourceId>,
}

impl Step for Preflight {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Never;

    fn name(&self) -> StepName {
        StepName::Preflight
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let nodes = recorded_nodes(state, &target);
        let needed = required_permissions::needed(self.purpose, &target, nodes.as_ref());
        let (subscription, cluster, instances, extensions, own, barred) = futures::join!(
            groups::subscription(reader, &target.subscription),
            clusters::existing(reader, &target.cluster),
            backups::of_cluster(reader, &target.cluster),
            self.extensions(reader, &target),
            permissions(reader, required_permissions::scopes(&needed)),
            self.without_groups(reader, &target),
        );
        if self.creates() {
            conditions::policy(reader, &target).await?;
        }
        if self.creates() || self.purpose == Purpose::Protect {
            conditions::vault_subscription(reader, &target).await?;
        }
        // Who does not see the subscription is not helped by hearing that the cluster is missing.
        let subscription = Sight::of(subscription)?;
        if let Sight::Absent = subscription {
            return Err(Box::new(conditions::no_subscription(&target)));
        }
        let cluster = cluster?;
        let (mut needed, mut own) = (needed, own?);
        if let (None, Some(group)) = (&nodes, cluster.node_resource_group()) {
            let group = ResourceId::group(&target.cluster.subscription(), group);
            needed = required_permissions::needed(self.purpose, &target, Some(&group));
            if required_permissions::scopes(&needed).contains(&group) {
                own.extend(permissions(reader, vec![group]).await?);
            }
        }
        let instances = Sight::of(instances.map(Some))?;
        self.read.cluster.put(cluster.clone());
        if let Some(instances) = instances.here() {
            self.read.instances.put(instances.clone());
        }
        if let Some(extensions) = &extensions {
            self.read.extensions.put(extensions.clone());
        }
        let mut uncreatable = match barred.is_empty() {
            false => missing_groups::missing(reader, &target, &own).await?,
            true => Vec::new(),
        };
        uncreatable.retain(|group| barred.contains(&group.subscription()));
        let rights = required_permissions::compare(needed, &own);
        self.read.rights.put(rights.clone());
        Ok(Seen {
            uncreatable,
            caller: reader.caller().name.clone(),
            subscription,
            cluster,
            instances,
            extensions,
            rights,
            target,
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<Never>> {
        let target = &seen.target;
        conditions::subscription(target, seen.subscription.here())?;
        conditions::region(target, &seen.cluster)?;
        if self.purpose == Purpose::Teardown && !seen.cluster.is_running() {
            return Err(Box::new(teardown::stopped(&target.cluster)));
        }
        if self.needs_fit_cluster() {
            let of_target = ClusterRef {
                id: &target.cluster,
                target: Some(target),
            };
            must_be_fit(of_target, &seen.cluster, self.installs(seen))?;
        }
        if self.purpose != Purpose::Grant {
            let vault = target_ids::vault(target);
            let others = |own: &&Instance| own.vault().is_some_and(|own| own != vault);
            if let Some(other) = seen.instances.here().into_iter().flatten().find(others) {
                return Err(Box::new(protection::elsewhere(target, other)));
            }
        }
        if matches!(self.purpose, Purpose::Prepare | Purpose::Grant | Purpose::Everything) {
            protection::must_keep_snapshot_group(target, seen.instances.here().map(Vec::as_slice).unwrap_or_default())?;
        }
        if let Some(extensions) = &seen.extensions {
            no_conflict(target, extensions)?;
        }
        if !seen.uncreatable.is_empty() {
            let turn = |group| turns::create_group(group, &target.region);
            return Ok(Decision::Blocked(vec![], seen.uncreatable.iter().map(turn).collect()));
        }
        let unread = self.needs_extension() && seen.extensions.is_none();
        Ok(Decision::Done(match unread {
            true => format!("{}; storage of the extension: unknown", evidence(seen)),
            false => evidence(seen),
        }))
    }

    async fn apply(&self, _writer: &Writer, change: &Never) -> Outcome<Applied> {
        match *change {}
    }

    fn record(&self, _seen: &Seen, _tables: &mut CloudTables) {}
}

/// The group of the nodes, where the file has it.
fn recorded_nodes(state: &State, target: &Target) -> Option<ResourceId> {
    let table = state.cloud.prerequisites.as_ref()?;
    Some(ResourceId::group(
        &target.cluster.subscription(),
        &table.node_resource_group,
    ))
}

async fn permissions(reader: &Reader, scopes: Vec<ResourceId>) -> Outcome<Vec<ScopePermissions>> {
    let reads = scopes.iter().map(|scope| roles::permissions(reader, scope));
    let reads = futures::future::join_all(reads).await;
    let sight = |read: Outcome<Vec<Permission>>| Sight::of(read.map(Some));
    let sights = reads.into_iter().map(sight).collect::<Outcome<Vec<_>>>()?;
    Ok(scopes.into_iter().zip(sights).collect())
}

fn evidence(seen: &Seen) -> String {
    let name = match seen.subscription.here() {
        Some(subscription) => subscription.display_name.as_str(),
        None => seen.target.subscription.as_str(),
    };
    let Comparison { held, missing, unknown } = &seen.rights;
    let granted = match held + missing.len() {
        all if all == *held => format!("all {all}"),
        all => format!("{held} of {all}"),
    };
    let mut text = format!(
        "signed in as {} to subscription \"{name}\"; cluster {}; {granted} required permissions granted",
        seen.caller,
        seen.target.cluster.with_group(),
    );
    // Grouped by scope: an account without a role on one lacks many permissions there.
    let mut scopes: Vec<(&ResourceId, Vec<&str>)> = Vec::new();
    for right in missing {
        match scopes.iter_mut().find(|(scope, _)| **scope == right.scope) {
            Some((_, actions)) => actions.push(right.action),
            None => scopes.push((&right.scope, vec![right.action])),
        }
    }
    for (scope, actions) in scopes {
        text.push_str(&format!("; lacks {} on {}", actions.join(", "), scope.name()));
    }
    if !unknown.is_empty() {
        let names: Vec<&str> = unknown.iter().map(ResourceId::name).collect();
        text.push_str(&format!("; unknown on {}", names.join(", ")));
    }
    for remark in conditions::remarks(&seen.cluster) {
        text.push_str("; ");
        text.push_str(remark);
    }
    if let Sight::Hidden(_) = seen.instances {
        text.push_str("; protection by another vault: unknown");
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::arm::clusters::tests::cluster;
    use crate::arm::visible::tests::refusal;
    use crate::checks::extension_settings::ACCOUNT;
    use crate::checks::protection::tests::instance;
    use crate::steps::step04_extension::tests::extension;
    use crate::target_ids::tests::{example, state};

    fn step(purpose: Purpose) -> Preflight {
        Preflight::new(purpose, &JustRead::default())
    }

    fn seen() -> Seen {
        let subscription = json!({ "displayName": "Contoso", "state": "Enabled" });
        Seen {
            target: example(),
            caller: "platform@contoso".into(),
            subscription: Sight::Here(serde_json::from_value(subscription).unwrap()),
            cluster: cluster(|_| ()),
            instances: Sight::Here(vec![]),
            extensions: Some(vec![]),
            rights: Comparison {
                held: 9,
                ..Comparison::default()
            },
            uncreatable: vec![],
        }
    }

    #[test]
    fn a_group_that_the_caller_cannot_create_is_another_person_s_turn_before_anything_changes() {
        let mut seen = seen();
        seen.uncreatable = vec![target_ids::vault_group(&example())];
        let Decision::Blocked(changes, turns) = step(Purpose::Prepare).decide(&seen, &state()).unwrap() else {
            panic!("not blocked")
        };
        assert!(changes.is_empty());
        assert_eq!(turns.len(), 1);
        assert!(
            turns[0]
                .command
                .to_string()
                .starts_with("az group create --name rg-backup --location")
        );
    }

    #[test]
    fn satisfied_world_needs_nothing() {
        let evidence = "signed in as platform@contoso to subscription \"Contoso\"; cluster rg-aks/aks; all 9 required permissions granted";
        assert_eq!(
            step(Purpose::Prepare).decide(&seen(), &state()).unwrap(),
            Decision::Done(evidence.into())
        );
    }

    #[test]
    fn missing_and_unknown_rights_are_said_and_stop_nobody() {
        let mut seen = seen();
        let scope = example().cluster;
        seen.rights.missing = vec![required_permissions::Needed {
            action: "A/write",
            scope,
        }];
        seen.rights.unknown = vec![target_ids::vault_group(&example())];
        seen.instances = Sight::Hidden(Box::new(refusal("AuthorizationFailed")));
        let Decision::Done(evidence) = step(Purpose::Prepare).decide(&seen, &state()).unwrap() else {
            panic!("not done")
        };
        for part in [
            "9 of 10 required permissions",
            "lacks A/write on aks",
            "unknown on rg-backup",
            "protection by another vault: unknown",
        ] {
            assert!(evidence.contains(part), "{part} in {evidence}");
        }
    }

    #[test]
    fn a_stopped_cluster_stops_everything_but_the_granting_of_roles() {
        let mut seen = seen();
        seen.cluster = cluster(|body| body["properties"]["powerState"]["code"] = json!("Stopped"));
        let failure = step(Purpose::Prepare).decide(&seen, &state()).unwrap_err();
        assert!(failure.hints[0].to_string().starts_with("az aks start"));
        assert!(step(Purpose::Grant).decide(&seen, &state()).is_ok());
    }

    #[test]
    fn storage_that_another_file_chose_is_found_before_anything_is_written() {
        let mut seen = seen();
        seen.extensions = Some(vec![extension(|body| {
            body["properties"]["configurationSettings"][ACCOUNT] = json!("stother");
        })]);
        for purpose in [Purpose::Prepare, Purpose::Protect, Purpose::Everything] {
            let failure = step(purpose).decide(&seen, &state()).unwrap_err();
            assert!(failure.why[0].contains("stother"), "{failure}");
        }
        seen.extensions = None;
        let Decision::Done(evidence) = step(Purpose::Protect).decide(&seen, &state()).unwrap() else {
            panic!("not done")
        };
        assert!(evidence.ends_with("storage of the extension: unknown"), "{evidence}");
    }

    #[test]
    fn a_cluster_that_another_vault_protects_is_found_before_anything_is_made() {
        let mut seen = seen();
        let other = instance("ProtectionConfigured", |body| {
            body["id"] = body["id"].as_str().unwrap().replace("bv-aks", "bv-other").into();
        });
        seen.instances = Sight::Here(vec![other]);
        assert!(step(Purpose::Prepare).decide(&seen, &state()).is_err());
    }
}
