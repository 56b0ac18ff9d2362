//! What the cluster asks of Azure: token exchange, instance metadata, and the blob data plane.

use super::engine::Azure;
use super::ids;
use super::path::covers;
use super::providers::{accounts, federation, identities};
use super::world::{World, text};
use crate::planes::{Cloud, ServiceAccountToken, Workload};

const HINT: &str = "Please check your federated identity credential Subject, Audience and Issuer against the presented \
                    assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation";

// Nothing here may let events happen: they ask the cluster, which may be waiting for this very answer.
impl Cloud for Azure {
    fn exchange(&self, client_id: &str, tenant_id: &str, token: &ServiceAccountToken) -> Result<Workload, String> {
        exchange(&mut self.lock(), client_id, tenant_id, token)
    }

    fn instance_metadata(&self, client_id: Option<&str>) -> Result<Workload, String> {
        instance_metadata(&self.lock(), client_id)
    }

    fn touch_container(&self, principal_id: &str, account: &str, container: &str) -> Result<(), String> {
        touch_container(&self.lock(), principal_id, account, container)
            .map_err(|(code, message)| format!("rpc error: code = Unknown desc = {code}: {message}"))
    }
}

fn workload(identity: &serde_json::Value) -> Workload {
    Workload {
        principal_id: text(identity, "/properties/principalId").to_owned(),
        client_id: text(identity, "/properties/clientId").to_owned(),
    }
}

fn exchange(world: &mut World, client: &str, tenant: &str, token: &ServiceAccountToken) -> Result<Workload, String> {
    if !tenant.eq_ignore_ascii_case(ids::TENANT) {
        return Err(format!(
            "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID and are signing \
             into the correct cloud."
        ));
    }
    let all = world.list("/", identities::KIND).into_iter();
    let mut own = all
        .filter(|identity| !client.is_empty() && text(identity, "/properties/clientId").eq_ignore_ascii_case(client));
    let identity = own.next().cloned().ok_or_else(|| {
        format!("AADSTS700016: Application with identifier '{client}' was not found in the directory 'Contoso'.")
    })?;
    match matching(world, text(&identity, "/id"), token) {
        Ok(()) => Ok(workload(&identity)),
        Err(refusal) => Err(refusal),
    }
}

/// Looks the presented token up among the credentials that Entra knows by now. A question asked too early is
/// remembered for a while, where the settings say so.
fn matching(world: &mut World, identity: &str, token: &ServiceAccountToken) -> Result<(), String> {
    let now = world.now();
    let memory = format!("{identity}\n{}\n{}", token.issuer, token.subject);
    let remembered = world.unknown_credentials.get(&memory).is_some_and(|until| *until > now);
    let known: Vec<(String, String, String)> = world
        .resources
        .values()
        .filter(|resource| {
            let body = &resource.body;
            resource.effective <= now && text(body, "/type") == federation::KIND && covers(identity, text(body, "/id"))
        })
        .map(|resource| {
            let field = |pointer: &str| text(&resource.body, pointer).to_owned();
            (
                field("/properties/issuer"),
                field("/properties/subject"),
                field("/properties/audiences/0"),
            )
        })
        .collect();
    let verdict = if remembered {
        Err(none(token))
    } else {
        compare(&known, token)
    };
    let lasts = world.settings.durations.credential_negative_cache;
    if verdict.is_err() && !remembered && lasts > 0.0 {
        world.unknown_credentials.insert(memory, now + lasts);
    }
    verdict
}

fn none(token: &ServiceAccountToken) -> String {
    format!(
        "AADSTS70021: No matching federated identity record found for presented assertion. Assertion Issuer: '{}'. Assertion \
         Subject: '{}'. Assertion Audience: '{}'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
        token.issuer, token.subject, token.audience
    )
}

