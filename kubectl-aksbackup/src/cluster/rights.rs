//! What the caller may do, asked of the API server itself.

use std::fmt;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use futures::future::try_join_all;
use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::api::{Api, PostParams};

use crate::cluster::client::Reader;
use crate::cluster::error::Doing;

/// A right on a kind of object in the extension's namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Permission {
    /// Verb of role-based access control.
    pub(crate) verb: &'static str,
    /// API group; empty for the core group.
    pub(crate) group: &'static str,
    /// Plural name.
    pub(crate) resource: &'static str,
    /// Subresource; empty for the object itself.
    pub(crate) subresource: &'static str,
}

impl Permission {
    /// `verb` on `resource` of `group`.
    pub(crate) const fn new(verb: &'static str, group: &'static str, resource: &'static str) -> Self {
        Self {
            verb,
            group,
            resource,
            subresource: "",
        }
    }

    /// The same on a subresource.
    pub(crate) const fn of(mut self, subresource: &'static str) -> Self {
        self.subresource = subresource;
        self
    }
}

/// `patch deployments.apps`, `create serviceaccounts/token`.
impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if !self.group.is_empty() {
            write!(f, ".{}", self.group)?;
        }
        if !self.subresource.is_empty() {
            write!(f, "/{}", self.subresource)?;
        }
        Ok(())
    }
}

/// Exit 4, with every right in `lacks` that `caller` is missing in `namespace`.
pub(crate) fn lacking(caller: &str, lacks: &[Permission], namespace: &str) -> Failure {
    let failure = Failure::not_permitted(format!("{caller} lacks permissions that this command requires"));
    let failure = lacks
        .iter()
        .map(|permission| format!("{permission} in namespace {namespace}"))
        .fold(failure, Failure::because);
    failure
        .hint("ask a cluster admin for these permissions, or use a context that has them: --context NAME")
        .hint(fix![
            "to list your permissions, run: ",
            shell(format!("kubectl auth can-i --list --namespace {namespace}"))
        ])
}

impl Reader {
    /// Name under which the API server knows the caller; that of the kubeconfig where it does not say.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login.
    pub(crate) async fn caller(&self) -> Outcome<String> {
        let doing = Doing::new("ask", "selfsubjectreviews", "who is signed in", "");
        let answer = self
            .connection()
            .send(&doing, async |client| {
                let review = SelfSubjectReview::default();
                Api::<SelfSubjectReview>::all(client)
                    .create(&PostParams::default(), &review)
                    .await
            })
            .await;
        let known = match answer {
            Ok(review) => review
                .status
                .and_then(|status| status.user_info)
                .and_then(|user| user.username),
            Err(failure) if failure.has_code("Forbidden") || failure.has_code("NotFound") => None,
            Err(failure) => return Err(failure),
        };
        let own = self.connection().user().unwrap_or("unknown");
        Ok(known.unwrap_or_else(|| own.to_owned()))
    }

    /// Those of `wanted` that the caller lacks in the namespace. A role can also name the objects (`resourceNames`): what is not granted
    /// for all of a kind is asked for each of the `names` that this program would change.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn lacks(
        &self,
        wanted: &[Permission],
        names: impl Fn(Permission) -> Vec<String>,
    ) -> Outcome<Vec<Permission>> {
        let answers = try_join_all(wanted.iter().map(|own| self.has(*own, names(*own)))).await?;
        Ok(wanted
            .iter()
            .zip(answers)
            .filter(|(_, may)| !may)
            .map(|(permission, _)| *permission)
            .collect())
    }

    async fn has(&self, permission: Permission, names: Vec<String>) -> Outcome<bool> {
        if self.may(permission, None).await? {
            return Ok(true);
        }
        let each = names.iter().map(|name| self.may(permission, Some(name)));
        let each = try_join_all(each).await?;
        Ok(!each.is_empty() && each.into_iter().all(|may| may))
    }

    /// Whether the caller has this right in the namespace, on the object `name` or on all of the kind.
    ///
    /// # Errors
    /// As the API server says.
    async fn may(&self, permission: Permission, name: Option<&str>) -> Outcome<bool> {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: text(permission.verb),
                    group: text(permission.group),
                    resource: text(permission.resource),
                    subresource: text(permission.subresource),
                    namespace: text(self.namespace()),
                    name: name.map(str::to_owned),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let doing = Doing::new(
            "ask",
            "selfsubjectaccessreviews",
            "for the permissions of the signed-in user",
            "",
        );
        let answer = self
            .connection()
            .send(&doing, async |client| {
                Api::<SelfSubjectAccessReview>::all(client)
                    .create(&PostParams::default(), &review)
                    .await
            })
            .await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permission_reads_as_kubectl_auth_can_i_takes_it() {
        assert_eq!(
            Permission::new("patch", "apps", "deployments").to_string(),
            "patch deployments.apps"
        );
        assert_eq!(
            Permission::new("create", "", "serviceaccounts").of("token").to_string(),
            "create serviceaccounts/token"
        );
    }
}
