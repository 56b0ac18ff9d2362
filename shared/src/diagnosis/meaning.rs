//! What one text says, taken by itself.

use crate::chain::finding::{Remedy, SeenIn, Text};
use crate::chain::link::Link;
use crate::command_line::Fix;
use crate::diagnosis::catalogue::{Catalogue, Known};
use crate::diagnosis::{diagnose, matching};

/// A text's meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    /// The known failure's id, such as `FIC-SUBJECT`.
    pub id: &'static str,
    /// The link of the chain that is broken.
    pub link: Link,
    /// The remote's own code where the text has one, such as `AADSTS700213`; else the id.
    pub code: String,
    /// What is wrong, in a sentence.
    pub cause: &'static str,
    /// The command of ours that mends it.
    pub remedy: Option<Remedy>,
    /// What to do: the command of ours where there is one, ready to paste, and what it does.
    pub cure: Fix,
}

/// What a text of this kind, about this link, means; nothing where it is not known, or only says that something else is
/// wrong.
#[must_use]
pub fn meaning(seen_in: SeenIn, link: Link, text: &str) -> Option<Meaning> {
    // Most locations are well, and the expressions are compiled with the first text only.
    if text.is_empty() {
        return None;
    }
    let said = Text {
        seen_in,
        object: String::new(),
        link,
        at: None,
        past: false,
        text: text.to_owned(),
    };
    let finding = diagnose(&[], &[said]).into_iter().next()?;
    let known = Catalogue::get().row(&finding.id).filter(|known| !known.wrapper)?;
    let cure = match known.remedy {
        Some(remedy) => Fix::from(remedy.command()).commented(&known.fix.without_run().into()),
        None => known.fix.clone(),
    };
    Some(Meaning {
        id: &known.id,
        link: finding.link,
        code: code(known, text).unwrap_or_else(|| known.id.clone()),
        cause: &known.cause,
        remedy: known.remedy,
        cure,
    })
}

/// The words that name the failure, where they are one.
fn code(known: &Known, text: &str) -> Option<String> {
    let mut found = known.patterns.iter().filter_map(|pattern| {
        let found = matching::regex(&pattern.expression)?.find(text.as_bytes())?.range();
        text.get(found)
    });
    let is_code = |words: &&str| words.chars().all(|c| c.is_ascii_alphanumeric());
    found.find(is_code).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(message: &str) -> Option<Meaning> {
        meaning(SeenIn::Bsl, Link::StorageLocation, message)
    }

    #[test]
    fn codes_that_begin_alike_are_told_apart() {
        for code in [
            "AADSTS700213",
            "AADSTS7002138",
            "AADSTS70021",
            "AuthorizationFailure",
            "AuthorizationPermissionMismatch",
        ] {
            let message = format!("is unavailable: rpc error: code = Unknown desc = {code}: x");
            assert_eq!(of(&message).unwrap().code, code);
        }
        assert_eq!(of("all is well"), None);
    }

    #[test]
    fn a_missing_role_is_the_owner_s_and_a_missing_credential_the_platform_team_s() {
        let cure = |message: &str| of(message).unwrap().cure.to_string();
        assert!(cure("AuthorizationPermissionMismatch").starts_with("az aksbackup grant  # "));
        assert!(cure("AADSTS700213: x").starts_with("az aksbackup prepare  # "));
    }

    #[test]
    fn what_only_says_that_something_is_wrong_has_no_meaning() {
        assert_eq!(of("BackupStorageLocation \"default\" is unavailable: rpc error"), None);
    }
}
