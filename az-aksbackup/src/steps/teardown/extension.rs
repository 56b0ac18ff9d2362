//! The extension, after the backups, which are deleted through it, and after the roles of its identity, which goes with it.
//!
//! Right: `Microsoft.KubernetesConfiguration/extensions/delete` on the cluster.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::names::NAMESPACE;
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn, Wait};

use super::{Common, Memory, deletion, in_cluster};
use crate::arm::client::{Reader, Writer};
use crate::arm::clusters::{self, Cluster};
use crate::arm::extensions::{self, Extension, named_by};
use crate::arm::identities::{self, FederatedCredential};
use crate::arm::marker;
use crate::arm::storage::{self, Account};
use crate::arm::visible::Sight;
use crate::checks::extension_settings::{self, Stored};
use crate::platform::{self, Azure};
use crate::target_ids;

/// The step.
pub(crate) struct BackupExtension(pub(crate) Memory);

/// The identity of an extension, with its federated credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnIdentity {
    pub(super) id: ResourceId,
    pub(super) credentials: Vec<FederatedCredential>,
}

/// What is there.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(super) common: Common,
    pub(super) extensions: Vec<Extension>,
    pub(super) account: Option<Account>,
    /// Absent where the extension has no identity (yet).
    pub(super) identity: Sight<OwnIdentity>,
    pub(super) issuer: Option<String>,
}

impl AsRef<Common> for Seen {
    fn as_ref(&self) -> &Common {
        &self.common
    }
}

impl Seen {
    /// Reads the extensions of the cluster, and what tells whose they are.
    pub(super) async fn look(common: Common, reader: &Reader) -> Outcome<Self> {
        let target = &common.claims.target;
        let account = target_ids::account(target);
        let (cluster, extensions, account) = futures::join!(
            clusters::existing(reader, &target.cluster),
            extensions::of_backup(reader, &target.cluster),
            storage::account(reader, &account),
        );
        let (cluster, extensions) = (cluster?, extensions?);
        let identity = match extensions.as_slice() {
            [own] => identity(reader, &common, &cluster, own).await?,
            _ => Sight::Absent,
        };
        Ok(Self {
            identity,
            account: account?,
            issuer: cluster.issuer().map(ToString::to_string),
            extensions,
            common,
        })
    }

    /// The extension of this tool, or why what is there isn't proven to be that.
    ///
    /// # Errors
    /// The reason, in words.
    pub(super) fn ours(&self) -> Result<Option<&Extension>, String> {
        let target = &self.common.claims.target;
        let own = match self.extensions.as_slice() {
            [] => return Ok(None),
            [own] => own,
            all => {
                return Err(format!(
                    "cluster {} has {} Azure Backup extensions",
                    target.cluster.with_group(),
                    all.len()
                ));
            }
        };
        let id = extensions::extension_id(&target.cluster, &own.name);
        if !self.common.claims.has_made(id.as_str()) {
            return Err("this tool didn't create it".into());
        }
        let account = target_ids::account(target);
        let tags = self.account.as_ref().and_then(|account| account.tags.as_ref());
        if !marker::is_in(tags, &target.cluster, &account) {
            let account = account.with_group();
            return Err(format!(
                "nothing in Azure confirms that this tool created it: storage account {account} lacks tag {}",
                marker::TAG
            ));
        }
        if !matches!(extension_settings::stored(target, own), Stored::There) {
            return Err("it stores backups in a different location".into());
        }
        let created = own.system_data.as_ref().and_then(|data| data.created_at);
        match created {
            Some(created) if self.common.claims.has_made_at(&id, created) => Ok(Some(own)),
            Some(created) => Err(format!(
                "it was created at {created}, which isn't the time in the state file"
            )),
            None => Err("Azure doesn't report when it was created".into()),
        }
    }

    /// Why the extension isn't deleted although it is there; what it works with stays, too.
    pub(super) fn stays(&self) -> Option<String> {
        let others = self.foreign_credentials();
        match self.ours() {
            Err(why) => Some(format!("the extension is kept: {why}")),
            Ok(Some(_)) if !others.is_empty() => Some(format!(
                "the extension is kept: its identity has federated credentials for other workloads: {}",
                others.join(", ")
            )),
            Ok(_) => None,
        }
    }

    /// The federated credentials of others on the extension's identity, which would go with it.
    pub(super) fn foreign_credentials(&self) -> Vec<&str> {
        let all = self
            .identity
            .here()
            .map(|own| own.credentials.as_slice())
            .unwrap_or_default();
        let others = all.iter().filter(|own| !self.is_of_extension(own));
        others.map(|own| own.name.as_str()).collect()
    }

    /// Whether a credential is for a service account in the extension's namespace of this cluster.
    pub(super) fn is_of_extension(&self, own: &FederatedCredential) -> bool {
        let subject = format!("system:serviceaccount:{NAMESPACE}:");
        self.issuer.as_deref() == Some(own.properties.issuer.as_str()) && own.properties.subject.starts_with(&subject)
    }
}

