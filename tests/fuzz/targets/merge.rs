//! Two documents as copies of one file: merged or refused, never a panic; a copy brings nothing to itself, and where it is
//! said whose word counts nothing is in conflict.
#![no_main]

use aksbackup_shared::state::merge::{Refusal, Side, merge};
use aksbackup_shared::state::migration::{OLDEST, raise};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (ours, theirs) = text.split_once("\n---\n").unwrap_or((text, ""));
    let (Ok(mut ours), Ok(mut theirs)) = (ours.parse::<toml::Table>(), theirs.parse::<toml::Table>()) else {
        return;
    };
    raise(&mut ours, OLDEST);
    raise(&mut theirs, OLDEST);
    let _ = merge(&ours, &theirs, &|_| None);
    for side in [Side::Ours, Side::Theirs] {
        let merged = merge(&ours, &theirs, &|_| Some(side));
        assert!(!matches!(merged, Err(Refusal::Conflicts(_))));
    }
    if let Ok(merged) = merge(&ours, &ours, &|_| None) {
        assert!(merged.taken.is_empty());
    }
});
