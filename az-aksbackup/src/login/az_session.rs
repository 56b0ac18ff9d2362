//! The login of the az that started this program: tokens and context over an inherited socket.
//!
//! The extension `aksbackup` of az keeps one end of a socket pair and gives this program the other, so that no token is
//! in an argument, in the environment or in a file. One JSON document a line: a question here, an answer there.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::CloudName;
use async_trait::async_trait;
use azure_core::credentials::{AccessToken, Secret, TokenCredential, TokenRequestOptions};
use azure_core::error::ErrorKind;
use azure_core::http::Url;
use azure_core::time::OffsetDateTime;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::lifetime;
use crate::cloud::Cloud;

#[cfg(unix)]
type Stream = std::os::unix::net::UnixStream;
/// Where no socket can be inherited, az is asked by its command line.
#[cfg(not(unix))]
type Stream = std::net::TcpStream;

/// Set by the extension to its own version, which has to be this program's.
pub(crate) const VARIABLE: &str = "AKSBACKUP_AZ_EXTENSION";

/// az signs in again where it has to, which may take as long as with az alone.
#[cfg(unix)]
const LIMIT: Duration = Duration::from_secs(60);

static INHERITED: OnceLock<Arc<AzSession>> = OnceLock::new();

/// The other end of the socket: the az that is signed in.
#[derive(Debug)]
pub(crate) struct AzSession {
    stream: Mutex<BufReader<Stream>>,
}

/// Takes over the socket, if az started this program with one; has to come before anything that may start a process,
/// which would inherit it too.
///
/// # Errors
/// Exit 1: az's extension is of another version than this program.
pub(crate) fn inherit() -> Outcome<()> {
    let Some(extension) = std::env::var_os(VARIABLE) else {
        return Ok(());
    };
    let own = env!("CARGO_PKG_VERSION");
    if extension != own {
        let extension = extension.to_string_lossy();
        return Failure::failed(format!(
            "the Azure CLI extension aksbackup has version {extension}, but this program has version {own}"
        ))
        .because(format!("this program is {}", program()))
        .hint("install both again from the same release: ./install.sh")
        .hint("specify the program that belongs to the extension instead: AKSBACKUP_BIN=PATH")
        .err();
    }
    if let Some(stream) = socket() {
        let stream = Mutex::new(BufReader::new(stream));
        let _ = INHERITED.set(Arc::new(AzSession { stream }));
    }
    Ok(())
}

fn program() -> String {
    std::env::current_exe().map_or_else(|_| "az-aksbackup".to_owned(), |path| path.display().to_string())
}

/// The socket, from now on closed in every process that this one starts.
#[cfg(unix)]
fn socket() -> Option<Stream> {
    let mut passed = listenfd::ListenFd::from_env();
    let socket = passed.take_unix_listener(0).ok().flatten()?;
    let stream = Stream::from(std::os::fd::OwnedFd::from(socket));
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    Some(stream)
}

#[cfg(not(unix))]
fn socket() -> Option<Stream> {
    None
}

/// What az is set to.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Context {
    cloud: CloudName,
    resource_manager: String,
    login: String,
    audience: String,
    storage_suffix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Token {
    token: String,
    expires_on: i64,
}

/// An answer without anything but the words of an error.
#[derive(Deserialize)]
struct Refusal {
    error: Option<String>,
}

impl AzSession {
    /// The az that started this program, if it did.
    pub(super) fn inherited() -> Option<Arc<Self>> {
        INHERITED.get().cloned()
    }

    /// The cloud that az is set to, a custom one included.
    ///
    /// # Errors
    /// Exit 4: az does not answer. Exit 2: its cloud has no usable address.
    pub(crate) async fn cloud(self: &Arc<Self>) -> Outcome<Cloud> {
        let context: Context = self.ask(json!({ "get": "context" })).await.map_err(|error| {
            Failure::not_permitted("cannot determine the cloud that the Azure CLI uses")
                .because(error.to_string())
                .hint(fix!["check the Azure CLI: ", shell("az account show")])
        })?;
        let Ok(arm) = Url::parse(&context.resource_manager) else {
            let address = context.resource_manager;
            return Failure::usage(format!(
                "cloud {} of the Azure CLI has no valid Resource Manager endpoint: {address:?}",
                context.cloud
            ))
            .hint(fix!["see: ", shell("az cloud show")])
            .err();
        };
        let bare = |text: String| text.trim_end_matches('/').to_owned();
        Ok(Cloud {
            name: context.cloud,
            arm,
            login: bare(context.login),
            audience: bare(context.audience),
            storage_suffix: context.storage_suffix,
        })
    }

