//! What a hand-off cannot be faster than: the longest path through Azure's own waiting.
//!
//! The path is made from what the sandbox was asked to do (its request log) and from what each of these takes (its
//! settings), never from when the client asked. People are instant, clients cost nothing, a wait is noticed the moment
//! it ends; operations on the cluster come one after the other, credentials are written at their rate, and what has to
//! propagate does so from the write on.

use std::fmt;

use crate::log::Entry;
use crate::settings::Settings;

/// One thing that takes time, in seconds of the model since the first command.
#[derive(Debug, Clone, PartialEq)]
pub struct Activity {
    /// What it is, in a few words.
    pub name: &'static str,
    /// When it can begin at the earliest.
    pub start: f64,
    /// When it is over at the earliest.
    pub finish: f64,
    /// The activity that it has to wait for, as an index; none at the very beginning.
    after: Option<usize>,
}

/// The activities of a hand-off, each at its earliest.
#[derive(Debug, Clone, Default)]
pub struct CriticalPath {
    activities: Vec<Activity>,
    /// The activity that ends the previous person's turn.
    turn: Option<usize>,
}

impl CriticalPath {
    /// The critical path of what `entries` show that Azure and Kubernetes were asked to do, with the durations of
    /// `settings`.
    #[must_use]
    pub fn of(settings: &Settings, entries: &[Entry]) -> Self {
        let asked = Asked(entries);
        let mut path = Self::default();
        path.prepare(settings, &asked);
        path.end_of_turn();
        path.grant(settings, &asked);
        path.end_of_turn();
        path.configure(settings, &asked);
        path.end_of_turn();
        path.protect(settings, &asked);
        path
    }

