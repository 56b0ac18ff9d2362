//! The api-versions that each type is offered in.

use super::answer::Answer;
use super::call::Call;

/// Namespace, type (`*` for all others of it), versions in order.
const OFFERED: &[(&str, &str, &str)] = &[
    (
        "microsoft.containerservice",
        "managedclusters",
        // The previews are those that Microsoft's own extensions ask in: 2024-10-02-preview is dataprotection's,
        // 2025-04-02-preview is in the recordings of aks-preview.
        "2023-05-01 2023-10-01 2024-02-01 2024-05-01 2024-07-01 2024-08-01 2024-09-01 2024-10-02-preview 2025-01-01 \
         2025-02-01 2025-03-01 2025-04-01 2025-04-02-preview 2025-05-01 2025-07-01 2025-08-01 2025-09-01 2025-10-01 2026-01-01 2026-02-01 2026-03-01 2026-04-01 \
         2026-05-01 2026-06-01 2026-07-01 2026-08-01",
    ),
    (
        "microsoft.containerservice",
        "locations",
        "2016-03-30 2017-08-31 2024-05-01 2024-07-01 2024-08-01 2024-09-01 2024-10-02-preview 2025-01-01 2025-02-01 \
         2025-03-01 2025-04-01 2025-04-02-preview 2025-05-01 2025-07-01 2025-08-01 2025-09-01 2025-10-01 2026-01-01 2026-02-01 2026-03-01 2026-04-01 2026-05-01 \
         2026-06-01 2026-07-01 2026-08-01",
    ),
    (
        "microsoft.kubernetesconfiguration",
        "extensions",
        "2021-09-01 2022-03-01 2022-07-01 2022-11-01 2023-05-01 2024-11-01 2025-03-01",
    ),
    (
        "microsoft.dataprotection",
        "*",
        "2022-05-01 2022-11-01 2022-12-01 2023-01-01 2023-05-01 2023-11-01 2023-12-01 2024-04-01 2025-01-01 2025-02-01 \
         2025-07-01 2025-09-01 2026-03-01 2026-06-01",
    ),
    (
        "microsoft.managedidentity",
        "*",
        "2018-11-30 2023-01-31 2023-07-31-preview 2024-11-30 2025-01-31-preview 2025-05-31-preview",
    ),
    (
        "microsoft.storage",
        "*",
        "2021-09-01 2022-09-01 2023-01-01 2023-04-01 2023-05-01 2024-01-01 2025-01-01 2025-06-01 2025-08-01 2026-04-01 2026-09-01",
    ),
    (
        "microsoft.authorization",
        "roleassignments",
        "2015-07-01 2018-01-01-preview 2020-04-01-preview 2020-08-01-preview 2020-10-01-preview 2022-04-01",
    ),
    (
        "microsoft.authorization",
        "roledefinitions",
        "2015-07-01 2018-01-01-preview 2022-04-01 2022-05-01-preview",
    ),
    (
        "microsoft.authorization",
        "permissions",
        "2015-07-01 2018-07-01 2022-04-01 2022-05-01-preview",
    ),
    (
        "microsoft.resourcegraph",
        "resources",
        "2018-09-01-preview 2019-04-01 2020-04-01-preview 2021-03-01 2021-06-01-preview 2022-10-01 2024-04-01",
    ),
    ("microsoft.authorization", "checkaccess", "2018-09-01-preview"),
    (
        "microsoft.authorization",
        "locks",
        "2015-01-01 2016-09-01 2017-04-01 2020-05-01",
    ),
];

/// The versions of a type, `None` where any well-formed date will do (subscriptions, groups, providers).
pub(crate) fn offered(namespace: &str, kind: &str) -> Option<Vec<&'static str>> {
    let (namespace, kind) = (namespace.to_ascii_lowercase(), kind.to_ascii_lowercase());
    let entry = OFFERED
        .iter()
        .find(|entry| entry.0 == namespace && (entry.1 == kind || entry.1 == "*"))?;
    Some(entry.2.split(' ').filter(|version| !version.is_empty()).collect())
}

/// Refuses a call without api-version, or with one that its type is not offered in.
pub(crate) fn check(call: &Call, withdrawn: &str) -> Result<(), Answer> {
    let version = call.version();
    if version.is_empty() {
        let message = "The api-version query parameter (?api-version=) is required for all requests.";
        return Err(Answer::error(400, "MissingApiVersionParameter", message));
    }
    let path = call.target.path();
    let segments: Vec<&str> = path.split('/').collect();
    let last = segments
        .iter()
        .rposition(|segment| segment.eq_ignore_ascii_case("providers"));
    let Some([namespace, kind, ..]) = last.map(|position| &segments[position + 1..]) else {
        return well_formed(version);
    };
    if kind.eq_ignore_ascii_case("register") {
        return well_formed(version);
    }
    let Some(mut versions) = offered(namespace, kind) else {
        return well_formed(version);
    };
    let name = format!("{namespace}/{kind}").to_ascii_lowercase();
    versions.retain(|version| {
        !withdrawn
            .split(',')
            .any(|gone| gone.trim() == format!("{name}@{version}"))
    });
    if versions.contains(&version) {
        return Ok(());
    }
    let message = format!(
        "No registered resource provider found for location 'westeurope' and API version '{version}' for type '{kind}'. The \
         supported api-versions are '{}'. The supported locations are 'westeurope, northeurope'.",
        versions.join(", ")
    );
    Err(Answer::error(400, "NoRegisteredProviderFound", &message))
}

fn well_formed(version: &str) -> Result<(), Answer> {
    let digits = version.bytes().take(10).enumerate();
    let date = version.len() >= 10
        && digits.clone().all(|(index, byte)| {
            if matches!(index, 4 | 7) {
                byte == b'-'
            } else {
                byte.is_ascii_digit()
            }
        });
    if date {
        return Ok(());
    }
    let message =
        format!("The api-version '{version}' is invalid. The supported versions are dates like '2022-12-01'.");
    Err(Answer::error(400, "InvalidApiVersionParameter", &message))
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::azure::call::Call;
    use crate::azure::path::Target;

    fn code(target: &str, withdrawn: &str) -> String {
        let call = Call {
            target: Target::parse(target),
            ..Call::default()
        };
        check(&call, withdrawn).map_or_else(|answer| answer.code().to_owned(), |()| String::new())
    }

    #[test]
    fn the_previews_of_microsofts_extensions_are_offered_and_no_others() {
        let cluster = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";
        assert_eq!(code(&format!("{cluster}?api-version=2024-10-02-preview"), ""), "");
        assert_eq!(
            code(&format!("{cluster}?api-version=2024-10-01-preview"), ""),
            "NoRegisteredProviderFound"
        );
    }

    #[test]
    fn versions_are_checked_by_type() {
        let cluster = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c";
        assert_eq!(code(&format!("{cluster}?api-version=2026-05-01"), ""), "");
        assert_eq!(
            code(&format!("{cluster}?api-version=2019-01-01"), ""),
            "NoRegisteredProviderFound"
        );
        assert_eq!(code(cluster, ""), "MissingApiVersionParameter");
        let gone = "microsoft.containerservice/managedclusters@2026-05-01";
        assert_eq!(
            code(&format!("{cluster}?api-version=2026-05-01"), gone),
            "NoRegisteredProviderFound"
        );
        assert_eq!(code("/subscriptions?api-version=2022-12-01", ""), "");
        assert_eq!(
            code("/subscriptions?api-version=latest", ""),
            "InvalidApiVersionParameter"
        );
    }
}
