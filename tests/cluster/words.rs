//! What Velero says of a storage location that it cannot use: known in both of its dialects, with its cure.

use aksbackup_shared::exit::Exit;
use aksbackup_tests::backend::Backend;
use aksbackup_tests::harness::Stage;
use jiff::Timestamp;
use serde_json::json;

use crate::looks::{NAMESPACE, ON, check, granted, location, until};

/// Code of Azure Storage, HTTP status, and a part of the cure.
const STORAGE: &[(&str, u16, &str)] = &[
    // The state file reports the role.
    ("AuthorizationPermissionMismatch", 403, "az aksbackup verify"),
    ("AuthorizationFailure", 403, "private endpoint"),
    ("PublicAccessNotPermitted", 409, "private endpoint"),
    ("KeyBasedAuthenticationNotPermitted", 403, "az aksbackup prepare"),
    ("ContainerNotFound", 404, "az aksbackup prepare"),
    ("ContainerBeingDeleted", 409, "--container NAME"),
    ("ContainerDisabled", 409, "Restore the container"),
    ("AccountIsDisabled", 403, "to enable it again"),
    ("InvalidAuthenticationInfo", 401, "tenant"),
    ("AuthenticationFailed", 403, "tenant"),
];

/// Codes of Microsoft Entra, and a part of the cure.
const ENTRA: &[(&str, &str)] = &[
    ("AADSTS70021", "az aksbackup prepare"),
    ("AADSTS700211", "az aksbackup prepare"),
    ("AADSTS700212", "az aksbackup prepare"),
    ("AADSTS700213", "az aksbackup prepare"),
    ("AADSTS7002138", "az aksbackup prepare"),
    ("AADSTS700016", "kubectl aksbackup configure"),
    ("AADSTS700024", "kubectl aksbackup configure"),
    ("AADSTS90061", "az aks update"),
    ("AADSTS90002", "tenant-id"),
    ("AADSTS900023", "tenant-id"),
    ("AADSTS900382", "authority"),
    ("AADSTS900432", "authority"),
    ("AADSTS90038", "authority"),
    ("AADSTS90051", "authority"),
    ("AADSTS900384", "kubectl aksbackup configure"),
    ("AADSTS50013", "kubectl aksbackup configure"),
    ("AADSTS700027", "kubectl aksbackup configure"),
];

/// Texts without a code, as Velero, its plugin and Go word them, and a part of the cure.
const OTHERS: &[(&str, &str)] = &[
    (
        "ManagedIdentityCredential authentication failed. the requested identity isn't assigned to this resource",
        "kubectl aksbackup configure",
    ),
    (
        "requested identity has not been assigned to this resource",
        "kubectl aksbackup configure",
    ),
    ("Identity not found", "kubectl aksbackup configure"),
    (
        "DefaultAzureCredential: failed to acquire a token",
        "kubectl aksbackup configure",
    ),
    (
        "no azure identity found for request clientID 1-2-3",
        "kubectl aksbackup configure",
    ),
    (
        "getting assigned identities for pod velero/velero-1 in CREATED state failed after 16 attempts",
        "kubectl aksbackup configure",
    ),
    (
        "Get \"http://169.254.169.254/metadata/identity/oauth2/token\": dial tcp 169.254.169.254:80: i/o timeout",
        "kubectl aksbackup configure",
    ),
    (
        "Get \"http://169.254.169.254/metadata/identity/oauth2/token\": context deadline exceeded",
        "kubectl aksbackup configure",
    ),
    (
        "Multiple user assigned identities exist, please specify the clientId",
        "kubectl aksbackup configure",
    ),
    (
        "no client ID specified. Check pod configuration",
        "kubectl aksbackup configure",
    ),
    ("no tenant ID specified. Check pod configuration", "az aks update"),
    (
        "Backup store contains invalid top-level directories: [photos]",
        "empty container",
    ),
    (
        "failed to get storage account access key: resource group is required in BSL",
        "az aksbackup prepare",
    ),
    ("failed to get storage account access keys", "az aksbackup prepare"),
    (
        "failed to list storage account access keys: POST https://management.azure.com/s/listKeys?api-version=1",
        "az aksbackup prepare",
    ),
    (
        "POST https://management.azure.com/s/storageAccounts/a/listKeys?api-version=1",
        "az aksbackup prepare",
    ),
    ("storageAccount is required in BSL", "az aksbackup prepare"),
    ("subscription ID is required in BSL", "az aksbackup prepare"),
    (
        "failed to parse bool from useAAD string: strconv.ParseBool",
        "az aksbackup prepare",
    ),
    (
        "backup storage location's bucket name \"a/b\" must not contain a '/'",
        "az aksbackup prepare",
    ),
    (
        "config has invalid keys [useAdd]; valid keys are [useAAD]",
        "az aksbackup prepare",
    ),
    (
        "failed to read credentials from file: no such file",
        "az aksbackup prepare",
    ),
    ("unknown cloud: AzureMoonCloud", "authority"),
    ("Request to External OIDC endpoint failed", "az aks update"),
    (
        "AADSTS700211: No matching federated identity record found for presented assertion. Assertion Issuer: \
         'https://kubernetes.default.svc.cluster.local'",
        "Enable the OIDC issuer",
    ),
    (
        "Post \"https://login.microsoftonline.com/t/oauth2/v2.0/token\": dial tcp: lookup login.microsoftonline.com on \
         10.0.0.10:53: no such host",
        "login.microsoftonline.com on port 443",
    ),
    (
        "Post \"https://login.microsoftonline.com/t/oauth2/v2.0/token\": dial tcp 20.190.1.1:443: i/o timeout",
        "port 443",
    ),
    (
        "no storage account access key with key AZURE_KEY found in credential",
        "az aksbackup prepare",
    ),
    (
        "incomplete credential configuration. Only [x] were set",
        "az aksbackup prepare",
    ),
    (
        "Get \"https://stbackup.blob.core.windows.net/b\": dial tcp: lookup stbackup.blob.core.windows.net: no such host",
        "link the private DNS zone",
    ),
    (
        "Get \"https://stbackup.blob.core.windows.net/b\": dial tcp: lookup stbackup.privatelink.blob.core.windows.net: no such \
         host",
        "link the private DNS zone",
    ),
    (
        "Get \"https://a.blob.core.windows.net/b\": dial tcp 20.60.1.1:443: connect: connection timed out",
        "port 443",
    ),
    (
        "Get \"https://a.blob.core.windows.net/b\": dial tcp 20.60.1.1:443: i/o timeout",
        "port 443",
    ),
    (
        "Get \"https://a.blob.core.windows.net/b\": dial tcp 20.60.1.1:443: connect: connection refused",
        "port 443",
    ),
];

