//! A login that failed, in Entra's own words.

use aksbackup_shared::bounds::{TOO_LARGE, excess_of};
use aksbackup_shared::command_line::{Fix, shell};
use aksbackup_shared::failure::Failure;
use aksbackup_shared::fix;
use azure_core::error::ErrorKind;

use crate::http::error::{chain, is_noise, unreachable};

/// The failure of a credential, or nothing where the error is of another kind.
pub(crate) fn refusal(error: &azure_core::Error) -> Option<Failure> {
    let credential = matches!(error.kind(), ErrorKind::Credential);
    (credential || chain(error).iter().any(|text| text.contains("AADSTS"))).then(|| failure(error))
}

/// The failure that a credential's error is.
pub(super) fn failure(error: &azure_core::Error) -> Failure {
    let raw = chain(error);
    let az = raw.iter().any(|text| text.contains("AzureCliCredential"));
    let texts: Vec<String> = raw
        .iter()
        .map(|text| without_advertisement(&unescaped(text)))
        .filter(|text| !is_noise(text))
        .collect();
    if let Some(excess) = excess_of(error) {
        return Failure::failed("cannot sign in to Azure")
            .because(format!("unexpected response from the sign-in endpoint: {excess}"))
            .code(TOO_LARGE);
    }
    // The client library gives this the kind of a network error.
    if texts.iter().any(|text| text.contains("AZURE_FEDERATED_TOKEN_FILE")) {
        return Failure::not_permitted("cannot sign in to Azure")
            .because("environment variable AZURE_FEDERATED_TOKEN_FILE is not set")
            .hint("run this command in a pod with workload identity, or choose another sign-in method: --auth cli");
    }
    if is_network(error) {
        return unreachable(Failure::failed("cannot reach the sign-in endpoint of Azure"), &texts);
    }
    let failure = Failure::not_permitted("cannot sign in to Azure");
    let Some(entra) = texts.iter().find_map(|text| entra_words(text)) else {
        return explained(failure, &texts);
    };
    let code = entra.split(':').next().unwrap_or_default().to_owned();
    let trace = entra
        .lines()
        .find_map(|line| line.strip_prefix("Trace ID: "))
        .map(|id| id.trim().to_owned());
    failure
        .because(entra)
        .hint(cure(&code, az))
        .code(code)
        .request_id(trace)
}

/// Whether the login host gave no answer at all.
fn is_network(error: &azure_core::Error) -> bool {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        let own = error.downcast_ref::<azure_core::Error>();
        if own.is_some_and(|own| matches!(own.kind(), ErrorKind::Connection | ErrorKind::Io)) {
            return true;
        }
        next = error.source();
    }
    false
}

/// What to do about an error of Entra. `az` says that the Azure CLI asked for the token.
fn cure(code: &str, az: bool) -> Fix {
    match code {
        "AADSTS7000215" | "AADSTS7000222" => {
            fix!["set AZURE_CLIENT_SECRET to an unexpired secret of the application"]
        }
        "AADSTS700016" | "AADSTS90002" | "AADSTS900023" => {
            fix![
                "check AZURE_CLIENT_ID and AZURE_TENANT_ID, or sign in with the Azure CLI: ",
                shell("az login --tenant TENANT")
            ]
        }
        "AADSTS700027" => {
            fix!["check that the application has the certificate in AZURE_CLIENT_CERTIFICATE_PATH"]
        }
        "AADSTS700211" | "AADSTS700212" | "AADSTS700213" | "AADSTS70021" => {
            fix!["check the issuer, subject, and audience of the application's federated credential"]
        }
        _ if az => fix!["sign in again: ", shell("az login")],
        _ => {
            fix!["check AZURE_TENANT_ID, AZURE_CLIENT_ID, and the credential, or use the Azure CLI: --auth cli"]
        }
    }
}

fn explained(failure: Failure, texts: &[String]) -> Failure {
    let all = texts.join("\n");
    let failure = texts.iter().cloned().fold(failure, Failure::because);
    if all.contains("not found on PATH") {
        return failure
            .hint(fix!["install the Azure CLI and sign in: ", shell("az login")])
            .hint("sign in as an application instead: AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET");
    }
    match all.contains("az login") {
        true => failure.hint(shell("az login")),
        false => failure.hint(fix![
            "sign in (",
            shell("az login"),
            "), or choose another sign-in method: --auth cli|environment|managed-identity|workload-identity"
        ]),
    }
}

