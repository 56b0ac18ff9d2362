//! A kubeconfig's credential plugin, such as kubelogin: run once, and again when what it gave is about to expire.
//!
//! It is run here and not by the client library, which runs it three times for each client and quotes the plugin's
//! environment, secrets included, when it fails.

use std::io::IsTerminal as _;
use std::process::Stdio;
use std::time::Duration;

use aksbackup_shared::command_line::shell;
use aksbackup_shared::console::human;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use jiff::Timestamp;
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use zeroize::Zeroizing;

/// What a plugin gave; its secrets are overwritten when they are dropped.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Credential {
    /// Bearer token.
    pub(crate) token: Option<Zeroizing<String>>,
    /// Client certificate, PEM.
    pub(crate) client_certificate_data: Option<String>,
    /// Its key, PEM.
    pub(crate) client_key_data: Option<Zeroizing<String>>,
    /// Until when it is good.
    pub(crate) expiration_timestamp: Option<Timestamp>,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").finish_non_exhaustive()
    }
}

/// `ExecCredential` of client.authentication.k8s.io, as it goes to the plugin.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    kind: &'static str,
    api_version: Option<&'a str>,
    spec: Specification<'a>,
}

#[derive(Serialize)]
struct Specification<'a> {
    interactive: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ExecAuthCluster>,
}

/// `ExecCredential` as it comes back.
#[derive(Deserialize)]
struct Answer {
    status: Option<Credential>,
}

/// Runs the plugin. What it says on standard error goes to the person, as with kubectl; what it prints on standard
/// output is never shown. Where nobody is there whom it could ask, it may take `limit`; zero time is for ever.
///
/// # Errors
/// It cannot be started, ends badly, takes too long, or answers something else: exit 4, without a word of its
/// environment.
pub(crate) async fn run(plugin: &ExecConfig, limit: Option<Duration>) -> Outcome<Credential> {
    let person = std::io::stdin().is_terminal();
    let watched = person || std::io::stderr().is_terminal();
    credential(plugin, person, limit.filter(|_| !watched)).await
}

async fn credential(plugin: &ExecConfig, person: bool, limit: Option<Duration>) -> Outcome<Credential> {
    let name = plugin.command.as_deref().unwrap_or_default();
    if plugin.interactive_mode == Some(ExecInteractiveMode::Always) && !person {
        return Failure::not_permitted(format!(
            "credential plugin {name} of the kubeconfig requires user input"
        ))
        .because("its interactiveMode is Always, but standard input isn't a terminal")
        .hint("sign in non-interactively. For AKS, run: az login, then kubelogin convert-kubeconfig -l azurecli")
        .err();
    }
    let child = match prepared(plugin, name, person).spawn() {
        Ok(child) => child,
        Err(error) => return not_started(plugin, name, &error),
    };
    let output = child.wait_with_output();
    let output = match limit {
        None => output.await,
        Some(limit) => match tokio::time::timeout(limit, output).await {
            Ok(output) => output,
            Err(_) => return too_slow(name, limit),
        },
    };
    let output = match output {
        Ok(output) => output,
        Err(error) => return not_started(plugin, name, &error),
    };
    if !output.status.success() {
        return Failure::not_permitted(format!("credential plugin {name} of the kubeconfig failed"))
            .because(format!("it exited with {}; its output is above", output.status))
            .hint("sign in as described in the plugin's output. For AKS, run: az login, then kubelogin convert-kubeconfig -l azurecli")
            .err();
    }
    let stdout = Zeroizing::new(output.stdout);
    let answer = serde_json::from_slice::<Answer>(&stdout)
        .ok()
        .and_then(|answer| answer.status);
    answer.map_or_else(
        || {
            Failure::not_permitted(format!(
                "credential plugin {name} of the kubeconfig returned no credential"
            ))
            .because("its output isn't an ExecCredential in JSON with a status")
            .err()
        },
        Ok,
    )
}

fn too_slow(name: &str, limit: Duration) -> Outcome<Credential> {
    let limit = human(limit);
    Failure::not_permitted(format!(
        "credential plugin {name} of the kubeconfig returned nothing within {limit}"
    ))
    .because("it was stopped; it might have been waiting for input")
    .hint("sign in non-interactively. For AKS, run: az login, then kubelogin convert-kubeconfig -l azurecli")
    .hint("or allow more time: --request-timeout 2m")
    .err()
}

