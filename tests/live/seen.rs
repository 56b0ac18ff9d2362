//! Everything that is read, before anything is judged: GET requests, and two queries of Azure Resource Graph.

use std::process::Stdio;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::door::{Door, Reading};
use crate::inside::Inside;

pub(crate) const CLUSTERS: &[&str] = &["2026-05-01", "2025-10-01", "2025-05-01"];
pub(crate) const DATA_PROTECTION: &[&str] = &["2026-06-01", "2025-07-01", "2024-04-01"];
pub(crate) const AUTHORIZATION: &[&str] = &["2022-04-01"];
/// The versions that show how pods reach the metadata service; no stable one does.
const CLUSTER_PREVIEWS: &[&str] = &["2026-04-02-preview", "2025-10-02-preview", "2025-04-02-preview"];
const EXTENSIONS: &[&str] = &["2025-03-01", "2023-05-01"];
const IDENTITIES: &[&str] = &["2024-11-30", "2023-01-31"];
const STORAGE: &[&str] = &["2026-04-01", "2025-06-01", "2023-05-01"];

/// The cluster that the user named.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) subscription: String,
    pub(crate) resource_group: String,
    pub(crate) name: String,
}

impl Target {
    /// Returns the cluster's resource ID.
    pub(crate) fn id(&self) -> String {
        format!(
            "{}/resourceGroups/{}/providers/Microsoft.ContainerService/managedClusters/{}",
            self.subscription(),
            self.resource_group,
            self.name
        )
    }

    /// Returns the subscription's resource ID.
    pub(crate) fn subscription(&self) -> String {
        format!("/subscriptions/{}", self.subscription)
    }
}

/// What Azure and the cluster answered.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) cluster: Reading,
    pub(crate) preview: Reading,
    pub(crate) permissions: Reading,
    pub(crate) extensions: Reading,
    pub(crate) identities: Reading,
    pub(crate) account: Reading,
    pub(crate) assignments: Reading,
    pub(crate) bindings: Reading,
    pub(crate) instances: Reading,
    pub(crate) instance: Reading,
    pub(crate) policy: Reading,
    pub(crate) jobs: Reading,
    pub(crate) points: Reading,
    pub(crate) vault: Reading,
    /// The vault's soft-deleted backup instances.
    pub(crate) deleted: Reading,
    /// The rows of Resource Graph for the cluster: its extensions, then its backup instances.
    pub(crate) graph: [Reading; 2],
    pub(crate) inside: Inside,
    /// `verify` of both programs, each with the exit code.
    pub(crate) programs: Vec<(&'static str, Result<Value, String>)>,
}

/// Returns a text by its JSON pointer; empty if it isn't there.
pub(crate) fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// Returns the entries of a list of Azure (`value`) or Kubernetes (`items`).
pub(crate) fn items(reading: &Reading) -> Option<&Vec<Value>> {
    let body = reading.body()?;
    body.get("value").or_else(|| body.get("items"))?.as_array()
}

impl Seen {
    /// Returns the Azure Backup extension.
    pub(crate) fn extension(&self) -> Option<&Value> {
        items(&self.extensions)?.iter().find(|one| {
            text(one, "/properties/extensionType").eq_ignore_ascii_case("microsoft.dataprotection.kubernetes")
        })
    }

    /// Reads everything.
    pub(crate) async fn read(
        azure: &Door,
        kubernetes: Result<Door, String>,
        target: &Target,
        context: Option<&str>,
    ) -> Self {
        let id = target.id();
        let below = |path: &str| format!("{id}/{path}");
        let (permissions_path, extensions_path, bindings_path, instances_path) = (
            format!(
                "{}/providers/Microsoft.Authorization/permissions",
                target.subscription()
            ),
            below("providers/Microsoft.KubernetesConfiguration/extensions"),
            below("trustedAccessRoleBindings"),
            below("providers/Microsoft.DataProtection/backupInstances"),
        );
        // As `list` asks; the tables have their own spelling of types and members.
        let own = format!("'{}'", id.to_ascii_lowercase());
        // The slash keeps out clusters whose names begin with this one's.
        let below_it = format!("'{}/'", id.to_ascii_lowercase());
        let graph = [
            format!(
                "kubernetesconfigurationresources | where type =~ 'microsoft.kubernetesconfiguration/extensions' \
                 | extend cluster = tolower(tostring(id)) | where cluster startswith {below_it} | project id, properties | order by id asc"
            ),
            format!(
                "recoveryservicesresources | where type =~ 'microsoft.dataprotection/backupvaults/backupinstances' \
                 | extend cluster = tolower(tostring(properties.dataSourceInfo.resourceID)) | where cluster =~ {own} \
                 | project id, properties | order by id asc"
            ),
        ];
        let (cluster, preview, permissions, extensions, bindings, instances, first, second) = tokio::join!(
            azure.get_in(&id, CLUSTERS),
            azure.get_in(&id, CLUSTER_PREVIEWS),
            azure.get_in(&permissions_path, AUTHORIZATION),
            azure.get_in(&extensions_path, EXTENSIONS),
            azure.get_in(&bindings_path, CLUSTERS),
            azure.get_in(&instances_path, DATA_PROTECTION),
            azure.query(&target.subscription, &graph[0]),
            azure.query(&target.subscription, &graph[1]),
        );
        let mut seen = Self {
            cluster,
            preview,
            permissions,
            extensions,
            bindings,
            instances,
            graph: [first, second],
            ..Self::nothing("not read")
        };
        seen.read_of_extension(azure, target).await;
        seen.read_of_instance(azure).await;
        seen.inside = Inside::read(kubernetes, target, &seen).await;
        seen.programs = verify(&id, context, &seen.inside).await;
        seen
    }

