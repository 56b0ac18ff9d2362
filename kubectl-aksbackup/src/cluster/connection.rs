//! The one client of the process: its login, its limits, and how often a request is tried again.

use std::cell::Cell;
use std::error::Error as _;
use std::io;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aksbackup_shared::bounds::excess_of;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::console::human;
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::pace::Pace;
use aksbackup_shared::regular;
use jiff::{SignedDuration, Timestamp};
use kube::client::ClientBuilder;
use kube::core::Status;
use kube::{Client, Config};
use secrecy::ExposeSecret as _;
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::cluster::bounded::Bounds;
use crate::cluster::error::{Doing, failure};
use crate::cluster::kubeconfig::Access;
use crate::cluster::plugin;

/// How often a request is sent that finds the API server busy.
const TRIES: u32 = 6;
/// The longest pause between two tries, whatever the API server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// How long an API server that has answered before may be gone: AKS restarts one in less than a minute.
const RESTART: Duration = Duration::from_secs(60);
/// The longest pause between two tries to reach it again.
const LONGEST_ABSENCE: Duration = Duration::from_secs(2);
/// A credential is renewed so long before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// How often the file of a token is read again, as client-go does.
const REREAD: SignedDuration = SignedDuration::from_secs(60);
/// No token is larger, in bytes.
const LARGEST_TOKEN: u64 = 1 << 20;

/// A way to the API server.
pub(crate) struct Connection {
    access: Access,
    timeout: Option<Duration>,
    deadline: Deadline,
    trace: Box<dyn Fn(String)>,
    met: Cell<bool>,
    pace: Pace,
    current: Mutex<Option<Signed>>,
}

/// A client with the login of one moment.
#[derive(Clone)]
struct Signed {
    client: Client,
    until: Option<Timestamp>,
    since: Instant,
}

impl Connection {
    /// A connection that nothing was sent over yet. A request may take `timeout`, zero is no limit, and none goes on beyond
    /// `deadline`. Each one is told to `trace`.
    pub(crate) fn new(
        mut access: Access,
        timeout: Duration,
        deadline: Deadline,
        trace: impl Fn(String) + 'static,
    ) -> Rc<Self> {
        let config = &mut access.config;
        let agent = concat!("kubectl-aksbackup/", env!("CARGO_PKG_VERSION"));
        if let (Ok(name), Ok(value)) = ("user-agent".parse(), agent.parse()) {
            config.headers.push((name, value));
        }
        config.connect_timeout = Some(Duration::from_secs(10));
        config.default_retry = false;
        let pace = Pace::from_environment(is_loopback(&access.server));
        Rc::new(Self {
            access,
            pace,
            trace: Box::new(trace),
            met: Cell::new(false),
            timeout: (!timeout.is_zero()).then_some(timeout),
            deadline,
            current: Mutex::new(None),
        })
    }

    /// Address of the API server.
    pub(crate) fn server(&self) -> &str {
        &self.access.server
    }

    /// When the command has to end.
    pub(crate) fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// How fast the API server's time runs.
    pub(crate) fn pace(&self) -> Pace {
        self.pace
    }

    /// The kubeconfig's name for the user.
    pub(crate) fn user(&self) -> Option<&str> {
        self.access.user.as_deref()
    }

    /// The client. Its credential plugin runs once, and again shortly before what it gave expires.
    ///
    /// # Errors
    /// No login, or certificates that cannot be used.
    pub(crate) async fn client(&self) -> Outcome<Client> {
        Ok(self.signed().await?.client)
    }

    async fn signed(&self) -> Outcome<Signed> {
        let mut current = self.current.lock().await;
        if let Some(signed) = current.as_ref()
            && signed.until.is_none_or(|until| Timestamp::now() + MARGIN < until)
        {
            return Ok(signed.clone());
        }
        let (config, until) = self.signed_in().await?;
        let client = match ClientBuilder::try_from(config) {
            Ok(builder) => builder.with_layer(&Bounds).build(),
            Err(error) => return self.unusable(&error),
        };
        let signed = Signed {
            client,
            until,
            since: Instant::now(),
        };
        *current = Some(signed.clone());
        Ok(signed)
    }

    /// Forgets a login that the API server has refused, unless another request has had it renewed already.
    async fn forget(&self, refused: &Signed) {
        let mut current = self.current.lock().await;
        if current.as_ref().is_some_and(|own| own.since == refused.since) {
            *current = None;
        }
    }

    /// Whether the login can change while the program runs: a plugin gives it, or a file that others write.
    fn can_renew(&self) -> bool {
        self.access.plugin.is_some() || self.access.config.auth_info.token_file.is_some()
    }

