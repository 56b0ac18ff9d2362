//! Reads that Azure might refuse.

use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};

/// Something that the signed-in account might not be authorized to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Sight<T> {
    /// It is there.
    Here(T),
    /// It does not exist.
    Absent,
    /// Azure refused the look, for this reason.
    Hidden(Box<Failure>),
}

impl<T> Sight<T> {
    /// A read that may be refused.
    ///
    /// # Errors
    /// Every failure but a refusal.
    pub(crate) fn of(read: Outcome<Option<T>>) -> Outcome<Self> {
        match read {
            Ok(Some(found)) => Ok(Self::Here(found)),
            Ok(None) => Ok(Self::Absent),
            Err(failure) if is_refused(&failure) || is_denied(&failure) => Ok(Self::Hidden(failure)),
            // Of a parent that does not exist.
            Err(failure) if failure.exit == Exit::Missing => Ok(Self::Absent),
            Err(failure) => Err(failure),
        }
    }

    /// What is there.
    pub(crate) fn here(&self) -> Option<&T> {
        match self {
            Self::Here(found) => Some(found),
            Self::Absent | Self::Hidden(_) => None,
        }
    }

    /// Why it can't be seen.
    pub(crate) fn hidden(&self) -> Option<&Failure> {
        match self {
            Self::Hidden(failure) => Some(failure),
            Self::Here(_) | Self::Absent => None,
        }
    }
}

/// Whether Azure refused a call for lack of a permission, which another account might have.
pub(crate) fn is_refused(failure: &Failure) -> bool {
    failure.exit == Exit::NotPermitted
        && ["AuthorizationFailed", "LinkedAuthorizationFailed"]
            .iter()
            .any(|code| failure.has_code(code))
}

const DENIED: &str = "DenyAssignmentAuthorizationFailed";

/// Whether a deny assignment refused a call: no role helps against that.
pub(crate) fn is_denied(failure: &Failure) -> bool {
    failure.has_code(DENIED)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A failure as Azure answers when a right is missing.
    pub(crate) fn refusal(code: &str) -> Failure {
        Failure::not_permitted("cannot do it")
            .code(code)
            .because("no authorization")
    }

    #[test]
    fn only_missing_rights_are_refusals() {
        assert!(is_refused(&refusal("AuthorizationFailed")));
        assert!(is_denied(&refusal("DenyAssignmentAuthorizationFailed")));
        assert!(!is_refused(&refusal("RequestDisallowedByPolicy")));
        assert!(!is_refused(&Failure::failed("x").code("AuthorizationFailed")));
        assert!(matches!(
            Sight::<()>::of(Err(Box::new(refusal("AuthorizationFailed")))),
            Ok(Sight::Hidden(_))
        ));
        assert!(Sight::<()>::of(Failure::failed("x").err()).is_err());
    }
}
