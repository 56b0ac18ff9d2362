//! From an error of the Kubernetes API to what a person needs: the object with its kind, the verb, Kubernetes' own
//! words.

use std::error::Error as _;
use std::fmt;

use aksbackup_shared::bounds::{TOO_LARGE, UNREADABLE, excess_of};
use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use aksbackup_shared::wrong_clock;
use kube::core::Status;

/// What was asked of the API server.
#[derive(Debug, Clone)]
pub(crate) struct Doing {
    /// Verb of role-based access control, such as `patch`.
    pub(crate) verb: &'static str,
    /// Plural name of the resource, such as `deployments`.
    pub(crate) resource: &'static str,
    /// The object with its kind, or what else it is about: `deployment web`.
    pub(crate) object: String,
    /// Its namespace; empty for what has none.
    pub(crate) namespace: String,
}

impl Doing {
    /// `verb` on `object`, which is one of `resource`.
    pub(crate) fn new(verb: &'static str, resource: &'static str, object: impl Into<String>, namespace: &str) -> Self {
        let (object, namespace) = (object.into(), namespace.to_owned());
        Self {
            verb,
            resource,
            object,
            namespace,
        }
    }

    fn place(&self) -> String {
        match self.namespace.is_empty() {
            true => String::new(),
            false => format!(" in namespace {}", self.namespace),
        }
    }

    fn what(&self) -> String {
        format!("cannot {self}")
    }

    fn right(&self) -> String {
        format!("{} {}{}", self.verb, self.resource, self.place())
    }
}

/// `patch deployment web in namespace ns`.
impl fmt::Display for Doing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.verb, self.object, self.place())
    }
}

/// Makes a failure of `error`. `server` is the API server's address.
pub(crate) fn failure(error: &kube::Error, doing: &Doing, server: &str) -> Failure {
    match error {
        kube::Error::Api(status) => refused(status, doing, server),
        kube::Error::SerdeError(why) => Failure::failed(doing.what())
            .because(format!("unexpected response from {server}: {why}"))
            .code(UNREADABLE)
            .hint(fix![
                "check for a proxy or a sign-in page between this machine and the API server: ",
                shell("kubectl get --raw /version")
            ]),
        _ if excess_of(error).is_some() => too_large(error, doing, server),
        kube::Error::Service(_) | kube::Error::HyperError(_) | kube::Error::ReadEvents(_) => {
            unreachable_server(error, doing, server)
        }
        // The other errors may quote a credential plugin's environment or a proxy's password.
        _ => Failure::failed(doing.what()).because(format!("the client for {server} cannot be used")),
    }
}

fn too_large(error: &kube::Error, doing: &Doing, server: &str) -> Failure {
    let why = excess_of(error).map(|excess| excess.to_string()).unwrap_or_default();
    Failure::failed(doing.what())
        .because(format!("unexpected response from {server}: {why}"))
        .code(TOO_LARGE)
}

fn refused(status: &Status, doing: &Doing, server: &str) -> Failure {
    let admission = !status.message.is_empty() && !is_of_access_control(&status.message);
    let failure = match status.code {
        401 => Failure::not_permitted(format!("{server} does not accept this sign-in"))
            .hint("sign in again. For AKS with Microsoft Entra ID, run: kubelogin convert-kubeconfig -l azurecli"),
        403 if status.message.contains("User \"system:anonymous\"") => {
            Failure::not_permitted(format!("{server} treats this sign-in as anonymous"))
                .hint("sign in. For AKS with Microsoft Entra ID, run: kubelogin convert-kubeconfig -l azurecli")
        }
        403 if admission => denied(doing),
        403 => Failure::not_permitted(doing.what())
            .hint(format!("ask a cluster admin for permission to {}", doing.right())),
        404 => Failure::missing(doing.what()),
        _ if is_denied(&status.message) => denied(doing),
        409 if !conflicts(status).is_empty() => Failure::failed(doing.what())
            .because("another field manager has set this field to another value")
            .hint("find out who manages the field, then take over ownership with --force-conflicts"),
        _ => Failure::failed(doing.what()),
    };
    if status.reason == NOT_KUBERNETES {
        return failure.because(foreign(status, server)).code(UNREADABLE);
    }
    let failure = match status.code {
        // A body that names neither code nor reason: not one of Kubernetes' own.
        0 => failure
            .because(format!("unexpected response from {server}: an error without a code"))
            .code(UNREADABLE),
        _ => failure,
    };
    let failure = failure.because(status.message.clone());
    let failure = conflicts(status).into_iter().fold(failure, Failure::because);
    match status.reason.as_str() {
        "" => failure,
        reason => failure.code(reason),
    }
}

