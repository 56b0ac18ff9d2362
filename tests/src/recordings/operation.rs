//! Which operation of Resource Manager a request is for.

/// Method and path with `{}` for each name, such as `GET Microsoft.DataProtection/backupVaults/{}/backupJobs`. What lies above the
/// last provider is left out, except for the extension resources of a resource, where it is `{scope}`.
#[must_use]
pub fn operation(method: &str, target: &str) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let lower: Vec<String> = segments.iter().map(|segment| segment.to_ascii_lowercase()).collect();
    let Some(at) = lower.iter().rposition(|segment| segment == "providers") else {
        return format!("{method} {}", above(&lower));
    };
    let Some(provider) = segments.get(at + 1) else {
        return format!("{method} {}/providers", above(&lower[..at]));
    };
    let scope = if lower[..at].iter().any(|segment| segment == "providers") {
        "{scope}/"
    } else {
        ""
    };
    let rest = segments.get(at + 2..).unwrap_or_default();
    let named = rest.chunks(2).map(|pair| match pair {
        [kind, _] => format!("/{}/{{}}", kind_name(kind)),
        [kind] => format!("/{}", kind_name(kind)),
        _ => String::new(),
    });
    format!(
        "{method} {scope}{}{}",
        provider_name(provider),
        named.collect::<String>()
    )
}

fn above(lower: &[String]) -> String {
    let kinds: Vec<&str> = lower.iter().step_by(2).map(String::as_str).collect();
    match kinds.as_slice() {
        ["subscriptions"] => "subscriptions/{}".to_owned(),
        ["subscriptions", "resourcegroups"] if lower.len() == 4 => "resourceGroups/{}".to_owned(),
        ["subscriptions", "resourcegroups"] => "resourceGroups".to_owned(),
        _ => lower.join("/"),
    }
}

/// Azure spells its providers in more than one way: `microsoft.dashboard`, `Microsoft.DataProtection`.
fn provider_name(provider: &str) -> String {
    match provider.split_once('.') {
        Some((company, name)) if company.eq_ignore_ascii_case("microsoft") => format!("Microsoft.{name}"),
        _ => provider.to_owned(),
    }
}

/// Types whose spelling differs from one address to another.
fn kind_name(kind: &str) -> &str {
    const KINDS: [&str; 8] = [
        "backupVaults",
        "managedClusters",
        "operationResults",
        "operationStatus",
        "operations",
        "asyncOperations",
        "storageAccounts",
        "userAssignedIdentities",
    ];
    KINDS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(kind))
        .unwrap_or(kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_left_out_and_types_spelt_one_way() {
        let cases = [
            ("/subscriptions/s?api-version=1", "GET subscriptions/{}"),
            ("/subscriptions/s/resourcegroups/g", "GET resourceGroups/{}"),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.DataProtection/Backupvaults/v/backupJobs?x",
                "GET Microsoft.DataProtection/backupVaults/{}/backupJobs",
            ),
            (
                "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/c/providers/\
                 microsoft.authorization/roleAssignments/r",
                "GET {scope}/Microsoft.authorization/roleAssignments/{}",
            ),
        ];
        for (target, expected) in cases {
            assert_eq!(operation("GET", target), expected);
        }
    }
}
