//! JSON objects whose members stay as they were spelt: a number or a blank that this program would write otherwise is not
//! its business.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

/// The members of an object, in order, each with the text of its value.
#[derive(Debug, Clone, Default)]
pub(crate) struct Members(Vec<(String, Box<RawValue>)>);

impl Members {
    /// The members of an object; `None` where the text is something else.
    pub(crate) fn of(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// Removes the members of these names.
    pub(crate) fn remove(&mut self, names: &[&str]) {
        self.0.retain(|(name, _)| !names.contains(&name.as_str()));
    }

    /// Changes the object at the end of `path`. Where there is none, nothing happens.
    pub(crate) fn at(&mut self, path: &[&str], change: &impl Fn(&mut Self)) {
        let Some((name, rest)) = path.split_first() else {
            return change(self);
        };
        let own = self.0.iter_mut().filter(|(own, _)| own == name);
        for (_, value) in own {
            edit(value, |inner| inner.at(rest, change));
        }
    }

    /// Changes each object in the list or object at the end of `path`.
    pub(crate) fn each(&mut self, path: &[&str], change: &impl Fn(&mut Self)) {
        let Some((last, path)) = path.split_last() else { return };
        self.at(path, &|parent: &mut Self| {
            for (_, value) in parent.0.iter_mut().filter(|(name, _)| name == last) {
                if let Ok(mut items) = serde_json::from_str::<Vec<Box<RawValue>>>(value.get()) {
                    items.iter_mut().for_each(|item| edit(item, change));
                    write(value, &items);
                } else {
                    edit(value, |items| items.values(|item| edit(item, change)));
                }
            }
        });
    }

    fn values(&mut self, change: impl FnMut(&mut Box<RawValue>)) {
        self.0.iter_mut().map(|(_, value)| value).for_each(change);
    }

    /// Switches a flag on, making the objects on the way to it.
    pub(crate) fn switch_on(&mut self, path: &[&str]) {
        let Some((name, rest)) = path.split_first() else { return };
        let known = self.0.iter().position(|(own, _)| own == name);
        let at = known.unwrap_or(self.0.len());
        if known.is_none() {
            self.0.push(((*name).to_owned(), RawValue::NULL.to_owned()));
        }
        let value = &mut self.0[at].1;
        if rest.is_empty() {
            return write(value, &true);
        }
        let mut inner = Self::of(value.get()).unwrap_or_default();
        inner.switch_on(rest);
        write(value, &inner);
    }
}

fn edit(value: &mut Box<RawValue>, change: impl FnOnce(&mut Members)) {
    if let Some(mut members) = Members::of(value.get()) {
        change(&mut members);
        write(value, &members);
    }
}

/// Members and lists of raw texts can always be written.
fn write(value: &mut Box<RawValue>, new: &impl Serialize) {
    if let Ok(new) = to_raw_value(new) {
        *value = new;
    }
}

impl fmt::Display for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Every;
        impl<'de> Visitor<'de> for Every {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Every)
    }
}

#[cfg(test)]
mod tests {
    use super::Members;

    #[test]
    fn what_is_not_touched_keeps_its_spelling() {
        let text = r#"{ "z": 1.0, "b":{"x":[1,  2 ],"y":1E+2}, "a":[{"id":"1","n":0.10},null], "m":{"k":{"id":"2"}} }"#;
        let mut members = Members::of(text).unwrap();
        members.at(&["b"], &|b| b.remove(&["none"]));
        members.at(&["a"], &|a| a.remove(&["id"]));
        members.each(&["a"], &|item| item.remove(&["id"]));
        members.each(&["m"], &|item| item.remove(&["id"]));
        members.switch_on(&["b", "new", "on"]);
        members.switch_on(&["z2"]);
        let expected =
            r#"{"z":1.0,"b":{"x":[1,  2 ],"y":1E+2,"new":{"on":true}},"a":[{"n":0.10},null],"m":{"k":{}},"z2":true}"#;
        assert_eq!(members.to_string(), expected);
    }

    #[test]
    fn only_an_object_has_members() {
        assert!(Members::of("[1]").is_none() && Members::of("null").is_none());
    }
}
