//! ARM itself: which route answers a call, and what stands in front of every route.

use super::answer::{Answer, Outcome};
use super::call::{Call, Right, Route};
use super::entra::arm_audiences;
use super::ids;
use super::limits;
use super::path::{covers, group_of};
use super::providers::{self, operation_results};
use super::rights::Principal;
use super::tokens::{Mint, Refusal};
use super::versions;
use super::world::World;

/// 401 in ARM's words.
fn refuse((endpoint, tenant): (&str, &str), code: &str, message: &str) -> Answer {
    let challenge = format!(
        "Bearer authorization_uri=\"{endpoint}/{tenant}\", error=\"invalid_token\", error_description=\"{message}\""
    );
    Answer::error(401, code, message).with("WWW-Authenticate", challenge)
}

/// Who sent this request.
///
/// # Errors
/// 401 in ARM's words.
pub(crate) fn authenticate(mint: &Mint, endpoint: &str, authorization: &str) -> Result<Principal, Answer> {
    let login = (endpoint, ids::TENANT);
    let bearer = authorization
        .strip_prefix("Bearer ")
        .or_else(|| authorization.strip_prefix("bearer "));
    let token = bearer.ok_or_else(|| {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        refuse(login, "AuthenticationFailed", message)
    })?;
    let claims = mint.open(token).map_err(|refusal| match refusal {
        Refusal::Malformed => refuse(login, "InvalidAuthenticationToken", "The access token is invalid."),
        Refusal::Expired { expired } => {
            let message = format!("The access token expiry UTC time '{expired}' is earlier than current UTC time.");
            refuse(login, "ExpiredAuthenticationToken", &message)
        }
    })?;
    let text = |name: &str| claims[name].as_str().unwrap_or_default().to_owned();
    let audience = text("aud");
    if !arm_audiences(endpoint)
        .iter()
        .any(|known| known == audience.trim_end_matches('/'))
    {
        let message = format!(
            "The access token has been obtained for wrong audience or resource '{audience}'. It should exactly match with \
             one of the allowed audiences '{endpoint}/','https://management.azure.com/'."
        );
        return Err(refuse(login, "InvalidAuthenticationTokenAudience", &message));
    }
    Ok(Principal {
        name: text("name"),
        client_id: text("appid"),
        object_id: text("oid"),
        tenant: text("tid"),
    })
}

/// A token opens the subscriptions of its own tenant alone, whatever else is in the path.
fn in_tenant(world: &World, call: &Call, path: &str) -> Result<(), Answer> {
    let subscription = path.strip_prefix("/").and_then(|path| path.split_once('/'));
    let subscription = subscription
        .filter(|(first, _)| first.eq_ignore_ascii_case("subscriptions"))
        .and_then(|(_, rest)| rest.split('/').next());
    let (own, login) = (&call.caller.tenant, &world.endpoint);
    let Some(tenant) = subscription.and_then(ids::tenant_of).filter(|tenant| tenant != own) else {
        return Ok(());
    };
    let message = format!(
        "The access token is from the wrong issuer '{login}/{own}/'. It must match the tenant '{login}/{tenant}/' associated \
         with this subscription. Please use the authority (URL) '{login}/{tenant}' to get the token. Note, if the \
         subscription is transferred to another tenant there is no impact to the services, but information about new \
         tenant could take time to propagate (up to an hour). If you just transferred your subscription and see this error \
         message, please try back later."
    );
    Err(refuse((login, tenant), "InvalidAuthenticationTokenTenant", &message))
}

/// Answers a call to ARM by an authenticated caller.
pub(crate) fn answer(world: &mut World, call: Call) -> Answer {
    dispatch(world, call).unwrap_or_else(|refusal| refusal)
}

fn dispatch(world: &mut World, mut call: Call) -> Outcome {
    let path = call.target.path();
    in_tenant(world, &call, &path)?;
    let (route, captures) = find(&call)?;
    call.captures = captures;
    let scope = call.captures.scope.clone();
    subscription(world, &call, &path)?;
    versions::check(&call, &world.settings.withdrawn_api_versions)?;
    let headers = throttle(world, &call)?;
    if let Right::Action(action) = route.right {
        world.authorize(
            &call.caller,
            action,
            &scope,
            action_scope(&scope, &path, call.method == "POST"),
        )?;
    }
    prerequisites(world, &call, &path)?;
    world.doom = call.doom.take().map(|doom| match call.method.as_str() {
        "POST" => doom,
        _ => doom.writes(world.get(&path).cloned()),
    });
    world.begun = None;
    let outcome = (route.act)(world, &call);
    world.doom = None;
    let mut answer = operation_results::told(world, &call, outcome?);
    answer
        .headers
        .extend(headers.into_iter().map(|(name, value)| (name.into(), value)));
    Ok(answer)
}

/// The scope that a refusal names: the resource itself, also where the right is looked up above it.
fn action_scope<'a>(scope: &'a str, path: &'a str, action: bool) -> &'a str {
    let list = path.split('/').count().is_multiple_of(2);
    if action || list { scope } else { path }
}

fn find(call: &Call) -> Result<(&'static Route, super::path::Captures), Answer> {
    let all = providers::ROUTES.iter().flat_map(|table| table.iter());
    let matching = all.filter_map(|route| Some((route, call.target.matches(route.pattern)?)));
    let mut matching: Vec<_> = matching.collect();
    matching.sort_by_key(|(_, captures)| std::cmp::Reverse(captures.literals));
    if let Some(position) = matching.iter().position(|(route, _)| route.method == call.method) {
        return Ok(matching.swap_remove(position));
    }
    let path = call.target.path();
    if matching.is_empty() {
        let message = format!("The sandbox has nothing at '{path}'.");
        return Err(Answer::error(404, "InvalidResourceType", &message));
    }
    let message = format!("The requested resource does not support http method '{}'.", call.method);
    Err(Answer::error(405, "HttpMethodNotAllowed", &message))
}

