//! What Velero's messages about a storage location mean: Entra's and Azure Storage's codes within them.

/// Where the fault lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The federated credential does not fit the pod's token, or is not in force yet.
    Federation,
    /// The identity may not write to the storage account, or not yet.
    Role,
    /// The node's identity could not be used: there is no token file in the pod.
    NodeIdentity,
    /// The pod's own settings.
    Pod,
    /// The storage account or its network.
    Storage,
}

/// What a message means, and what cures it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// The code in the message.
    pub(crate) code: &'static str,
    /// Where the fault lies.
    pub(crate) fault: Fault,
    /// The cure: a command, or what a person has to do.
    pub(crate) cure: &'static str,
}

const PREPARE: &str = "az aksbackup prepare (writes the federated credentials anew where they differ)";
const GRANT: &str =
    "az aksbackup grant (the role Storage Blob Data Contributor; it takes minutes until it is in force)";
const CONFIGURE: &str = "kubectl aksbackup configure";
const NETWORK: &str =
    "the storage account's firewall refuses the cluster: allow its network, or add a private endpoint";
const SETTINGS: &str = "az aksbackup prepare (compares the extension's settings: useAAD and storageAccountURI)";
const LOCATION: &str =
    "az aksbackup prepare (compares the extension's settings, from which the storage location is made)";
const NMI: &str =
    "kubectl aksbackup configure (the old pod identity stands before the node's identity; a token file passes it by)";
const TENANT: &str =
    "the pod signs in to the wrong tenant: look at annotation azure.workload.identity/tenant-id of its service account";
const CLOUD: &str = "the pod signs in to another cloud than its tenant's: look at AZURE_AUTHORITY_HOST in it";
const ISSUER: &str = "az aksbackup prepare (the cluster's OIDC issuer was off when the pod got its token), then kubectl aksbackup configure";
const DISCOVERY: &str = "Entra cannot read the cluster's issuer: az aks update, then support";
const LOGIN: &str = "the cluster cannot resolve Entra's name: look at its DNS, network policy and firewall";
const KEYS: &str = "kubectl aksbackup configure (the pod's token is signed with a key that is gone)";
const EGRESS: &str = "the cluster cannot reach it: open its firewall, route or network policy for port 443";

