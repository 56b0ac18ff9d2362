//! The one client of the process: its login, its limits, and how often a request is tried again.

use std::cell::Cell;
use std::error::Error as _;
use std::rc::Rc;
use std::time::Duration;

use aksbackup_shared::failure::{Failure, Outcome};
use jiff::{SignedDuration, Timestamp};
use kube::{Client, Config};
use tokio::sync::Mutex;

use crate::cluster::error::{Doing, failure};
use crate::cluster::kubeconfig::Access;
use crate::cluster::plugin;

/// How often a request is sent that finds the API server busy.
const TRIES: u32 = 4;
/// The longest pause between two tries, whatever the API server asks for.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// A credential is renewed so long before it expires.
const MARGIN: SignedDuration = SignedDuration::from_secs(60);

/// A way to the API server.
pub(crate) struct Connection {
    access: Access,
    timeout: Option<Duration>,
    trace: Box<dyn Fn(String)>,
    met: Cell<bool>,
    current: Mutex<Option<Signed>>,
}

struct Signed {
    client: Client,
    until: Option<Timestamp>,
}

impl Connection {
    /// A connection that nothing was sent over yet. A request may take `timeout`; zero is for ever. Each one is told to
    /// `trace`.
    pub(crate) fn new(mut access: Access, timeout: Duration, trace: impl Fn(String) + 'static) -> Rc<Self> {
        let config = &mut access.config;
        let agent = concat!("kubectl-aksbackup/", env!("CARGO_PKG_VERSION"));
        if let (Ok(name), Ok(value)) = ("user-agent".parse(), agent.parse()) {
            config.headers.push((name, value));
        }
        config.connect_timeout = Some(Duration::from_secs(10));
        config.default_retry = false;
        Rc::new(Self {
            access,
            trace: Box::new(trace),
            met: Cell::new(false),
            timeout: (!timeout.is_zero()).then_some(timeout),
            current: Mutex::new(None),
        })
    }

    /// Address of the API server.
    pub(crate) fn server(&self) -> &str {
        &self.access.server
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
        let mut current = self.current.lock().await;
        if let Some(signed) = current.as_ref()
            && signed.until.is_none_or(|until| Timestamp::now() + MARGIN < until)
        {
            return Ok(signed.client.clone());
        }
        let (config, until) = self.signed_in().await?;
        let client = Client::try_from(config).or_else(|error| self.unusable(&error))?;
        *current = Some(Signed {
            client: client.clone(),
            until,
        });
        Ok(client)
    }

    async fn signed_in(&self) -> Outcome<(Config, Option<Timestamp>)> {
        use base64::Engine as _;
        let mut config = self.access.config.clone();
        let Some(plugin) = &self.access.plugin else {
            return Ok((config, None));
        };
        let given = plugin::run(plugin.clone()).await?;
        let encoded = |pem: String| base64::engine::general_purpose::STANDARD.encode(pem);
        config.auth_info.token = given.token.map(Into::into);
        config.auth_info.client_certificate_data = given.client_certificate_data.map(encoded);
        config.auth_info.client_key_data = given.client_key_data.map(|pem| encoded(pem).into());
        Ok((config, given.expiration_timestamp))
    }

    /// Why no client could be made. Errors of the login may quote secrets, so that only TLS errors are told in full.
    fn unusable<T>(&self, error: &kube::Error) -> Outcome<T> {
        let what = Failure::usage(format!("cannot use the kubeconfig for {}", self.access.server));
        match error {
            kube::Error::RustlsTls(why) => what.because(why.to_string()),
            kube::Error::Auth(kube::client::AuthError::ReadTokenFile(why, path)) => {
                what.because(format!("token file {}: {why}", path.display()))
            }
            kube::Error::ProxyProtocolDisabled { .. } | kube::Error::ProxyProtocolUnsupported { .. } => {
                what.because("its proxy, or that of the environment, is neither http:// nor https://")
            }
            kube::Error::InferKubeconfig(why) => what.because(why.to_string()),
            _ => what.because("its login cannot be used"),
        }
        .err()
    }

