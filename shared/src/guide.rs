//! The guide's steps as data: one row each says what the step is called, whose it is, what it needs, where its result is and what that
//! result says.

use std::fmt;

use serde::Serialize;

use crate::names::capital;
use crate::program::Program;
use crate::schema::State;
pub use crate::step_name::StepName;

mod row;
mod rows;
mod stale;

use row::StepInfo;
pub use row::{Recorded, Requirement, Scope};
use rows::STEPS;

/// The people that a hand-off is between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Person {
    /// Contributor on the groups of the cluster, the storage and the vault.
    PlatformTeam,
    /// Contributor on the whole subscription.
    SubscriptionContributor,
    /// May assign roles.
    SubscriptionOwner,
    /// Owns the Resource Guard that protects the vault, often in another subscription.
    ResourceGuardOwner,
    /// Holds the kubeconfig.
    ClusterAdmin,
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PlatformTeam => "platform team",
            Self::SubscriptionContributor => "subscription contributor",
            Self::SubscriptionOwner => "subscription owner",
            Self::ResourceGuardOwner => "Resource Guard owner",
            Self::ClusterAdmin => "cluster admin",
        })
    }
}

impl StepName {
    fn info(self) -> &'static StepInfo {
        &STEPS[self as usize]
    }

    /// Returns the guide's number, where the guide has the step.
    #[must_use]
    pub fn number(self) -> Option<u8> {
        self.info().number
    }

    /// Returns a few words for tables and progress lines.
    #[must_use]
    pub fn title(self) -> &'static str {
        self.info().title
    }

    /// Returns the step within a sentence: `step 4 (extension)`.
    #[must_use]
    pub fn in_words(self) -> String {
        match self.number() {
            Some(number) => format!("step {number} ({})", self.title()),
            None => self.title().to_owned(),
        }
    }

    /// Returns which program does it.
    #[must_use]
    pub fn program(self) -> Program {
        self.info().program
    }

    /// Returns who usually does it, with the command of the step's program.
    #[must_use]
    pub fn turn(self) -> (Person, &'static str) {
        (self.info().person, self.info().command)
    }

    /// Returns the steps whose results it needs.
    #[must_use]
    pub fn needs(self) -> &'static [Self] {
        self.info().needs
    }

    /// Returns the steps that have to be known to be possible before this one makes a change that can't be changed back: what they need
    /// might be refused by a lock, a policy or a missing permission, and all that is theirs can be deleted again.
    #[must_use]
    pub const fn only_if_possible(self) -> &'static [Self] {
        match self {
            Self::ClusterPrerequisites => &[Self::Storage, Self::VaultAndPolicy],
            _ => &[],
        }
    }

    /// Returns the table of the state file that has its result, and whether it is in `[cloud]` or `[cluster]`.
    #[must_use]
    pub fn table(self) -> Option<(&'static str, &'static str)> {
        let side = match self.program() {
            Program::Az => "cloud",
            Program::Kubectl => "cluster",
        };
        self.info().table.map(|table| (side, table))
    }

    /// Returns what its writes need, each with its reason.
    #[must_use]
    pub fn permissions(self) -> &'static [Requirement] {
        self.info().permissions
    }

    /// Returns what the state file says of it; `None` if that is nothing. Whether it still holds is for [`Self::stale`] to say.
    #[must_use]
    pub fn recorded(self, state: &State) -> Option<Recorded<'_>> {
        (self.info().recorded)(state)
    }

    /// Returns why what the state file says of it no longer holds, from the file only: it was done for values that have changed since.
    /// `None` if nothing in the file contradicts it, or the file says nothing of it.
    #[must_use]
    pub fn stale(self, state: &State) -> Option<String> {
        (self.info().stale)(state)
    }
}

/// The title as the start of a line, such as `Extension`.
impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&capital(self.title()))
    }
}

#[cfg(test)]
mod tests {
    use super::StepName;
    use crate::schema::State;

    #[test]
    fn every_step_comes_after_what_it_needs() {
        for (at, step) in StepName::ALL.iter().enumerate() {
            for need in step.needs() {
                assert!(StepName::ALL[..at].contains(need), "{step} before {need}");
            }
        }
    }

    #[test]
    fn the_guide_s_twelve_numbers_are_all_there() {
        let mut numbers: Vec<u8> = StepName::ALL.iter().filter_map(|step| step.number()).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=12).collect::<Vec<u8>>());
    }

    /// The state file of a protected cluster, with these values instead of its own.
    fn protected(values: &[(&str, &str, &str)]) -> State {
        let mut file: toml::Value = toml::from_str(include_str!("../tests/state-files/2-protected.toml")).unwrap();
        for (table, key, value) in values {
            let mut place = &mut file;
            for name in table.split('.') {
                place = place.get_mut(name).unwrap();
            }
            *place.get_mut(*key).unwrap() = (*value).into();
        }
        file.try_into().unwrap()
    }

    #[test]
    fn each_step_but_preflight_has_its_record_in_the_file_and_it_holds() {
        let state = protected(&[]);
        for step in StepName::ALL {
            assert_eq!(step.recorded(&state).is_some(), step != StepName::Preflight, "{step}");
            assert_eq!(step.stale(&state), None, "{step}");
            assert_eq!(step.recorded(&State::default()), None, "{step}");
        }
    }

    #[test]
    fn a_record_no_longer_holds_where_what_it_was_done_for_has_changed() {
        const OTHER: &str = "11111111-1111-4111-8111-111111111111";
        const VAULT: &str = "/subscriptions/0b1f6471-1bf0-4dda-aec3-cb9272f09590/resourceGroups/rg-backup/providers/\
                             Microsoft.DataProtection/backupVaults/other";
        let cases: [(&str, &str, &str, &[StepName]); 8] = [
            ("target.storage", "account", "stother", &[StepName::Storage]),
            ("target.policy", "name", "other", &[StepName::VaultAndPolicy]),
            (
                "cloud.prerequisites",
                "issuer",
                "https://other/",
                &[StepName::FederatedCredentials],
            ),
            (
                "cloud.vault",
                "vault",
                VAULT,
                &[
                    StepName::VaultAndPolicy,
                    StepName::TrustedAccess,
                    StepName::BackupInstance,
                ],
            ),
            ("cloud.vault", "principal", OTHER, &[StepName::Roles]),
            (
                "cloud.identity",
                "client_id",
                OTHER,
                &[StepName::WorkloadIdentity, StepName::Rollout, StepName::Verification],
            ),
            (
                "cloud.instance",
                "protection",
                "ProtectionError",
                &[StepName::BackupInstance],
            ),
            ("cloud.backup", "status", "Failed", &[StepName::Backup]),
        ];
        for (table, key, value, expected) in cases {
            let state = protected(&[(table, key, value)]);
            let stale: Vec<StepName> = StepName::ALL
                .into_iter()
                .filter(|step| step.stale(&state).is_some())
                .collect();
            assert_eq!(stale, expected, "{table}.{key}");
        }
    }
}
