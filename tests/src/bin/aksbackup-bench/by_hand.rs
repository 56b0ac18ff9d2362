//! The guide's main path, steps 1 to 11, as a person types it into the real az and the real kubectl, against the two
//! binaries; on the same sandbox, whose answers are instant. While the cluster itself has not
//! proved its storage the wall time does not count: its times have whole seconds, which nobody can be quicker than.
//!
//! az's extensions for backup and for cluster extensions are not to be had from a package registry: their eight commands
//! are sent by `az rest`, which costs less than they would.

use std::io;
use std::path::Path;
use std::process::Command;

use aksbackup_tests::azure::ids;
use aksbackup_tests::wheel;
use serde_json::Value;

use crate::hand_off::{environment, expanded};
use crate::measured::{self, Usage, median, middle, sum};
use crate::{Figure, figure};

mod bodies;
mod rollout;
mod world;

use world::World;

/// Fast enough that pacing, which Azure prescribes to either, does not count.
const TIME_SCALE: f64 = 0.0005;
/// Odd, so that the median is one of them.
const ROUNDS: usize = 3;

const SERVICE_ACCOUNTS: [(&str, &str); 3] = [
    ("dataprotection-controller", "dataprotection-microsoft-controller-sa"),
    (
        "dataprotection-agent",
        "dataprotection-microsoft-kubernetes-agent-server",
    ),
    ("dataprotection-geneva", "dataprotection-microsoft-geneva-sa"),
];
const DEPLOYMENTS: [&str; 3] = [
    "dataprotection-microsoft-controller",
    "dataprotection-microsoft-kubernetes-agent",
    "dataprotection-microsoft-geneva-service",
];
const NAMESPACE: &str = "dataprotection-microsoft";
const LABEL: &str = r#"{"spec":{"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}}}"#;

/// What az and kubectl cost by hand, what the binaries cost, the ratios of the medians; and, without a bar, what the
/// binaries cost where az starts them.
///
/// # Errors
/// A command failed, or az cannot be had.
pub(crate) fn figures(binaries: &Path) -> io::Result<Vec<Figure>> {
    let binaries = std::fs::canonicalize(binaries)?;
    let mut rounds = (Vec::new(), Vec::new(), Vec::new());
    let mut alone = Vec::new();
    for _ in 0..ROUNDS {
        let world = World::new()?;
        rounds.0.push(sum(&world.by_hand()?));
        let world = World::new()?;
        let (used, rollout) = world.by_binaries(&binaries)?;
        rounds.1.push(sum(&used));
        alone.push(sum(&used).1 - rollout);
        let world = World::new()?;
        rounds.2.push(sum(&world.through_az(&binaries)?));
    }
    let (hand, own, through) = (median(rounds.0), median(rounds.1), median(rounds.2));
    let alone = middle(alone);
    Ok(vec![
        figure("33 commands by hand, processor s".to_owned(), hand.0, None),
        figure("33 commands by hand, wall s".to_owned(), hand.1, None),
        figure("the same job by the binaries, processor s".to_owned(), own.0, None),
        figure("the same job by the binaries, wall s".to_owned(), own.1, None),
        figure("processor, binaries / by hand".to_owned(), own.0 / hand.0, Some(0.05)),
        figure(
            "the same without the cluster's own proof, wall s".to_owned(),
            alone,
            None,
        ),
        figure("wall, binaries / by hand".to_owned(), alone / hand.1, Some(0.05)),
        figure(
            "the same job started through az, processor s".to_owned(),
            through.0,
            None,
        ),
        figure("the same job started through az, wall s".to_owned(), through.1, None),
    ])
}