fn subscription(world: &World, call: &Call, path: &str) -> Result<(), Answer> {
    let subscription = path.split('/').nth(2).unwrap_or_default();
    if !path.to_ascii_lowercase().starts_with("/subscriptions/") || subscription.is_empty() {
        return Ok(());
    }
    let id = format!("/subscriptions/{subscription}");
    if World::has_subscription(subscription) && (world.sees(&call.caller.object_id, &id) || path.len() > id.len()) {
        return Ok(());
    }
    let message = format!("The subscription '{subscription}' could not be found.");
    Err(Answer::error(404, "SubscriptionNotFound", &message))
}

/// What must be there before a provider sees the call: the group, and for a write the registration.
fn prerequisites(world: &World, call: &Call, path: &str) -> Result<(), Answer> {
    let makes = |group: &str| call.method == "HEAD" || (call.method == "PUT" && covers(path, group));
    if let Some(group) = group_of(path).filter(|group| world.get(group).is_none() && !makes(group)) {
        let message = format!("Resource group '{}' could not be found.", super::path::name_of(&group));
        return Err(Answer::error(404, "ResourceGroupNotFound", &message));
    }
    being_deleted(world, call, path)?;
    let lower = path.to_ascii_lowercase();
    let namespace = lower
        .rsplit("/providers/")
        .next()
        .filter(|_| lower.contains("/providers/"));
    let namespace = namespace
        .and_then(|rest| rest.split('/').next())
        .unwrap_or_default()
        .to_owned();
    let key = (
        path.split('/').nth(2).unwrap_or_default().to_ascii_lowercase(),
        namespace.clone(),
    );
    match world.registrations.get(&key) {
        Some(state) if state != "Registered" && matches!(call.method.as_str(), "PUT" | "PATCH") => {
            let message = format!(
                "The subscription is not registered to use namespace '{}'. See https://aka.ms/rps-not-found for how to \
                 register subscriptions.",
                providers::registration::proper(&namespace)
            );
            Err(Answer::error(409, "MissingSubscriptionRegistration", &message))
        }
        _ => Ok(()),
    }
}

/// The header with what is left of the bucket that a request of this method is taken from.
pub(crate) fn remaining(method: &str) -> &'static str {
    match method {
        "GET" | "HEAD" => "x-ms-ratelimit-remaining-subscription-reads",
        "DELETE" => "x-ms-ratelimit-remaining-subscription-deletes",
        _ => "x-ms-ratelimit-remaining-subscription-writes",
    }
}

/// Nothing is made or changed in a group that is on its way out.
fn being_deleted(world: &World, call: &Call, path: &str) -> Result<(), Answer> {
    let changes = matches!(call.method.as_str(), "PUT" | "PATCH" | "POST");
    let group = group_of(path).filter(|_| changes).unwrap_or_default();
    if world.text(&group, "/properties/provisioningState") != "Deleting" {
        return Ok(());
    }
    let message = format!(
        "The resource group '{}' is in deprovisioning state and cannot perform this operation.",
        super::path::name_of(&group)
    );
    Err(Answer::error(409, "ResourceGroupBeingDeleted", &message))
}

/// ARM's token buckets per subscription, principal and kind of request.
fn throttle(world: &mut World, call: &Call) -> Result<Vec<(&'static str, String)>, Answer> {
    let header = remaining(&call.method);
    let (kind, capacity, rate) = match call.method.as_str() {
        "GET" | "HEAD" => ("reads", 250.0, 25.0),
        "DELETE" => ("deletes", 200.0, 10.0),
        _ => ("writes", 200.0, 10.0),
    };
    let path = call.target.path();
    let subscription = limits::subscription_of(&path);
    let bucket = format!("arm/{subscription}/{}/{kind}", call.caller.object_id);
    let now = world.now();
    if world.settings.arm_throttling {
        limits::of_provider(world, call, &path, now)?;
    }
    match world.buckets.take(&bucket, capacity, rate, now) {
        Ok(left) => Ok(vec![(shown(call, header), format!("{}", left.floor()))]),
        Err(wait) if world.settings.arm_throttling => {
            let message = format!(
                "Number of '{kind}' for subscription '{}' actor '{}' exceeded. Please try again after '{}' seconds after \
                 additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
                subscription,
                call.caller.object_id,
                wait.ceil()
            );
            let refusal = Answer::error(429, "SubscriptionRequestsThrottled", &message).with(header, "0");
            Err(world.retry_after(refusal, wait))
        }
        // It does not refuse here, so that something is left.
        Err(_) => Ok(vec![(shown(call, header), "1".to_owned())]),
    }
}

/// The header with what is left, as recorded: Azure Backup says it of its own limit, and the storage service of all subscriptions.
fn shown(call: &Call, header: &'static str) -> &'static str {
    let path = call.target.path().to_ascii_lowercase();
    let reads = call.method == "GET" || path.ends_with("/checknameavailability");
    if path.contains("/microsoft.dataprotection/") && call.method != "POST" {
        "x-ms-ratelimit-remaining-subscription-resource-requests"
    } else if path.contains("/microsoft.storage/") && reads {
        "x-ms-ratelimit-remaining-subscription-global-reads"
    } else {
        header
    }
}
