//! A cloud that describes itself by ARM's metadata endpoint.

use std::sync::Arc;

use aksbackup_shared::bounds::{TOO_LARGE, excess_of};
use aksbackup_shared::deadline::Deadline;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::CloudName;
use azure_core::http::headers::ACCEPT;
use azure_core::http::{Context, Method, PipelineSendOptions, Request, Transport, Url};
use serde::Deserialize;

use super::{Cloud, METADATA_VARIABLE, pace_of};
use crate::http::bounded::MARK;
use crate::http::error::{chain, unreachable};
use crate::http::retry::{Attempts, Late, Trace};
use crate::http::timeout::Limit;
use crate::http::transport;

/// A cloud's own description.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    name: Option<String>,
    resource_manager: Option<String>,
    authentication: Authentication,
    #[serde(default)]
    suffixes: Suffixes,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authentication {
    login_endpoint: String,
    #[serde(default)]
    audiences: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Suffixes {
    storage: Option<String>,
}

/// ARM describes one cloud, or under older versions all that it knows.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Document {
    One(Box<Metadata>),
    Many(Vec<Metadata>),
}

impl Cloud {
    /// The cloud that the document at `url` describes, or of several the `wanted` one.
    ///
    /// # Errors
    /// Exit 2: no https, or no document of a usable cloud. Exit 1: nobody answers there.
    pub(super) async fn describe(
        transport: &Transport,
        trace: Trace,
        deadline: Deadline,
        url: &str,
        wanted: Option<&CloudName>,
    ) -> Outcome<Self> {
        let document = deadline
            .within(
                format!("the cloud metadata of {url}"),
                fetch(transport, trace, deadline, url),
            )
            .await?;
        let metadata = match document {
            Document::One(metadata) => vec![*metadata],
            Document::Many(all) => all,
        };
        let fits = |cloud: &&Metadata| match (wanted, &cloud.name) {
            (Some(wanted), Some(name)) => wanted.as_str().eq_ignore_ascii_case(name),
            (Some(_), None) => false,
            (None, _) => true,
        };
        match metadata.iter().find(fits) {
            Some(metadata) => Self::from_metadata(metadata, url),
            None => match wanted.and_then(|name| Self::known(name.as_str())) {
                Some(cloud) => Ok(cloud),
                None => Failure::usage(format!("{METADATA_VARIABLE} doesn't describe the cloud in --cloud"))
                    .because(format!("the metadata describes {}", names(&metadata)))
                    .err(),
            },
        }
    }

    fn from_metadata(metadata: &Metadata, url: &str) -> Outcome<Self> {
        let host = |text: &str| Url::parse(text).ok().filter(|url| url.scheme() == "https");
        let name = metadata.name.as_deref().and_then(|name| name.parse().ok());
        let arm = metadata.resource_manager.as_deref().map_or_else(
            || {
                Url::parse(url)
                    .ok()
                    .and_then(|url| host(&url.origin().ascii_serialization()))
            },
            host,
        );
        let login = host(&metadata.authentication.login_endpoint);
        let (Some(name), Some(arm), Some(login)) = (name, arm, login) else {
            return undescribed(url)
                .because("the metadata lacks a name, or an https URL of its Resource Manager or sign-in endpoint")
                .err();
        };
        let audience = metadata
            .authentication
            .audiences
            .first()
            .map_or(arm.as_str(), String::as_str);
        Ok(Self {
            name,
            audience: audience.trim_end_matches('/').to_owned(),
            login: login.as_str().trim_end_matches('/').to_owned(),
            storage_suffix: metadata
                .suffixes
                .storage
                .clone()
                .unwrap_or_else(|| "core.windows.net".to_owned()),
            arm,
        })
    }
}

