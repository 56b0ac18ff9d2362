//! Where a refused value is in the state file.

use aksbackup_shared::failure::Failure;

/// Returns the failure of a value that a flag could have as well, with its place in the state file. A flag's value has no place there.
pub(crate) fn placed(failure: Box<Failure>) -> Box<Failure> {
    match &failure.key {
        Some(key) => {
            let key = format!("target.{key}");
            Box::new((*failure).at_key(&key, "the value in the state file isn't valid"))
        }
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_failure_of_a_key_has_its_place() {
        let failure = Failure::usage("policy.retention 30d isn't valid");
        let placed = |failure: Failure| placed(Box::new(failure)).why;
        assert_eq!(placed(failure.clone()), Vec::<String>::new());
        assert!(placed(failure.of_key("policy.retention"))[0].contains("target.policy.retention"));
    }
}
