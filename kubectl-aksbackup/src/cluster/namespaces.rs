//! Names of namespaces, for completion.

use aksbackup_shared::deadline::Deadline;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::cluster::client::Reader;
use crate::cluster::flags::ConnectionFlags;

/// The namespaces of the cluster that `flags` name; none where they cannot be read, since nobody sees an error there.
pub(crate) async fn list(flags: &ConnectionFlags) -> Vec<String> {
    // The namespace of the flags is what is being typed.
    let flags = ConnectionFlags {
        namespace: None,
        ..flags.clone()
    };
    let Ok(reader) = Reader::new(&flags, None, |_| {}, Deadline::none()) else {
        return Vec::new();
    };
    let Ok(client) = reader.connection().client().await else {
        return Vec::new();
    };
    let listed = Api::<Namespace>::all(client)
        .list_metadata(&ListParams::default())
        .await;
    listed.map_or_else(|_| Vec::new(), |list| list.iter().map(|own| own.name_any()).collect())
}
