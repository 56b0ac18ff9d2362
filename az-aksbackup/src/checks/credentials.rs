//! The federated credentials: for each service account one with exactly the cluster's issuer, its subject, the audience.

use std::collections::BTreeMap;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{CommandLine, az, shell};
use aksbackup_shared::fix;
use aksbackup_shared::names::AUDIENCE;

use crate::arm::clusters::Cluster;
use crate::arm::identities::{CREDENTIAL_LIMIT, FederatedCredential};
use crate::checks::subjects::{self, Wish};
use crate::checks::view::View;

const LINK: Link = Link::FederatedCredentials;
const NAME: &str = "federated credentials";

/// What is wrong with the credential of one service account.
struct Fault {
    id: &'static str,
    says: String,
    fact: String,
}

/// The checks: one that all is well, or one for each kind of fault.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    if let Some(check) = view.credentials.unread(LINK, NAME, "the federated credentials") {
        return vec![check];
    }
    let issuer = view
        .cluster
        .here()
        .and_then(Cluster::issuer)
        .map(|own| own.as_str().to_owned());
    let (Some(all), Some(issuer)) = (view.credentials.here(), issuer) else {
        return vec![Check::unknown(
            LINK,
            NAME,
            "the extension's identity or the cluster's issuer isn't known",
        )];
    };
    let wishes = subjects::needed(&view.state);
    let mut faults: BTreeMap<&str, Vec<Fault>> = BTreeMap::new();
    let mut unknown: Vec<&Wish> = Vec::new();
    for wish in &wishes {
        let Some(fault) = fault(view, wish, &issuer, all, &wishes) else {
            continue;
        };
        faults.entry(fault.id).or_default().push(fault);
        unknown.extend((!subjects::is_known(wish)).then_some(wish));
    }
    // `prepare` makes credentials for others than the guide's accounts only by name.
    let prepare = az(format!("prepare{}", subjects::flags(unknown.into_iter())));
    if faults.is_empty() {
        let says = format!(
            "one for each of {} service accounts ({} in total)",
            wishes.len(),
            all.len()
        );
        let check = Check::ok(LINK, NAME, says).because(format!("properties.issuer = {issuer}"));
        return vec![check];
    }
    faults
        .into_iter()
        .map(|(id, faults)| told(view, id, &faults, &prepare))
        .collect()
}

fn told(view: &View, id: &str, faults: &[Fault], prepare: &CommandLine) -> Check {
    // The state file names the service accounts, and can name any number of them.
    let (shown, more) = faults.split_at(faults.len().min(CREDENTIAL_LIMIT));
    let mut says: Vec<String> = shown.iter().map(|fault| fault.says.clone()).collect();
    if !more.is_empty() {
        says.push(format!("and {} more", more.len()));
    }
    let hint = match id {
        "FIC-LIMIT" => {
            fix![
                "list the federated credentials, ask their owners which ones are still used, and delete the unused ones: ",
                shell(match view.identity.here() {
                    Some(own) => format!(
                        "az identity federated-credential list --identity-name {} --resource-group {}",
                        own.id.name(),
                        own.id.resource_group()
                    ),
                    None =>
                        "az identity federated-credential list --identity-name NAME --resource-group RESOURCE-GROUP"
                            .to_owned(),
                }),
                ", then ",
                az("prepare")
            ]
        }
        _ => prepare.into(),
    };
    let check = Check::error(LINK, format!("{NAME} {}", title(id)), says.join("; "), hint).proves(id);
    shown
        .iter()
        .fold(check, |check, fault| check.because(fault.fact.clone()))
}

/// A stable word for the name of the check.
fn title(id: &str) -> &'static str {
    match id {
        "FIC-ISSUER" | "FIC-ISSUER-REBUILT" => "issuer",
        "FIC-SUBJECT" => "subject",
        "FIC-SUBJECT-CASE" => "letter case",
        "FIC-AUDIENCE" => "audience",
        "FIC-LIMIT" => "number",
        "FIC-WRONG-IDENTITY" => "identity",
        _ => "missing",
    }
}

