//! Which subscription, and which cluster in it.

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ClusterName, ResourceGroupName, ResourceId, SubscriptionId, same};
use serde::Deserialize;

use super::flags::InitArgs;
use super::pick::Picker;
use crate::arm::client::Reader;
use crate::arm::clusters::{self, Cluster};
use crate::arm::inventory::{self, Visible};
use crate::arm::{backups, groups};
use crate::cli::Cli;
use crate::cloud;
use crate::commands::session;

/// A cluster that was found.
pub(super) struct Place {
    /// Its id.
    pub(super) id: ResourceId,
    /// What Azure says of it.
    pub(super) cluster: Cluster,
}

/// Finds the cluster that the flags name, else the one of the state file (`known`), else asks.
///
/// # Errors
/// Exit 3: no such subscription, group or cluster. Exit 2: several, and nobody to ask.
pub(super) async fn find(
    reader: &Reader,
    picker: &Picker<'_>,
    subscription: Option<&str>,
    flags: &InitArgs,
    known: Option<&ResourceId>,
) -> Outcome<Place> {
    let named = flags.resource_group.is_some() || flags.cluster_name.is_some();
    let id = flags
        .cluster_id
        .as_ref()
        .or_else(|| known.filter(|_| !named && subscription.is_none()));
    if let Some(id) = id {
        return by_id(reader, id, subscription).await;
    }
    let visible = subscriptions(reader, subscription).await?;
    match (&flags.resource_group, &flags.cluster_name) {
        (Some(group), Some(name)) => by_name(reader, &visible, group, name).await,
        (group, name) => listed(reader, picker, &visible, group.as_ref(), name.as_ref()).await,
    }
}

/// Returns the resource ID of a cluster by its resource group and name, in the subscription of `--subscription` or in one that the
/// signed-in account sees.
///
/// # Errors
/// As [`find`], and as [`session::sign_in`].
pub(crate) async fn named(cli: &Cli, group: &ResourceGroupName, name: &ClusterName) -> Outcome<ResourceId> {
    let reader = session::sign_in(cli, &cli.common.console(), None).await?;
    let visible = subscriptions(&reader, cli.azure.subscription.as_deref()).await?;
    by_name(&reader, &visible, group, name).await.map(|place| place.id)
}

/// Reads the cluster of this resource ID.
///
/// # Errors
/// As [`find`].
pub(super) async fn by_id(reader: &Reader, id: &ResourceId, subscription: Option<&str>) -> Outcome<Place> {
    if !id.is_kind(backups::DATASOURCE_TYPE) {
        return Failure::usage(format!("{id} isn't the resource ID of an AKS cluster")).err();
    }
    let own = id.subscription();
    if let Some(wanted) = subscription {
        let visible = subscriptions(reader, Some(wanted)).await?;
        if !visible.iter().any(|visible| visible.subscription_id == own) {
            return Failure::usage(format!("the cluster is in subscription {own}, not in {wanted}")).err();
        }
    }
    // Azure lists ids in whatever case; the file has one spelling.
    let id = id.resource_group_id().resource(backups::DATASOURCE_TYPE, id.name());
    match clusters::get(reader, &id).await? {
        Some(cluster) => Ok(Place { id, cluster }),
        None => absent(reader, &[own], &id.resource_group(), id.name()).await,
    }
}

/// The subscriptions to look in, the likeliest first: az's default, then Azure's order.
///
/// # Errors
/// Exit 3: no such subscription, or none at all. Exit 2: several have the name.
pub(crate) async fn subscriptions(reader: &Reader, wanted: Option<&str>) -> Outcome<Vec<Visible>> {
    if let Some(id) = wanted.and_then(|wanted| wanted.parse::<SubscriptionId>().ok()) {
        return match groups::subscription(reader, &id).await? {
            Some(own) => Ok(vec![Visible {
                subscription_id: id,
                display_name: own.display_name,
            }]),
            None => unknown(reader, id.as_str()).err(),
        };
    }
    let mut visible = inventory::subscriptions(reader).await?;
    if let Some(wanted) = wanted {
        visible.retain(|own| own.display_name.eq_ignore_ascii_case(wanted));
        return match visible.len() {
            0 => unknown(reader, wanted).err(),
            1 => Ok(visible),
            count => Failure::usage(format!("{count} subscriptions have the name {wanted}"))
                .hint("specify the subscription by ID: --subscription ID")
                .err(),
        };
    }
    if visible.is_empty() {
        return Failure::missing(format!("{} has no access to any subscription", reader.caller().name))
            .hint(format!(
                "sign in to the subscription's tenant: az login --tenant TENANT (currently signed in to {})",
                reader.caller().tenant
            ))
            .err();
    }
    let preferred = az_default();
    visible.sort_by_key(|own| preferred.as_ref() != Some(&own.subscription_id));
    Ok(visible)
}

