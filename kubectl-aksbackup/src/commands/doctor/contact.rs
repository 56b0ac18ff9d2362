//! What an error on the way to the API server is: nothing else can be seen then.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Failure;

/// The known failure, by its id.
pub(super) fn known(failure: &Failure) -> Option<&'static str> {
    let words = std::iter::once(&failure.what).chain(&failure.why);
    let words = words
        .map(|word| word.to_ascii_lowercase())
        .collect::<Vec<_>>()
        .join("\n");
    let has = |parts: &[&str]| parts.iter().any(|part| words.contains(part));
    if has(&["cannot start credential plugin"]) && has(&["kubelogin"]) {
        return Some("K8S-KUBELOGIN");
    }
    if failure.has_code("Unauthorized") || has(&["does not accept this sign-in", "you must be logged in"]) {
        return Some("K8S-UNAUTHORIZED");
    }
    if has(&[
        "dns error",
        "failed to lookup address",
        "no such host",
        "name or service not known",
    ]) {
        return Some("K8S-DNS");
    }
    if has(&[
        "connection refused",
        "timed out",
        "timeout",
        "did not respond within",
        "unreachable",
        "deadline has elapsed",
    ]) {
        return Some("K8S-TIMEOUT");
    }
    (failure.exit == Exit::NotPermitted && has(&["lacks permissions", "forbidden"])).then_some("K8S-FORBIDDEN")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_fail_is_known_and_others_are_not() {
        let reach = |why: &str| known(&Failure::failed("cannot reach the API server https://x").because(why));
        assert_eq!(
            reach("failed to lookup address information: Name or service not known"),
            Some("K8S-DNS")
        );
        assert_eq!(reach("Connection refused (os error 111)"), Some("K8S-TIMEOUT"));
        assert_eq!(reach("invalid peer certificate: UnknownIssuer"), None);
        assert_eq!(
            known(&Failure::not_permitted("https://x does not accept this sign-in")),
            Some("K8S-UNAUTHORIZED")
        );
        let plugin = Failure::not_permitted("cannot start credential plugin kubelogin of the kubeconfig");
        assert_eq!(known(&plugin), Some("K8S-KUBELOGIN"));
        assert_eq!(
            known(&Failure::not_permitted(
                "jane lacks permissions that this command requires"
            )),
            Some("K8S-FORBIDDEN")
        );
    }
}