/// Velero's message about the storage service since the end of 2025, and before.
fn of_storage(code: &str, status: u16) -> [String; 2] {
    let rule = "-".repeat(80);
    let text = "This request is not authorized to perform this operation.";
    [
        format!("BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = {code}: {text}"),
        format!(
            "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = GET \
             https://a.blob.core.windows.net/b\n{rule}\nRESPONSE {status}: {status} {text}\nERROR CODE: {code}\n{rule}\n\
             \u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>{text}\n\
             RequestId:0\nTime:2026-01-01T00:00:00Z</Message></Error>\n{rule}\n"
        ),
    ]
}

fn of_entra(code: &str) -> String {
    let rule = "-".repeat(80);
    format!(
        "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = WorkloadIdentityCredential \
         authentication failed.\nPOST https://login.microsoftonline.com/t/oauth2/v2.0/token\n{rule}\nRESPONSE 401: 401 \
         Unauthorized\n{rule}\n{{\n  \"error\": \"invalid_request\",\n  \"error_description\": \"{code}: Something is \
         wrong. Trace ID: 0\"\n}}\n{rule}\nTo troubleshoot, visit https://aka.ms/azsdk/go/identity/troubleshoot"
    )
}

fn patch(stage: &Stage, patch: &serde_json::Value) {
    let patch = patch.to_string();
    let arguments = ["patch", "bsl", "default", "-n", NAMESPACE, "--type=merge", "-p", &patch];
    stage.as_kubectl("cluster-admin", &arguments).ok();
}

/// Puts a message there as Velero would, and looks what `verify` makes of it.
fn judged(stage: &Stage, message: &str) -> serde_json::Value {
    let now = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let status = json!({ "phase": "Unavailable", "message": message, "lastValidationTime": now });
    patch(stage, &json!({ "status": status }));
    let run = stage
        .kubectl("viewer", &["verify", "-o", "json"])
        .ends(Exit::Pending.code());
    check(&run.json(), "storage location")
}

fn every_message_has_its_cure(backend: Backend) {
    let stage = granted(Stage::on(backend, ON).unwrap());
    stage.configure("cluster-admin", &[]).ok();
    // Velero looks once more, at what has changed, and never again.
    let old = "2026-01-01T00:00:00Z";
    patch(
        &stage,
        &json!({ "spec": { "validationFrequency": "0s" }, "status": { "lastValidationTime": old } }),
    );
    until("Velero has seen that it is not to look again", || {
        (location(&stage)["status"]["lastValidationTime"] != old).then_some(())
    });
    let storage = STORAGE
        .iter()
        .flat_map(|(code, status, cure)| of_storage(code, *status).map(|message| (message, (*code).to_owned(), *cure)));
    let entra = ENTRA
        .iter()
        .map(|(code, cure)| (of_entra(code), (*code).to_owned(), *cure));
    let others = OTHERS.iter().map(|(text, cure)| {
        let message =
            format!("BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = {text}");
        (message, (*text).to_owned(), *cure)
    });
    let mut wrong = Vec::new();
    for (message, word, cure) in storage.chain(entra).chain(others) {
        let finding = judged(&stage, &message);
        let text = |key: &str| finding[key].as_str().unwrap_or_default();
        if finding["verdict"] != "error" || !text("says").contains(&word) || !text("hint").contains(cure) {
            wrong.push(format!("{word}: {cure}\n{finding:#}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let unheard = judged(
        &stage,
        "rpc error: code = Unknown desc = something that nobody has heard of",
    );
    assert!(unheard["says"].as_str().unwrap().contains("nobody has heard of"));
    assert!(unheard["hint"].as_str().unwrap().starts_with("kubectl aksbackup logs"));
}

on_both! {
    every_message_has_its_cure: messages_on_the_small_cluster, messages_on_a_real_control_plane;
}
