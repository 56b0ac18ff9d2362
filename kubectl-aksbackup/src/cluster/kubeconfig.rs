//! Which API server, as whom: the kubeconfig with kubectl's flags over it.

use aksbackup_shared::command_line::{CommandLine, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecConfig, Kubeconfig};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;

use crate::cluster::flags::ConnectionFlags;
use crate::cluster::proxy::proxy_for;

mod files;

use files::{nowhere, read};

/// How to reach the cluster, before anything was sent.
pub(crate) struct Access {
    /// The client's configuration, without credential plugin.
    pub(crate) config: Config,
    /// The credential plugin to run for it.
    pub(crate) plugin: Option<ExecConfig>,
    /// Address of the API server.
    pub(crate) server: String,
    /// Name of the kubeconfig's user, where there is one.
    pub(crate) user: Option<String>,
}

/// What the kubeconfig says of one context.
struct Chosen {
    cluster: Cluster,
    auth: AuthInfo,
    user: Option<String>,
}

/// Finds cluster and login. `credentials` is the command that would write the missing kubeconfig, where it is known.
///
/// # Errors Exit 3: no kubeconfig, or no such context, cluster or user in it, with those that exist. Exit 2: it cannot
/// be read, or has no current context.
pub(crate) fn resolve(flags: &ConnectionFlags, credentials: Option<&CommandLine>) -> Outcome<Access> {
    resolved(flags).map_err(|failure| {
        Box::new(match credentials {
            Some(command) => failure.hint(fix![
                "to get credentials for the cluster in the state file, run: ",
                command
            ]),
            None if failure.exit == aksbackup_shared::exit::Exit::Missing => failure.hint(fix![
                "to get credentials for an AKS cluster, run: ",
                shell("az aks get-credentials --resource-group GROUP --name CLUSTER")
            ]),
            None => *failure,
        })
    })
}

/// What a kubeconfig has names of.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Named {
    /// Contexts.
    Contexts,
    /// Clusters.
    Clusters,
    /// ContainerClusters.
    ContainerClusters,
}

/// The names of a `kind` in the kubeconfig of `flags`; none where it cannot be read.
pub(crate) fn names(flags: &ConnectionFlags, kind: Named) -> Vec<String> {
    let kubeconfig = read(flags).ok().flatten().unwrap_or_default();
    match kind {
        Named::Contexts => kubeconfig.contexts.into_iter().map(|own| own.name).collect(),
        Named::Clusters => kubeconfig.clusters.into_iter().map(|own| own.name).collect(),
        Named::ContainerClusters => kubeconfig.auth_infos.into_iter().map(|own| own.name).collect(),
    }
}

fn resolved(flags: &ConnectionFlags) -> Outcome<Access> {
    let kubeconfig = read(flags)?;
    if !names_a_cluster(kubeconfig.as_ref(), flags)
        && let Ok(config) = Config::incluster()
    {
        return in_cluster(flags, config);
    }
    match kubeconfig {
        Some(kubeconfig) => configured(flags, choose(&kubeconfig, flags)?),
        None if flags.server.is_some() => configured(flags, Chosen::nothing()),
        None => Failure::missing("no kubeconfig was found").because(nowhere()).err(),
    }
}

/// Whether flags or kubeconfig say which cluster is meant. Where they do not, a pod signs in by its service account, also beside a
/// kubeconfig that is empty (client-go, `DeferredLoadingClientConfig`).
fn names_a_cluster(kubeconfig: Option<&Kubeconfig>, flags: &ConnectionFlags) -> bool {
    let by_flags = flags.server.is_some() || flags.context.is_some() || flags.cluster.is_some();
    let current = kubeconfig.and_then(|own| own.current_context.as_deref());
    by_flags || current.is_some_and(|name| !name.is_empty())
}

impl Chosen {
    fn nothing() -> Self {
        Self {
            cluster: Cluster::default(),
            auth: AuthInfo::default(),
            user: None,
        }
    }
}

