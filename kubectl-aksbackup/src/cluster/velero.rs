//! Which container Velero runs in.

use aksbackup_shared::names::VELERO_CONTAINER;
use k8s_openapi::api::core::v1::PodSpec;

/// Whether an image's own name, without registry and tag, is Velero's.
pub(crate) fn is_image(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split([':', '@']).next() == Some("velero")
}

/// The container that Velero runs in: the one with its usual name, else the one with its image.
pub(crate) fn container(pod: &PodSpec) -> Option<&str> {
    let named = pod.containers.iter().find(|own| own.name == VELERO_CONTAINER);
    let by_image = || {
        let mut all = pod.containers.iter();
        all.find(|own| own.image.as_deref().is_some_and(is_image))
    };
    named.or_else(by_image).map(|own| own.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn velero_is_known_by_its_image() {
        assert!(is_image("velero/velero:v1.15.0") && is_image("registry:5000/velero@sha256:00"));
        assert!(!is_image("velero/velero-plugin-for-aws:v1") && !is_image("nginx"));
    }

    #[test]
    fn the_usual_name_goes_before_the_image() {
        let own = |containers: serde_json::Value| {
            let pod: PodSpec = serde_json::from_value(json!({ "containers": containers })).unwrap();
            container(&pod).map(str::to_owned)
        };
        let image = json!({ "name": "velero-server", "image": "mcr.microsoft.com/oss/velero/velero:v1" });
        let other = json!({ "name": "kubernetes-agent", "image": "mcr.microsoft.com/agent:1" });
        assert_eq!(own(json!([other, image])).as_deref(), Some("velero-server"));
        assert_eq!(own(json!([image, { "name": "velero" }])).as_deref(), Some("velero"));
        assert_eq!(own(json!([other])), None);
    }
}
