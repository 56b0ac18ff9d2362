//! Kubernetes' binary form, as far as kubectl sends it although it also reads JSON: reviews and token requests.

use serde_json::{Map, Value, json};

/// What marks a body as binary.
const MAGIC: &[u8] = b"k8s\0";

/// A message: field numbers and whatever stands there.
#[derive(Default)]
struct Message<'a>(Vec<(u64, Field<'a>)>);

enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Message<'a> {
    fn parse(mut bytes: &'a [u8]) -> Option<Self> {
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = varint(&mut bytes)?;
            let field = match tag & 7 {
                0 => Field::Number(varint(&mut bytes)?),
                2 => {
                    let length = usize::try_from(varint(&mut bytes)?).ok()?;
                    let (content, rest) = bytes.split_at_checked(length)?;
                    bytes = rest;
                    Field::Bytes(content)
                }
                _ => return None,
            };
            fields.push((tag >> 3, field));
        }
        Some(Self(fields))
    }

    fn bytes(&self, number: u64) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter_map(move |(own, field)| match field {
            Field::Bytes(bytes) if *own == number => Some(*bytes),
            _ => None,
        })
    }

    fn message(&self, number: u64) -> Option<Message<'a>> {
        self.bytes(number).next().and_then(Message::parse)
    }

    fn text(&self, number: u64) -> String {
        self.bytes(number)
            .next()
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default()
    }

    fn number(&self, number: u64) -> Option<u64> {
        self.0.iter().find_map(|(own, field)| match field {
            Field::Number(value) if *own == number => Some(*value),
            _ => None,
        })
    }

    /// The texts of the fields `names`, numbered from one; empty ones are left out.
    fn texts(&self, names: &[&str]) -> Value {
        let numbered = names
            .iter()
            .zip(1..)
            .map(|(name, number)| ((*name).to_owned(), self.text(number)));
        Value::Object(
            numbered
                .filter(|(_, text)| !text.is_empty())
                .map(|(name, text)| (name, json!(text)))
                .collect(),
        )
    }
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A review, a token request, or an object that is little more than its name, as JSON; `None` for anything else.
pub(crate) fn decode(body: &[u8]) -> Option<Value> {
    // The envelope holds the type (1: group version, 2: kind) and the object itself.
    let envelope = Message::parse(body.strip_prefix(MAGIC)?)?;
    let kind = envelope.message(1)?.text(2);
    let object = envelope.message(2)?;
    // An object without specification is as unreadable as one with: its kind decides.
    let spec = object.message(2).unwrap_or_default();
    let mut decoded = Map::new();
    decoded.insert("kind".to_owned(), json!(kind));
    if matches!(kind.as_str(), "ServiceAccount" | "Namespace") {
        // Secrets of a service account and the finalizers of a namespace are not read.
        let bare = spec.0.is_empty();
        decoded.insert("metadata".to_owned(), metadata(&object.message(1)?));
        return bare.then_some(Value::Object(decoded));
    }
    decoded.insert("spec".to_owned(), self::spec(&kind, &spec)?);
    Some(Value::Object(decoded))
}

/// Name, namespace, labels and annotations of an object.
fn metadata(message: &Message<'_>) -> Value {
    let pairs = |number: u64| {
        let entries = message.bytes(number).filter_map(Message::parse);
        let pairs: Map<String, Value> = entries.map(|entry| (entry.text(1), json!(entry.text(2)))).collect();
        Value::Object(pairs)
    };
    let mut decoded = message.texts(&["name", "generateName", "namespace"]);
    for (key, number) in [("labels", 11), ("annotations", 12)] {
        if pairs(number).as_object().is_some_and(|own| !own.is_empty()) {
            decoded[key] = pairs(number);
        }
    }
    decoded
}

/// The specification of `kind`; the numbers are those of the published `generated.proto` files.
fn spec(kind: &str, spec: &Message<'_>) -> Option<Value> {
    let mut decoded = json!({});
    match kind {
        "SelfSubjectAccessReview" => {
            if let Some(attributes) = spec.message(1) {
                let names = [
                    "namespace",
                    "verb",
                    "group",
                    "version",
                    "resource",
                    "subresource",
                    "name",
                ];
                decoded["resourceAttributes"] = attributes.texts(&names);
            }
            if let Some(attributes) = spec.message(2) {
                decoded["nonResourceAttributes"] = attributes.texts(&["path", "verb"]);
            }
        }
        "SelfSubjectRulesReview" => decoded["namespace"] = json!(spec.text(1)),
        "TokenRequest" => {
            let audiences: Vec<_> = spec.bytes(1).map(String::from_utf8_lossy).collect();
            decoded["audiences"] = json!(audiences);
            if let Some(seconds) = spec.number(4).filter(|seconds| *seconds > 0) {
                decoded["expirationSeconds"] = json!(seconds);
            }
        }
        "SelfSubjectReview" => {}
        _ => return None,
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(content.len()).unwrap()];
        bytes.extend(content);
        bytes
    }

    #[test]
    fn an_access_review_is_read() {
        let attributes = [
            field(1, b"ns"),
            field(2, b"patch"),
            field(3, b"apps"),
            field(5, b"deployments"),
        ]
        .concat();
        let review = field(2, &field(1, &attributes));
        let envelope = [field(1, &field(2, b"SelfSubjectAccessReview")), field(2, &review)].concat();
        let body = [MAGIC, &envelope].concat();
        let wanted = json!({ "namespace": "ns", "verb": "patch", "group": "apps", "resource": "deployments" });
        assert_eq!(decode(&body).unwrap()["spec"]["resourceAttributes"], wanted);
        assert!(decode(&body[..20]).is_none(), "a body that ends too early");
    }

    #[test]
    fn other_kinds_are_not_read() {
        let body = [MAGIC, &field(1, &field(2, b"Pod")), &field(2, &field(2, b""))].concat();
        assert!(decode(&body).is_none());
        let bare = [MAGIC, &field(1, &field(2, b"Secret")), &field(2, b"")].concat();
        assert!(decode(&bare).is_none(), "nor without a specification");
    }

    #[test]
    fn a_service_account_is_its_metadata() {
        let label = [field(1, b"app"), field(2, b"x")].concat();
        let metadata = [field(1, b"mine"), field(3, b"default"), field(11, &label)].concat();
        let object = field(2, &field(1, &metadata));
        let body = [MAGIC, &field(1, &field(2, b"ServiceAccount")), &object].concat();
        let wanted = json!({ "name": "mine", "namespace": "default", "labels": { "app": "x" } });
        assert_eq!(decode(&body).unwrap()["metadata"], wanted);
    }
}
