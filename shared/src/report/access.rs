//! Who may do what: what the file has of roles, credentials and trusted access, and the rights that the steps need.

use crate::guide::Person;
use crate::report::model::{Grant, Made, NeededRight};
use crate::report::text;
use crate::rights;
use crate::schema::State;
use crate::status::{Row, Standing};

/// What lets somebody do something.
pub(super) fn grants(state: &State) -> Vec<Grant> {
    let cloud = &state.cloud;
    let roles = cloud
        .roles
        .iter()
        .flat_map(|table| &table.assignments)
        .map(|role| Grant {
            kind: "role",
            holder: text::name(&role.holder),
            holder_id: role.principal.to_string(),
            what: text::name(&role.role),
            scope: text::sentence(role.scope.as_str()),
        });
    let credentials = cloud.federation.iter().flat_map(|table| {
        table.credentials.iter().map(|own| Grant {
            kind: "federated credential",
            holder: text::name(own.subject.rsplit(':').next().unwrap_or_default()),
            holder_id: text::name(&own.subject),
            what: text::sentence(&format!("get tokens for {}", table.issuer)),
            scope: text::sentence(table.identity.as_str()),
        })
    });
    let binding = cloud.trusted_access.iter().map(|table| Grant {
        kind: "trusted access",
        holder: text::name(&table.vault.with_group()),
        holder_id: text::sentence(table.vault.as_str()),
        what: format!(
            "access the cluster through role binding {}",
            text::name(table.binding.name())
        ),
        scope: text::sentence(&cluster_of(table.binding.as_str())),
    });
    roles.chain(credentials).chain(binding).collect()
}

/// The cluster that a binding is on.
fn cluster_of(binding: &str) -> String {
    let lower = binding.to_lowercase();
    let end = lower.find("/trustedaccessrolebindings").unwrap_or(binding.len());
    binding[..end].to_owned()
}

/// What the tool made, in the order in which it did.
pub(super) fn made(state: &State) -> Vec<Made> {
    let made = state.cloud.created.iter().map(|own| {
        let mut parts = own.object.rsplit('/');
        let name = parts.next().unwrap_or_default();
        Made {
            kind: text::name(parts.next().unwrap_or_default()),
            name: text::name(name),
            id: text::sentence(&own.object),
            step: own.step,
            at: own.at,
        }
    });
    made.collect()
}

/// The rights of every step, those of one person and scope together.
pub(super) fn needed(state: &State, rows: &[Row]) -> Vec<NeededRight> {
    let mut all: Vec<NeededRight> = Vec::new();
    for row in rows {
        let (who, _): (Person, _) = row.step.turn();
        let open = !matches!(row.standing, Standing::Done | Standing::Recorded);
        for needed in rights::of(row.step, state) {
            let (action, scope) = (text::name(&needed.right.action), text::sentence(&needed.right.scope));
            match all
                .iter_mut()
                .find(|own| own.action == action && own.scope == scope && own.who == who)
            {
                Some(own) => {
                    own.steps.push(row.step);
                    own.open |= open;
                }
                None => all.push(NeededRight {
                    who,
                    steps: vec![row.step],
                    action,
                    scope,
                    why: needed.why,
                    open,
                }),
            }
        }
    }
    all
}