    async fn signed_in(&self) -> Outcome<(Config, Option<Timestamp>)> {
        use base64::Engine as _;
        let mut config = self.access.config.clone();
        let Some(plugin) = &self.access.plugin else {
            let until = match config.auth_info.token_file.take() {
                Some(file) if config.auth_info.token.is_none() => {
                    let token = self.token_of(Path::new(&file))?;
                    config.auth_info.token = Some(self.bearer(&token)?.into());
                    Some(Timestamp::now() + MARGIN + REREAD)
                }
                _ => None,
            };
            if let Some(token) = &config.auth_info.token {
                self.bearer(token.expose_secret())?;
            }
            return Ok((config, until));
        };
        let name = plugin.command.as_deref().unwrap_or_default();
        let running = plugin::run(plugin, self.timeout);
        let waited = format!("credential plugin {name} of the kubeconfig");
        let given = self.deadline.within(waited, running).await?;
        let encoded = |pem: &str| base64::engine::general_purpose::STANDARD.encode(pem);
        let token = given.token.as_ref().map(|token| self.bearer(token)).transpose()?;
        config.auth_info.token = token.map(Into::into);
        config.auth_info.client_certificate_data = given.client_certificate_data.as_deref().map(encoded);
        config.auth_info.client_key_data = given.client_key_data.map(|pem| encoded(&pem).into());
        // By a clock that is ahead, a new credential can be past its expiry: it is used all the same, until the API server refuses it.
        let soonest = Timestamp::now() + MARGIN + REREAD;
        Ok((config, given.expiration_timestamp.map(|until| until.max(soonest))))
    }

    /// The token of a file, without the line break at its end that editors and `echo` leave there, as kubectl reads it.
    fn token_of(&self, file: &Path) -> Outcome<Zeroizing<String>> {
        let bytes = regular::read(file, LARGEST_TOKEN).or_else(|error| {
            Failure::usage(format!("cannot use the kubeconfig for {}", self.access.server))
                .because(format!("token file {}: {error}", file.display()))
                .err()
        })?;
        let bytes = Zeroizing::new(bytes);
        Ok(Zeroizing::new(String::from_utf8_lossy(&bytes).trim().to_owned()))
    }

    /// The token, if a header can hold it. The client library panics where one cannot.
    fn bearer(&self, token: &str) -> Outcome<String> {
        match token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(token.to_owned()),
            false => Failure::usage(format!("cannot use the kubeconfig for {}", self.access.server))
                .because("its bearer token contains a space, a line break, or another invalid character")
                .hint(fix![
                    "sign in again. For AKS, run: ",
                    shell("az aks get-credentials --resource-group GROUP --name CLUSTER")
                ])
                .err(),
        }
    }

    /// Why no client could be made. Errors of the login may quote secrets, so that only TLS errors are told in full.
    fn unusable<T>(&self, error: &kube::Error) -> Outcome<T> {
        let what = Failure::usage(format!("cannot use the kubeconfig for {}", self.access.server));
        match error {
            kube::Error::RustlsTls(why) => what.because(why.to_string()),
            kube::Error::Auth(kube::client::AuthError::ReadTokenFile(why, path)) => {
                what.because(format!("token file {}: {why}", path.display()))
            }
            kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => what
                .because("its proxy, or the proxy of the environment, isn't an http://, https://, or socks5:// URL")
                .hint("correct proxy-url of the cluster in the kubeconfig, or HTTPS_PROXY"),
            kube::Error::InferKubeconfig(why) => what.because(why.to_string()),
            _ => what.because("its credentials can't be used"),
        }
        .err()
    }

    /// Sends a request, which may be repeated: a busy API server and a broken connection are tried again. So can every
    /// request of this program: an apply comes to the same, and a pod is deleted by its uid.
    ///
    /// # Errors
    /// What the API server refuses, or that it cannot be reached.
    pub(crate) async fn send<T>(&self, doing: &Doing, request: impl AsyncFn(Client) -> kube::Result<T>) -> Outcome<T> {
        let mut attempts = Attempts::new(self.pace);
        let mut renewed = false;
        loop {
            let signed = self.signed().await?;
            let client = signed.client.clone();
            (self.trace)(format!("  {doing}"));
            let limit = self.timeout.unwrap_or(Duration::MAX).min(self.deadline.left());
            attempts.tried += 1;
            let Ok(answer) = tokio::time::timeout(limit, request(client)).await else {
                if attempts.may_be_frozen(self.met.get()) && !self.deadline.is_over() {
                    continue;
                }
                return self.too_slow(doing, limit);
            };
            let error = match answer {
                Ok(answer) => {
                    self.met.set(true);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if is_unauthorized(&error) && self.can_renew() && !renewed {
                renewed = true;
                self.forget(&signed).await;
                continue;
            }
            let reads = matches!(doing.verb, "get" | "list" | "watch");
            match attempts.pause_after(&error, self.met.get(), reads) {
                Some(pause) if pause > self.deadline.left() => return self.late(&error, doing, pause),
                Some(pause) => tokio::time::sleep(pause).await,
                None => return failure(&error, doing, &self.access.server).err(),
            }
        }
    }

    /// Ends at once what would only wait for the deadline.
    fn late<T>(&self, error: &kube::Error, doing: &Doing, pause: Duration) -> Outcome<T> {
        let why = failure(error, doing, &self.access.server);
        let why = why.why.first().map_or(why.what.as_str(), String::as_str);
        let late = format!("cannot {doing}: {why}; retrying in {}", human(pause));
        self.deadline.reached(late).err()
    }

    fn too_slow<T>(&self, doing: &Doing, limit: Duration) -> Outcome<T> {
        if self.deadline.is_over() {
            let server = &self.access.server;
            return self
                .deadline
                .reached(format!("cannot {doing}: waiting for {server}"))
                .err();
        }
        let limit = human(limit);
        Failure::failed(format!("{} did not respond within {limit}", self.access.server))
            .because(format!("while trying to {} {}", doing.verb, doing.object))
            .hint("allow more time: --request-timeout 2m")
            .err()
    }
}

fn is_unauthorized(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 401)
}

