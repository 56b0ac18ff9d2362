//! Which service accounts want a federated credential, and under which names.

use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{FederatedCredentialName, IssuerUrl, ObjectName};
use aksbackup_shared::names::{GUIDE_SERVICE_ACCOUNTS, NAMESPACE};
use aksbackup_shared::state::schema::State;
use uuid::Uuid;

use crate::arm::identities::FederatedCredential;

/// A credential that is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// The name that a new one gets.
    pub(crate) name: String,
    /// `system:serviceaccount:NAMESPACE:NAME`.
    pub(crate) subject: String,
}

/// The wanted credentials: of the service accounts that the cluster side has recorded, else of the guide's three, and of
/// the subjects in `named`.
///
/// # Errors
/// Exit 2: a named subject is no service account in the extension's namespace.
pub(crate) fn wishes(state: &State, named: &[String]) -> Outcome<Vec<Wish>> {
    let recorded = state
        .cluster
        .workloads
        .as_ref()
        .map(|table| table.service_accounts.iter().map(ObjectName::as_str));
    let mut accounts: Vec<String> = match recorded {
        Some(accounts) => accounts.map(str::to_owned).collect(),
        None => GUIDE_SERVICE_ACCOUNTS
            .iter()
            .map(|(account, _)| (*account).to_owned())
            .collect(),
    };
    for subject in named {
        let account = service_account(subject)?;
        if !accounts.contains(&account) {
            accounts.push(account);
        }
    }
    // One order whatever the source: the table of the credentials must not change because the cluster's list came in.
    accounts.sort();
    Ok(accounts.iter().map(|account| wish(account)).collect())
}

/// The service account of a subject in the extension's namespace.
fn service_account(subject: &str) -> Outcome<String> {
    let name = subject
        .strip_prefix("system:serviceaccount:")
        .and_then(|rest| rest.split_once(':'))
        .filter(|(namespace, _)| *namespace == NAMESPACE)
        .and_then(|(_, name)| name.parse::<ObjectName>().ok());
    match name {
        Some(name) => Ok(name.to_string()),
        None => Failure::usage(format!("{subject:?} is no service account of the extension"))
            .because(format!("its namespace is {NAMESPACE}"))
            .hint(format!("write --subject system:serviceaccount:{NAMESPACE}:NAME"))
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
    let pair = format!("{issuer} {}", wish.subject);
    let hash = Uuid::new_v5(&Uuid::NAMESPACE_URL, pair.as_bytes()).simple().to_string();
    format!("{}-{}", wish.name, &hash[..8])
}

#[cfg(test)]
mod tests {
    use aksbackup_shared::state::schema::WorkloadsTable;
    use serde_json::json;

    use super::*;

    #[test]
    fn the_guide_s_three_are_wanted_until_the_cluster_side_has_seen_the_real_ones() {
        let mut state = State::default();
        assert_eq!(wishes(&state, &[]).unwrap().len(), 3);
        state.cluster.workloads = Some(WorkloadsTable {
            namespace: NAMESPACE.parse().unwrap(),
            deployments: vec![],
            service_accounts: vec!["other.account".parse().unwrap()],
            written: None,
        });
        let wishes = wishes(&state, &["system:serviceaccount:dataprotection-microsoft:more".into()]).unwrap();
        assert_eq!(wishes[0].subject, "system:serviceaccount:dataprotection-microsoft:more");
        assert_eq!(wishes[1].name, "sa-other-account");
        assert_eq!(wishes.len(), 2);
    }

    #[test]
    fn a_subject_elsewhere_is_refused() {
        for bad in [
            "system:serviceaccount:kube-system:default",
            "more",
            "system:serviceaccount:dataprotection-microsoft:A_b",
        ] {
            assert!(wishes(&State::default(), &[bad.to_owned()]).is_err(), "{bad}");
        }
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
