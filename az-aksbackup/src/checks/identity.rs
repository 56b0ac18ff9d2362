//! The identity that came with the extension, and what the state file knows of it.

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::link::Link;
use aksbackup_shared::command_line::{az, kubectl};
use aksbackup_shared::console::minute;
use aksbackup_shared::fix;

use crate::arm::extensions::Extension;
use crate::checks::extension;
use crate::checks::reinstallation::without_identity;
use crate::checks::view::{Seen, View};

/// The checks.
pub(crate) fn checks(view: &View) -> Vec<Check> {
    let Some(own) = view.extension().filter(|own| own.is_installed()) else {
        return Vec::new();
    };
    vec![existence(view, own), recorded(view), carried(view)]
}

fn existence(view: &View, own: &Extension) -> Check {
    const LINK: Link = Link::Extension;
    const NAME: &str = "extension identity";
    let gone = |says: String| {
        let hint = without_identity(&extension::id(view, own));
        Check::error(LINK, NAME, says, hint).proves("EXT-IDENTITY-GONE")
    };
    let Some(principal) = own.principal() else {
        return gone(format!("extension {} has no identity", own.name))
            .because("properties.aksAssignedIdentity = null");
    };
    let fact = format!("properties.aksAssignedIdentity.principalId = {principal}");
    match &view.identity {
        Seen::Here(identity) if identity.properties.principal_id == *principal => Check::ok(
            LINK,
            NAME,
            format!(
                "{} with client ID {}",
                identity.id.name(),
                identity.properties.client_id
            ),
        ),
        Seen::Here(identity) => {
            let own = &identity.properties.principal_id;
            gone(format!(
                "identity {} was re-created: its principal is {own} instead of {principal}",
                identity.id.name()
            ))
        }
        Seen::Absent => gone(format!(
            "no identity has principal {principal}: the identity was deleted"
        )),
        Seen::Hidden(failure) => crate::checks::view::hidden(LINK, NAME, "the extension's identity", failure),
        Seen::Unasked => Check::unknown(LINK, NAME, "the location of the extension's identity is unknown"),
    }
    .because(fact)
}

/// Whether the file's claim is true.
fn recorded(view: &View) -> Check {
    const LINK: Link = Link::Extension;
    const NAME: &str = "reported identity";
    let Some(table) = &view.state.cloud.identity else {
        return Check::ok(LINK, NAME, "the state file reports no identity");
    };
    let Some(own) = view.identity.here() else {
        return Check::unknown(
            LINK,
            NAME,
            "the identity couldn't be read to compare it with the state file",
        );
    };
    match table.principal == own.properties.principal_id && table.client_id == own.properties.client_id {
        true => Check::ok(LINK, NAME, "matches the state file"),
        false => {
            let says = format!(
                "the state file has client ID {}, but the extension's identity has {}",
                table.client_id, own.properties.client_id
            );
            let hint = fix![
                az("prepare"),
                ", then grant and ",
                kubectl("configure"),
                ": all bindings belong to the previous identity"
            ];
            Check::error(LINK, NAME, says, hint).proves("WI-SA-STALE-CLIENT")
        }
    }
}

/// Whether the service accounts carry this identity's client ID, as far as the cluster's side has recorded it.
fn carried(view: &View) -> Check {
    const LINK: Link = Link::ServiceAccounts;
    const NAME: &str = "reported client ID";
    let (Some(table), Some(own)) = (&view.state.cluster.workload_identity, view.identity.here()) else {
        let says = match view.identity.here() {
            Some(own) => format!(
                "the service accounts require client ID {}; only the cluster side can check them",
                own.properties.client_id
            ),
            None => "the client ID for the service accounts is unknown".to_owned(),
        };
        return Check::unknown(LINK, NAME, says);
    };
    let (carried, client_id) = (&table.client_id, &own.properties.client_id);
    let fact = format!("properties.clientId = {client_id}");
    let since = table
        .written
        .as_ref()
        .map(|own| format!("at {}", minute(own.observed_at)));
    match carried == client_id {
        // A record proves nothing of the service accounts as they are now.
        true => {
            let since = since.unwrap_or_else(|| "at an unknown time".to_owned());
            let says = format!(
                "client ID {carried} was reported by the cluster side {since}; not checked in this \
                run"
            );
            Check::unknown(LINK, NAME, says).hinted(fix!["to check the client ID, run: ", kubectl("verify")])
        }
        false => {
            let says =
                format!("the cluster side reported client ID {carried}, but the extension's identity has {client_id}");
            let hint = fix![az("prepare"), " and grant, then ", kubectl("configure")];
            Check::error(LINK, NAME, says, hint).proves("WI-SA-STALE-CLIENT")
        }
    }
    .because(fact)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::view::tests::{extension, failures, view};
    use serde_json::json;

    #[test]
    fn an_identity_that_is_gone_or_another_is_told() {
        let mut view = view();
        view.identity = Seen::Absent;
        assert_eq!(failures(&checks(&view)), ["EXT-IDENTITY-GONE"]);
        let mut view = super::tests::view();
        view.extensions = Seen::Here(vec![extension(|own| own["aksAssignedIdentity"] = json!(null))]);
        assert_eq!(failures(&checks(&view))[0], "EXT-IDENTITY-GONE");
    }

    #[test]
    fn a_reinstalled_extension_leaves_the_file_and_the_service_accounts_behind() {
        let mut view = view();
        if let Seen::Here(own) = &mut view.identity {
            own.properties.client_id = "99999999-9999-4999-8999-999999999999".parse().unwrap();
        }
        assert_eq!(failures(&checks(&view)), ["WI-SA-STALE-CLIENT", "WI-SA-STALE-CLIENT"]);
    }
}
