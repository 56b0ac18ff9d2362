//! The clusters of the world: the one that is backed up, small or real, and a second, empty one.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Runtime;

use crate::azure::{Azure, issuer};
use crate::bed::Bed;
use crate::kubernetes::Kubernetes;
use crate::log::RequestLog;
use crate::planes::{Clock, Cloud, Cluster};
use crate::settings::Settings;
use crate::tls::Authority;

/// Issuer of the second, empty cluster.
const OTHER_ISSUER: &str = "https://westeurope.oic.prod-aks.azure.com/4f1c6c9a-0d1f-4b1e-9b57-3c1f6a7d2e10/00000000-0000-0000-0000-0000000000aa/";

/// The cluster of the world, and the second, empty one.
pub(crate) struct Clusters {
    pub(crate) kubernetes: Arc<Kubernetes>,
    pub(crate) bed: Option<Arc<Bed>>,
    other: Arc<Kubernetes>,
    /// Addresses of both API servers.
    pub(crate) servers: [String; 2],
}

impl Clusters {
    /// Starts two small clusters; the first is Azure's.
    ///
    /// # Errors
    /// No port is free.
    pub(crate) fn small(
        runtime: &Runtime,
        authority: &Authority,
        settings: Settings,
        azure: &Arc<Azure>,
        log: &RequestLog,
    ) -> io::Result<Self> {
        // A cluster may start tasks of its own while it is built.
        let _entered = runtime.enter();
        let clock = Clock {
            scale: settings.time_scale,
        };
        let kubernetes = Kubernetes::new(clock, settings.kubernetes, Arc::clone(azure) as Arc<dyn Cloud>);
        let other = Kubernetes::empty(clock, OTHER_ISSUER);
        let servers = [
            serve(runtime, authority, &kubernetes, log)?,
            serve(runtime, authority, &other, log)?,
        ];
        azure.attach(&(Arc::clone(&kubernetes) as Arc<dyn Cluster>));
        Ok(Self {
            kubernetes,
            bed: None,
            other,
            servers,
        })
    }

    /// Starts a real control plane in `dir`, which is Azure's, and a small second cluster.
    ///
    /// # Errors
    /// No port is free, or as [`Bed::start`] says.
    pub(crate) fn real(
        runtime: &Runtime,
        authority: &Authority,
        settings: Settings,
        azure: &Arc<Azure>,
        log: &RequestLog,
        dir: &Path,
    ) -> io::Result<Self> {
        let clock = Clock {
            scale: settings.time_scale,
        };
        let kubernetes = Kubernetes::empty(clock, OTHER_ISSUER);
        let other = Kubernetes::empty(clock, OTHER_ISSUER);
        let first = settings.start.issuer_on.then(issuer);
        let cloud = Arc::clone(azure) as Arc<dyn Cloud>;
        let bed = Bed::start(
            runtime.handle(),
            authority,
            (clock, settings.kubernetes),
            first,
            cloud,
            dir,
        )?;
        let servers = [bed.server().to_owned(), serve(runtime, authority, &other, log)?];
        azure.attach(&(Arc::clone(&bed) as Arc<dyn Cluster>));
        Ok(Self {
            kubernetes,
            bed: Some(bed),
            other,
            servers,
        })
    }

    /// Ends all of them.
    pub(crate) fn shut_down(&mut self) {
        self.bed = None;
        self.kubernetes.shut_down();
        self.other.shut_down();
    }
}

/// Lets a small cluster answer. Gives its address.
fn serve(runtime: &Runtime, authority: &Authority, cluster: &Arc<Kubernetes>, log: &RequestLog) -> io::Result<String> {
    let listener = runtime.block_on(authority.listen())?;
    let address = format!("https://{}", listener.address());
    let (cluster, log) = (Arc::clone(cluster), log.clone());
    runtime.spawn(async move { cluster.serve(listener, log).await });
    Ok(address)
}
