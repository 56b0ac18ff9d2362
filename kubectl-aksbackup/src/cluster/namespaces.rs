//! Names of namespaces: for completion, and for what a target names.

use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::failure::Outcome;
use k8s_openapi::api::core::v1::Namespace;
use kube::ResourceExt as _;
use kube::api::{Api, ListParams};

use crate::cluster::client::Reader;
use crate::cluster::flags::ConnectionFlags;
use crate::cluster::lists::Wanted;

impl Reader {
    /// The names of all namespaces, if `wanted`; `None` if the signed-in user isn't authorized to list them.
    ///
    /// # Errors
    /// As [`Reader::every`].
    pub(crate) async fn namespaces(&self, wanted: bool) -> Outcome<Option<Vec<String>>> {
        if !wanted {
            return Ok(None);
        }
        let wanted = Wanted::everywhere("namespaces");
        self.every(&wanted, Api::all, |live: Namespace| Some(live.name_any()))
            .await
    }
}

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
