//! Whether the storage is ready for pods that use workload identity, as far as it can be known before there are any.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::Person;
use aksbackup_shared::names::STORAGE_LOCATION;
use aksbackup_shared::schema::{State, Target};
use aksbackup_shared::step::Turn;

use crate::cluster::pods::Pod;
use crate::cluster::storage_locations::{StorageLocation, default_of};
use crate::steps::context::Context;
use crate::steps::silence::refuse_never;
use crate::steps::storage::{Access, access, fix_of, meaning, silent, told};

/// The known failures of signing in by the node.
const OF_THE_NODE: [&str; 5] = [
    "CLU-IMDS-BLOCKED",
    "WI-NOT-INJECTED",
    "WI-IMDS-MULTIPLE",
    "WI-IMDS-NOT-ASSIGNED",
    "CLU-POD-IDENTITY",
];

/// What stands before the rollout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Nothing.
    Open,
    /// Time will open it.
    Closed(String),
    /// Somebody else has to do something.
    Turn(Turn),
}

/// While Velero runs without token file, it signs in by the node with the same identity: an available storage location
/// then proves role and network. Once a token file is there it proves nothing beforehand, and neither does it where the
/// node's identity cannot be used at all, which workload identity is the cure for.
///
/// # Errors
/// Velero does not validate the location again: neither before the rollout nor after it would anything be proved.
pub(crate) fn gate(locations: &[StorageLocation], pods: &[Pod], state: &State, context: &Context) -> Outcome<Gate> {
    refuse_never(locations, &context.namespace)?;
    let access = access(locations, pods);
    let gate = judge(locations, pods, &access, state, context);
    if gate != Gate::Open {
        context.silence.heard(&access, context)?;
    }
    Ok(gate)
}

fn judge(locations: &[StorageLocation], pods: &[Pod], access: &Access<'_>, state: &State, context: &Context) -> Gate {
    if pods
        .iter()
        .any(|pod| !pod.ending && pod.runs_velero() && pod.is_injected())
    {
        return Gate::Open;
    }
    let Some(location) = default_of(locations) else {
        return Gate::Turn(context.prepare(format!(
            "the extension has no backup storage location {STORAGE_LOCATION}"
        )));
    };
    if meaning(location).is_some_and(|known| OF_THE_NODE.contains(&known.id)) {
        return Gate::Open;
    }
    if !location.is_available() && state.cloud.roles.is_none() {
        return Gate::Turn(Turn {
            who: Person::SubscriptionOwner,
            why: format!("{}, and the state file has no role assignment", told(location)),
            command: az(format!("grant{}", Target::confirmations(state.target.as_ref()))),
            right: None,
            also: Vec::new(),
        });
    }
    match access {
        Access::Proven(_) => Gate::Open,
        Access::Silent(location) => Gate::Closed(silent(location)),
        Access::Unknown(why) => Gate::Closed(why.clone()),
        Access::Denied(_) | Access::Absent => {
            let fix = fix_of(location, state.cloud.roles.as_ref())
                .map(|fix| format!(" - {fix}"))
                .unwrap_or_default();
            Gate::Closed(format!("{}{fix}", told(location)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    fn judged(location: Option<StorageLocation>, pod: Pod, state: &State) -> Gate {
        let locations: Vec<StorageLocation> = location.into_iter().collect();
        gate(&locations, &[pod], state, &testing::context()).unwrap()
    }

    #[test]
    fn a_location_that_is_not_validated_again_opens_nothing() {
        let mut location = testing::location();
        location.frequency = Some("0".into());
        for pod in [testing::bare_pod(), testing::pod()] {
            let locations = [location.clone()];
            let failure = gate(&locations, &[pod], &State::default(), &testing::context()).unwrap_err();
            assert!(failure.why[0].contains("validationFrequency is 0"), "{failure}");
        }
    }

    #[test]
    fn an_available_location_opens_it() {
        let state = State::default();
        assert_eq!(
            judged(Some(testing::location()), testing::bare_pod(), &state),
            Gate::Open
        );
    }

    #[test]
    fn a_location_that_waits_for_its_role_closes_it() {
        let denied = testing::unavailable("AuthorizationPermissionMismatch");
        let gate = judged(Some(denied), testing::bare_pod(), &testing::state());
        assert!(matches!(gate, Gate::Closed(why) if why.contains("az aksbackup grant")));
    }

    #[test]
    fn a_node_identity_that_cannot_be_used_is_no_reason_to_wait() {
        for message in [
            "ManagedIdentityCredential authentication failed",
            "Get \"http://169.254.169.254/metadata/identity/oauth2/token\": dial tcp 169.254.169.254:80: i/o timeout",
            "no azure identity found for request clientID 1-2-3",
        ] {
            let denied = testing::unavailable(message);
            assert_eq!(
                judged(Some(denied), testing::bare_pod(), &testing::state()),
                Gate::Open,
                "{message}"
            );
        }
    }

    #[test]
    fn pods_with_a_token_file_prove_nothing_beforehand() {
        assert_eq!(
            judged(
                Some(testing::unavailable("AADSTS700213")),
                testing::pod(),
                &testing::state()
            ),
            Gate::Open
        );
    }

    #[test]
    fn no_location_at_all_is_the_platform_team_s_turn() {
        assert!(
            matches!(judged(None, testing::bare_pod(), &State::default()), Gate::Turn(turn) if turn.who == Person::PlatformTeam)
        );
    }
}