impl World {
    /// 19 times az and 14 times kubectl.
    fn by_hand(&self) -> io::Result<Vec<Usage>> {
        let mut used = Vec::new();
        for command in self.before_the_identity() {
            used.push(measured::run(&command)?);
        }
        let identity: Value = serde_json::from_str(&self.quiet(&["identity", "list"])?)?;
        for command in self.after_the_identity(&identity[0]) {
            used.push(measured::run(&command)?);
        }
        match used.len() {
            33 => Ok(used),
            other => Err(io::Error::other(format!("the guide has 33 commands, not {other}"))),
        }
    }

    /// Steps 1 to 5, and the credentials of step 6.
    fn before_the_identity(&self) -> Vec<Command> {
        let cluster = ["-n", ids::CLUSTER, "-g", "rg-aks"];
        let show =
            |query: &str| self.az(&[&["aks", "show", "--query", query, "-o", "tsv"], cluster.as_slice()].concat());
        let group = ids::group_id(ids::BACKUP_GROUP);
        let vault = format!("{group}/providers/Microsoft.DataProtection/backupVaults/bv-guide");
        let policy = format!("{vault}/backupPolicies/policy-aks");
        let extension = extension_id();
        let installed = || self.rest("get", &extension, EXTENSIONS, None);
        vec![
            show("oidcIssuerProfile.issuerUrl"),
            show("securityProfile.workloadIdentity.enabled"),
            self.az(&[
                "storage",
                "account",
                "create",
                "-n",
                "stguide",
                "-g",
                "rg-backup",
                "-l",
                ids::LOCATION,
                "--sku",
                "Standard_LRS",
                "--kind",
                "StorageV2",
            ]),
            self.az(&[
                "storage",
                "container-rm",
                "create",
                "-n",
                "aks-backups",
                "--storage-account",
                "stguide",
                "-g",
                "rg-backup",
            ]),
            self.rest("put", &vault, DATA_PROTECTION, Some(&bodies::vault())),
            self.rest("put", &policy, DATA_PROTECTION, Some(&bodies::policy())),
            self.rest("put", &extension, EXTENSIONS, Some(&bodies::extension())),
            installed(),
            installed(),
            installed(),
            self.az(&["identity", "list", "-o", "table"]),
            self.az(&[&["aks", "get-credentials", "--file", "fetched"], cluster.as_slice()].concat()),
            self.kubectl(&["get", "pods"]),
            show("oidcIssuerProfile.issuerUrl"),
        ]
    }

    /// Steps 6 to 11, now that the identity's names are known.
    fn after_the_identity(&self, identity: &Value) -> Vec<Command> {
        let text = |key: &str| identity[key].as_str().unwrap_or_default().to_owned();
        let (client, name, group) = (text("clientId"), text("name"), text("resourceGroup"));
        let mut all = Vec::new();
        for (_, account) in SERVICE_ACCOUNTS {
            let annotation = format!("azure.workload.identity/client-id={client}");
            all.push(self.kubectl(&["annotate", "serviceaccount", account, &annotation, "--overwrite"]));
        }
        all.extend(DEPLOYMENTS.map(|deployment| self.kubectl(&["patch", "deployment", deployment, "-p", LABEL])));
        for (credential, account) in SERVICE_ACCOUNTS {
            let subject = format!("system:serviceaccount:{NAMESPACE}:{account}");
            all.push(self.az(&[
                "identity",
                "federated-credential",
                "create",
                "--name",
                credential,
                "--identity-name",
                &name,
                "-g",
                &group,
                "--issuer",
                "https://westeurope.oic.prod-aks.azure.com/x/",
                "--subject",
                &subject,
                "--audience",
                "api://AzureADTokenExchange",
            ]));
        }
        let account = format!(
            "{}/providers/Microsoft.Storage/storageAccounts/stguide",
            ids::group_id(ids::BACKUP_GROUP)
        );
        let role = "Storage Blob Data Contributor";
        all.push(self.az(&[
            "role",
            "assignment",
            "create",
            "--assignee",
            &client,
            "--role",
            role,
            "--scope",
            &account,
        ]));
        all.extend(DEPLOYMENTS.map(|own| self.kubectl(&["rollout", "restart", "deployment", own])));
        all.extend(DEPLOYMENTS.map(|own| self.kubectl(&["rollout", "status", "deployment", own, "--timeout=120s"])));
        all.push(self.kubectl(&["get", "backupstoragelocation"]));
        let vault = format!(
            "{}/providers/Microsoft.DataProtection/backupVaults/bv-guide",
            ids::group_id(ids::BACKUP_GROUP)
        );
        let instances = format!("{vault}/backupInstances");
        let own = format!("{instances}/guide");
        all.push(self.rest("put", &own, DATA_PROTECTION, Some(&bodies::instance(&vault))));
        all.push(self.rest("get", &instances, DATA_PROTECTION, None));
        all
    }

