//! Step 7, "Create Federated Identity Credentials": one for each service account of the extension, on its identity.
//!
//! Stands for three times `az identity federated-credential create --issuer … --subject … --audience …`. A credential is
//! found by issuer and subject, whatever its name: Entra takes no second one for the same pair. Issuer, subject and audience
//! are compared byte for byte. Azure takes one write at a time for an identity, and a quarter of one in a second.
//!
//! Rights: `Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials/{read,write}` on the identity,
//! which lies in the group of the nodes.

use std::time::Duration;

use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use aksbackup_shared::ids::{FederatedCredentialName, IssuerUrl, ResourceId, same};
use aksbackup_shared::schema::{CloudTables, CredentialRecord, FederationTable, State, Target};
use aksbackup_shared::step::{Applied, Change, ChangeNote, Decision, Right, Step, Turn};

use crate::arm::client::{Reader, Writer};
use crate::arm::identities::{self, CREDENTIAL_LIMIT, FederatedCredential};
use crate::arm::visible::{self, Sight};
use crate::checks::reinstallation;
use crate::checks::subjects::{self, Wanted, Wish};
use crate::platform::{self, Azure};
use crate::steps::options::PrepareOptions;
use crate::steps::turns;
use crate::target_ids;

const ACTION: &str = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials";

/// Azure takes 0.25 writes a second for one identity.
const REST: Duration = Duration::from_secs(4);

/// Step 7.
pub(crate) struct FederatedCredentials {
    /// What `prepare` was told.
    pub(crate) options: PrepareOptions,
}

/// What is there, and what is wanted.
pub(crate) struct Seen {
    target: Target,
    identity: ResourceId,
    issuer: IssuerUrl,
    wishes: Vec<Wish>,
    /// Wanted by the file alone, and without a credential so far.
    unnamed: Vec<Wish>,
    credentials: Sight<Vec<FederatedCredential>>,
    /// What the file says, for who may not look.
    recorded: Option<FederationTable>,
}

/// A credential to be written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CredentialChange {
    identity: ResourceId,
    name: String,
    issuer: IssuerUrl,
    subject: String,
    /// The audiences that it has, where it exists with others.
    replaces: Option<String>,
    cluster: ResourceId,
}

impl Change for CredentialChange {
    fn note(&self) -> ChangeNote {
        let id = identities::credential_id(&self.identity, &self.name);
        let (verb, creates) = match self.replaces {
            Some(_) => ("correct the audience of", None),
            None => ("create", Some(id.to_string())),
        };
        let warning = self.replaces.as_ref().map(|old| {
            format!(
                "its current audience is {old}: pods that request tokens for that audience can no longer sign in \
                 with the credential"
            )
        });
        ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!("{verb} federated credential {} for {}", self.name, self.subject),
            right: Right::new(format!("{ACTION}/write"), &self.identity),
            creates,
            warning,
        }
    }
}

impl Step for FederatedCredentials {
    type Platform = Azure;
    type Seen = Seen;
    type Change = CredentialChange;

    fn name(&self) -> StepName {
        StepName::FederatedCredentials
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let target = target_ids::target(state)?.clone();
        let Wanted { mut wishes, unnamed } = subjects::wanted(state, &self.options.subjects)?;
        let (Some(identity), Some(prerequisites)) = (&state.cloud.identity, &state.cloud.prerequisites) else {
            return Failure::failed("cannot compare federated credentials")
                .because("the extension's identity or the cluster's issuer isn't known yet")
                .hint(az("prepare"))
                .err();
        };
        let (identity, issuer) = (identity.identity.clone(), prerequisites.issuer.clone());
        let credentials = Sight::of(identities::credentials(reader, &identity).await.map(Some))?;
        if matches!(credentials, Sight::Absent) {
            let extension = state.cloud.extension.as_ref().map(|table| table.extension.clone());
            let extension = extension.unwrap_or_else(|| target_ids::extension(&target));
            let why = format!("Azure reports {identity} as the extension's identity, but that identity doesn't exist");
            return reinstallation::has_no_identity(&extension, why).err();
        }
        // What has its credential already was named by somebody before; it gets nothing new.
        let list = credentials.here().map(Vec::as_slice).unwrap_or_default();
        let has = |wish: &Wish| list.iter().any(|own| is_for(own, &issuer, &wish.subject));
        let (there, unnamed) = unnamed.into_iter().partition(has);
        wishes.extend::<Vec<Wish>>(there);
        wishes.sort_by(|a, b| a.subject.cmp(&b.subject));
        Ok(Seen {
            target,
            identity,
            issuer,
            wishes,
            unnamed,
            credentials,
            recorded: state.cloud.federation.clone(),
        })
    }

