//! The rules of a policy in `[target.policy]`.

use crate::ids::{PolicyName, TimeOfDay};
use crate::schema::PolicyTarget;

/// How long the first backup of a period is kept, where the target says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FirstBackup<'a> {
    /// In the operational tier.
    pub operational: Option<&'a str>,
    /// In the vault tier.
    pub vault: Option<&'a str>,
}

/// All rules of a policy that isn't from a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PolicyRules<'a> {
    /// The backup interval.
    pub schedule: &'a str,
    /// The time of day of the first backup.
    pub time: Option<&'a TimeOfDay>,
    /// The default retention.
    pub retention: &'a str,
    /// The first backups of a day, a week, a month and a year.
    pub first: [FirstBackup<'a>; 4],
}

impl PolicyTarget {
    /// A policy of this name with one rule: the interval, and how long backups are kept.
    #[must_use]
    pub fn new(name: PolicyName, schedule: impl Into<String>, retention: impl Into<String>) -> Self {
        Self {
            name,
            schedule: schedule.into(),
            retention: retention.into(),
            time: None,
            daily_retention: None,
            weekly_retention: None,
            monthly_retention: None,
            yearly_retention: None,
            vault_tier_retention: None,
            vault_tier_weekly_retention: None,
            vault_tier_monthly_retention: None,
            vault_tier_yearly_retention: None,
            file: None,
            file_digest: None,
            file_vault_tier: false,
        }
    }

    /// Returns its rules.
    #[must_use]
    pub fn rules(&self) -> PolicyRules<'_> {
        PolicyRules {
            schedule: &self.schedule,
            time: self.time.as_ref(),
            retention: &self.retention,
            first: self.first_backups(),
        }
    }

    /// Returns how long the first backup of a day, a week, a month and a year is kept.
    #[must_use]
    pub fn first_backups(&self) -> [FirstBackup<'_>; 4] {
        let pairs = [
            (&self.daily_retention, &self.vault_tier_retention),
            (&self.weekly_retention, &self.vault_tier_weekly_retention),
            (&self.monthly_retention, &self.vault_tier_monthly_retention),
            (&self.yearly_retention, &self.vault_tier_yearly_retention),
        ];
        pairs.map(|(operational, vault)| FirstBackup {
            operational: operational.as_deref(),
            vault: vault.as_deref(),
        })
    }

    /// Returns the same keys to change them: of the operational tier and of the vault tier.
    pub fn first_backups_mut(&mut self) -> [(&mut Option<String>, &mut Option<String>); 4] {
        [
            (&mut self.daily_retention, &mut self.vault_tier_retention),
            (&mut self.weekly_retention, &mut self.vault_tier_weekly_retention),
            (&mut self.monthly_retention, &mut self.vault_tier_monthly_retention),
            (&mut self.yearly_retention, &mut self.vault_tier_yearly_retention),
        ]
    }

    /// Returns whether backups are to be copied to the vault tier, by a key or by the policy file.
    #[must_use]
    pub fn uses_vault_tier(&self) -> bool {
        self.file_vault_tier || self.first_backups().iter().any(|own| own.vault.is_some())
    }
}
