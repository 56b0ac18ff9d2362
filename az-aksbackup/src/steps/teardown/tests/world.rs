//! A world in which some things are this tool's, some are others', and a file that claims some of them.

use serde_json::{Value, json};

use super::{AT, identity, role};
use crate::arm::visible::Sight;
use crate::arm::{identities, trusted_access as bindings};
use crate::checks::protection::tests::instance;
use crate::steps::teardown::claims::Claims;
use crate::steps::teardown::data::Backups;
use crate::steps::teardown::{Common, TeardownOptions};
use crate::steps::trusted_access::new_name;
use crate::target_ids;
use crate::target_ids::tests::example;

/// Numbers that are the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn often(&mut self) -> bool {
        self.below(4) > 0
    }

    fn rarely(&mut self) -> bool {
        self.below(6) == 0
    }
}

/// Who owns what in a world, and what the file claims.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    /// The file claims each of: instance, binding, roles, extension, credentials, vault, policy, group.
    pub(super) claims: [bool; 8],
    pub(super) delete: bool,
    pub(super) own_instance: bool,
    pub(super) foreign_instance: bool,
    pub(super) elsewhere: bool,
    pub(super) soft_deleted: bool,
    pub(super) binding: [bool; 2],
    pub(super) role: [bool; 2],
    pub(super) account_tag: bool,
    pub(super) vault_tag: bool,
    pub(super) policy_tag: bool,
    pub(super) other_policy: bool,
    pub(super) elsewhere_role: bool,
    pub(super) extension_time: bool,
    pub(super) extension_storage: bool,
    pub(super) foreign_credential: bool,
    pub(super) group_tag: bool,
    pub(super) group_content: bool,
    pub(super) shared_identity: bool,
}

impl World {
    pub(super) fn of(dice: &mut Dice) -> Self {
        let mut claims = [false; 8];
        claims.iter_mut().for_each(|own| *own = dice.often());
        Self {
            claims,
            delete: dice.often(),
            own_instance: dice.often(),
            foreign_instance: dice.rarely(),
            elsewhere: dice.rarely(),
            soft_deleted: dice.rarely(),
            binding: [dice.often(), dice.often()],
            role: [dice.often(), dice.often()],
            account_tag: dice.often(),
            vault_tag: dice.often(),
            policy_tag: dice.often(),
            other_policy: dice.rarely(),
            elsewhere_role: dice.rarely(),
            extension_time: dice.often(),
            extension_storage: dice.often(),
            foreign_credential: dice.rarely(),
            group_tag: dice.often(),
            group_content: dice.rarely(),
            shared_identity: dice.rarely(),
        }
    }

    /// Whether backups are left that aren't to be deleted, or aren't this tool's.
    pub(super) fn has_kept_backups(self) -> bool {
        self.elsewhere || (self.own_instance && !(self.delete && self.claims[0]))
    }

    pub(super) fn extension_is_ours(self) -> bool {
        self.claims[3] && self.account_tag && self.extension_time && self.extension_storage
    }

    pub(super) fn common(self) -> Common {
        let target = example();
        let vault = target_ids::vault(&target);
        let object = |at: usize| match at {
            0 => target_ids::instance(&target).to_string(),
            1 => bindings::binding_id(&target.cluster, &new_name(&vault)).to_string(),
            2 => role(self).id,
            3 => target_ids::extension(&target).to_string(),
            4 => identities::credential_id(&identity(), "own").to_string(),
            5 => vault.to_string(),
            6 => target_ids::policy(&target).to_string(),
            _ => target_ids::snapshot_group(&target).to_string(),
        };
        let claimed = (0..8).filter(|at| self.claims[*at]);
        // The step in the file is a claim as well.
        let intent = |at| json!({ "step": "storage", "object": object(at), "at": AT });
        let created: Vec<Value> = claimed.map(intent).collect();
        let mut state = crate::target_ids::tests::state();
        state.cloud.created = serde_json::from_value(json!(created)).unwrap();
        let claims = Claims::of(&state).unwrap();
        let own = instance("ProtectionConfigured", |_| ());
        let of = |source: &str, id: String| {
            instance("ProtectionConfigured", |body| {
                body["id"] = json!(id);
                body["properties"]["dataSourceInfo"]["resourceID"] = json!(source);
            })
        };
        let mut backups = Backups::default();
        if self.own_instance {
            backups.of_cluster.push(own.clone());
            backups.in_vault.push(own);
        }
        if self.elsewhere {
            let id = target_ids::instance(&target).as_str().replace("/bv-aks/", "/bv-other/");
            backups.of_cluster.push(of(target.cluster.as_str(), id));
        }
        let others = target.cluster.as_str().replace("/aks", "/of-others");
        if self.foreign_instance {
            backups
                .in_vault
                .push(of(&others, format!("{vault}/backupInstances/of-others")));
        }
        if self.soft_deleted {
            backups
                .deleted
                .push(of(&others, format!("{vault}/deletedBackupInstances/gone")));
        }
        let named = self.delete.then(|| "rg-aks/aks".parse().unwrap());
        Common {
            claims,
            backups: Sight::Here(backups),
            options: TeardownOptions {
                delete_backups: named,
                requests: Vec::new(),
            },
            locks: vec![],
            ahead: true,
        }
    }
}
