//! `validateForBackup` as an operation that goes on while roles are too young to be in force.

use std::time::{Duration, Instant};

use aksbackup_shared::command_line::{az, kubectl};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::step::{Local, Operation, Progress};
use jiff::Timestamp;
use serde_json::Value;

use crate::arm::answer::Answer;
use crate::arm::backups;
use crate::arm::client::Reader;
use crate::arm::operation::{ArmOperation, Polled};
use crate::checks::refused_validation::{Cause, cause};

/// Microsoft: a role is in force after up to ten minutes.
const ROLES_IN_FORCE: Duration = Duration::from_secs(600);
/// Microsoft: on the first installation the storage location may take up to an hour.
const STORAGE_READY: Duration = Duration::from_secs(3600);
/// Between two validations, each of which takes Azure about two minutes.
const PAUSE: Duration = Duration::from_secs(15);

/// A validation of a backup instance.
pub(crate) struct Validation {
    reader: Reader,
    vault: ResourceId,
    properties: Value,
    title: String,
    running: Option<ArmOperation>,
    patience: Patience,
}

/// Until when which refusals are only a matter of time.
#[derive(Debug, Clone, Copy)]
struct Patience {
    roles: Instant,
    storage: Instant,
}

impl Validation {
    /// Asks `vault` whether an instance with these `properties` would work. `roles_since` is when the last role was
    /// assigned, as far as that is known.
    ///
    /// # Errors
    /// Azure refused at once, and waiting does not help.
    pub(crate) async fn begin(
        reader: &Reader,
        vault: &ResourceId,
        properties: &Value,
        title: String,
        roles_since: Option<Timestamp>,
    ) -> Outcome<Self> {
        let (pace, now) = (reader.pace(), Instant::now());
        let age = roles_since.map(|since| Timestamp::now().duration_since(since));
        let age = age.and_then(|age| Duration::try_from(age).ok()).unwrap_or_default();
        let patience = Patience {
            roles: now + pace.scaled(ROLES_IN_FORCE).saturating_sub(age),
            storage: now + pace.scaled(STORAGE_READY),
        };
        let (vault, properties) = (vault.clone(), properties.clone());
        let mut validation = Self {
            reader: reader.clone(),
            vault,
            properties,
            title,
            running: None,
            patience,
        };
        validation.ask().await?;
        Ok(validation)
    }

    async fn ask(&mut self) -> Outcome<Progress> {
        match backups::validate(&self.reader, &self.vault, &self.properties).await {
            Ok(answer) => self.accepted(answer),
            Err(failure) => self.later(failure),
        }
    }

    /// Azure's verdict is the end of an operation, or the answer itself.
    fn accepted(&mut self, answer: Answer) -> Outcome<Progress> {
        let at_once = answer.status != 202;
        self.running = answer.operation(&self.reader, self.title.clone());
        match self.running {
            Some(_) => Ok(Progress::Running {
                retry_after: None,
                status: "asked".into(),
            }),
            None if at_once => Ok(Progress::Finished),
            None => Failure::failed(format!("cannot {}", self.title))
                .because("Azure returned no operation URL on the Azure Resource Manager host, so the result is unknown")
                .err(),
        }
    }

    /// Takes a refusal as a matter of time while it can be one.
    fn later(&mut self, failure: Box<Failure>) -> Outcome<Progress> {
        self.running = None;
        let (until, cure) = match cause(&failure) {
            Cause::Rights => (
                self.patience.roles,
                fix!["find the missing role assignment or role binding: ", az("status")],
            ),
            Cause::Storage => (self.patience.storage, fix!["check the cluster: ", kubectl("verify")]),
            Cause::Other => return Err(failure),
        };
        if Instant::now() >= until {
            return Err(Box::new(failure.hint(cure)));
        }
        Ok(Progress::Running {
            retry_after: Some(self.reader.pace().scaled(PAUSE)),
            status: refusal(&failure),
        })
    }
}

impl Operation for Validation {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn check(&mut self) -> Local<'_, Outcome<Progress>> {
        Box::pin(async move {
            let Some(operation) = &mut self.running else {
                return self.ask().await;
            };
            match operation.poll().await {
                Ok(Polled::Running { retry_after, status }) => Ok(Progress::Running { retry_after, status }),
                Ok(Polled::Finished(_)) => Ok(Progress::Finished),
                Err(failure) => self.later(failure),
            }
        })
    }
}

/// A refusal on one line: Azure's code, and what it says first.
fn refusal(failure: &Failure) -> String {
    let code = failure.code.as_deref().unwrap_or_default();
    match failure.why.first() {
        Some(why) if code.is_empty() || why.contains(code) => why.clone(),
        Some(why) => format!("{code}: {why}"),
        None => code.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_it_waits_it_says_code_and_message_once() {
        let coded = |why: &str| refusal(&Failure::failed("x").code("UserErrorX").because(why));
        assert_eq!(coded("Roles are missing."), "UserErrorX: Roles are missing.");
        assert_eq!(
            coded("UserErrorX: roles are missing."),
            "UserErrorX: roles are missing."
        );
        assert_eq!(coded(""), "UserErrorX");
        assert_eq!(refusal(&Failure::failed("x").because("Roles.")), "Roles.");
    }
}