    /// Its length in seconds of the model.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.latest().map_or(0.0, |last| self.activities[last].finish)
    }

    /// The activities on the path itself, the first one first.
    #[must_use]
    pub fn chain(&self) -> Vec<&Activity> {
        let mut chain: Vec<_> = std::iter::successors(self.latest(), |at| self.activities[*at].after)
            .map(|at| &self.activities[at])
            .collect();
        chain.reverse();
        chain
    }

    fn prepare(&mut self, settings: &Settings, asked: &Asked<'_>) {
        let durations = &settings.durations;
        if asked.writes("POST", "/register?") > 0 {
            self.add(REGISTRATION, &[], durations.registration);
        }
        let cluster = asked.writes_of("PUT", "microsoft.containerservice/managedclusters/");
        if cluster > 0 {
            self.add(CLUSTER, &[REGISTRATION], durations.cluster_update);
        }
        if asked.writes_of("PUT", "microsoft.storage/storageaccounts/") > 0 {
            self.add(STORAGE, &[REGISTRATION], durations.storage_create);
        }
        if asked.writes_of("PUT", "microsoft.dataprotection/backupvaults/") > 0 {
            self.add(VAULT, &[REGISTRATION], durations.vault_create);
        }
        if asked.writes_of("PUT", "microsoft.kubernetesconfiguration/extensions/") > 0 {
            self.add(EXTENSION, &[CLUSTER, STORAGE], durations.extension_install);
            self.add(BACKGROUND, &[EXTENSION], durations.extension_background);
        }
        let credentials = asked.writes("PUT", "/federatedidentitycredentials/");
        if credentials > 0 {
            let pace = if settings.credential_rate > 0.0 {
                1.0 / settings.credential_rate
            } else {
                durations.credential_write
            };
            let seconds = pace.max(durations.credential_write) * whole(credentials - 1) + durations.credential_write;
            self.add(CREDENTIALS, &[CLUSTER, EXTENSION], seconds);
        }
        if asked.writes("PUT", "/trustedaccessrolebindings/") > 0 {
            self.add(
                TRUSTED_ACCESS,
                &[VAULT, EXTENSION, BACKGROUND],
                durations.trusted_access_write,
            );
        }
    }

    fn grant(&mut self, _settings: &Settings, asked: &Asked<'_>) {
        if asked.writes("PUT", "/roleassignments/") > 0 {
            self.add(ROLES, &[], 0.0);
        }
    }

    fn configure(&mut self, settings: &Settings, asked: &Asked<'_>) {
        if asked.writes("PATCH", "/deployments/") == 0 {
            return;
        }
        let (durations, cluster) = (&settings.durations, &settings.kubernetes);
        let seen = self.add(DATA_ROLE, &[ROLES], durations.data_role_propagation);
        // Velero looks every so often, and has done so since its first pod came up with the extension.
        let first = self.finish(EXTENSION) + cluster.pod_start + cluster.validation_start;
        let late = (first - seen).rem_euclid(cluster.validation_period.max(f64::MIN_POSITIVE));
        let proof = if seen < first { first - seen } else { late };
        self.add(ROLE_PROOF, &[DATA_ROLE], proof);
        self.add(WEBHOOK, &[], cluster.webhook_lag);
        self.add(CREDENTIAL_KNOWN, &[CREDENTIALS], durations.credential_propagation);
        self.add(ROLLOUT, &[ROLE_PROOF, WEBHOOK, CREDENTIAL_KNOWN], cluster.pod_start);
        self.add(VALIDATION_BY_NEW_POD, &[ROLLOUT], cluster.validation_start);
    }

    fn protect(&mut self, settings: &Settings, asked: &Asked<'_>) {
        let durations = &settings.durations;
        if asked.writes("PUT", "/backupinstances/") > 0 {
            self.effect(TRUSTED_ACCESS_EFFECT, TRUSTED_ACCESS, durations.trusted_access_effect);
            self.effect(ROLE_EFFECT, ROLES, durations.role_propagation);
            self.add(VALIDATION, &[TRUSTED_ACCESS_EFFECT, ROLE_EFFECT], durations.validation);
            self.add(INSTANCE, &[VALIDATION], durations.instance_create);
            self.add(PROTECTION, &[INSTANCE], durations.instance_configure);
        }
        if asked.writes("POST", "/backup?") > 0 {
            self.add(TRIGGER, &[PROTECTION], durations.backup_trigger);
            // The job runs from the request on; its operation only names it.
            self.add(JOB, &[PROTECTION], durations.backup_job);
        }
    }

    /// Adds an activity that begins when the previous turn and all of `needs` that took place are over. Gives its end.
    fn add(&mut self, name: &'static str, needs: &[&str], seconds: f64) -> f64 {
        let needed = needs.iter().filter_map(|need| self.index(need)).chain(self.turn);
        let after = needed.max_by(|one, other| self.activities[*one].finish.total_cmp(&self.activities[*other].finish));
        self.push(name, after, seconds)
    }

    /// Adds what follows from an earlier activity by itself, whoever's turn it is meanwhile.
    fn effect(&mut self, name: &'static str, of: &str, seconds: f64) {
        if let Some(cause) = self.index(of) {
            self.push(name, Some(cause), seconds);
        }
    }

    fn push(&mut self, name: &'static str, after: Option<usize>, seconds: f64) -> f64 {
        let start = after.map_or(0.0, |at| self.activities[at].finish);
        let finish = start + seconds;
        self.activities.push(Activity {
            name,
            start,
            finish,
            after,
        });
        finish
    }

    fn end_of_turn(&mut self) {
        self.turn = self.latest();
    }

    fn latest(&self) -> Option<usize> {
        let all = 0..self.activities.len();
        all.max_by(|one, other| self.activities[*one].finish.total_cmp(&self.activities[*other].finish))
    }

    fn index(&self, name: &str) -> Option<usize> {
        self.activities.iter().position(|activity| activity.name == name)
    }

    fn finish(&self, name: &str) -> f64 {
        self.index(name).map_or(0.0, |at| self.activities[at].finish)
    }
}

impl fmt::Display for CriticalPath {
    /// `cluster update 129 s, extension 238 s, ...`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let links = self.chain().into_iter().filter(|link| link.finish > link.start);
        let words: Vec<_> = links
            .map(|link| format!("{} {:.0} s", link.name, link.finish - link.start))
            .collect();
        f.write_str(&words.join(", "))
    }
}

/// The changes that took place.
struct Asked<'a>(&'a [Entry]);