    /// Returns a view in which nothing was read, for one reason.
    pub(crate) fn nothing(why: &str) -> Self {
        let missing = || Reading::Missing(why.to_owned());
        Self {
            cluster: missing(),
            preview: missing(),
            permissions: missing(),
            extensions: missing(),
            identities: missing(),
            account: missing(),
            assignments: missing(),
            bindings: missing(),
            instances: missing(),
            instance: missing(),
            policy: missing(),
            jobs: missing(),
            points: missing(),
            vault: missing(),
            deleted: missing(),
            graph: [missing(), missing()],
            inside: Inside::nothing(why),
            programs: Vec::new(),
        }
    }

    /// Reads what the extension names: its storage account, the roles on it, and the identities next to its own.
    async fn read_of_extension(&mut self, azure: &Door, target: &Target) {
        let Some(extension) = self.extension() else {
            let why = absent("an Azure Backup extension", &self.extensions);
            (self.account, self.assignments, self.identities) = (why.clone(), why.clone(), why);
            return;
        };
        let setting = |name: &str| {
            let all = &extension["properties"]["configurationSettings"];
            let own = all[format!("configuration.backupStorageLocation.config.{name}")].as_str();
            own.unwrap_or_default().to_owned()
        };
        let account = format!(
            "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Storage/storageAccounts/{}",
            setting("subscriptionId"),
            setting("resourceGroup"),
            setting("storageAccount")
        );
        let principal = text(extension, "/properties/aksAssignedIdentity/principalId");
        let assignments =
            format!("{account}/providers/Microsoft.Authorization/roleAssignments?$filter=principalId eq '{principal}'");
        let nodes = self
            .cluster
            .body()
            .map_or("", |body| text(body, "/properties/nodeResourceGroup"));
        let identities = format!(
            "{}/resourceGroups/{nodes}/providers/Microsoft.ManagedIdentity/userAssignedIdentities",
            target.subscription()
        );
        (self.account, self.assignments, self.identities) = tokio::join!(
            azure.get_in(&account, STORAGE),
            azure.get_in(&assignments, AUTHORIZATION),
            azure.get_in(&identities, IDENTITIES),
        );
    }

    /// Reads the cluster's backup instance with its policy and recovery points, and the jobs of its vault.
    async fn read_of_instance(&mut self, azure: &Door) {
        let Some(first) = items(&self.instances).and_then(|all| all.first()) else {
            let why = absent("a backup instance", &self.instances);
            (self.instance, self.policy) = (why.clone(), why.clone());
            (self.jobs, self.points) = (why.clone(), why.clone());
            (self.vault, self.deleted) = (why.clone(), why);
            return;
        };
        let id = text(first, "/id");
        let vault = id.split("/backupInstances/").next().unwrap_or_default();
        let jobs = format!("{vault}/backupJobs");
        let policy = text(first, "/properties/policyInfo/policyId");
        let points = format!("{id}/recoveryPoints");
        let deleted = format!("{vault}/deletedBackupInstances");
        (
            self.instance,
            self.policy,
            self.jobs,
            self.points,
            self.vault,
            self.deleted,
        ) = tokio::join!(
            azure.get_in(id, DATA_PROTECTION),
            azure.get_in(policy, DATA_PROTECTION),
            azure.get_in(&jobs, DATA_PROTECTION),
            azure.get_in(&points, DATA_PROTECTION),
            azure.get_in(vault, DATA_PROTECTION),
            azure.get_in(&deleted, DATA_PROTECTION),
        );
    }
}

/// Says why what a list would name wasn't read: it isn't in the list, or there is no list.
fn absent(what: &str, list: &Reading) -> Reading {
    Reading::Missing(match list.body() {
        Some(_) => format!("the cluster does not have {what}"),
        None => format!("whether the cluster has {what} could not be read: {}", list.words()),
    })
}

/// Runs `verify` of both programs.
async fn verify(cluster: &str, context: Option<&str>, inside: &Inside) -> Vec<(&'static str, Result<Value, String>)> {
    let azure = ["verify", "--cluster-id", cluster, "--output", "json"];
    let unread = match &inside.deployments {
        Reading::Missing(why) => Some(why.clone()),
        Reading::Answered(_) => None,
    };
    let mut arguments = vec!["verify", "--output", "json"];
    arguments.extend(context.into_iter().flat_map(|context| ["--context", context]));
    // What the kubeconfig leads to might be another cluster: nothing of it belongs in the report.
    let of_cluster = match unread {
        Some(why) => Err(why),
        None => program("kubectl-aksbackup", &arguments).await,
    };
    vec![
        ("az-aksbackup", program("az-aksbackup", &azure).await),
        ("kubectl-aksbackup", of_cluster),
    ]
}

/// Runs one of the two programs and returns its exit code with its JSON document.
async fn program(name: &str, arguments: &[&str]) -> Result<Value, String> {
    let beside = std::env::current_exe()
        .ok()
        .and_then(|own| Some(own.parent()?.join(name)));
    let path = beside.filter(|path| path.is_file()).unwrap_or_else(|| name.into());
    let output = Command::new(path)
        .args(arguments)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = output.await.map_err(|error| format!("cannot run {name}: {error}"))?;
    let document: Value = serde_json::from_slice(&output.stdout)
        .map_err(|_| String::from_utf8_lossy(&output.stderr).trim().to_owned())?;
    Ok(json!({ "exit": output.status.code(), "document": document }))
}