/// Reads the document as patiently as any other of ARM.
async fn fetch(transport: &Transport, trace: Trace, deadline: Deadline, url: &str) -> Outcome<Document> {
    let address = match Url::parse(url) {
        Ok(address) if address.scheme() == "https" => address,
        Ok(_) => return undescribed(url).because("the value isn't an https URL").err(),
        Err(error) => {
            return undescribed(url)
                .because(format!("the value isn't an https URL: {error}"))
                .err();
        }
    };
    let pace = pace_of(&address);
    let pipeline = transport::pipeline(
        transport.clone(),
        vec![
            Arc::new(Attempts::new(pace, None, trace, deadline)),
            Arc::new(Limit::of_arm(pace)),
        ],
    );
    let mut request = Request::new(address, Method::Get);
    request.insert_header(ACCEPT, "application/json");
    let options = PipelineSendOptions {
        skip_checks: true,
        ..PipelineSendOptions::default()
    };
    let failed = |url| Failure {
        exit: Exit::Failed,
        ..undescribed(url)
    };
    let response = match pipeline.send(&Context::new(), &mut request, Some(options)).await {
        Ok(response) => response,
        Err(error) => return unanswered(failed(url), deadline, &error).err(),
    };
    let status = u16::from(response.status());
    if !response.status().is_success() {
        return failed(url).because(format!("it returned HTTP {status}")).err();
    }
    let body: &[u8] = response.body();
    let body = body.strip_prefix(MARK).unwrap_or(body);
    serde_json::from_slice(body).or_else(|error| undescribed(url).because(error.to_string()).err())
}

/// The failure of a document that did not come.
fn unanswered(failed: Failure, deadline: Deadline, error: &azure_core::Error) -> Failure {
    match (error.downcast_ref::<Late>(), excess_of(error)) {
        (Some(late), _) => deadline.reached(format!("{}: {late}", failed.what)),
        (_, Some(excess)) => failed.because(excess.to_string()).code(TOO_LARGE),
        _ => unreachable(failed, &chain(error)),
    }
}

fn undescribed(url: &str) -> Failure {
    let place = url.split('?').next().unwrap_or_default();
    Failure::usage(format!(
        "cannot use the cloud metadata of {METADATA_VARIABLE} ({place})"
    ))
}

fn names(all: &[Metadata]) -> String {
    let names: Vec<&str> = all.iter().filter_map(|cloud| cloud.name.as_deref()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(json: &str) -> Outcome<Cloud> {
        Cloud::from_metadata(
            &serde_json::from_str(json).unwrap(),
            "https://arm.local/metadata/endpoints",
        )
    }

    #[test]
    fn a_cloud_describes_itself() {
        let cloud = described(
            r#"{"name":"Own","resourceManager":"https://arm.local:1/","suffixes":{"storage":"s.local"},
                "authentication":{"loginEndpoint":"https://login.local/","audiences":["https://aud.local/"]}}"#,
        )
        .unwrap();
        assert_eq!(
            (cloud.login.as_str(), cloud.audience.as_str()),
            ("https://login.local", "https://aud.local")
        );
        assert_eq!(
            (cloud.storage_suffix.as_str(), cloud.arm.as_str()),
            ("s.local", "https://arm.local:1/")
        );
    }

    #[test]
    fn a_description_without_tls_or_name_is_refused() {
        for json in [
            r#"{"name":"Own","resourceManager":"http://arm.local","authentication":{"loginEndpoint":"https://l"}}"#,
            r#"{"name":"Own","resourceManager":"https://arm.local","authentication":{"loginEndpoint":"http://l"}}"#,
            r#"{"resourceManager":"https://arm.local","authentication":{"loginEndpoint":"https://l"}}"#,
        ] {
            assert!(described(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_host_outside_ascii_is_refused_and_its_punycode_is_kept() {
        let arm_of = |host: &str| {
            described(&format!(
                r#"{{"name":"Own","resourceManager":"https://{host}","authentication":{{"loginEndpoint":"https://l"}}}}"#
            ))
            .map(|cloud| cloud.arm.to_string())
        };
        assert!(arm_of("arm.bücher.example").is_err());
        assert_eq!(
            arm_of("ARM.xn--bcher-kva.example").unwrap(),
            "https://arm.xn--bcher-kva.example/"
        );
    }
}
