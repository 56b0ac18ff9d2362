//! Reading and writing as two types: whoever holds a [`Reader`] cannot change the cluster.

use std::fmt::Debug;
use std::rc::Rc;

use aksbackup_shared::bounds::TOO_LARGE;
use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::NamespaceName;
use aksbackup_shared::names::{CLIENT_ID_ANNOTATION, NAMESPACE, USE_LABEL};
use aksbackup_shared::state::store::WriteAccess;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment as LiveDeployment;
use k8s_openapi::api::core::v1::{Pod as LivePod, ServiceAccount as LiveServiceAccount};
use kube::Resource;
use kube::api::{Api, DeleteParams, ListParams, ObjectList, Patch, PatchParams, Preconditions};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::cluster::connection::Connection;
use crate::cluster::deployments::{CAUSE_ANNOTATION, Deployment};
use crate::cluster::error::Doing;
use crate::cluster::flags::ConnectionFlags;
use crate::cluster::kubeconfig::resolve;
use crate::cluster::lists::{Pages, SMALL_PAGE};
use crate::cluster::ownership::MANAGER;
use crate::cluster::pods::Pod;
use crate::cluster::service_accounts::ServiceAccount;

/// A list with the version from which it can be watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed<T> {
    /// The objects.
    pub(crate) items: Vec<T>,
    /// The list's version.
    pub(crate) version: String,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            version: String::new(),
        }
    }
}

impl<T> Listed<T> {
    /// Converts what the API server listed.
    pub(crate) fn convert<K: Clone>(list: ObjectList<K>, convert: impl Fn(K) -> Outcome<T>) -> Outcome<Self> {
        let version = list.metadata.resource_version.unwrap_or_default();
        let items = list.items.into_iter().map(convert).collect::<Outcome<_>>()?;
        Ok(Self { items, version })
    }
}

/// Reads the cluster.
#[derive(Clone)]
pub(crate) struct Reader {
    connection: Rc<Connection>,
    namespace: NamespaceName,
}

impl Reader {
    /// A reader for the cluster that `flags` name; nothing is sent yet. `credentials` is the command that would write a
    /// missing kubeconfig, where it is known; `trace` is told each request; none goes on beyond `deadline`.
    ///
    /// # Errors
    /// No such kubeconfig, context or cluster, or a namespace that is none.
    pub(crate) fn new(
        flags: &ConnectionFlags,
        credentials: Option<&CommandLine>,
        trace: impl Fn(String) + 'static,
        deadline: Deadline,
    ) -> Outcome<Self> {
        let namespace = flags.namespace.as_deref().unwrap_or(NAMESPACE);
        let namespace = namespace
            .parse()
            .or_else(|error| Failure::usage(format!("{error}")).err())?;
        install_crypto();
        Ok(Self {
            connection: Connection::new(resolve(flags, credentials)?, flags.request_timeout, deadline, trace),
            namespace,
        })
    }

    /// The way to the API server.
    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Namespace of the extension.
    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_str()
    }

    /// The same as a name.
    pub(crate) fn namespace_name(&self) -> &NamespaceName {
        &self.namespace
    }

    /// Every object of a kind in the namespace; `resource` and `spoken` are its name for rights and for people.
    ///
    /// # Errors
    /// As the API server says.
    pub(crate) async fn list<L>(&self, resource: &'static str, spoken: &'static str) -> Outcome<ObjectList<L>>
    where
        L: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let doing = Doing::new("list", resource, spoken, self.namespace());
        let whole = self
            .connection()
            .send(&doing, async |client| {
                Api::<L>::namespaced(client, self.namespace())
                    .list(&ListParams::default())
                    .await
            })
            .await;
        match whole {
            Err(failure) if failure.has_code(TOO_LARGE) => self.by_pages(&doing).await,
            whole => whole,
        }
    }

    /// The same list in small pages, of which the first one has the version.
    async fn by_pages<L>(&self, doing: &Doing) -> Outcome<ObjectList<L>>
    where
        L: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
    {
        let mut pages = Pages::of(ListParams::default(), SMALL_PAGE);
        let mut whole: Option<ObjectList<L>> = None;
        while pages.go_on(doing)? {
            let page: Outcome<ObjectList<L>> = self
                .connection()
                .send(doing, async |client| {
                    Api::<L>::namespaced(client, self.namespace())
                        .list(&pages.parameters)
                        .await
                })
                .await;
            let page = match page {
                Err(failure) if failure.has_code(TOO_LARGE) && pages.shrink() => continue,
                page => page?,
            };
            pages.follow(page.metadata.continue_.as_deref(), doing)?;
            match &mut whole {
                Some(whole) => whole.items.extend(page.items),
                None => whole = Some(page),
            }
        }
        whole.ok_or_else(|| Box::new(Failure::failed(format!("cannot {doing}"))))
    }
}