/// The identity of an extension: as Azure names it, else the one in the node resource group that has its principal.
async fn identity(
    reader: &Reader,
    common: &Common,
    cluster: &Cluster,
    extension: &Extension,
) -> Outcome<Sight<OwnIdentity>> {
    let Some(principal) = extension.principal() else {
        return Ok(Sight::Absent);
    };
    let found = match (named_by(extension), cluster.node_resource_group()) {
        (Some(named), _) => Sight::Here(named.id),
        (None, Some(group)) => {
            let group = ResourceId::group(&common.claims.target.cluster.subscription(), group);
            match Sight::of(identities::in_group(reader, &group).await.map(Some))? {
                Sight::Here(all) => {
                    let own = all.into_iter().find(|own| own.properties.principal_id == *principal);
                    own.map_or(Sight::Absent, |own| Sight::Here(own.id))
                }
                Sight::Absent => Sight::Absent,
                Sight::Hidden(refusal) => Sight::Hidden(refusal),
            }
        }
        (None, None) => Sight::Absent,
    };
    let id = match found {
        Sight::Here(id) => id,
        Sight::Absent => return Ok(Sight::Absent),
        Sight::Hidden(refusal) => return Ok(Sight::Hidden(refusal)),
    };
    Ok(match Sight::of(identities::credentials(reader, &id).await.map(Some))? {
        Sight::Here(credentials) => Sight::Here(OwnIdentity { id, credentials }),
        Sight::Absent => Sight::Absent,
        Sight::Hidden(refusal) => Sight::Hidden(refusal),
    })
}

/// An extension to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Uninstall {
    pub(super) extension: ResourceId,
    cluster: ResourceId,
    /// The identity that goes with it.
    identity: Option<ResourceId>,
}

impl Change for Uninstall {
    fn note(&self) -> ChangeNote {
        let identity = match &self.identity {
            Some(identity) => format!(" and its identity {}", identity.name()),
            None => String::new(),
        };
        deletion(
            format!(
                "delete extension {} of cluster {}",
                self.extension.name(),
                self.cluster.with_group()
            ),
            "Microsoft.KubernetesConfiguration/extensions/delete",
            &self.cluster,
            format!("its pods in namespace {NAMESPACE}{identity} are deleted"),
        )
    }
}

impl Step for BackupExtension {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Uninstall;

    fn name(&self) -> StepName {
        StepName::Extension
    }

    fn after(&self) -> &'static [StepName] {
        &[
            StepName::BackupInstance,
            StepName::TrustedAccess,
            StepName::Roles,
            StepName::FederatedCredentials,
        ]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self
            .0
            .common(reader, state, |target| vec![target.cluster.clone()])
            .await?;
        Seen::look(common, reader).await
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<Uninstall>> {
        if let Some(decision) = seen.common.gate() {
            return Ok(decision);
        }
        let cluster = &seen.common.claims.target.cluster;
        let own = match seen.ours() {
            Ok(Some(own)) => own,
            Ok(None) => {
                let cluster = cluster.with_group();
                return Ok(Decision::Done(format!(
                    "cluster {cluster} has no Azure Backup extension"
                )));
            }
            Err(why) => return Ok(Decision::Done(stays(seen, &why))),
        };
        let others = seen.foreign_credentials();
        if !others.is_empty() {
            let why = format!(
                "its identity has federated credentials for other workloads: {}",
                others.join(", ")
            );
            return Ok(Decision::Done(stays(seen, &why)));
        }
        if let Sight::Hidden(_) = seen.identity {
            let why = "the signed-in account can't determine whether other workloads use the extension's identity";
            let action = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/read";
            let turn = self
                .0
                .turn(Person::PlatformTeam, why.into(), Right::new(action, cluster));
            return Ok(Decision::Blocked(vec![], vec![turn]));
        }
        match own.provisioning_state() {
            "Succeeded" | "Failed" | "Canceled" => seen.common.unlocked(vec![Uninstall {
                extension: extensions::extension_id(cluster, &own.name),
                cluster: cluster.clone(),
                identity: seen.identity.here().map(|own| own.id.clone()),
            }]),
            other => Ok(Decision::Wait(Wait::for_(format!("extension {}: {other}", own.name)))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &Uninstall) -> Outcome<Applied> {
        let delete = async || {
            let answer = extensions::uninstall(writer, &change.extension).await;
            in_cluster(answer, writer, change.note().summary)
        };
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        if seen.extensions.is_empty() {
            (tables.extension, tables.identity, tables.federation) = (None, None, None);
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let cluster = &seen.common.claims.target.cluster;
        let is_there = |object: &str| {
            let mut ids = seen.extensions.iter();
            ids.any(|own| same(extensions::extension_id(cluster, &own.name).as_str(), object))
        };
        platform::forget(tables, |made| match made.step {
            StepName::Extension => !is_there(&made.object),
            // The credentials go with the identity, and that with the extension.
            StepName::FederatedCredentials => seen.extensions.is_empty(),
            _ => false,
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &Uninstall, failure: &Failure) -> Option<Turn> {
        self.0.refused(Person::PlatformTeam, change, failure)
    }
}

/// What is said of an extension that stays.
fn stays(seen: &Seen, why: &str) -> String {
    let cluster = &seen.common.claims.target.cluster;
    let names: Vec<&str> = seen.extensions.iter().map(|own| own.name.as_str()).collect();
    format!(
        "kept: extension {} of cluster {} ({why})",
        names.join(", "),
        cluster.with_group()
    )
}
