//! Limits of single services, next to those of Resource Manager.

use super::answer::Answer;
use super::call::Call;
use super::world::World;

/// How many requests a service takes at once, and how many more each second.
struct Limit {
    bucket: String,
    capacity: f64,
    rate: f64,
    code: &'static str,
}

/// The subscription of a path. Requests of the tenant have limits of their own:
/// <https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling>.
pub(super) fn subscription_of(path: &str) -> String {
    let lower = path.to_ascii_lowercase();
    let own = lower
        .strip_prefix("/subscriptions/")
        .and_then(|rest| rest.split('/').next());
    own.filter(|own| !own.is_empty()).unwrap_or("tenant").to_owned()
}

/// Takes a token of the service's own bucket.
///
/// # Errors
/// It is empty: the service refuses with its code, and says when to ask again.
pub(super) fn of_provider(world: &mut World, call: &Call, path: &str, now: f64) -> Result<(), Answer> {
    let Some(own) = limit(&call.method, &path.to_ascii_lowercase()) else {
        return Ok(());
    };
    let taken = world.buckets.take(&own.bucket, own.capacity, own.rate, now);
    taken.map(|_| ()).map_err(|wait| {
        let refusal = Answer::error(429, own.code, "The request is throttled. Please try again later.");
        world.retry_after(refusal, wait)
    })
}

/// AKS: <https://learn.microsoft.com/azure/aks/quotas-skus-regions>; Resource Graph:
/// <https://learn.microsoft.com/azure/governance/resource-graph/concepts/guidance-for-throttled-requests>.
fn limit(method: &str, path: &str) -> Option<Limit> {
    let limit = |bucket: String, capacity, rate, code| {
        Some(Limit {
            bucket,
            capacity,
            rate,
            code,
        })
    };
    if path == "/providers/microsoft.resourcegraph/resources" {
        return limit("graph".to_owned(), 15.0, 3.0, "RateLimiting");
    }
    let (scope, own) = path.rsplit_once("/providers/microsoft.containerservice/")?;
    // What belongs to other providers has a cluster as its scope.
    if own.contains("/providers/") {
        return None;
    }
    let subscription = subscription_of(path);
    let aks = |bucket: String, capacity, rate| limit(format!("aks/{bucket}"), capacity, rate, "Throttled");
    let segments: Vec<&str> = own.split('/').collect();
    match (segments.as_slice(), method) {
        (["managedclusters", _], "PUT" | "PATCH") => aks(format!("put{path}"), 20.0, 1.0 / 60.0),
        (["managedclusters", _], "GET") => aks(format!("get{path}"), 60.0, 1.0),
        (["managedclusters"], _) if scope.contains("/resourcegroups/") => aks(format!("list{scope}"), 60.0, 1.0),
        (["managedclusters"], _) => aks(format!("list{scope}"), 500.0, 1.0),
        (["locations", _, "operations" | "operationresults", ..], _) => {
            aks(format!("operations/{subscription}"), 200.0, 2.0)
        }
        _ => aks(format!("others/{subscription}"), 60.0, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::limit;

    #[test]
    fn each_request_has_the_limit_of_its_service() {
        let group = "/subscriptions/s/resourcegroups/rg/providers/microsoft.containerservice/managedclusters";
        for (method, path, bucket) in [
            ("GET", format!("{group}/a"), format!("aks/get{group}/a")),
            ("PUT", format!("{group}/a"), format!("aks/put{group}/a")),
            (
                "GET",
                group.to_owned(),
                "aks/list/subscriptions/s/resourcegroups/rg".to_owned(),
            ),
            (
                "PUT",
                format!("{group}/a/trustedaccessrolebindings/b"),
                "aks/others/s".to_owned(),
            ),
        ] {
            assert_eq!(limit(method, &path).map(|own| own.bucket), Some(bucket));
        }
        let extension = format!("{group}/a/providers/microsoft.kubernetesconfiguration/extensions/x");
        assert!(limit("GET", &extension).is_none());
    }
}