/// ring is the only backend in the tree; rustls must be told all the same. A second call changes nothing.
fn install_crypto() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Changes the cluster: always by patches under one field manager, never by replacing an object.
pub(crate) struct Writer {
    patcher: Patcher,
}

/// Sends the same changes with `dryRun=All`: admission and validation run, nothing is kept.
pub(crate) struct Rehearsal {
    patcher: Patcher,
}

impl Writer {
    /// A writer that reads through `reader`. `force` takes fields over from other field managers; the token keeps the writer out
    /// of the hands of code that only reads.
    pub(crate) fn new(reader: &Reader, force: bool, _: WriteAccess) -> Self {
        Self {
            patcher: Patcher::new(reader, force, false),
        }
    }

    /// The patches.
    pub(crate) fn patcher(&self) -> &Patcher {
        &self.patcher
    }

    /// Deletes a pod, and only this one: not one of the same name that came after it.
    ///
    /// # Errors
    /// As the API server says. That it is gone already is no error.
    pub(crate) async fn delete_pod(&self, pod: &Pod) -> Outcome<()> {
        let Patcher { reader, .. } = &self.patcher;
        let doing = Doing::new("delete", "pods", format!("pod {}", pod.name), reader.namespace());
        let parameters = DeleteParams::default().preconditions(Preconditions {
            uid: Some(pod.uid.clone()),
            resource_version: None,
        });
        let deleted = reader
            .connection()
            .send(&doing, async |client| {
                Api::<LivePod>::namespaced(client, reader.namespace())
                    .delete(&pod.name, &parameters)
                    .await
            })
            .await;
        match deleted {
            Ok(_) => Ok(()),
            Err(failure) if failure.has_code("NotFound") || failure.has_code("Conflict") => Ok(()),
            Err(failure) => Err(failure),
        }
    }
}

impl Rehearsal {
    /// A rehearsal beside `reader`; `force` as for [`Writer::new`].
    pub(crate) fn new(reader: &Reader, force: bool) -> Self {
        Self {
            patcher: Patcher::new(reader, force, true),
        }
    }

    /// The patches.
    pub(crate) fn patcher(&self) -> &Patcher {
        &self.patcher
    }
}

fn is_labelled(live: &LiveDeployment) -> bool {
    let template = live.spec.as_ref().and_then(|spec| spec.template.metadata.as_ref());
    let labels = template.and_then(|meta| meta.labels.as_ref());
    labels
        .and_then(|all| all.get(USE_LABEL))
        .is_some_and(|own| own == "true")
}

fn is_annotated(live: &LiveServiceAccount, client_id: &str) -> bool {
    let annotations = live.metadata.annotations.as_ref();
    annotations
        .and_then(|all| all.get(CLIENT_ID_ANNOTATION))
        .is_some_and(|own| own.eq_ignore_ascii_case(client_id))
}

/// The API server accepted a `mark`, such as `label azure.workload.identity/use`, and answers with `what` without it.
///
/// # Errors
/// Always: waiting for the mark would not end.
pub(crate) fn stripped<T>(mark: &str, what: &str, namespace: &str) -> Outcome<T> {
    Failure::failed(format!("{mark} was removed from {what}"))
        .because(
            "the API server accepts the request, but a mutating webhook or policy of the cluster removes the change",
        )
        .hint(fix![
            format!("exempt namespace {namespace} from that webhook or policy. To list them, run: "),
            shell("kubectl get mutatingwebhookconfigurations,mutatingadmissionpolicies")
        ])
        .err()
}