fn unknown(reader: &Reader, subscription: &str) -> Failure {
    Failure::missing(format!(
        "subscription {subscription} doesn't exist, or {} has no access to it",
        reader.caller().name
    ))
    .hint(shell("az account list --output table"))
}

/// The default subscription of az, from its own profile.
pub(crate) fn az_default() -> Option<SubscriptionId> {
    let text = std::fs::read_to_string(cloud::az_folder()?.join("azureProfile.json")).ok()?;
    default_of(&text)
}

fn default_of(profile: &str) -> Option<SubscriptionId> {
    #[derive(Deserialize)]
    struct Profile {
        subscriptions: Vec<Entry>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Entry {
        id: SubscriptionId,
        #[serde(default)]
        is_default: bool,
    }
    let profile: Profile = serde_json::from_str(profile.trim_start_matches('\u{feff}')).ok()?;
    profile
        .subscriptions
        .into_iter()
        .find(|entry| entry.is_default)
        .map(|entry| entry.id)
}

async fn by_name(
    reader: &Reader,
    visible: &[Visible],
    group: &ResourceGroupName,
    name: &ClusterName,
) -> Outcome<Place> {
    for own in visible {
        let id = ResourceId::group(&own.subscription_id, group).resource(backups::DATASOURCE_TYPE, name.as_str());
        match clusters::get(reader, &id).await {
            Ok(Some(cluster)) => return Ok(Place { id, cluster }),
            Ok(None) => {}
            // A namesake may be in the next subscription; the only one's refusal is the answer.
            Err(failure) if visible.len() == 1 => return Err(failure),
            Err(_) => {}
        }
    }
    let all: Vec<SubscriptionId> = visible.iter().map(|own| own.subscription_id.clone()).collect();
    absent(reader, &all, group, name.as_str()).await
}

/// The cluster is not there: is its group?
async fn absent<T>(
    reader: &Reader,
    subscriptions: &[SubscriptionId],
    group: &ResourceGroupName,
    name: &str,
) -> Outcome<T> {
    let places = subscriptions
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ");
    if let [subscription] = subscriptions {
        if groups::subscription(reader, subscription).await?.is_none() {
            return unknown(reader, subscription.as_str()).err();
        }
        if groups::group(reader, &ResourceId::group(subscription, group))
            .await?
            .is_none()
        {
            return Failure::missing(format!(
                "resource group {group} doesn't exist in subscription {subscription}"
            ))
            .hint(shell(format!(
                "az group list --subscription {subscription} --output table"
            )))
            .err();
        }
    }
    Failure::missing(format!(
        "cluster {name} doesn't exist in resource group {group} of subscription {places}"
    ))
    .hint(shell("az aks list --output table"))
    .err()
}

/// A cluster of the lists, by what is known of it.
async fn listed(
    reader: &Reader,
    picker: &Picker<'_>,
    visible: &[Visible],
    group: Option<&ResourceGroupName>,
    name: Option<&ClusterName>,
) -> Outcome<Place> {
    let mut found = Vec::new();
    for own in visible {
        let all = inventory::resources(reader, &own.subscription_id, backups::DATASOURCE_TYPE).await?;
        let fits = |id: &ResourceId| {
            group.is_none_or(|group| same(id.resource_group().as_str(), group.as_str()))
                && name.is_none_or(|name| id.name().eq_ignore_ascii_case(name.as_str()))
        };
        let wanted = all.into_iter().filter(|cluster| fits(&cluster.id));
        found.extend(wanted.map(|cluster| (cluster.id, cluster.location, own.display_name.clone())));
    }
    let labels: Vec<String> = found
        .iter()
        .map(|(id, location, subscription)| {
            format!("{} in {} ({location}, {subscription})", id.name(), id.resource_group())
        })
        .collect();
    let at = match found.len() {
        0 => {
            return Failure::missing(format!(
                "{} has no access to an AKS cluster that matches",
                reader.caller().name
            ))
            .hint(shell("az aks list --output table"))
            .err();
        }
        1 => 0,
        _ => picker.must_choose("Which cluster?", &labels, "--cluster-id ID, or -g GROUP -n NAME")?,
    };
    let Some((id, ..)) = found.get(at) else {
        return Failure::usage("no cluster was chosen").err();
    };
    by_id(reader, id, None).await
}

#[cfg(test)]
mod tests {
    use super::default_of;

    #[test]
    fn az_s_default_subscription_is_found_behind_its_byte_order_mark() {
        let id = "0b1f6471-1bf0-4dda-aec3-cb9272f09590";
        let profile = format!("\u{feff}{{\"subscriptions\":[{{\"id\":\"{id}\",\"isDefault\":true,\"name\":\"x\"}}]}}");
        assert_eq!(default_of(&profile).unwrap().as_str(), id);
        assert_eq!(default_of("{}"), None);
    }
}