/// Issuer, subject and audience have to be equal byte for byte; the refusal names the first that is not.
fn compare(known: &[(String, String, String)], token: &ServiceAccountToken) -> Result<(), String> {
    let refuse = |code: &str, what: &str, value: &str| {
        Err(format!(
            "{code}: No matching federated identity record found for presented assertion {what} '{value}'. {HINT}"
        ))
    };
    if known.is_empty() {
        return Err(none(token));
    }
    let issuer: Vec<_> = known.iter().filter(|credential| credential.0 == token.issuer).collect();
    if issuer.is_empty() {
        return refuse("AADSTS700211", "issuer", &token.issuer);
    }
    let subject: Vec<_> = issuer
        .iter()
        .filter(|credential| credential.1 == token.subject)
        .collect();
    if subject.is_empty() {
        if issuer
            .iter()
            .any(|credential| credential.1.eq_ignore_ascii_case(&token.subject))
        {
            return Err(format!(
                "AADSTS7002138: No matching federated identity record found for presented assertion subject '{}'. The \
                 subject matches with case-insensitive comparison, but not with case-sensitive comparison. {HINT}",
                token.subject
            ));
        }
        return refuse("AADSTS700213", "subject", &token.subject);
    }
    if subject.iter().any(|credential| credential.2 == token.audience) {
        return Ok(());
    }
    refuse("AADSTS700212", "audience", &token.audience)
}

fn instance_metadata(world: &World, client: Option<&str>) -> Result<Workload, String> {
    let all = world.list(&ids::group_id(ids::NODE_GROUP), identities::KIND);
    let Some(client) = client else {
        return Err("ManagedIdentityCredential authentication failed: {\"error\":\"invalid_request\",\"error_description\":\
                    \"Multiple user assigned identities exist, please specify the clientId / resourceId of the identity in \
                    the token request\"}"
            .to_owned());
    };
    let found = all
        .into_iter()
        .find(|identity| text(identity, "/properties/clientId").eq_ignore_ascii_case(client));
    found.map(workload).ok_or_else(|| {
        "ManagedIdentityCredential authentication failed: {\"error\":\"invalid_request\",\"error_description\":\"Identity \
         not found\"}"
            .to_owned()
    })
}

/// Lists a container as `principal`: first the network, then the role, then the container.
///
/// # Errors
/// Code and text of the data plane.
pub(crate) fn touch_container(
    world: &World,
    principal: &str,
    account: &str,
    container: &str,
) -> Result<(), (&'static str, String)> {
    let read = "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read";
    reach_container(world, account, container, |id| world.may_with_data(principal, read, id))
}

/// The same for a caller of whom `may` says whether the container with this id is open to it.
///
/// # Errors
/// Code and text of the data plane.
pub(crate) fn reach_container(
    world: &World,
    account: &str,
    container: &str,
    may: impl Fn(&str) -> bool,
) -> Result<(), (&'static str, String)> {
    let Some(body) = accounts::by_name(world, account) else {
        return Err((
            "InvalidUri",
            format!("dial tcp: lookup {account}.blob.core.windows.net: no such host"),
        ));
    };
    if text(body, "/properties/networkAcls/defaultAction") == "Deny" {
        return Err((
            "AuthorizationFailure",
            "This request is not authorized to perform this operation.".to_owned(),
        ));
    }
    let id = format!("{}/blobServices/default/containers/{container}", text(body, "/id"));
    if !may(&id) {
        let message = "This request is not authorized to perform this operation using this permission.";
        return Err(("AuthorizationPermissionMismatch", message.to_owned()));
    }
    if world.get(&id).is_none() {
        return Err((
            "ContainerNotFound",
            "The specified container does not exist.".to_owned(),
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::planes::ServiceAccountToken;

    fn verdict(issuer: &str, subject: &str, audience: &str) -> String {
        let known = [("https://i/".to_owned(), "system:sa:a".to_owned(), "api://x".to_owned())];
        let token = ServiceAccountToken {
            issuer: issuer.into(),
            subject: subject.into(),
            audience: audience.into(),
        };
        compare(&known, &token)
            .err()
            .unwrap_or_default()
            .split(':')
            .next()
            .unwrap_or_default()
            .to_owned()
    }

    #[test]
    fn every_mismatch_has_its_own_code() {
        assert_eq!(verdict("https://i/", "system:sa:a", "api://x"), "");
        assert_eq!(verdict("https://i", "system:sa:a", "api://x"), "AADSTS700211");
        assert_eq!(verdict("https://i/", "system:sa:b", "api://x"), "AADSTS700213");
        assert_eq!(verdict("https://i/", "System:sa:a", "api://x"), "AADSTS7002138");
        assert_eq!(verdict("https://i/", "system:sa:a", "api://y"), "AADSTS700212");
        let token = ServiceAccountToken {
            issuer: String::new(),
            subject: String::new(),
            audience: String::new(),
        };
        assert!(compare(&[], &token).unwrap_err().starts_with("AADSTS70021:"));
    }
}