    fn decide(&self, seen: &Seen, _state: &State) -> Outcome<Decision<CredentialChange>> {
        let Sight::Here(credentials) = &seen.credentials else {
            if is_recorded(seen) {
                return Ok(Decision::Done(format!(
                    "{} credentials on identity {}, as reported by the state file: the signed-in account isn't authorized to read them",
                    seen.wishes.len(),
                    seen.identity.name()
                )));
            }
            let why = "the signed-in account isn't authorized to read the federated credentials of identity";
            let why = format!("{why} {}", seen.identity.name());
            let turn = turns::contributor(
                why,
                self.command(""),
                Right::new(format!("{ACTION}/write"), &seen.identity),
            );
            return Ok(Decision::Blocked(vec![], vec![turn]));
        };
        let changes = changes(seen, credentials);
        let new = changes.iter().filter(|change| change.replaces.is_none()).count();
        if credentials.len() + new > CREDENTIAL_LIMIT {
            return Err(Box::new(too_many(seen, credentials, new)));
        }
        match (changes.is_empty(), seen.unnamed.is_empty()) {
            (false, true) => Ok(Decision::Change(changes)),
            (_, false) => Ok(Decision::Blocked(changes, vec![self.unnamed(seen)])),
            (true, true) => Ok(Decision::Done(format!(
                "{} credentials on identity {}",
                seen.wishes.len(),
                seen.identity.name()
            ))),
        }
    }

    async fn apply(&self, writer: &Writer, change: &CredentialChange) -> Outcome<Applied> {
        const BUSY: [&str; 3] = [
            "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",
            "TooManyRequests",
            "Conflict",
        ];
        let id = identities::credential_id(&change.identity, &change.name);
        match identities::put_credential(writer, &id, &change.issuer, &change.subject).await {
            Ok(_) => Ok(Applied::Rest(REST)),
            Err(failure) if is_taken(&failure) => {
                let why = format!("another client created a credential for {}", change.subject);
                Ok(Applied::Busy(turns::look_again(why)))
            }
            Err(failure) => turns::busy(failure, &BUSY, &change.note().summary).map(Applied::Busy),
        }
    }

    fn record(&self, seen: &Seen, tables: &mut CloudTables) {
        let Some(credentials) = seen.credentials.here() else {
            return;
        };
        let ids = ids(seen);
        platform::drop_unmade(tables, StepName::FederatedCredentials, |object| is_among(&ids, object));
        let records = seen.wishes.iter().filter_map(|wish| {
            let own = credentials
                .iter()
                .find(|own| is_for(own, &seen.issuer, &wish.subject))?;
            let name: FederatedCredentialName = own.name.parse().ok()?;
            Some(CredentialRecord {
                name,
                subject: wish.subject.clone(),
            })
        });
        tables.federation = Some(FederationTable {
            identity: seen.identity.clone(),
            issuer: seen.issuer.clone(),
            credentials: records.collect(),
            written: None,
        });
    }

    fn record_blocked(&self, seen: &Seen, tables: &mut CloudTables) {
        let ids = ids(seen);
        platform::settle(tables, StepName::FederatedCredentials, |object| is_among(&ids, object));
    }

    fn hand_over(&self, change: &CredentialChange, failure: &Failure) -> Option<Turn> {
        if visible::is_denied(failure) {
            return Some(turns::unlock_nodes(&change.cluster));
        }
        visible::is_refused(failure).then(|| {
            let why = "the signed-in account isn't authorized to write federated credentials on identity";
            let right = Right::new(format!("{ACTION}/write"), &change.identity);
            turns::contributor(format!("{why} {}", change.identity.name()), self.command(""), right)
        })
    }

    fn foresee(&self, state: &State) -> Vec<ChangeNote> {
        let Some(target) = state.target.as_ref().filter(|_| state.cloud.federation.is_none()) else {
            return Vec::new();
        };
        let wishes = subjects::wanted(state, &self.options.subjects).map(|own| own.wishes);
        let note = |wish: Wish| ChangeNote {
            reduces: Vec::new(),
            keeps: None,
            summary: format!("create federated credential {} for {}", wish.name, wish.subject),
            right: Right::new(
                format!("{ACTION}/write"),
                format!("the node resource group of {}", target.cluster),
            ),
            creates: None,
            warning: None,
        };
        wishes.unwrap_or_default().into_iter().map(note).collect()
    }
}

