//! Operations that are accepted and come to a bad end, on order.

use serde_json::{Value, json};

use super::faults::Kind;
use super::operations::End;
use super::world::World;

/// How an operation ends.
#[derive(Debug, Clone)]
pub(crate) struct Doom {
    /// The code of a failed one; a canceled one has none.
    code: Option<String>,
    /// Whether the request writes the resource that the operation is about: a POST only asks it for something.
    writes: bool,
    /// The resource as it was before the request.
    before: Option<Value>,
}

impl Doom {
    /// The end that a fault has in store for an operation.
    pub(crate) fn of(fault: Option<&Kind>) -> Option<Self> {
        let code = match fault? {
            Kind::Fails(code) => Some(code.clone()),
            Kind::Cancels => None,
            _ => return None,
        };
        Some(Self {
            code,
            writes: false,
            before: None,
        })
    }

    /// For a request that writes, with the resource as it was before.
    pub(crate) fn writes(self, before: Option<Value>) -> Self {
        Self {
            writes: true,
            before,
            ..self
        }
    }

    /// Lets it happen to `resource`: what was to be changed is as before, what was to be made is there and of no use.
    pub(crate) fn befall(self, world: &mut World, resource: &str) -> End {
        if let (Some(before), Some(body)) = (self.before, world.get_mut(resource)) {
            *body = before;
        }
        if self.writes {
            world.set_state(resource, "Failed");
            let state = world
                .get_mut(resource)
                .and_then(|body| body.pointer_mut("/properties/currentProtectionState"));
            if let Some(state) = state {
                *state = json!("ConfiguringProtectionFailed");
            }
        }
        let Some(code) = self.code else {
            return End {
                canceled: true,
                ..End::default()
            };
        };
        let message = "The operation was struck by a fault of the \"sandbox\".\nIt says so in two lines.";
        let inner = json!({ "code": "SandboxReason", "message": "This is the very reason." });
        End {
            error: Some(json!({ "code": code, "message": message, "details": [inner] })),
            ..End::default()
        }
    }
}