/// The reason that the client library gives an error whose body is no Status, such as the page of a load balancer.
const NOT_KUBERNETES: &str = "Failed to parse error data";

/// What something between this program and the API server says: the first line of it.
fn foreign(status: &Status, server: &str) -> String {
    let line = status.message.lines().next().unwrap_or_default();
    let line: String = line.chars().take(200).collect();
    format!("unexpected response from {server}: HTTP status {}: {line}", status.code)
}

/// A policy, a webhook or a quota refuses what the login is allowed to do. It may do so with any status.
fn denied(doing: &Doing) -> Failure {
    Failure::failed(doing.what()).hint(
        "ask the cluster's operator: a policy or quota of the cluster denied the \
        request",
    )
}

/// Whether a refusal comes from admission in words of its own: webhooks say "denied the request", the API server's own
/// policies (`ValidatingAdmissionPolicy`) "denied request".
pub(crate) fn is_denied(words: &str) -> bool {
    words.contains("denied the request") || words.contains("denied request")
}

/// Whether a 403 is a missing permission: `User "jane" cannot patch resource "deployments"`, or `cannot get path "/x"`. A
/// webhook may say "cannot" of anything, so the word alone proves nothing.
fn is_of_access_control(words: &str) -> bool {
    if is_denied(words) {
        return false;
    }
    let Some((_, rest)) = words.split_once("User \"") else {
        return false;
    };
    let asked = rest.split_once("\" cannot ").map(|(_, asked)| asked);
    let object = asked.and_then(|asked| asked.split_once(' ')).map(|(_, object)| object);
    object.is_some_and(|object| object.starts_with("resource ") || object.starts_with("path "))
}

/// The conflicts of a server-side apply: manager and field.
fn conflicts(status: &Status) -> Vec<String> {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    causes
        .filter(|cause| cause.reason == "FieldManagerConflict")
        .map(|cause| format!("{}: {}", cause.message, cause.field))
        .collect()
}

fn unreachable_server(error: &kube::Error, doing: &Doing, server: &str) -> Failure {
    let mut words: Vec<String> = Vec::new();
    let mut source = error.source();
    while let Some(inner) = source {
        let text = inner.to_string();
        // hyper's outermost words only say that there is a reason within.
        let empty = text.is_empty() || text.starts_with("client error (");
        if !empty && !words.iter().any(|known| known.contains(&text)) {
            words.push(text);
        }
        source = inner.source();
    }
    let distrusted = words.iter().any(|word| word.contains("invalid peer certificate"));
    let mut failure = Failure::failed(format!(
        "cannot reach the API server {server} to {} {}",
        doing.verb, doing.object
    ));
    for word in &words {
        failure = failure.because(word.clone());
    }
    if let Some(hint) = wrong_clock::hint(&words) {
        return failure.hint(hint);
    }
    failure.hint(match distrusted {
        true => {
            "check whether the kubeconfig is outdated or belongs to another cluster: its certificate authority \
            didn't issue the server's certificate"
        }
        false => {
            "check whether the cluster is running and reachable from this machine (private cluster, authorized \
            IP ranges, proxy)"
        }
    })
}