    /// The same job by the two binaries, with the steps that the guide forgot; and for how long the cluster had
    /// proved nothing, which they alone wait for.
    fn by_binaries(&self, binaries: &Path) -> io::Result<(Vec<Usage>, f64)> {
        let (mut all, mut rollout) = (Vec::new(), 0.0);
        for (program, words) in job() {
            let words = expanded(words.into_iter(), self.folder.path());
            let mut command = Command::new(binaries.join(program));
            let person = if program == "az-aksbackup" { "everything" } else { "" };
            command
                .args(&words)
                .envs(environment(&self.sandbox, person))
                .current_dir(self.folder.path());
            let (used, waited) = match program {
                "kubectl-aksbackup" => rollout::beside(&self.sandbox, &command)?,
                _ => (measured::run(&command)?, 0.0),
            };
            all.push(used);
            rollout += waited;
        }
        Ok((all, rollout))
    }

    /// The same, where az starts the one of them.
    fn through_az(&self, binaries: &Path) -> io::Result<Vec<Usage>> {
        let wheel = wheel::universal(self.folder.path())?.display().to_string();
        self.quiet(&["extension", "add", "--yes", "--source", &wheel])?;
        let commands = job().into_iter().map(|(program, words)| {
            let words = expanded(words.into_iter(), self.folder.path());
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let mut command = match program {
                "az-aksbackup" => self.az(&[&["aksbackup"], words.as_slice()].concat()),
                _ => Command::new(binaries.join(program)),
            };
            if program != "az-aksbackup" {
                command
                    .args(&words)
                    .envs(environment(&self.sandbox, ""))
                    .current_dir(self.folder.path());
            }
            command
                .env("AKSBACKUP_TIME_SCALE", TIME_SCALE.to_string())
                .env("AKSBACKUP_BIN", binaries.join(program));
            measured::run(&command)
        });
        commands.collect()
    }
}

const DATA_PROTECTION: &str = "2025-07-01";
const EXTENSIONS: &str = "2023-05-01";

fn extension_id() -> String {
    format!(
        "{}/providers/Microsoft.KubernetesConfiguration/extensions/azure-aks-backup",
        ids::cluster_id()
    )
}

/// The commands of the whole job up to the protected cluster.
fn job() -> Vec<(&'static str, Vec<String>)> {
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect();
    let init = "init -g rg-aks -n aks-demo --storage-resource-group rg-backup --vault-resource-group rg-backup \
                --snapshot-group rg-snapshots --vault bv-bench --storage-account stbench --yes";
    let grant = "grant --subscription 0b1f6471-1bf0-4dda-aec3-cb9272f09590 --cluster rg-aks/aks-demo --vault rg-backup/bv-bench \
    --storage-account rg-backup/stbench --snapshot-resource-group rg-snapshots --yes";
    vec![
        ("az-aksbackup", words(init)),
        ("az-aksbackup", words("prepare --yes")),
        ("az-aksbackup", words(grant)),
        (
            "kubectl-aksbackup",
            words("configure --context cluster-admin --yes --client-id CLIENT-ID"),
        ),
        ("az-aksbackup", words("protect --yes")),
    ]
}
