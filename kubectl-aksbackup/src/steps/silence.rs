//! A Velero that says nothing about its storage location any more: waiting for it would end with the timeout only.

use std::cell::Cell;
use std::time::{Duration, Instant};

use aksbackup_shared::command_line::{kubectl, shell};
use aksbackup_shared::console::human;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;

use crate::cluster::storage_locations::StorageLocation;
use crate::cluster::storage_locations::default_of;
use crate::steps::context::Context;
use crate::steps::storage::{Access, enough, never, silent};

/// A simulated Velero may be fast, and the machine that simulates it busy.
const SHORTEST: Duration = Duration::from_secs(30);

/// Since when a run waits for Velero's next validation.
#[derive(Debug, Default)]
pub(crate) struct Silence(Cell<Option<Instant>>);

/// Refuses a location that Velero does not validate again.
///
/// # Errors
/// It is one, with the command that changes it.
pub(crate) fn refuse_never(locations: &[StorageLocation], namespace: &str) -> Outcome<()> {
    match default_of(locations).and_then(|own| never(own, namespace)) {
        None => Ok(()),
        Some((why, fix)) => Failure::failed("cannot determine whether Velero can access its storage")
            .because(why)
            .hint(fix)
            .hint("then run the same command again")
            .err(),
    }
}

impl Silence {
    /// Takes note of what is known of the storage now.
    ///
    /// # Errors
    /// Velero runs and has not validated its location for several times as long as it takes.
    pub(crate) fn heard(&self, access: &Access<'_>, context: &Context) -> Outcome<()> {
        let Access::Silent(location) = access else {
            self.0.set(None);
            return Ok(());
        };
        let since = self.0.get().unwrap_or_else(Instant::now);
        self.0.set(Some(since));
        let patience = context.pace.scaled(enough(location)).max(SHORTEST);
        match since.elapsed() < patience {
            true => Ok(()),
            false => Self::hangs(location, patience, context).err(),
        }
    }

    fn hangs(location: &StorageLocation, patience: Duration, context: &Context) -> Failure {
        let name = &location.name;
        let failure = Failure::failed(format!("Velero isn't validating backup storage location {name}"))
            .because(silent(location))
            .because(format!("no change for {}", human(patience)))
            .hint(fix!["check the Velero log: ", kubectl("logs")]);
        let deployments = context.deployments.borrow();
        let Some(agent) = crate::cluster::deployments::agent(&deployments) else {
            return failure;
        };
        failure.hint(fix![
            "restart Velero if the log has no new lines (a backup that is running will fail): ",
            shell(format!(
                "kubectl rollout restart deployment {} --namespace {}",
                agent.name, context.namespace
            ))
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    #[test]
    fn a_velero_that_is_silent_for_long_fails_and_one_that_answers_starts_over() {
        let (silence, location, context) = (Silence::default(), testing::location(), testing::context());
        let silent = Access::Silent(&location);
        silence.heard(&silent, &context).unwrap();
        let long_ago = Instant::now().checked_sub(Duration::from_secs(301)).unwrap();
        silence.0.set(Some(long_ago));
        silence.heard(&Access::Proven(&location), &context).unwrap();
        silence.heard(&silent, &context).unwrap();
        silence.0.set(Some(long_ago));
        let failure = silence.heard(&silent, &context).unwrap_err();
        assert!(
            failure.hints[0].to_string().contains("kubectl aksbackup logs"),
            "{failure}"
        );
        let hourly = StorageLocation {
            frequency: Some("1h".into()),
            ..testing::location()
        };
        silence.heard(&Access::Silent(&hourly), &context).unwrap();
    }

    #[test]
    fn a_location_that_is_not_validated_again_is_refused_with_its_fix() {
        let mut location = testing::location();
        location.frequency = Some("0s".into());
        let failure = refuse_never(&[location.clone()], "ns").unwrap_err();
        assert!(
            failure.hints[0]
                .to_string()
                .contains(r#"{"spec":{"validationFrequency":null}}"#),
            "{failure}"
        );
        // Velero validates every location once.
        location.validated = None;
        refuse_never(&[location], "ns").unwrap();
    }
}