    /// Asks az and gives its answer, or the words of its error.
    async fn ask<T: DeserializeOwned + Send + 'static>(self: &Arc<Self>, question: Value) -> io::Result<T> {
        let own = Arc::clone(self);
        tokio::task::spawn_blocking(move || own.exchange(&question)).await?
    }

    /// Writes a question and reads a line, which can hold a token: there is no copy of it.
    fn converse(&self, question: &Value) -> io::Result<Zeroizing<String>> {
        let mut stream = self.stream.lock().unwrap_or_else(PoisonError::into_inner);
        stream.get_mut().write_all(format!("{question}\n").as_bytes())?;
        let mut line = Zeroizing::new(String::new());
        match stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line),
        }
    }

    fn exchange<T: DeserializeOwned>(&self, question: &Value) -> io::Result<T> {
        let line = self.converse(question).map_err(|error| match error.kind() {
            // Whether its end shows in writing or in reading is a matter of the moment.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => {
                io::Error::new(io::ErrorKind::UnexpectedEof, "az exited during sign-in")
            }
            _ => error,
        })?;
        match serde_json::from_str::<Refusal>(&line)?.error {
            Some(words) => Err(io::Error::other(words)),
            None => Ok(serde_json::from_str(&line)?),
        }
    }
}

/// Tokens of the account that az has chosen, or of the one that has `subscription`.
#[derive(Debug)]
pub(super) struct AzSessionCredential {
    pub(super) session: Arc<AzSession>,
    pub(super) subscription: Option<String>,
}

#[async_trait]
impl TokenCredential for AzSessionCredential {
    async fn get_token(
        &self,
        scopes: &[&str],
        _options: Option<TokenRequestOptions<'_>>,
    ) -> azure_core::Result<AccessToken> {
        let question = json!({ "get": "token", "scope": scopes.first(), "subscription": self.subscription });
        let answer: io::Result<Token> = self.session.ask(question).await;
        let answer =
            answer.map_err(|error| azure_core::Error::with_message(ErrorKind::Credential, error.to_string()))?;
        let expires_on = OffsetDateTime::from_unix_timestamp(lifetime::moment(answer.expires_on))
            .map_err(|error| azure_core::Error::with_message(ErrorKind::Credential, error.to_string()))?;
        Ok(AccessToken::new(Secret::new(answer.token), expires_on))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    type Questions = std::thread::JoinHandle<io::Result<Vec<String>>>;

    /// A session whose other end gives `answers`, and what it was asked.
    fn session(answers: &'static [&'static str]) -> (Arc<AzSession>, Questions) {
        let Ok((own, other)) = Stream::pair() else {
            panic!("no pair of sockets");
        };
        let az = std::thread::spawn(move || {
            let mut asked = Vec::new();
            let mut other = BufReader::new(other);
            for answer in answers {
                let mut line = String::new();
                other.read_line(&mut line)?;
                asked.push(line.trim_end().to_owned());
                writeln!(other.get_mut(), "{answer}")?;
            }
            Ok(asked)
        });
        let stream = Mutex::new(BufReader::new(own));
        (Arc::new(AzSession { stream }), az)
    }

    #[tokio::test]
    async fn the_cloud_is_the_one_that_az_is_set_to() {
        let (session, az) = session(&[
            r#"{"cloud":"FakeCloud","resourceManager":"https://arm.example/","login":"https://login.example/","audience":"https://aud.example/","storageSuffix":"fake.example"}"#,
        ]);
        let cloud = session.cloud().await.unwrap();
        assert_eq!(cloud.scope(), "https://aud.example/.default");
        assert_eq!(
            (cloud.login.as_str(), cloud.arm.as_str()),
            ("https://login.example", "https://arm.example/")
        );
        assert_eq!(az.join().unwrap().unwrap(), [r#"{"get":"context"}"#]);
    }

    #[tokio::test]
    async fn a_token_is_asked_for_by_scope_and_subscription() {
        let (session, az) = session(&[r#"{"token":"secret","expiresOn":4102444800}"#]);
        let credential = AzSessionCredential {
            session,
            subscription: Some("s".to_owned()),
        };
        let token = credential.get_token(&["https://arm/.default"], None).await.unwrap();
        assert_eq!(token.token.secret(), "secret");
        assert_eq!(token.expires_on.unix_timestamp(), 4_102_444_800);
        assert_eq!(
            az.join().unwrap().unwrap(),
            [r#"{"get":"token","scope":"https://arm/.default","subscription":"s"}"#]
        );
    }

    #[tokio::test]
    async fn az_s_own_words_come_through_and_its_end_is_noticed() {
        let (session, az) = session(&[r#"{"error":"AADSTS700082: The refresh token has expired."}"#]);
        let credential = AzSessionCredential {
            session,
            subscription: None,
        };
        let error = credential.get_token(&["x"], None).await.unwrap_err().to_string();
        assert!(error.contains("AADSTS700082"), "{error}");
        az.join().unwrap().unwrap();
        let error = credential.get_token(&["x"], None).await.unwrap_err().to_string();
        assert!(error.contains("az exited during sign-in"), "{error}");
    }
}