/// The codes, longest first where one begins another; codes of Microsoft Entra from its error reference, codes of Azure
/// Storage from its REST reference, texts from azure-sdk-for-go and Velero's plugin for Azure.
const MEANINGS: [(&str, Fault, &str); 59] = [
    ("https://kubernetes.default.svc", Fault::Federation, ISSUER),
    ("AADSTS7002138", Fault::Federation, PREPARE),
    ("AADSTS700213", Fault::Federation, PREPARE),
    ("AADSTS700212", Fault::Federation, PREPARE),
    ("AADSTS700211", Fault::Federation, PREPARE),
    ("AADSTS70021", Fault::Federation, PREPARE),
    (
        "AADSTS700016",
        Fault::Federation,
        "az aksbackup prepare, then kubectl aksbackup configure (the client id is of no identity)",
    ),
    (
        "AADSTS700024",
        Fault::Pod,
        "kubectl aksbackup configure (the pod's token has expired)",
    ),
    ("AADSTS90061", Fault::Federation, DISCOVERY),
    ("Request to External OIDC endpoint failed", Fault::Federation, DISCOVERY),
    ("AADSTS90002", Fault::Pod, TENANT),
    ("AADSTS900023", Fault::Pod, TENANT),
    ("AADSTS900382", Fault::Pod, CLOUD),
    ("AADSTS900432", Fault::Pod, CLOUD),
    ("AADSTS90038", Fault::Pod, CLOUD),
    ("AADSTS90051", Fault::Pod, CLOUD),
    ("AADSTS900384", Fault::Pod, KEYS),
    ("AADSTS50013", Fault::Pod, KEYS),
    ("AADSTS700027", Fault::Pod, KEYS),
    ("AuthorizationPermissionMismatch", Fault::Role, GRANT),
    ("AuthorizationFailure", Fault::Storage, NETWORK),
    ("PublicAccessNotPermitted", Fault::Storage, NETWORK),
    ("AuthorizationFailed", Fault::Role, SETTINGS),
    ("KeyBasedAuthenticationNotPermitted", Fault::Storage, SETTINGS),
    (
        "ContainerNotFound",
        Fault::Storage,
        "az aksbackup prepare (makes the container)",
    ),
    (
        "ContainerBeingDeleted",
        Fault::Storage,
        "wait until the container is gone, then: az aksbackup prepare",
    ),
    (
        "ContainerDisabled",
        Fault::Storage,
        "the container was deleted and is kept for a while: restore it, or choose another one",
    ),
    (
        "invalid top-level directories",
        Fault::Storage,
        "the container holds other things: give the extension one of its own (az aksbackup init), then: az aksbackup prepare",
    ),
    (
        "AccountIsDisabled",
        Fault::Storage,
        "the storage account or its subscription is disabled: ask its owner",
    ),
    ("InvalidAuthenticationInfo", Fault::Storage, TENANT),
    ("AuthenticationFailed", Fault::Storage, TENANT),
    ("failed to get storage account access key", Fault::Storage, SETTINGS),
    ("failed to get storage account access keys", Fault::Storage, SETTINGS),
    ("failed to list storage account access key", Fault::Storage, SETTINGS),
    ("failed to list storage account access keys", Fault::Storage, SETTINGS),
    ("listKeys", Fault::Storage, SETTINGS),
    ("no storage account access key with key", Fault::Storage, SETTINGS),
    ("is required in BSL", Fault::Storage, SETTINGS),
    ("failed to parse bool from useAAD string", Fault::Storage, SETTINGS),
    ("must not contain a '/'", Fault::Storage, LOCATION),
    ("config has invalid keys", Fault::Storage, LOCATION),
    ("incomplete credential configuration", Fault::Pod, SETTINGS),
    ("failed to read credentials from file", Fault::Pod, SETTINGS),
    ("unknown cloud", Fault::Pod, CLOUD),
    (
        "ManagedIdentityCredential authentication failed",
        Fault::NodeIdentity,
        CONFIGURE,
    ),
    (
        "Multiple user assigned identities exist",
        Fault::NodeIdentity,
        CONFIGURE,
    ),
    ("Identity not found", Fault::NodeIdentity, CONFIGURE),
    ("assigned to this resource", Fault::NodeIdentity, CONFIGURE),
    (
        "DefaultAzureCredential: failed to acquire a token",
        Fault::NodeIdentity,
        CONFIGURE,
    ),
    ("no azure identity found for request clientID", Fault::NodeIdentity, NMI),
    ("getting assigned identities for pod", Fault::NodeIdentity, NMI),
    ("169.254.169.254", Fault::NodeIdentity, CONFIGURE),
    ("no client ID specified", Fault::Pod, CONFIGURE),
    (
        "no tenant ID specified",
        Fault::Pod,
        "the workload identity webhook has no tenant: az aks update",
    ),
    ("lookup login", Fault::Pod, LOGIN),
    (
        "no such host",
        Fault::Storage,
        "the cluster cannot resolve the storage account's name: look at its DNS and private endpoints",
    ),
    ("i/o timeout", Fault::Storage, EGRESS),
    ("connection timed out", Fault::Storage, EGRESS),
    ("connection refused", Fault::Storage, EGRESS),
];

/// What a message means, where it is known.
pub(crate) fn meaning(message: &str) -> Option<Meaning> {
    let known = MEANINGS.iter().find(|(code, _, _)| contains_word(message, code));
    known.map(|(code, fault, cure)| Meaning {
        code,
        fault: *fault,
        cure,
    })
}

/// Whether `word` stands in `text` and does not go on: `AuthorizationFailure` is not `AuthorizationFailed`,
/// `AADSTS70021` not `AADSTS700211`.
fn contains_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let after = text.get(at + word.len()..).and_then(|rest| rest.chars().next());
        let before = text.get(..at).and_then(|rest| rest.chars().next_back());
        let goes_on = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        !goes_on(after) && !goes_on(before)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(message: &str) -> Option<&'static str> {
        meaning(message).map(|meaning| meaning.code)
    }

    #[test]
    fn codes_that_begin_alike_are_told_apart() {
        assert_eq!(
            code("AADSTS700213: No matching federated identity record"),
            Some("AADSTS700213")
        );
        assert_eq!(code("AADSTS7002138: x"), Some("AADSTS7002138"));
        assert_eq!(code("AADSTS70021: x"), Some("AADSTS70021"));
        assert_eq!(code("desc = AuthorizationFailure: x"), Some("AuthorizationFailure"));
        assert_eq!(
            code("<Code>AuthorizationPermissionMismatch</Code>"),
            Some("AuthorizationPermissionMismatch")
        );
        assert_eq!(code("all is well"), None);
    }

    #[test]
    fn a_missing_role_is_the_owner_s_and_a_missing_credential_the_platform_team_s() {
        assert!(
            meaning("AuthorizationPermissionMismatch")
                .unwrap()
                .cure
                .contains("az aksbackup grant")
        );
        assert!(
            meaning("AADSTS700213: x")
                .unwrap()
                .cure
                .contains("az aksbackup prepare")
        );
    }
}