/// Server-side apply of the few fields that are this program's. What is left out of an apply is given up, so that the
/// same request with less in it takes the fields back, and only those that nobody else has set.
pub(crate) struct Patcher {
    reader: Reader,
    parameters: PatchParams,
}

impl Patcher {
    fn new(reader: &Reader, force: bool, dry_run: bool) -> Self {
        let mut parameters = PatchParams::apply(MANAGER);
        parameters.force = force;
        parameters.dry_run = dry_run;
        Self {
            reader: reader.clone(),
            parameters,
        }
    }

    /// Sets the client ID of a service account, or takes it back with `None`.
    ///
    /// # Errors
    /// As the API server says; a field of another manager is a conflict unless forced. Or a policy of the cluster removes or
    /// replaces the annotation, which the answer shows.
    pub(crate) async fn annotate(&self, account: &ServiceAccount, client_id: Option<&str>) -> Outcome<()> {
        let annotations = client_id.map(|id| json!({ CLIENT_ID_ANNOTATION: id }));
        let mut body = self.object("v1", "ServiceAccount", account.name.as_str(), &account.uid);
        if let Some(annotations) = annotations {
            body["metadata"]["annotations"] = annotations;
        }
        let object = format!("service account {}", account.name);
        let doing = Doing::new("patch", "serviceaccounts", object, self.reader.namespace());
        let answer = self
            .reader
            .connection()
            .send(&doing, async |client| {
                let api = Api::<LiveServiceAccount>::namespaced(client, self.reader.namespace());
                api.patch(account.name.as_str(), &self.parameters, &Patch::Apply(&body))
                    .await
            })
            .await?;
        match client_id.is_none_or(|id| is_annotated(&answer, id)) {
            true => Ok(()),
            false => {
                let mark = format!("annotation {CLIENT_ID_ANNOTATION}");
                let what = format!("service account {}", account.name);
                stripped(&mark, &what, self.reader.namespace())
            }
        }
    }

    /// Puts label and cause onto a pod template in one patch, which is one rollout; `None` takes both back.
    ///
    /// # Errors
    /// As for [`Patcher::annotate`]; or a policy of the cluster removes the label, which the answer shows.
    pub(crate) async fn label_template(&self, deployment: &Deployment, cause: Option<&str>) -> Outcome<()> {
        let mut body = self.object("apps/v1", "Deployment", deployment.name.as_str(), &deployment.uid);
        if let Some(cause) = cause {
            let metadata = json!({ "labels": { USE_LABEL: "true" }, "annotations": { CAUSE_ANNOTATION: cause } });
            body["spec"] = json!({ "template": { "metadata": metadata } });
        }
        let object = format!("deployment {}", deployment.name);
        let doing = Doing::new("patch", "deployments.apps", object, self.reader.namespace());
        let answer = self
            .reader
            .connection()
            .send(&doing, async |client| {
                let api = Api::<LiveDeployment>::namespaced(client, self.reader.namespace());
                api.patch(deployment.name.as_str(), &self.parameters, &Patch::Apply(&body))
                    .await
            })
            .await?;
        match cause.is_none() || is_labelled(&answer) {
            true => Ok(()),
            false => {
                let (label, what) = (format!("label {USE_LABEL}"), format!("deployment {}", deployment.name));
                stripped(&label, &what, self.reader.namespace())
            }
        }
    }

    /// The object to apply to. Its uid keeps an apply from making a new object where the old one is gone.
    fn object(&self, version: &str, kind: &str, name: &str, uid: &str) -> Value {
        let namespace = self.reader.namespace();
        json!({
            "apiVersion": version, "kind": kind,
            "metadata": { "name": name, "namespace": namespace, "uid": uid },
        })
    }
}
