//! Where a refused value is in the state file.

use aksbackup_shared::failure::Failure;
use aksbackup_shared::schema::settings::SETTINGS;

/// Returns the failure of a value that a flag could have as well, with its place in the state file: such a failure begins with the key. A
/// flag's value has no place there.
pub(crate) fn placed(failure: Box<Failure>) -> Box<Failure> {
    let key = failure.what.split(' ').next().unwrap_or_default();
    match SETTINGS.iter().find(|own| own.key == key) {
        Some(own) => Box::new((*failure).at_key(
            &format!("target.{}", own.key),
            "the value in the state file isn't valid",
        )),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_begins_with_a_key_has_its_place() {
        let why = |what: &str| placed(Box::new(Failure::usage(what))).why;
        assert!(why("policy.retention 30d isn't valid")[0].contains("target.policy.retention"));
        assert_eq!(why("cannot read policy file x"), Vec::<String>::new());
    }
}
