//! The keys of a storage account. Azure lists them also where the account takes no shared keys; they then open nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;

use super::accounts;
use crate::azure::answer::{Answer, Outcome};
use crate::azure::call::{Call, Route};
use crate::azure::ids;
use crate::azure::world::{World, text};

pub(crate) const ROUTES: &[Route] = &[Route::new(
    "POST",
    "/subscriptions/{s}/resourceGroups/{g}/providers/Microsoft.Storage/storageAccounts/{a}|/listKeys",
    "Microsoft.Storage/storageAccounts/listKeys/action",
    list,
)];

const NAMES: [&str; 2] = ["key1", "key2"];

fn list(world: &mut World, call: &Call) -> Outcome {
    let account = accounts::find(world, call)?;
    let one = |(name, value): (&str, String)| {
        json!({
            "keyName": name, "value": value, "permissions": "FULL",
            "creationTime": text(account, &format!("/properties/keyCreationTime/{name}")),
        })
    };
    let keys: Vec<Value> = NAMES.into_iter().zip(keys(account)).map(one).collect();
    Ok(Answer::ok(json!({ "keys": keys })))
}

/// Both keys of an account: 64 bytes each, base64, the same for as long as the account is there.
pub(crate) fn keys(account: &Value) -> Vec<String> {
    let seed = format!("{}{}", text(account, "/id"), text(account, "/properties/creationTime"));
    let part = |name: &str, number: u8| ids::named(&format!("{seed}/{name}/{number}"));
    let bytes = |name: &str| -> Vec<u8> {
        let parts = (0..4).filter_map(|number| Uuid::parse_str(&part(name, number)).ok());
        parts.flat_map(Uuid::into_bytes).collect()
    };
    NAMES.iter().map(|name| STANDARD.encode(bytes(name))).collect()
}

/// Whether the account takes requests that are signed with its keys: not saying is yes.
pub(crate) fn taken(account: &Value) -> bool {
    account.pointer("/properties/allowSharedKeyAccess") != Some(&json!(false))
}