/// Whether the API server said that the object, or its whole kind, is not there.
pub(crate) fn is_missing(failure: &Failure) -> bool {
    failure.exit == aksbackup_shared::exit::Exit::Missing
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::exit::Exit;

    fn doing() -> Doing {
        Doing::new("patch", "deployments", "deployment agent", "ns")
    }

    fn status(code: u16, reason: &str, message: &str) -> Status {
        Status {
            code,
            reason: reason.into(),
            message: message.into(),
            ..Status::default()
        }
    }

    #[test]
    fn a_missing_right_is_exit_4_with_verb_resource_and_namespace() {
        let failure = refused(
            &status(
                403,
                "Forbidden",
                "deployments is forbidden: User \"u\" cannot patch resource \"deployments\"",
            ),
            &doing(),
            "https://a",
        );
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert_eq!(failure.what, "cannot patch deployment agent in namespace ns");
        assert!(
            failure.hints[0]
                .to_string()
                .contains("patch deployments in namespace ns")
        );
        assert_eq!(failure.code.as_deref(), Some("Forbidden"));
    }

    #[test]
    fn a_policy_s_refusal_is_no_missing_right() {
        let text = "admission webhook \"validation.gatekeeper.sh\" denied the request: [no]";
        let failure = refused(&status(403, "Forbidden", text), &doing(), "https://a");
        assert_eq!(failure.exit, Exit::Failed);
        assert!(failure.why[0].contains("gatekeeper"));
        let text = "pods \"a\" is forbidden: exceeded quota: q";
        assert_eq!(
            refused(&status(403, "Forbidden", text), &doing(), "https://a").exit,
            Exit::Failed
        );
    }

    #[test]
    fn a_policy_refuses_with_any_status_and_a_page_of_a_proxy_is_no_code() {
        let text =
            "deployments.apps \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: no";
        let failure = refused(&status(422, "Invalid", text), &doing(), "https://a");
        assert!(failure.hints[0].to_string().contains("policy"), "{failure}");
        let page = "<html>\n<head><title>502 Bad Gateway</title></head>";
        let failure = refused(&status(502, NOT_KUBERNETES, page), &doing(), "https://a");
        assert_eq!(failure.code.as_deref(), Some(UNREADABLE));
        assert!(failure.why[0].contains("HTTP status 502: <html>"), "{failure}");
    }

    #[test]
    fn an_anonymous_login_is_told_to_sign_in() {
        let text = "selfsubjectaccessreviews.authorization.k8s.io is forbidden: User \"system:anonymous\" cannot create \
                    resource \"selfsubjectaccessreviews\" in API group \"authorization.k8s.io\" at the cluster scope";
        let failure = refused(&status(403, "Forbidden", text), &doing(), "https://a");
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert!(failure.hints[0].to_string().starts_with("sign in"), "{failure}");
    }

    #[test]
    fn a_policy_that_says_cannot_is_no_missing_permission() {
        for text in [
            "admission webhook \"validate.example.com\" denied the request: container velero cannot have a writable root",
            "pods \"a\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: naked pods cannot be created",
            "admission webhook \"w\" denied the request: User \"jane\" cannot patch resource \"deployments\" on Fridays",
            "pods \"a\" is forbidden: it cannot be created",
        ] {
            let failure = refused(&status(403, "Forbidden", text), &doing(), "https://a");
            assert_eq!(failure.exit, Exit::Failed, "{text}");
        }
        for text in [
            "users \"x\" is forbidden: User \"y\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope",
            "forbidden: User \"y\" cannot get path \"/.well-known/openid-configuration\"",
            "",
        ] {
            let failure = refused(&status(403, "Forbidden", text), &doing(), "https://a");
            assert_eq!(failure.exit, Exit::NotPermitted, "{text}");
        }
    }

    #[test]
    fn a_conflict_names_the_other_manager_and_the_way_to_win() {
        let mut conflict = status(409, "Conflict", "Apply failed with 1 conflict");
        conflict.details = serde_json::from_value(serde_json::json!({
            "causes": [{ "reason": "FieldManagerConflict", "message": "conflict with kubectl-annotate", "field": ".a" }]
        }))
        .unwrap();
        let failure = refused(&conflict, &doing(), "https://a");
        assert!(failure.why.iter().any(|why| why.contains("kubectl-annotate")));
        assert!(failure.hints[0].to_string().contains("--force-conflicts"));
    }

    #[test]
    fn what_is_not_there_is_exit_3() {
        assert!(is_missing(&refused(
            &status(404, "NotFound", "not found"),
            &doing(),
            "https://a"
        )));
    }
}
