//! Which service accounts want a federated credential, and under which names.

use aksbackup_shared::command_line::kubectl;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::{FederatedCredentialName, IssuerUrl, ObjectName};
use aksbackup_shared::names::{GUIDE_SERVICE_ACCOUNTS, NAMESPACE};
use aksbackup_shared::schema::State;
use uuid::Uuid;

use crate::arm::identities::FederatedCredential;

/// The service account that every namespace has, and that every pod has which names no other.
const DEFAULT: &str = "default";

/// A credential that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The name that a new one gets.
    pub(crate) name: String,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub(crate) subject: String,
}

/// The wanted credentials, and the service accounts that only the state file wants one for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Of the guide's three service accounts, always all of them, and of the subjects that the person named.
    pub(crate) wishes: Vec<Wish>,
    /// Of the others that the file records. The file might come from anybody, and whoever runs as such an account gets the
    /// identity that can write all backups: the person has to name each.
    pub(crate) unnamed: Vec<Wish>,
}

/// What is wanted by `state` and by the subjects in `named`.
///
/// # Errors
/// Exit 2: a named subject can't have the extension's identity. Exit 1: the file records such an account.
pub(crate) fn wanted(state: &State, named: &[String]) -> Outcome<Wanted> {
    let named = named.iter().map(|subject| service_account(subject));
    let named = named.collect::<Outcome<Vec<String>>>()?;
    let known = GUIDE_SERVICE_ACCOUNTS.iter().map(|(account, _)| (*account).to_owned());
    let mut accounts: Vec<String> = known.chain(named).collect();
    // One order whatever the source: the table of the credentials must not change because of it.
    accounts.sort();
    accounts.dedup();
    let recorded = recorded(state)?.into_iter();
    let unnamed = recorded.filter(|own| !accounts.contains(own)).map(|own| wish(&own));
    Ok(Wanted {
        unnamed: unnamed.collect(),
        wishes: accounts.iter().map(|account| wish(account)).collect(),
    })
}

/// The credentials that the cluster needs: of the service accounts that the cluster side recorded, else of the guide's three.
/// Only for a look; nothing is created by it.
pub(crate) fn needed(state: &State) -> Vec<Wish> {
    let recorded = recorded(state).unwrap_or_default();
    match recorded.is_empty() {
        true => GUIDE_SERVICE_ACCOUNTS
            .iter()
            .map(|(account, _)| wish(account))
            .collect(),
        false => recorded.iter().map(|account| wish(account)).collect(),
    }
}

/// The flags that name these subjects, with a space in front.
pub(crate) fn flags<'a>(wishes: impl Iterator<Item = &'a Wish>) -> String {
    wishes.map(|wish| format!(" --subject {}", wish.subject)).collect()
}

/// Whether this is one of the guide's three.
pub(crate) fn is_known(wish: &Wish) -> bool {
    GUIDE_SERVICE_ACCOUNTS
        .iter()
        .any(|(account, _)| wish.subject.ends_with(&format!(":{account}")))
}

/// The service accounts that the file records, in order.
fn recorded(state: &State) -> Outcome<Vec<String>> {
    let Some(table) = &state.cluster.workloads else {
        return Ok(Vec::new());
    };
    let refused = |key: &str, why: String| {
        Failure::failed("the state file requests the extension's identity for pods in another namespace")
            .at_key(key, why)
            .hint(fix![
                "ask where the file comes from, or save the service accounts again: ",
                kubectl("configure")
            ])
            .err()
    };
    if table.namespace.as_str() != NAMESPACE {
        let why = format!(
            "the file has {}, but the extension's namespace is {NAMESPACE}",
            table.namespace
        );
        return refused("cluster.workloads.namespace", why);
    }
    if table.service_accounts.iter().any(|own| own.as_str() == DEFAULT) {
        let why = format!("every pod in namespace {NAMESPACE} can run as service account {DEFAULT}");
        return refused("cluster.workloads.service_accounts", why);
    }
    let mut accounts: Vec<String> = table.service_accounts.iter().map(ToString::to_string).collect();
    accounts.sort();
    accounts.dedup();
    Ok(accounts)
}

/// The service account of a subject in the extension's namespace.
fn service_account(subject: &str) -> Outcome<String> {
    let name = subject
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
        .filter(|(namespace, _)| *namespace == NAMESPACE)
        .and_then(|(_, name)| name.parse::<ObjectName>().ok());
    match name {
        Some(name) if name.as_str() == DEFAULT => Failure::usage(format!(
            "no federated credential is created for service account {DEFAULT}"
        ))
        .because(format!(
            "every pod in namespace {NAMESPACE} that doesn't specify another service account runs as {DEFAULT}"
        ))
        .hint("create a separate service account for the workload")
        .err(),
        Some(name) => Ok(name.to_string()),
        None => Failure::usage(format!("{subject:?} isn't a service account of the extension"))
            .because(format!("the extension's namespace is {NAMESPACE}"))
            .hint(format!("use --subject system:serviceaccount:{NAMESPACE}:NAME"))
            .err(),
    }
}

fn wish(account: &str) -> Wish {
    let of_guide = GUIDE_SERVICE_ACCOUNTS.iter().find(|(own, _)| *own == account);
    let name = match of_guide {
        Some((_, name)) => (*name).to_owned(),
        None => format!("sa-{}", account.replace('.', "-").chars().take(100).collect::<String>()),
    };
    Wish {
        name,
        subject: format!("system:serviceaccount:{NAMESPACE}:{account}"),
    }
}