    /// Sends a request, which may be repeated: a busy API server and a broken connection are tried again. So can every
    /// request of this program: an apply comes to the same, and a pod is deleted by its uid.
    ///
    /// # Errors
    /// What the API server refuses, or that it cannot be reached.
    pub(crate) async fn send<T>(&self, doing: &Doing, request: impl AsyncFn(Client) -> kube::Result<T>) -> Outcome<T> {
        let mut tried = 0;
        let mut renewed = false;
        loop {
            let client = self.client().await?;
            (self.trace)(format!("  {doing}"));
            let answer = match self.timeout {
                Some(limit) => match tokio::time::timeout(limit, request(client)).await {
                    Ok(answer) => answer,
                    Err(_) => return self.too_slow(doing, limit),
                },
                None => request(client).await,
            };
            tried += 1;
            let error = match answer {
                Ok(answer) => {
                    self.met.set(true);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if is_unauthorized(&error) && self.access.plugin.is_some() && !renewed {
                renewed = true;
                *self.current.lock().await = None;
                continue;
            }
            match pause_after(&error, tried, self.met.get()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return failure(&error, doing, &self.access.server).err(),
            }
        }
    }

    fn too_slow<T>(&self, doing: &Doing, limit: Duration) -> Outcome<T> {
        let limit = aksbackup_shared::console::human(limit);
        Failure::failed(format!("{} did not answer within {limit}", self.access.server))
            .because(format!("asked to {} {}", doing.verb, doing.object))
            .hint("give it longer: --request-timeout 2m")
            .err()
    }
}

fn is_unauthorized(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 401)
}

/// How long to wait before the next try; `None` gives up. An API server that was never reached is told at once; one that
/// was `met` may be restarting.
fn pause_after(error: &kube::Error, tried: u32, met: bool) -> Option<Duration> {
    if tried >= TRIES {
        return None;
    }
    let backoff = Duration::from_millis(250 << tried.min(5));
    match error {
        kube::Error::Api(status) if matches!(status.code, 429 | 503 | 504) => {
            let wish = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
            Some(Duration::from_secs(wish.into()).clamp(backoff, LONGEST_PAUSE.max(backoff)))
        }
        kube::Error::Service(_) if is_connect(error) => met.then_some(backoff),
        kube::Error::HyperError(_) | kube::Error::Service(_) => Some(backoff),
        _ => None,
    }
}

/// Whether no connection was made, so that nothing was sent. The client library shows the kind of an error by its text
/// alone.
fn is_connect(error: &kube::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.to_string().contains("(Connect)") {
            return true;
        }
        source = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn busy(code: u16, wish: u32) -> kube::Error {
        let mut status: Status = Status {
            code,
            ..Status::default()
        };
        status.details = serde_json::from_value(serde_json::json!({ "retryAfterSeconds": wish })).unwrap();
        kube::Error::Api(status.boxed())
    }

    #[test]
    fn a_busy_server_is_asked_again_a_few_times_within_bounds() {
        assert_eq!(pause_after(&busy(429, 2), 1, true), Some(Duration::from_secs(2)));
        assert_eq!(pause_after(&busy(503, 3600), 1, true), Some(LONGEST_PAUSE));
        assert_eq!(pause_after(&busy(503, 0), 1, true), Some(Duration::from_millis(500)));
        assert_eq!(pause_after(&busy(503, 0), TRIES, true), None);
    }

    #[test]
    fn a_server_that_was_never_reached_is_told_at_once_and_one_that_was_met_may_restart() {
        let connect = || kube::Error::Service("client error (Connect)".into());
        assert_eq!(pause_after(&connect(), 1, false), None);
        assert!(pause_after(&connect(), 1, true).is_some());
        let broken = kube::Error::Service("connection reset".into());
        assert!(pause_after(&broken, 1, false).is_some());
        assert!(pause_after(&broken, TRIES, true).is_none());
    }

    #[test]
    fn a_refusal_is_not_asked_again() {
        assert_eq!(pause_after(&busy(403, 0), 1, true), None);
        assert_eq!(pause_after(&busy(500, 0), 1, true), None);
    }
}
