//! Whether the filters of a target leave anything to back up.

use std::fmt::Display;

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::schema::InstanceTarget;

/// Checks that no list names what another one leaves out. Velero refuses such a backup ("Invalid included/excluded namespace lists"), long
/// after Azure has accepted the instance.
///
/// # Errors
/// Exit 2: the key of the list and what it names.
pub(crate) fn usable(own: &InstanceTarget) -> Outcome<()> {
    both("namespaces", &own.included_namespaces, &own.excluded_namespaces)?;
    both(
        "resource_types",
        &own.included_resource_types,
        &own.excluded_resource_types,
    )
}

fn both<T: PartialEq + Display>(kind: &str, included: &[T], excluded: &[T]) -> Outcome<()> {
    let Some(first) = included.iter().find(|own| excluded.contains(own)) else {
        return Ok(());
    };
    let list = |verb: &str| format!("instance.{verb}_{kind}");
    let failure = Failure::usage(format!("[target] both includes and excludes {first}")).because(format!(
        "{} and {} both contain {first}",
        list("included"),
        list("excluded")
    ));
    let failure = match included.iter().all(|own| excluded.contains(own)) {
        true => failure.because("nothing would be backed up"),
        false => failure,
    };
    failure
        .hint(fix![
            "clear one of the lists: ",
            az(format!("init --set {}=", list("excluded")))
        ])
        .err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn what_is_both_included_and_excluded_is_refused() {
        let mut own = example().instance;
        own.included_namespaces = vec!["shop".parse().unwrap()];
        own.excluded_namespaces = vec!["scratch".parse().unwrap()];
        assert!(usable(&own).is_ok());
        own.excluded_namespaces = vec!["shop".parse().unwrap()];
        let failure = usable(&own).unwrap_err();
        assert_eq!(failure.why.last().unwrap(), "nothing would be backed up");
        own.included_namespaces.push("web".parse().unwrap());
        assert_eq!(usable(&own).unwrap_err().why.len(), 1);
        own.included_namespaces.clear();
        own.included_resource_types = vec!["v1/Secret".parse().unwrap()];
        own.excluded_resource_types = own.included_resource_types.clone();
        assert!(usable(&own).unwrap_err().what.ends_with("v1/Secret"));
    }
}