/// The library ends its errors with a link; az's own words suffice.
fn without_advertisement(text: &str) -> String {
    let text = text.split("\nTo troubleshoot, visit").next().unwrap_or_default();
    let text = text
        .split_once(" authentication failed.")
        .map_or(text, |(_, rest)| rest);
    text.trim().trim_start_matches("ERROR: ").to_owned()
}

/// Entra's words within a text, from the code on: to the end of its JSON string, or of the text.
fn entra_words(text: &str) -> Option<String> {
    let at = text.find("AADSTS")?;
    let rest = text.get(at..)?;
    let end = ["\",\"", "\", expected", "\"}", "\nTo troubleshoot"]
        .iter()
        .filter_map(|mark| rest.find(mark))
        .min()
        .unwrap_or(rest.len());
    let words = rest.get(..end)?;
    Some(
        words
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// Undoes the escapes of JSON and of debug output.
fn unescaped(text: &str) -> String {
    text.replace("\\r\\n", "\n")
        .replace("\\n", "\n")
        .replace("\r\n", "\n")
        .replace("\\\"", "\"")
        .replace("\\u0027", "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aksbackup_shared::exit::Exit;
    use azure_core::Error;

    fn of(text: &str) -> Failure {
        failure(&Error::with_message(ErrorKind::Credential, text.to_owned()))
    }

    #[test]
    fn entra_s_words_are_whole_and_readable() {
        let failure = of(
            "ClientSecretCredential authentication failed. invalid type: string \"AADSTS7000215: Invalid client \
             secret.\\r\\nTrace ID: t-1\\r\\nCorrelation ID: c-1\", expected a borrowed string at line 1",
        );
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert_eq!(failure.code.as_deref(), Some("AADSTS7000215"));
        assert_eq!(failure.request_id.as_deref(), Some("t-1"));
        assert_eq!(
            failure.why,
            ["AADSTS7000215: Invalid client secret.\nTrace ID: t-1\nCorrelation ID: c-1"]
        );
    }

    #[test]
    fn az_s_words_are_kept_without_the_library_s() {
        let failure = of(
            "AzureCliCredential authentication failed. ERROR: Please run 'az login' to setup account.\n\
             \nTo troubleshoot, visit https://aka.ms/x",
        );
        assert_eq!(failure.why, ["Please run 'az login' to setup account."]);
        assert_eq!(failure.hints, ["az login"]);
    }

    #[test]
    fn the_cure_depends_on_who_asked_for_the_token() {
        let cure = |text: &str| of(text).hints.iter().map(ToString::to_string).collect::<String>();
        assert_eq!(
            cure("AzureCliCredential authentication failed. AADSTS700082: expired"),
            "sign in again: az login"
        );
        assert!(cure("ClientSecretCredential authentication failed. AADSTS5: x").contains("AZURE_CLIENT_ID"));
        assert!(cure("WorkloadIdentityCredential authentication failed. AADSTS700213: x").contains("subject"));
    }

    #[test]
    fn a_login_that_cannot_be_reached_is_no_missing_right() {
        let refused = std::io::Error::other("Connection refused");
        let inner = Error::with_error(ErrorKind::Connection, refused, "failed to execute `reqwest` request");
        let failure = failure(&Error::with_error(
            ErrorKind::Credential,
            inner,
            "x authentication failed. retry policy expired",
        ));
        assert_eq!(
            (failure.exit, failure.why),
            (Exit::Failed, vec!["Connection refused".to_owned()])
        );
    }

    #[test]
    fn without_az_the_other_ways_are_named() {
        let failure = of("AzureCliCredential authentication failed. az not found on PATH");
        assert_eq!(failure.exit, Exit::NotPermitted);
        assert!(
            failure
                .hints
                .iter()
                .any(|hint| hint.to_string().contains("AZURE_CLIENT_SECRET"))
        );
    }
}
