//! Whose word it is that the pods should use this client ID. The state file alone is nobody's: whoever owns any identity of
//! the tenant can create federated credentials on it for this cluster, since issuer and subjects stand in the file, and the
//! pods would then work with that identity.

use aksbackup_shared::command_line::kubectl;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::ids::ClientId;

/// The key of the state file that holds the claim.
const KEY: &str = "cloud.identity.client_id";

/// How the person who runs the command confirms the client ID.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Confirmation {
    /// Whether the command is going to write the client ID. Commands that only read need no confirmation.
    pub(crate) required: bool,
    /// The client ID that the person named.
    pub(crate) named: Option<ClientId>,
    /// Whether the person is shown the changes and asked.
    pub(crate) prompted: bool,
    /// Whether the state file has the digest that the person named.
    pub(crate) by_digest: bool,
}

impl Confirmation {
    /// Compares the client ID that the person named with the file's.
    ///
    /// # Errors
    /// Exit 2: they differ. Nothing is written then, whatever else confirms the file.
    pub(crate) fn compare(&self, claimed: &str) -> Outcome<()> {
        let other = self
            .named
            .as_ref()
            .filter(|named| !named.as_str().eq_ignore_ascii_case(claimed));
        let Some(named) = other else { return Ok(()) };
        Failure::usage(format!(
            "--client-id is {named}, but the state file has client ID {claimed}"
        ))
        .at_key(KEY, format!("the file has {claimed}; no changes were made"))
        .hint("ask the platform team which client ID is correct, and where the file comes from")
        .err()
    }

    /// Checks that a person, and not only the file, says that pods should use `claimed`.
    ///
    /// # Errors
    /// As [`Confirmation::compare`]; exit 2 also where nothing but the file says so.
    pub(crate) fn confirmed(&self, claimed: &str) -> Outcome<()> {
        self.compare(claimed)?;
        if self.is_given() {
            return Ok(());
        }
        Failure::usage("the client ID for the pods comes only from the state file and must be confirmed")
            .because("the pods would use that identity; --yes doesn't confirm values from a file")
            .hint(fix![
                "confirm the client ID from the platform team's message: ",
                kubectl("configure --client-id CLIENT-ID --yes")
            ])
            .hint("or specify the digest from the platform team's message: --expect-digest DIGEST")
            .hint("or omit --yes, and compare the client ID when you are prompted")
            .err()
    }

    /// What counts as a person's word. Values that this program remembers for this user on this machine belong here too.
    fn is_given(&self) -> bool {
        !self.required || self.named.is_some() || self.prompted || self.by_digest
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing::CLIENT_ID;
    use aksbackup_shared::exit::Exit;

    fn required() -> Confirmation {
        Confirmation {
            required: true,
            ..Confirmation::default()
        }
    }

    #[test]
    fn flag_digest_or_prompt_confirm_and_nothing_else() {
        assert_eq!(Confirmation::default().confirmed(CLIENT_ID), Ok(()));
        let failure = required().confirmed(CLIENT_ID).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(
            failure.hints.iter().all(|hint| !hint.to_string().contains(CLIENT_ID)),
            "the file does not vouch for itself"
        );
        assert!(failure.hints[0].to_string().contains("configure --client-id CLIENT-ID"));
        let named = CLIENT_ID.to_uppercase().parse().ok();
        let ways: [fn(&mut Confirmation); 2] = [|own| own.prompted = true, |own| own.by_digest = true];
        for way in ways {
            let mut own = required();
            way(&mut own);
            assert_eq!(own.confirmed(CLIENT_ID), Ok(()));
        }
        assert_eq!(Confirmation { named, ..required() }.confirmed(CLIENT_ID), Ok(()));
    }

    #[test]
    fn another_client_id_is_refused_whatever_else_confirms_the_file() {
        let own = Confirmation {
            named: "0b1f6471-1bf0-4dda-aec3-cb9272f09590".parse().ok(),
            prompted: true,
            by_digest: true,
            ..required()
        };
        let failure = own.confirmed(CLIENT_ID).unwrap_err();
        assert!(failure.exit == Exit::Usage && failure.why[0].contains(KEY), "{failure}");
    }
}
