//! The federated credentials, one at a time: Azure takes one write at a time for an identity. Only those on the identity of this
//! tool's extension are proven to be this tool's; any other credential of the same name could be that of a user who followed the guide.
//!
//! Right: `Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete` on the identity.

use std::time::Duration;

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Step, Turn};

use super::extension::Seen;
use super::{Memory, deletion};
use crate::arm::client::{Reader, Writer};
use crate::arm::identities;
use crate::arm::visible::{self, Sight};
use crate::platform::{self, Azure};
use crate::steps::turns;

/// Azure takes 0.25 writes a second for one identity.
const REST: Duration = Duration::from_secs(4);

/// The step.
pub(crate) struct FederatedCredentials(pub(crate) Memory);

/// A credential to be deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distrust {
    pub(super) credential: ResourceId,
    identity: ResourceId,
    subject: String,
    cluster: ResourceId,
}

impl Change for Distrust {
    fn note(&self) -> ChangeNote {
        deletion(
            format!(
                "delete federated credential {} for {}",
                self.credential.name(),
                self.subject
            ),
            "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/delete",
            &self.identity,
            None,
        )
    }
}

impl Step for FederatedCredentials {
    type Platform = Azure;
    type Seen = Seen;
    type Change = Distrust;

    fn name(&self) -> StepName {
        StepName::FederatedCredentials
    }

    fn after(&self) -> &'static [StepName] {
        &[StepName::BackupInstance, StepName::Roles]
    }

    fn looks_ahead(&self) -> bool {
        true
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let common = self.0.common(reader, state, |_| Vec::new()).await?;
        Seen::look(common, reader).await
    }

    fn decide(&self, seen: &Seen, _: &State) -> Outcome<Decision<Distrust>> {
        if let Some(decision) = seen.common.gate() {
            return Ok(decision);
        }
        match seen.ours() {
            Ok(Some(_)) => {}
            Ok(None) => {
                return Ok(Decision::Done(
                    "the extension's identity no longer exists, and neither do its federated credentials".into(),
                ));
            }
            Err(_) => {
                let why = "kept: nothing confirms that this tool created the extension that the federated credentials belong to";
                return Ok(Decision::Done(why.into()));
            }
        }
        if let Sight::Hidden(_) = seen.identity {
            // They go with the extension, whose step says who can see them.
            return Ok(Decision::Done(
                "the federated credentials are deleted together with the extension".into(),
            ));
        }
        if let Some(why) = seen.stays() {
            return Ok(Decision::Done(format!("kept: {why}")));
        }
        let changes = changes(seen);
        Ok(match changes.is_empty() {
            true => Decision::Done("no federated credential that this tool created is left".into()),
            false => Decision::Change(changes),
        })
    }

    async fn apply(&self, writer: &Writer, change: &Distrust) -> Outcome<Applied> {
        const BUSY: [&str; 3] = [
            "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
            "TooManyRequests",
            "Conflict",
        ];
        let delete = async || match identities::delete_credential(writer, &change.credential).await {
            Ok(_) => Ok(Applied::Rest(REST)),
            Err(failure) => turns::busy(failure, &BUSY, &change.note().summary).map(Applied::Busy),
        };
        self.0.make(self, writer, change, delete).await
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let ours = seen.ours().is_ok_and(|own| own.is_some());
        if seen.common.is_clear() && ours && changes(seen).is_empty() {
            tables.federation = None;
        }
        self.record_blocked(seen, tables);
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let Some(own) = seen.identity.here() else { return };
        let is_there = |object: &str| {
            let mut all = own.credentials.iter();
            all.any(|known| same(identities::credential_id(&own.id, &known.name).as_str(), object))
        };
        let is_on = |object: &str| {
            object
                .to_ascii_lowercase()
                .starts_with(&own.id.as_str().to_ascii_lowercase())
        };
        platform::forget(tables, |made| {
            made.step == StepName::FederatedCredentials && is_on(&made.object) && !is_there(&made.object)
        });
    }

    fn unseen(&self, failure: &Failure) -> Option<Turn> {
        self.0.unseen(failure)
    }

    fn hand_over(&self, change: &Distrust, failure: &Failure) -> Option<Turn> {
        if visible::is_denied(failure) {
            return Some(turns::unlock_nodes(&change.cluster));
        }
        self.0.refused(Person::PlatformTeam, change, failure)
    }
}

/// The credentials that this tool created.
pub(super) fn changes(seen: &Seen) -> Vec<Distrust> {
    let Some(identity) = seen.identity.here() else {
        return Vec::new();
    };
    let claims = &seen.common.claims;
    let own = identity.credentials.iter().filter(|own| seen.is_of_extension(own));
    let change = own.map(|own| Distrust {
        credential: identities::credential_id(&identity.id, &own.name),
        identity: identity.id.clone(),
        subject: own.properties.subject.clone(),
        cluster: claims.target.cluster.clone(),
    });
    change.filter(|own| claims.has_made(own.credential.as_str())).collect()
}