fn choose(kubeconfig: &Kubeconfig, flags: &ConnectionFlags) -> Outcome<Chosen> {
    let names: Vec<&str> = kubeconfig.contexts.iter().map(|named| named.name.as_str()).collect();
    let current = kubeconfig.current_context.as_ref().filter(|name| !name.is_empty());
    let context = match flags.context.as_ref().or(current) {
        Some(wanted) => match kubeconfig.contexts.iter().find(|named| named.name == *wanted) {
            Some(named) => named.context.clone().unwrap_or_default(),
            None => return absent("context", wanted, &names),
        },
        None if flags.cluster.is_some() || flags.server.is_some() => Default::default(),
        None => {
            return Failure::usage("the kubeconfig has no current context")
                .because(listing("context", &names))
                .hint("choose a context: --context NAME, or kubectl config use-context NAME")
                .err();
        }
    };
    let cluster_name = flags.cluster.as_ref().unwrap_or(&context.cluster);
    let cluster = kubeconfig.clusters.iter().find(|named| named.name == *cluster_name);
    let cluster = match cluster {
        Some(named) => named.cluster.clone().unwrap_or_default(),
        None if flags.server.is_some() && flags.cluster.is_none() => Cluster::default(),
        None => {
            let names: Vec<&str> = kubeconfig.clusters.iter().map(|named| named.name.as_str()).collect();
            return absent("cluster", cluster_name, &names);
        }
    };
    let user = flags.user.clone().or(context.user);
    let found = user
        .as_ref()
        .and_then(|user| kubeconfig.auth_infos.iter().find(|named| named.name == *user));
    if let (Some(wanted), None) = (&flags.user, found) {
        let names: Vec<&str> = kubeconfig.auth_infos.iter().map(|named| named.name.as_str()).collect();
        return absent("user", wanted, &names);
    }
    let auth = found.and_then(|named| named.auth_info.clone()).unwrap_or_default();
    Ok(Chosen { cluster, auth, user })
}

fn absent<T>(kind: &str, name: &str, names: &[&str]) -> Outcome<T> {
    Failure::missing(format!("the kubeconfig has no {kind} {name:?}"))
        .because(listing(kind, names))
        .err()
}

fn listing(kind: &str, names: &[&str]) -> String {
    match names {
        [] => format!("no {kind} is defined"),
        names => format!("defined: {}", names.join(", ")),
    }
}

/// The client's configuration out of the chosen cluster and user, with the flags over both.
fn configured(flags: &ConnectionFlags, chosen: Chosen) -> Outcome<Access> {
    let Chosen { cluster, auth, user } = chosen;
    let Some(server) = flags.server.clone().or_else(|| cluster.server.clone()) else {
        return Failure::usage("the kubeconfig's cluster has no server address").err();
    };
    let full = if server.contains("://") {
        server
    } else {
        format!("https://{server}")
    };
    let Ok(url) = full.parse() else {
        return Failure::usage(format!("{full:?} isn't a valid API server address")).err();
    };
    let mut config = Config::new(url);
    trust(flags, &cluster, &mut config)?;
    let environment = |name: &str| std::env::var(name).ok();
    let https = config.cluster_url.scheme_str() != Some("http");
    let host = config.cluster_url.host().unwrap_or_default().to_owned();
    let port = config.cluster_url.port_u16().unwrap_or(if https { 443 } else { 80 });
    let own = cluster.proxy_url.clone().filter(|proxy| !proxy.is_empty());
    if let Some(proxy) = own.or_else(|| proxy_for(https, &host, port, &environment)) {
        let Ok(proxy) = plain(&proxy).parse() else {
            return Failure::usage("the proxy of the kubeconfig or the environment isn't a valid URL").err();
        };
        config.proxy_url = Some(proxy);
    }
    finished(flags, config, auth, &cluster, user)
}

/// The address of a proxy under the one name that the client library knows of two: with `socks5` it also lets the proxy resolve names, as
/// Go does for both.
fn plain(proxy: &str) -> String {
    match proxy.strip_prefix("socks5h://") {
        Some(rest) => format!("socks5://{rest}"),
        None => proxy.to_owned(),
    }
}

fn in_cluster(flags: &ConnectionFlags, mut config: Config) -> Outcome<Access> {
    let auth = std::mem::take(&mut config.auth_info);
    finished(flags, config, auth, &Cluster::default(), None)
}

fn finished(
    flags: &ConnectionFlags,
    mut config: Config,
    auth: AuthInfo,
    cluster: &Cluster,
    user: Option<String>,
) -> Outcome<Access> {
    config.auth_info = with_flags(flags, auth);
    let token = config.auth_info.token.take();
    config.auth_info.token = token.filter(|token| is_set(Some(token.expose_secret())));
    config.disable_compression = flags.disable_compression || cluster.disable_compression.unwrap_or(false);
    if has_certificate(&config.auth_info) && !has_key(&config.auth_info) {
        return Failure::usage("the kubeconfig's user has a client certificate but no key")
            .hint("specify the key file: --client-key FILE")
            .err();
    }
    let plugin = config.auth_info.exec.take();
    // As with kubectl, a token goes before the plugin.
    let mut plugin = plugin.filter(|_| !has_token(&config.auth_info));
    if let Some(plugin) = plugin.as_mut().filter(|plugin| plugin.provide_cluster_info) {
        plugin.cluster = cluster.try_into().ok();
    }
    if let Some(provider) = &config.auth_info.auth_provider {
        return Failure::not_permitted(format!(
            "the kubeconfig's user requires auth-provider {:?}",
            provider.name
        ))
        .because("Kubernetes no longer supports such providers")
        .hint("kubelogin convert-kubeconfig -l azurecli")
        .err();
    }
    let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
    Ok(Access {
        config,
        plugin,
        server,
        user,
    })
}

