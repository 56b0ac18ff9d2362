//! What the API server says when it refuses new pods, and what that is.

use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{Fix, kubectl, shell};
use aksbackup_shared::fix;

use crate::cluster::error::is_denied;
use crate::cluster::surroundings::WEBHOOK;

/// A refusal that is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The known failure; empty where it is none.
    pub(super) failure: &'static str,
    /// The link that is broken.
    pub(super) link: Link,
    /// What cures it.
    pub(super) cure: Fix,
}

fn refusal(failure: &'static str, link: Link, cure: impl Into<Fix>) -> Refusal {
    let cure = cure.into();
    Refusal { failure, link, cure }
}

/// What a refusal in Kubernetes' words is.
pub(super) fn known(words: &str, namespace: &str) -> Refusal {
    const PODS: &str = "kubectl get pods --namespace kube-system --selector azure-workload-identity.io/system=true";
    const KEYS: &str = "fix the annotation named in the message, on the service account or the pod template";
    let has = |part: &str| words.contains(part);
    if has(WEBHOOK) && has("x509: ") {
        return refusal(
            "WI-WEBHOOK-CERT",
            Link::Injection,
            fix!["check the webhook: ", shell(PODS)],
        );
    }
    if has(WEBHOOK) && has("failed calling webhook") {
        return refusal(
            "WI-WEBHOOK-DOWN",
            Link::Injection,
            fix!["check the webhook: ", shell(PODS)],
        );
    }
    if has("token expiration ") && has(" not valid") {
        return refusal("WI-TTL-ANNOTATION", Link::Injection, KEYS);
    }
    if has("hostNetwork is set to true") {
        return refusal("WI-PROXY-HOSTNET", Link::Injection, KEYS);
    }
    if has("failed to get service account") || has("serviceaccount \"") && has("not found") {
        return refusal(
            "WI-SA-ABSENT",
            Link::ServiceAccounts,
            fix![
                "re-create the service account. To print the command, run: ",
                kubectl("verify")
            ],
        );
    }
    if has("exceeded quota") {
        return refusal(
            "K8S-QUOTA",
            Link::Pods,
            fix![
                "ask its owner to raise the quota: ",
                shell(format!("kubectl edit resourcequota --namespace {namespace}"))
            ],
        );
    }
    if has("validation.gatekeeper.sh") {
        return refusal(
            "EXT-POLICY-PODS",
            Link::Pods,
            "exclude the namespace from the policy named in the message, or allow the extension's images",
        );
    }
    if is_denied(words) {
        return refusal(
            "K8S-ADMISSION",
            Link::Pods,
            "exempt the namespace from the webhook or policy named in the message",
        );
    }
    refusal(
        "",
        Link::Pods,
        fix![
            "fix what rejects the pod: ",
            shell(format!("kubectl get events --namespace {namespace}"))
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_is_known_by_its_words() {
        let calling = format!("failed calling webhook \"{WEBHOOK}\": no endpoints available");
        let certificate =
            format!("failed calling webhook \"{WEBHOOK}\": x509: certificate signed by unknown authority");
        for (words, failure) in [
            (calling.as_str(), "WI-WEBHOOK-DOWN"),
            (certificate.as_str(), "WI-WEBHOOK-CERT"),
            (
                "denied the request: token expiration 60 not valid. Expected",
                "WI-TTL-ANNOTATION",
            ),
            (
                "error looking up service account: serviceaccount \"a\" not found",
                "WI-SA-ABSENT",
            ),
            ("pods \"a\" is forbidden: exceeded quota: q", "K8S-QUOTA"),
            (
                "admission webhook \"validation.gatekeeper.sh\" denied the request: [c]",
                "EXT-POLICY-PODS",
            ),
            (
                "admission webhook \"validate.kyverno.svc\" denied the request: no",
                "K8S-ADMISSION",
            ),
            (
                "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no",
                "K8S-ADMISSION",
            ),
            ("something new", ""),
        ] {
            assert_eq!(known(words, "ns").failure, failure, "{words}");
        }
    }
}