impl Asked<'_> {
    /// How many changes by `method` were accepted whose target holds `part`, lower case.
    fn writes(&self, method: &str, part: &str) -> usize {
        self.targets(method).filter(|target| target.contains(part)).count()
    }

    /// The same for the resource itself, whose name is the last segment of its path after `kind`.
    fn writes_of(&self, method: &str, kind: &str) -> usize {
        let own = |target: &String| {
            let path = target.split('?').next().unwrap_or_default();
            path.rsplit_once(kind)
                .is_some_and(|(_, name)| !name.is_empty() && !name.contains('/'))
        };
        self.targets(method).filter(own).count()
    }

    fn targets(&self, method: &str) -> impl Iterator<Item = String> {
        let accepted = self
            .0
            .iter()
            .filter(move |entry| entry.write && entry.method == method && entry.status < 300);
        accepted.map(|entry| entry.target.to_ascii_lowercase())
    }
}

fn whole(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}

const REGISTRATION: &str = "provider registration";
const CLUSTER: &str = "cluster update";
const STORAGE: &str = "storage account";
const VAULT: &str = "vault";
const EXTENSION: &str = "extension";
const BACKGROUND: &str = "extension's work afterwards";
const CREDENTIALS: &str = "federated credentials";
const TRUSTED_ACCESS: &str = "trusted access";
const ROLES: &str = "role assignments";
const DATA_ROLE: &str = "data role in force";
const ROLE_PROOF: &str = "Velero's next look";
const WEBHOOK: &str = "webhook's cache";
const CREDENTIAL_KNOWN: &str = "credential in force";
const ROLLOUT: &str = "rollout";
const VALIDATION_BY_NEW_POD: &str = "Velero's first look";
const TRUSTED_ACCESS_EFFECT: &str = "trusted access in force";
const ROLE_EFFECT: &str = "roles in force";
const VALIDATION: &str = "validation";
const INSTANCE: &str = "backup instance";
const PROTECTION: &str = "protection";
const TRIGGER: &str = "backup trigger";
const JOB: &str = "backup job";

#[cfg(test)]
mod tests {
    use super::CriticalPath;
    use crate::log::Entry;
    use crate::settings::Settings;

    fn write(method: &str, target: &str) -> Entry {
        Entry {
            arrived_ms: 0,
            answered_ms: 0,
            service: "arm".to_owned(),
            persona: String::new(),
            agent: String::new(),
            method: method.to_owned(),
            target: target.to_owned(),
            status: 200,
            write: true,
            ..Entry::default()
        }
    }

    const CLUSTER: &str = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";

    #[test]
    fn nothing_asked_takes_no_time() {
        assert!(CriticalPath::of(&Settings::default(), &[]).seconds().abs() < f64::EPSILON);
    }

    #[test]
    fn operations_on_the_cluster_are_a_chain_and_storage_hides_beside_them() {
        let extension = format!("{CLUSTER}/providers/Microsoft.KubernetesConfiguration/extensions/e?api-version=1");
        let account = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/a?api-version=1";
        let entries = [
            write("PUT", &format!("{CLUSTER}?api-version=1")),
            write("PUT", account),
            write("PUT", &extension),
        ];
        let path = CriticalPath::of(&Settings::default(), &entries);
        assert!((path.seconds() - 367.0).abs() < 1e-9, "{path}");
        assert_eq!(path.to_string(), "cluster update 129 s, extension 238 s");
    }

    #[test]
    fn credentials_are_written_at_their_rate() {
        let credential = "/x/userAssignedIdentities/i/federatedIdentityCredentials/f?api-version=1";
        let entries = [
            write("PUT", credential),
            write("PUT", credential),
            write("PUT", credential),
        ];
        let path = CriticalPath::of(&Settings::default(), &entries);
        assert!((path.seconds() - 8.5).abs() < 1e-9, "{path}");
    }

    #[test]
    fn what_propagates_does_so_from_the_write_on() {
        let role = "/x/providers/Microsoft.Authorization/roleAssignments/r?api-version=1";
        let instance = "/x/backupVaults/v/backupInstances/i?api-version=1";
        let path = CriticalPath::of(&Settings::default(), &[write("PUT", role), write("PUT", instance)]);
        assert!((path.seconds() - (120.0 + 126.0 + 33.0 + 30.0)).abs() < 1e-9, "{path}");
    }

    #[test]
    fn a_refused_change_takes_no_time() {
        let mut refused = write("PUT", &format!("{CLUSTER}?api-version=1"));
        refused.status = 403;
        assert!(CriticalPath::of(&Settings::default(), &[refused]).seconds().abs() < f64::EPSILON);
    }
}
