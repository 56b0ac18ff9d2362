//! Keys that look like those of workload identity and are none.

/// How the webhook's keys begin.
const PREFIX: &str = "azure.workload.identity/";

/// The keys that the webhook knows (azure-workload-identity, `pkg/webhook/consts.go`).
const KNOWN: [&str; 7] = [
    "client-id",
    "tenant-id",
    "service-account-token-expiration",
    "use",
    "skip-containers",
    "inject-proxy-sidecar",
    "proxy-sidecar-port",
];

/// Those of `keys` that somebody has misspelt.
pub(super) fn typos<'a>(keys: impl Iterator<Item = &'a str>) -> Vec<String> {
    keys.filter(|key| is_typo(key)).map(str::to_owned).collect()
}

fn is_typo(key: &str) -> bool {
    // This program's own key, and those of the webhook's objects.
    if key.starts_with("aksbackup.io/") || key.starts_with("azure-workload-identity.io/") {
        return false;
    }
    let plain: String = key
        .to_ascii_lowercase()
        .chars()
        .filter(|c| !matches!(c, '.' | '-' | '_'))
        .collect();
    let resembles = plain.contains("workloadidentity");
    resembles && key.strip_prefix(PREFIX).is_none_or(|rest| !KNOWN.contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_the_webhook_and_of_others_are_no_typos() {
        let good = KNOWN.map(|rest| format!("{PREFIX}{rest}"));
        let others = [
            "app",
            "aksbackup.io/workload-identity",
            "azure-workload-identity.io/system",
            "helm.sh/chart",
        ];
        let all = good.iter().map(String::as_str).chain(others);
        assert!(typos(all).is_empty());
    }

    #[test]
    fn a_misspelt_key_is_one() {
        for bad in [
            "azure.workload.identity/clientid",
            "azure.workload.identity/client_id",
            "azure.workload-identity/use",
            "Azure.Workload.Identity/client-id",
        ] {
            assert_eq!(typos([bad].into_iter()), [bad], "{bad}");
        }
    }
}
