//! The only code that speaks to Kubernetes.
//!
//! * [`flags`], [`kubeconfig`], [`proxy`], [`plugin`]: which API server, as whom; [`connection`]: the one client, with the
//!   bounds of [`bounded`].
//! * [`client`]: [`Reader`](client::Reader) and [`Writer`](client::Writer); [`error`]: what goes wrong, in Kubernetes'
//!   words.
//! * [`deployments`], [`pods`], [`service_accounts`], [`storage_locations`], [`logs`], [`tails`],
//!   [`namespaces`]: objects; [`watch`], [`clock`]: their
//!   changes, and their time.
//! * [`volumes`]: the data that backups are about.
//! * [`surroundings`], [`quantity`]: what the extension would be installed into; [`neighbours`]: what stands beside it;
//!   [`lists`]: lists that are long, or that the account isn't authorized to read; [`objects`]: objects as they are, for a support bundle.
//! * [`velero`]: which container Velero runs in; [`injected`], [`selection`]: what the workload identity webhook does to pods, and which pods it is asked about.
//! * [`issuer`], [`rights`], [`rehearsal`], [`ownership`]: what is asked before anything is written.

mod bounded;
pub(crate) mod client;
pub(crate) mod clock;
pub(crate) mod connection;
pub(crate) mod deployments;
pub(crate) mod error;
pub(crate) mod flags;
pub(crate) mod injected;
pub(crate) mod issuer;
pub(crate) mod kubeconfig;
pub(crate) mod lists;
pub(crate) mod logs;
pub(crate) mod namespaces;
pub(crate) mod neighbours;
pub(crate) mod objects;
pub(crate) mod ownership;
pub(crate) mod plugin;
pub(crate) mod pods;
pub(crate) mod proxy;
pub(crate) mod quantity;
pub(crate) mod rehearsal;
pub(crate) mod rights;
pub(crate) mod selection;
pub(crate) mod service_accounts;
pub(crate) mod storage_locations;
pub(crate) mod surroundings;
pub(crate) mod tails;
pub(crate) mod velero;
pub(crate) mod volumes;
pub(crate) mod watch;