/// Whether `server`, an address with its scheme, is on this machine.
fn is_loopback(server: &str) -> bool {
    let host = server.split_once("://").map_or(server, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own))
}

/// How often and since when one request is tried.
struct Attempts {
    tried: u32,
    since: Instant,
    pace: Pace,
}

impl Attempts {
    fn new(pace: Pace) -> Self {
        Self {
            tried: 0,
            since: Instant::now(),
            pace,
        }
    }

    /// Whether an API server that has just not answered in time is asked again: one that was `met` before may be restarting.
    fn may_be_frozen(&self, met: bool) -> bool {
        met && self.tried < TRIES && self.since.elapsed() < RESTART
    }

    /// How long to wait before the next try; `None` gives up. An API server that was never reached is told at once; one
    /// that was `met` may be restarting.
    ///
    /// A failure within the API server (500) is repeated unless it is a webhook's that kept a write, which is told at once.
    fn pause_after(&self, error: &kube::Error, met: bool, reads: bool) -> Option<Duration> {
        let backoff = self.pace.scaled(Duration::from_millis(250 << self.tried.min(5)));
        let goes_on = self.tried < TRIES;
        match error {
            _ if excess_of(error).is_some() => None,
            kube::Error::Api(status) if is_passing(status, reads) => {
                let wish = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                let wish = Duration::from_secs(wish.into());
                goes_on.then(|| wish.clamp(backoff, LONGEST_PAUSE.max(backoff)))
            }
            kube::Error::Service(_) if !met && is_connect(error) => None,
            kube::Error::HyperError(_) | kube::Error::Service(_) => {
                // A restart takes its own time, however fast a simulated one runs.
                let pause = Duration::from_millis(250 << self.tried.min(5)).min(LONGEST_ABSENCE);
                let goes_on = if met { self.since.elapsed() < RESTART } else { goes_on };
                goes_on.then_some(pause)
            }
            _ => None,
        }
    }
}

/// Whether an answer is one of an API server, or of what stands before it, that will answer soon: it is too busy (429), has failed within
/// (`etcdserver: leader changed`), or is not reached by its load balancer.
fn is_passing(status: &Status, reads: bool) -> bool {
    match status.code {
        429 => true,
        500 => reads || !status.message.contains("webhook"),
        501 | 505 => false,
        code => (502..600).contains(&code),
    }
}

/// Whether no connection was made. One that was accepted and closed before TLS began doesn't count: a load balancer does that while its
/// API server restarts. The client library shows the kind of an error by its text alone.
fn is_connect(error: &kube::Error) -> bool {
    let mut connects = false;
    let mut source = error.source();
    while let Some(inner) = source {
        connects |= inner.to_string().contains("(Connect)");
        if inner.downcast_ref::<io::Error>().is_some_and(is_closed) {
            return false;
        }
        source = inner.source();
    }
    connects
}

fn is_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, UnexpectedEof};
    // An error that another one wraps is no source of it.
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<io::Error>());
    matches!(error.kind(), ConnectionAborted | ConnectionReset | UnexpectedEof) || inner.is_some_and(is_closed)
}

#[cfg(test)]
mod tests;
