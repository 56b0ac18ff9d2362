//! `schema`: the JSON Schema of the state file.

/// The JSON Schema of this program's format, as it is kept in `docs/state-file.schema.json`.
#[must_use]
pub fn schema() -> &'static str {
    include_str!("../../../docs/state-file.schema.json")
}

#[cfg(test)]
mod page;
#[cfg(test)]
mod tests;
