//! Faults on order: which request, how often, and what goes wrong.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// This HTTP status and `error.code` instead of the answer; nothing happens.
    Status(u16, String),
    /// The connection breaks before the request has any effect.
    ResetBefore,
    /// The connection breaks after the request took effect, before the answer.
    ResetAfter,
}

/// A fault that waits for its request. As text: `KIND@METHOD:SUBSTRING:TIMES`, where KIND is an HTTP status,
/// `STATUS/CODE`, `reset-before` or `reset-after`, METHOD may be `*`, and the substring of path and query is compared without case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    /// HTTP method, or `*`.
    pub method: String,
    /// Part of path and query, lower case.
    pub target: String,
    /// How often it still strikes.
    pub times: u32,
    /// What goes wrong.
    pub kind: Kind,
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not KIND@METHOD:SUBSTRING:TIMES");
        let (kind, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (method, rest) = rest.split_once(':').ok_or_else(wrong)?;
        let (target, times) = rest.rsplit_once(':').unwrap_or((rest, "1"));
        let kind = match kind {
            "reset-before" => Kind::ResetBefore,
            "reset-after" => Kind::ResetAfter,
            status => {
                let (status, code) = status.split_once('/').unwrap_or((status, ""));
                let status = status.parse().map_err(|_| wrong())?;
                Kind::Status(
                    status,
                    if code.is_empty() {
                        usual(status).to_owned()
                    } else {
                        code.to_owned()
                    },
                )
            }
        };
        let times = times.parse().map_err(|_| wrong())?;
        Ok(Self {
            method: method.to_ascii_uppercase(),
            target: target.to_ascii_lowercase(),
            times,
            kind,
        })
    }
}

/// The code that ARM mostly sends with a status.
fn usual(status: u16) -> &'static str {
    match status {
        429 => "TooManyRequests",
        500 => "InternalServerError",
        502 => "BadGateway",
        503 => "ServiceUnavailable",
        504 => "GatewayTimeout",
        _ => "SandboxFault",
    }
}

/// The first fault that waits for this request, used up once.
pub(crate) fn strike(faults: &mut [Fault], method: &str, target: &str) -> Option<Kind> {
    let target = target.to_ascii_lowercase();
    let fault = faults.iter_mut().find(|fault| {
        fault.times > 0 && (fault.method == "*" || fault.method == method) && target.contains(&fault.target)
    })?;
    fault.times -= 1;
    Some(fault.kind.clone())
}

#[cfg(test)]
mod tests {
    use super::{Fault, Kind, strike};

    #[test]
    fn a_fault_strikes_only_its_request_and_only_so_often() {
        let mut faults = vec!["503@PUT:BackupVaults:2".parse::<Fault>().unwrap()];
        assert_eq!(strike(&mut faults, "GET", "/x/backupvaults/v"), None);
        assert_eq!(strike(&mut faults, "PUT", "/x/storageAccounts/v"), None);
        assert_eq!(
            strike(&mut faults, "PUT", "/x/backupVaults/v"),
            Some(Kind::Status(503, "ServiceUnavailable".to_owned()))
        );
        assert_eq!(
            strike(&mut faults, "PUT", "/x/backupVaults/v"),
            Some(Kind::Status(503, "ServiceUnavailable".to_owned()))
        );
        assert_eq!(strike(&mut faults, "PUT", "/x/backupVaults/v"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!("oops@PUT:x:1".parse::<Fault>().is_err());
        assert!("429@PUT".parse::<Fault>().is_err());
        let policy = "403/RequestDisallowedByPolicy@PUT:x:1".parse::<Fault>().unwrap().kind;
        assert_eq!(policy, Kind::Status(403, "RequestDisallowedByPolicy".to_owned()));
        assert_eq!("reset-after@*:x:3".parse::<Fault>().unwrap().kind, Kind::ResetAfter);
    }
}