/// A login given by flags replaces that of the kubeconfig.
fn with_flags(flags: &ConnectionFlags, mut auth: AuthInfo) -> AuthInfo {
    if let Some(token) = &flags.token {
        auth = AuthInfo {
            token: Some(token.clone().into()),
            ..AuthInfo::default()
        };
    }
    if flags.client_certificate.is_some() {
        auth.client_certificate.clone_from(&flags.client_certificate);
        auth.client_certificate_data = None;
        auth.exec = None;
    }
    if flags.client_key.is_some() {
        auth.client_key.clone_from(&flags.client_key);
        auth.client_key_data = None;
    }
    if flags.impersonate.is_some() {
        auth.impersonate.clone_from(&flags.impersonate);
        auth.impersonate_groups = None;
        auth.impersonate_user_extra = None;
    }
    if !flags.impersonate_groups.is_empty() {
        auth.impersonate_groups = Some(flags.impersonate_groups.clone());
    }
    if flags.impersonate_uid.is_some() {
        auth.impersonate_uid.clone_from(&flags.impersonate_uid);
    }
    for (key, value) in &flags.impersonate_extras {
        let extras = auth.impersonate_user_extra.get_or_insert_default();
        extras.entry(key.clone()).or_default().push(value.clone());
    }
    auth
}

/// Whether a field is there and not empty: kubectl makes no difference between the two.
fn is_set(field: Option<&str>) -> bool {
    field.is_some_and(|text| !text.is_empty())
}

fn has_token(auth: &AuthInfo) -> bool {
    auth.token.is_some() || is_set(auth.token_file.as_deref())
}

fn has_certificate(auth: &AuthInfo) -> bool {
    is_set(auth.client_certificate.as_deref()) || is_set(auth.client_certificate_data.as_deref())
}

fn has_key(auth: &AuthInfo) -> bool {
    auth.client_key.is_some() || auth.client_key_data.is_some()
}

/// Whom the client trusts. As with kubectl, a flag about it puts aside all that the kubeconfig says of it, and another server has another
/// name.
fn trust(flags: &ConnectionFlags, cluster: &Cluster, config: &mut Config) -> Outcome<()> {
    let by_flags = flags.insecure_skip_tls_verify || flags.certificate_authority.is_some();
    let nothing = Cluster::default();
    let of_file = if by_flags { &nothing } else { cluster };
    config.root_cert = authority(flags, of_file)?;
    config.accept_invalid_certs = flags.insecure_skip_tls_verify || of_file.insecure_skip_tls_verify.unwrap_or(false);
    if config.accept_invalid_certs && config.root_cert.as_ref().is_some_and(|all| !all.is_empty()) {
        return Failure::usage("the connection has a certificate authority, but certificate validation is disabled")
            .hint("set insecure-skip-tls-verify to false, in the kubeconfig or on the command line")
            .err();
    }
    let own = cluster.tls_server_name.clone().filter(|_| flags.server.is_none());
    config.tls_server_name = flags.tls_server_name.clone().or(own);
    Ok(())
}

/// The certificate authority as DER, from the flag's file, else the kubeconfig's data or file.
fn authority(flags: &ConnectionFlags, cluster: &Cluster) -> Outcome<Option<Vec<Vec<u8>>>> {
    use base64::Engine as _;
    let bad = |why: String| Failure::usage("cannot read the certificate authority of the cluster").because(why);
    let data = cluster
        .certificate_authority_data
        .as_ref()
        .filter(|_| flags.certificate_authority.is_none());
    let path = flags
        .certificate_authority
        .as_ref()
        .or(cluster.certificate_authority.as_ref());
    let pem = match (data, path) {
        (Some(data), _) => base64::engine::general_purpose::STANDARD
            .decode(data.trim())
            .or_else(|error| bad(error.to_string()).err())?,
        (None, Some(path)) => std::fs::read(path).or_else(|error| bad(format!("{path}: {error}")).err())?,
        (None, None) => return Ok(None),
    };
    let certificates: Vec<Vec<u8>> = CertificateDer::pem_slice_iter(&pem)
        .map(|certificate| certificate.map(|der| der.to_vec()))
        .collect::<Result<_, _>>()
        .or_else(|error| bad(error.to_string()).err())?;
    Ok(Some(certificates))
}

#[cfg(test)]
mod tests;
