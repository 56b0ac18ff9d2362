//! What isn't backed up on purpose.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::names::{InvalidId, identifier, is_dns_label, length};

identifier!(
    /// A namespace, or a persistent volume claim, that isn't backed up on purpose.
    LeftOut, "left-out item", "namespace/NAME or pvc/NAMESPACE/NAME, such as namespace/scratch or pvc/shop/cache",
    |t| length(t, 1, 400) && left(t).is_some()
);

/// What an entry names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left<'a> {
    /// All volumes of a namespace.
    Namespace(&'a str),
    /// The volume of one claim: its namespace, and its name.
    Claim(&'a str, &'a str),
}

impl LeftOut {
    /// Returns what it names; `None` never happens for a value that was parsed.
    #[must_use]
    pub fn place(&self) -> Option<Left<'_>> {
        left(&self.0)
    }

    /// Returns whether it names the claim of this name, or all of its namespace.
    #[must_use]
    pub fn covers(&self, namespace: &str, claim: &str) -> bool {
        match self.place() {
            Some(Left::Namespace(own)) => own == namespace,
            Some(Left::Claim(own, name)) => (own, name) == (namespace, claim),
            None => false,
        }
    }
}

fn left(text: &str) -> Option<Left<'_>> {
    let (kind, rest) = text.split_once('/')?;
    match (kind, rest.split_once('/')) {
        ("namespace", None) => is_dns_label(rest, 63).then_some(Left::Namespace(rest)),
        ("pvc", Some((namespace, name))) => {
            let named = length(name, 1, 253) && name.split('.').all(|part| is_dns_label(part, 253));
            (is_dns_label(namespace, 63) && named).then_some(Left::Claim(namespace, name))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_names_a_namespace_or_one_claim_and_covers_nothing_else() {
        let own = |text: &str| text.parse::<LeftOut>().unwrap();
        assert!(own("namespace/shop").covers("shop", "any") && !own("namespace/shop").covers("shop2", "any"));
        let claim = own("pvc/shop/data.0");
        assert!(claim.covers("shop", "data.0") && !claim.covers("shop", "data") && !claim.covers("web", "data.0"));
        for bad in [
            "",
            "shop",
            "namespace/",
            "namespace/a/b",
            "pvc/shop",
            "pvc/shop/",
            "pvc/Shop/x",
            "pvc/a/b/c",
            "pv/a",
            "namespace/*",
        ] {
            assert!(bad.parse::<LeftOut>().is_err(), "{bad:?}");
        }
    }
}