impl FederatedCredentials {
    /// The turn of whoever can tell whether the service accounts that the file adds are the extension's.
    fn unnamed(&self, seen: &Seen) -> Turn {
        let names = seen.unnamed.iter().map(|wish| wish.subject.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        let right = Right::new(format!("{ACTION}/write"), &seen.identity);
        let why = format!(
            "only the state file reports that the extension also runs as {names}; confirm that with the cluster \
             admin, because pods with that service account get the identity that can write all backups"
        );
        let subjects = subjects::flags(seen.unnamed.iter());
        turns::contributor(why, self.command(&subjects), right)
    }

    /// `prepare` with the subjects that the person named, and `more` flags.
    fn command(&self, more: &str) -> CommandLine {
        let subjects = self.options.subjects.iter();
        let subjects: String = subjects.map(|subject| format!(" --subject {subject}")).collect();
        az(format!("prepare{subjects}{more}"))
    }
}

/// The ids of the credentials that are there.
fn ids(seen: &Seen) -> Vec<String> {
    let credentials = seen.credentials.here().map(Vec::as_slice).unwrap_or_default();
    let id = |own: &FederatedCredential| identities::credential_id(&seen.identity, &own.name).to_string();
    credentials.iter().map(id).collect()
}

fn is_among(ids: &[String], object: &str) -> bool {
    ids.iter().any(|id| same(id, object))
}

/// Whether the file has a credential for every wish, on this identity and of this issuer.
fn is_recorded(seen: &Seen) -> bool {
    let table = seen.recorded.as_ref();
    table.is_some_and(|table| {
        let has = |wish: &Wish| table.credentials.iter().any(|own| own.subject == wish.subject);
        table.identity == seen.identity && table.issuer == seen.issuer && seen.wishes.iter().all(has)
    })
}

fn is_for(credential: &FederatedCredential, issuer: &IssuerUrl, subject: &str) -> bool {
    credential.properties.issuer == issuer.as_str() && credential.properties.subject == subject
}

fn changes(seen: &Seen, credentials: &[FederatedCredential]) -> Vec<CredentialChange> {
    let change = |wish: &Wish| {
        let own = credentials.iter().find(|own| is_for(own, &seen.issuer, &wish.subject));
        let name = match own {
            Some(own) if own.has_audience(seen.target.cloud.as_str()) => return None,
            Some(own) => own.name.clone(),
            None => subjects::free_name(wish, &seen.issuer, credentials),
        };
        Some(CredentialChange {
            identity: seen.identity.clone(),
            name,
            issuer: seen.issuer.clone(),
            subject: wish.subject.clone(),
            replaces: own.map(|own| own.properties.audiences.join(", ")),
            cluster: seen.target.cluster.clone(),
        })
    };
    seen.wishes.iter().filter_map(change).collect()
}

/// Azure refuses a second credential for the same issuer and subject.
fn is_taken(failure: &Failure) -> bool {
    failure
        .why
        .iter()
        .any(|why| why.contains("subject combination already exists"))
}

fn too_many(seen: &Seen, credentials: &[FederatedCredential], new: usize) -> Failure {
    let name = seen.identity.name();
    let failure = Failure::failed(format!("identity {name} can't have {new} more federated credentials")).because(
        format!("it has {}, and Azure allows {CREDENTIAL_LIMIT}", credentials.len()),
    );
    let over = (credentials.len() + new).saturating_sub(CREDENTIAL_LIMIT);
    let place = format!(
        "--identity-name {name} --resource-group {}",
        seen.identity.resource_group()
    );
    let is_stale = |own: &&FederatedCredential| own.properties.issuer != seen.issuer.as_str();
    let stale: Vec<&FederatedCredential> = credentials.iter().filter(is_stale).take(over).collect();
    if stale.len() < over {
        return failure.hint(fix![
            "list the federated credentials, ask their owners which ones are still used, and delete the unused ones (pods that \
             still use a deleted credential lose access): ",
            shell(format!(
                "az identity \
             federated-credential list {place} --output table"
            ))
        ]);
    }
    let candidate = |own: &FederatedCredential| {
        format!(
            "ask the owner of credential {}, which has another issuer, whether it is still used: az identity \
             federated-credential show --name {} {place}",
            own.name, own.name
        )
    };
    stale.into_iter().map(candidate).fold(failure, Failure::hint)
}

#[cfg(test)]
mod tests;
