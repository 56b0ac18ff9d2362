//! Service accounts and the annotation that names the identity of their pods.

use std::collections::BTreeMap;

use aksbackup_shared::failure::Outcome;
use aksbackup_shared::ids::ObjectName;
use aksbackup_shared::names::CLIENT_ID_ANNOTATION;
use k8s_openapi::api::core::v1::ServiceAccount as Live;

use crate::cluster::client::{Listed, Reader};
use crate::cluster::deployments::object_name;
use crate::cluster::ownership::{self, Field};

/// A service account as the steps need it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServiceAccount {
    /// Its name.
    pub(crate) name: ObjectName,
    /// Its uid.
    pub(crate) uid: String,
    /// Value of `azure.workload.identity/client-id`.
    pub(crate) client_id: Option<String>,
    /// Whether this program set that annotation.
    pub(crate) ours: bool,
    /// Another field manager that set it.
    pub(crate) other_manager: Option<String>,
    /// Its annotations and labels.
    pub(crate) keys: BTreeMap<String, String>,
}

impl ServiceAccount {
    /// Reads one as Kubernetes has it.
    ///
    /// # Errors
    /// It has a name that Kubernetes doesn't allow.
    pub(crate) fn from_live(live: Live) -> Outcome<Self> {
        let meta = live.metadata;
        let fields = meta.managed_fields.as_deref().unwrap_or_default();
        let field = Field::annotation(CLIENT_ID_ANNOTATION);
        Ok(Self {
            name: object_name(meta.name.as_deref().unwrap_or_default())?,
            uid: meta.uid.clone().unwrap_or_default(),
            client_id: meta
                .annotations
                .as_ref()
                .and_then(|all| all.get(CLIENT_ID_ANNOTATION))
                .cloned(),
            ours: ownership::owns(fields, &field),
            other_manager: ownership::other_owner(fields, &field).map(str::to_owned),
            keys: meta.annotations.into_iter().chain(meta.labels).flatten().collect(),
        })
    }
}

impl Reader {
    /// Every service account of the namespace.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn service_accounts(&self) -> Outcome<Listed<ServiceAccount>> {
        let list = self.list("serviceaccounts", "service accounts").await?;
        Listed::convert(list, ServiceAccount::from_live)
    }
}
