use serde_json::Value;

use super::page::page;
use crate::json_schema::{keep, of};
use crate::schema::State;
use crate::schema::settings::{Changes, Holds, SETTINGS, Thing};

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

#[test]
fn the_page_on_changes_has_every_setting() {
    let mut page = include_str!("change.md").to_owned();
    for setting in SETTINGS {
        let holds = match setting.holds {
            Holds::One => "string",
            Holds::Switch => "boolean",
            Holds::Number => "integer",
            Holds::Optional => "string, optional",
            Holds::OptionalSwitch => "boolean, optional",
            Holds::List => "list",
        };
        let changes = match setting.changes {
            Changes::Always => "`protect`, at any time".to_owned(),
            Changes::ByPrepare if matches!(setting.holds, Holds::Optional | Holds::OptionalSwitch) => {
                "`prepare`, at any time; without the key, Azure's setting stays".to_owned()
            }
            Changes::ByPrepare => "`prepare`, at any time".to_owned(),
            Changes::WithRoles => "`prepare`, `grant`, and `protect`, in this order".to_owned(),
            Changes::OnlyRead(why) => format!("`init`, at any time: {why}"),
            Changes::ForNew(why) => format!("`prepare`, for new resources: {why}"),
            Changes::ByNewPolicy => {
                "`prepare` and `protect`, at any time; creates a policy with another name".to_owned()
            }
            Changes::LeavingBackups(cost) => format!("requires a new setup: {cost}"),
            Changes::UntilCreated(thing, why) => {
                let thing = match thing {
                    Thing::Account => "storage account",
                    Thing::Vault => "vault",
                    Thing::Extension => "extension",
                    Thing::Instance => "backup instance",
                };
                format!("only before the {thing} is created: {why}")
            }
            Changes::Never(why) => format!("never: {why}"),
        };
        page.push_str(&format!("| `{}` | {holds} | {changes} |\n", setting.key));
    }
    keep("change.md", &page, REGENERATE);
}