/// The wish's name, or one beside it where another credential has that name: what is there belongs to somebody.
pub(crate) fn free_name(wish: &Wish, issuer: &IssuerUrl, credentials: &[FederatedCredential]) -> String {
    let taken = |name: &str| credentials.iter().any(|own| own.name.eq_ignore_ascii_case(name));
    if !taken(&wish.name) && wish.name.parse::<FederatedCredentialName>().is_ok() {
        return wish.name.clone();
    }
    hashed(wish, issuer)
}

fn hashed(wish: &Wish, issuer: &IssuerUrl) -> String {
    let pair = format!("{issuer} {}", wish.subject);
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, pair.as_bytes()).simple().to_string();
    format!("{}-{}", wish.name, &hash[..8])
}

/// Whether the credential is as `prepare` creates it, its name included: for a service account of the extension in the cluster with this
/// issuer.
pub(crate) fn is_as_created(own: &FederatedCredential, issuer: &IssuerUrl, cloud: &str) -> bool {
    let Ok(account) = service_account(&own.properties.subject) else {
        return false;
    };
    let wish = wish(&account);
    let named = [wish.name.clone(), hashed(&wish, issuer)].contains(&own.name);
    named && own.properties.issuer == issuer.as_str() && own.has_audience(cloud)
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::schema::WorkloadsTable;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_guide_s_three_are_always_wanted_and_no_other_by_the_file_alone() {
        assert_eq!(wanted(&State::default(), &[]).unwrap().wishes.len(), 3);
        let state = recording(NAMESPACE, "other.account");
        let more = "system:serviceaccount:dataprotection-microsoft:more".to_owned();
        let own = wanted(&state, std::slice::from_ref(&more)).unwrap();
        assert_eq!(own.wishes.len(), 4);
        assert!(own.wishes.iter().any(|wish| wish.subject == more));
        assert_eq!(own.unnamed[0].name, "sa-other-account");
        let named = wanted(&state, &[own.unnamed[0].subject.clone()]).unwrap();
        assert_eq!((named.wishes.len(), named.unnamed.len()), (4, 0));
        assert_eq!(needed(&state).len(), 1, "what the cluster uses is what is looked at");
    }

    fn recording(namespace: &str, account: &str) -> State {
        let mut state = State::default();
        state.cluster.workloads = Some(WorkloadsTable {
            namespace: namespace.parse().unwrap(),
            deployments: vec![],
            service_accounts: vec![account.parse().unwrap()],
            written: None,
        });
        state
    }

    #[test]
    fn no_file_gets_the_identity_for_the_default_account_or_for_another_namespace() {
        for (namespace, account, key) in [
            (NAMESPACE, "default", "cluster.workloads.service_accounts"),
            ("kube-system", "attacker", "cluster.workloads.namespace"),
        ] {
            let failure = wanted(&recording(namespace, account), &[]).unwrap_err();
            assert!(failure.why[0].contains(key), "{failure}");
        }
    }

    #[test]
    fn a_subject_elsewhere_is_refused() {
        for bad in [
            "system:serviceaccount:kube-system:default",
            "more",
            "system:serviceaccount:dataprotection-microsoft:default",
            "system:serviceaccount:dataprotection-microsoft:A_b",
        ] {
            assert!(wanted(&State::default(), &[bad.to_owned()]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_credential_is_as_created_only_if_nothing_in_it_differs() {
        let issuer = "https://oidc.example/".parse().unwrap();
        let is_own = |name: &str, issuer_of: &str, subject: &str, audience: &str| {
            let own = json!({ "name": name, "properties": { "issuer": issuer_of, "subject": subject,
                "audiences": [audience] } });
            is_as_created(&serde_json::from_value(own).unwrap(), &issuer, "AzureCloud")
        };
        let (subject, audience) = (
            "system:serviceaccount:dataprotection-microsoft:more",
            "api://AzureADTokenExchange",
        );
        assert!(is_own("sa-more", issuer.as_str(), subject, audience));
        assert!(is_own(
            &hashed(&wish("more"), &issuer),
            issuer.as_str(),
            subject,
            audience
        ));
        assert!(!is_own("sa-other", issuer.as_str(), subject, audience));
        assert!(!is_own("sa-more", "https://other.example/", subject, audience));
        assert!(!is_own(
            "sa-more",
            issuer.as_str(),
            "system:serviceaccount:kube-system:more",
            audience
        ));
        assert!(!is_own("sa-more", issuer.as_str(), subject, "api://other"));
    }

    #[test]
    fn a_name_that_another_credential_has_is_left_alone() {
        let wish = wish("dataprotection-microsoft-controller-sa");
        let issuer = "https://oidc.example/".parse().unwrap();
        let other = json!([{ "name": "DataProtection-Controller", "properties": { "issuer": "i", "subject": "s" } }]);
        let other: Vec<FederatedCredential> = serde_json::from_value(other).unwrap();
        assert_eq!(free_name(&wish, &issuer, &[]), "dataprotection-controller");
        let free = free_name(&wish, &issuer, &other);
        assert!(free.starts_with("dataprotection-controller-") && free.parse::<FederatedCredentialName>().is_ok());
    }
}
