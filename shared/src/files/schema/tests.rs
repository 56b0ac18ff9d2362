use serde_json::Value;

use super::page::page;
use crate::json_schema::{keep, of};
use crate::schema::State;

const REGENERATE: &str = "AKSBACKUP_WRITE_DOCS=1 cargo test -p aksbackup-shared --lib files::schema";

fn generated() -> Value {
    of::<State>("State file of aksbackup")
}

#[test]
fn the_schema_in_the_docs_is_that_of_the_types() {
    let text = serde_json::to_string_pretty(&generated()).unwrap();
    keep("state-file.schema.json", &format!("{text}\n"), REGENERATE);
}

#[test]
fn the_page_in_the_docs_has_every_key_of_the_types() {
    keep("state-file.md", &page(&generated()), REGENERATE);
}
