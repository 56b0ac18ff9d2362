//! Any document through the numbers of the format: raising it twice is raising it once, and going back and forth loses
//! nothing that both numbers know.
#![no_main]

use aksbackup_shared::state::migration::{OLDEST, lower, raise};
use aksbackup_shared::schema::SCHEMA;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(mut document) = text.parse::<toml::Table>() else {
        return;
    };
    raise(&mut document, OLDEST);
    let mut again = document.clone();
    raise(&mut again, SCHEMA);
    assert_eq!(again, document);
    lower(&mut document, OLDEST);
    let lowered = document.clone();
    raise(&mut document, OLDEST);
    lower(&mut document, OLDEST);
    assert_eq!(document, lowered);
});