fn fault(view: &View, wish: &Wish, issuer: &str, all: &[FederatedCredential], wishes: &[Wish]) -> Option<Fault> {
    let subject = wish.subject.as_str();
    let cloud = view.target().map_or("", |target| target.cloud.as_str());
    let audience = |own: &FederatedCredential| own.has_audience(cloud);
    let of_subject = |own: &&FederatedCredential| own.properties.subject == subject;
    let of_issuer = |own: &&FederatedCredential| own.properties.issuer == issuer;
    if all
        .iter()
        .any(|own| of_subject(&own) && of_issuer(&own) && audience(own))
    {
        return None;
    }
    let account = subject.rsplit(':').next().unwrap_or_default();
    let found = |id, own: &FederatedCredential, what: &str, seen: &str, wanted: &str| {
        Some(Fault {
            id,
            says: format!(
                "credential {} for {account} has {what} {seen}; expected {wanted}",
                own.name
            ),
            fact: format!("{}: properties.{what} = {seen}", own.name),
        })
    };
    if let Some(own) = all.iter().find(|own| of_subject(own) && of_issuer(own)) {
        return found(
            "FIC-AUDIENCE",
            own,
            "audiences",
            &own.properties.audiences.join(", "),
            AUDIENCE,
        );
    }
    if let Some(own) = all.iter().find(of_subject) {
        let seen = &own.properties.issuer;
        return found(of_other_issuer(view, seen), own, "issuer", seen, issuer);
    }
    let mut others = all.iter().filter(of_issuer);
    if let Some(own) = others
        .clone()
        .find(|own| own.properties.subject.eq_ignore_ascii_case(subject))
    {
        return found("FIC-SUBJECT-CASE", own, "subject", &own.properties.subject, subject);
    }
    if let Some((identity, own)) = view.culprits.credential(subject, issuer) {
        let says = format!(
            "credential {} for {account} belongs to identity {identity}, which isn't the extension's identity",
            own.name
        );
        return Some(Fault {
            id: "FIC-WRONG-IDENTITY",
            says,
            fact: format!("{identity}/{}: properties.subject = {subject}", own.name),
        });
    }
    match others.find(|own| is_stray(own, wishes)) {
        Some(own) => found("FIC-SUBJECT", own, "subject", &own.properties.subject, subject),
        None => Some(none(subject, all.len())),
    }
}

/// There is nothing like it among so many.
fn none(subject: &str, many: usize) -> Fault {
    let account = subject.rsplit(':').next().unwrap_or_default();
    let full = many >= CREDENTIAL_LIMIT;
    Fault {
        id: if full { "FIC-LIMIT" } else { "FIC-NONE" },
        says: match full {
            true => format!("{account} has no credential, and the identity already has the maximum of {many}"),
            false => format!("{account} has no credential"),
        },
        fact: format!("none of the {many} credentials has properties.subject = {subject}"),
    }
}

/// An issuer of the past is one that the file knows; all others were mistyped, or are of other clusters.
fn of_other_issuer(view: &View, issuer: &str) -> &'static str {
    let cloud = &view.state.cloud;
    let known = cloud
        .prerequisites
        .as_ref()
        .is_some_and(|table| table.issuer.as_str() == issuer)
        || cloud
            .federation
            .as_ref()
            .is_some_and(|table| table.issuer.as_str() == issuer);
    match known {
        true => "FIC-ISSUER-REBUILT",
        false => "FIC-ISSUER",
    }
}

/// Whether a credential of this cluster is for no service account that there is.
fn is_stray(own: &FederatedCredential, wishes: &[Wish]) -> bool {
    !wishes.iter().any(|wish| wish.subject == own.properties.subject)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::{credential, failures, view};

    fn told(change: impl Fn(&mut FederatedCredential)) -> Vec<String> {
        let mut view = view();
        if let Seen::Here(all) = &mut view.credentials {
            all.iter_mut().for_each(change);
        }
        failures(&checks(&view))
    }

    #[test]
    fn the_triple_is_compared_byte_for_byte() {
        assert_eq!(
            told(|own| own.properties.issuer = own.properties.issuer.trim_end_matches('/').into()),
            ["FIC-ISSUER"]
        );
        assert_eq!(
            told(|own| own.properties.subject = own.properties.subject.to_uppercase()),
            ["FIC-SUBJECT-CASE"]
        );
        assert_eq!(told(|own| own.properties.subject.push_str("-old")), ["FIC-SUBJECT"]);
        assert_eq!(
            told(|own| own.properties.audiences = vec!["api://other".into()]),
            ["FIC-AUDIENCE"]
        );
        assert_eq!(
            told(|own| own.properties.audiences.push("api://other".into())),
            ["FIC-AUDIENCE"]
        );
    }

    #[test]
    fn none_at_all_a_full_identity_and_the_issuer_of_the_past_are_told_apart() {
        let mut view = view();
        view.credentials = Seen::Here(vec![]);
        assert_eq!(failures(&checks(&view)), ["FIC-NONE"]);
        let other = |number: usize| {
            credential(
                &format!("c-{number}"),
                &format!("system:serviceaccount:x:{number}"),
                "https://other/",
            )
        };
        view.credentials = Seen::Here((0..20).map(other).collect());
        assert_eq!(failures(&checks(&view)), ["FIC-LIMIT"]);
        let mut view = super::tests::view();
        view.cluster = Seen::Here(crate::arm::clusters::tests::cluster(|body| {
            body["properties"]["oidcIssuerProfile"]["issuerURL"] = json!("https://oidc.example/new/");
        }));
        assert_eq!(failures(&checks(&view)), ["FIC-ISSUER-REBUILT"]);
    }

    #[test]
    fn one_on_another_identity_is_found_by_the_second_look() {
        let mut view = view();
        let moved = view.credentials.here().cloned().unwrap_or_default();
        view.credentials = Seen::Here(vec![]);
        view.culprits.credentials = vec![("kubelet".into(), moved)];
        assert_eq!(failures(&checks(&view)), ["FIC-WRONG-IDENTITY"]);
    }
}
