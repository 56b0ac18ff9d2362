//! The service accounts: what each carries against the extension's identity, and whether it has a federated credential.

use aksbackup_shared::chain::check::{Check, Verdict};
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl};
use aksbackup_shared::console::minute;
use aksbackup_shared::fix;
use aksbackup_shared::ids::{ClientId, ObjectName, same};
use aksbackup_shared::names::{CLIENT_ID_ANNOTATION, GUIDE_SERVICE_ACCOUNTS};
use aksbackup_shared::schema::State;
use jiff::Timestamp;

use crate::cluster::service_accounts::ServiceAccount;
use crate::commands::checks::typos::typos;
use crate::commands::checks::{Faults, Sight, configuration, unreadable};
use crate::steps::step06_workload_identity::{covered, creation, used};

const LINK: Link = Link::ServiceAccounts;
const CREDENTIALS: &str = "federated credentials";

pub(super) fn checks(sight: &Sight, state: &State) -> Vec<Check> {
    let mut all = annotations(sight, state);
    all.push(credentials(sight, state));
    all
}

fn annotations(sight: &Sight, state: &State) -> Vec<Check> {
    const NAME: &str = "service accounts";
    let namespace = &sight.namespace;
    let (Some(accounts), true) = (&sight.accounts, sight.deployments.is_some()) else {
        let right = match sight.accounts {
            None => format!("list serviceaccounts in namespace {namespace}"),
            Some(_) => format!("list deployments.apps in namespace {namespace}"),
        };
        return vec![unreadable(
            LINK,
            NAME,
            "the service accounts of the extension and their annotations",
            &right,
        )];
    };
    let names = used(sight.deployments());
    let wanted = sight.expected(state);
    let (mut faults, mut absent, mut manager) = (Faults::default(), Vec::new(), None);
    for name in &names {
        match accounts.iter().find(|own| own.name == *name) {
            None => {
                absent.push(name);
                faults.add("WI-SA-ABSENT", format!("{name} doesn't exist"));
            }
            Some(own) => {
                let differs = own
                    .client_id
                    .as_deref()
                    .zip(wanted.as_deref())
                    .is_some_and(|(own, wanted)| !same(own, wanted));
                manager = manager.or(own.other_manager.as_deref().filter(|_| differs));
                faults_of(own, wanted.as_deref(), state, &mut faults);
            }
        }
    }
    let judge = |failure: &str| match failure {
        "WI-SA-ABSENT" => (
            Verdict::Error,
            fix![creation(&absent, namespace), ", then: ", kubectl("configure")],
        ),
        "WI-SA-STALE-CLIENT" => (
            Verdict::Error,
            fix![az("prepare"), ", then: ", az("grant"), ", then: ", kubectl("configure")],
        ),
        "WI-SA-WRONG-CLIENT" => (Verdict::Error, configuration(manager)),
        _ => (Verdict::Error, kubectl("configure").into()),
    };
    let well = || format!("{} have client ID {}", names.len(), wanted.clone().unwrap_or_default());
    faults.checks(LINK, NAME, well, judge)
}

fn faults_of(own: &ServiceAccount, wanted: Option<&str>, state: &State, faults: &mut Faults) {
    let name = &own.name;
    let Some(client_id) = own.client_id.as_deref().filter(|id| !id.trim().is_empty()) else {
        return bare(own, state, faults);
    };
    if client_id.parse::<ClientId>().is_err() {
        let says = format!("{name} has {client_id:?}, which isn't a client ID");
        return faults.add("WI-SA-WRONG-CLIENT", says);
    }
    let Some(wanted) = wanted.filter(|wanted| !wanted.eq_ignore_ascii_case(client_id)) else {
        return;
    };
    let says = format!("{name} has client ID {client_id}; expected {wanted}");
    // What this program once wrote was right then: the identity is another one since.
    let stale = own.ours && own.other_manager.is_none() && state.cloud.identity.is_some();
    faults.add(
        if stale {
            "WI-SA-STALE-CLIENT"
        } else {
            "WI-SA-WRONG-CLIENT"
        },
        says,
    );
}

/// An account without a client ID: misspelt, lost, or never annotated.
fn bare(own: &ServiceAccount, state: &State, faults: &mut Faults) {
    let name = &own.name;
    let near = typos(own.keys.keys().map(String::as_str));
    if let Some(key) = near.first() {
        let says = format!("{name} has {key:?} instead of {CLIENT_ID_ANNOTATION}");
        return faults.add("WI-SA-TYPO", says);
    }
    match was_annotated(state, name) {
        true => faults.add(
            "EXT-DRIFT",
            format!("{name} has no client ID annotation, although the state file reports it as set"),
        ),
        false => faults.add("WI-SA-NO-CLIENT", format!("{name} has no client ID annotation")),
    }
}

fn was_annotated(state: &State, name: &ObjectName) -> bool {
    let table = state.cluster.workload_identity.as_ref();
    table.is_some_and(|table| table.service_accounts.contains(name))
}

/// A credential for each service account, as the other program reported: a record proves nothing of the credentials as they are
/// now, and the cluster doesn't know them.
fn reported(accounts: usize, at: Option<Timestamp>) -> Check {
    let since = at.map_or_else(|| "at an unknown time".to_owned(), minute);
    let says = format!(
        "one for each of {accounts} service accounts, reported by the cloud side {since}; not checked in this run"
    );
    Check::unknown(Link::FederatedCredentials, CREDENTIALS, says).hinted(fix!["to check them, run: ", az("verify")])
}

/// What the state file says of federated credentials: the cluster does not know them.
fn credentials(sight: &Sight, state: &State) -> Check {
    const NAME: &str = CREDENTIALS;
    const LINK: Link = Link::FederatedCredentials;
    let Some(table) = &state.cloud.federation else {
        return Check::unknown(LINK, NAME, "no state file lists the credentials");
    };
    if sight.deployments.is_none() {
        return Check::unknown(
            LINK,
            NAME,
            "the service accounts that require a credential can't be read",
        );
    }
    let names = used(sight.deployments());
    let bare: Vec<String> = names
        .iter()
        .filter(|name| !covered(state, &sight.namespace, name))
        .map(ToString::to_string)
        .collect();
    if bare.is_empty() {
        return reported(names.len(), table.written.as_ref().map(|own| own.observed_at));
    }
    // `prepare` creates credentials for other service accounts than the usual ones only by name.
    let subject = |name: &String| format!(" --subject system:serviceaccount:{}:{name}", sight.namespace);
    let subjects: String = bare
        .iter()
        .filter(|name| !GUIDE_SERVICE_ACCOUNTS.iter().any(|(own, _)| own == name))
        .map(subject)
        .collect();
    let check = Check::error(
        LINK,
        NAME,
        format!("the state file has no credential for {}", bare.join(", ")),
        az(format!("prepare{subjects}")),
    );
    // Others have theirs: the extension has begun to use an account that nobody knew.
    match bare.len() < names.len() && !table.credentials.is_empty() {
        true => check.proves("WI-SA-OTHER"),
        false => check,
    }
}