/// The plugin may ask the person, where there is one, unless the kubeconfig says that it never does.
fn prepared(plugin: &ExecConfig, name: &str, person: bool) -> Command {
    let interactive = person && plugin.interactive_mode != Some(ExecInteractiveMode::Never);
    let request = Request {
        kind: "ExecCredential",
        api_version: plugin.api_version.as_deref(),
        spec: Specification {
            interactive,
            cluster: plugin.cluster.as_ref().filter(|_| plugin.provide_cluster_info),
        },
    };
    let mut command = Command::new(name);
    command.args(plugin.args.iter().flatten());
    for variable in plugin.env.iter().flatten() {
        if let (Some(name), Some(value)) = (variable.get("name"), variable.get("value")) {
            command.env(name, value);
        }
    }
    command
        .env(
            "KUBERNETES_EXEC_INFO",
            serde_json::to_string(&request).unwrap_or_default(),
        )
        .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true);
    command
}

fn not_started(plugin: &ExecConfig, name: &str, error: &std::io::Error) -> Outcome<Credential> {
    let mut failure = Failure::not_permitted(format!("cannot start credential plugin {name} of the kubeconfig"))
        .because(error.to_string());
    if let Some(hint) = &plugin.install_hint {
        failure = failure.hint(hint.trim().to_owned());
    } else if name.ends_with("kubelogin") {
        failure = failure.hint(fix!["install it: ", shell("az aks install-cli")]);
    }
    failure.err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::exit::Exit;

    fn shell(script: &str) -> ExecConfig {
        serde_json::from_value(serde_json::json!({
            "apiVersion": "client.authentication.k8s.io/v1", "command": "sh", "args": ["-c", script],
            "env": [{ "name": "PLUGIN_SECRET", "value": "do-not-print" }], "interactiveMode": "Never",
        }))
        .unwrap()
    }

    #[tokio::test]
    async fn a_credential_with_its_expiry_is_read() {
        let script = r#"printf '{"kind":"ExecCredential","status":{"token":"t-%s","expirationTimestamp":"2030-01-01T00:00:00Z"}}' "$PLUGIN_SECRET""#;
        let credential = credential(&shell(script), false, None).await.unwrap();
        assert_eq!(credential.token.unwrap().as_str(), "t-do-not-print");
        assert_eq!(credential.expiration_timestamp, "2030-01-01T00:00:00Z".parse().ok());
    }

    #[tokio::test]
    async fn a_failing_plugin_tells_nothing_of_its_environment_or_output() {
        for script in ["echo token-in-output; exit 3", "echo token-in-output"] {
            let failure = credential(&shell(script), false, None).await.unwrap_err();
            assert_eq!(failure.exit, Exit::NotPermitted);
            let text = failure.to_string();
            assert!(
                !text.contains("do-not-print") && !text.contains("token-in-output"),
                "{text}"
            );
        }
    }

    #[tokio::test]
    async fn a_missing_plugin_is_named_with_the_way_to_install_it() {
        let mut plugin = shell("");
        plugin.command = Some("/nowhere/kubelogin".into());
        let failure = credential(&plugin, false, None).await.unwrap_err();
        assert!(failure.what.contains("/nowhere/kubelogin"));
        assert!(failure.hints[0].to_string().contains("az aks install-cli"));
    }

    #[tokio::test]
    async fn a_plugin_that_hangs_is_ended() {
        let limit = Some(Duration::from_millis(50));
        let failure = credential(&shell("exec sleep 600"), false, limit).await.unwrap_err();
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert!(failure.to_string().contains("--request-timeout"), "{failure}");
    }

    #[tokio::test]
    async fn a_plugin_is_told_that_nobody_can_be_asked() {
        let script = r#"printf '{"status":{"token":%s}}' "$(printf %s "$KUBERNETES_EXEC_INFO" | grep -c '"interactive":false')" | sed 's/:1}/:"nobody"}/'"#;
        let mut plugin = shell(script);
        plugin.interactive_mode = Some(ExecInteractiveMode::IfAvailable);
        let credential = credential(&plugin, false, None).await.unwrap();
        assert_eq!(credential.token.unwrap().as_str(), "nobody");
    }

    #[tokio::test]
    async fn a_plugin_that_must_ask_is_not_started_where_nobody_is() {
        let mut plugin = shell("echo started >&2");
        plugin.interactive_mode = Some(ExecInteractiveMode::Always);
        let failure = credential(&plugin, false, None).await.unwrap_err();
        assert!(failure.to_string().contains("interactiveMode"), "{failure}");
    }
}
