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
    /// Nothing happens, and no answer ever comes.
    Hang,
    /// The request takes effect, and no answer ever comes.
    HangAfter,
    /// The request takes effect, and the connection breaks in the middle of the answer's body.
    Truncated,
    /// 401 that asks for further claims, as continuous access evaluation does; nothing happens.
    Claims,
    /// The operation that the request begins is accepted, and fails with this code, while HTTP says 200.
    Fails(String),
    /// The operation that the request begins is accepted, and is canceled.
    Cancels,
}

impl Kind {
    /// The kinds without an argument, by their names on the command line.
    const NAMED: [(&'static str, Self); 7] = [
        ("reset-before", Self::ResetBefore),
        ("reset-after", Self::ResetAfter),
        ("hang", Self::Hang),
        ("hang-after", Self::HangAfter),
        ("truncated", Self::Truncated),
        ("claims", Self::Claims),
        ("canceled", Self::Cancels),
    ];

    fn parse(text: &str) -> Option<Self> {
        if let Some((_, kind)) = Self::NAMED.into_iter().find(|(name, _)| *name == text) {
            return Some(kind);
        }
        let (first, code) = text.split_once('/').unwrap_or((text, ""));
        if first == "failed" && !code.is_empty() {
            return Some(Self::Fails(code.to_owned()));
        }
        let status = first.parse().ok()?;
        let code = if code.is_empty() { usual(status) } else { code };
        Some(Self::Status(status, code.to_owned()))
    }
}

/// A fault that waits for its request. As text: `KIND@METHOD:SUBSTRING:TIMES`, where KIND is an HTTP status,
/// `STATUS/CODE`, `reset-before`, `reset-after`, `hang`, `hang-after`, `truncated`, `claims`, `failed/CODE` or `canceled`,
/// METHOD may be `*`, and the substring of path and query is compared without case.
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
        let kind = Kind::parse(kind).ok_or_else(wrong)?;
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
        let fails = "failed/VaultBroken@PUT:x:1".parse::<Fault>().unwrap().kind;
        assert_eq!(fails, Kind::Fails("VaultBroken".to_owned()));
        assert!("failed@PUT:x:1".parse::<Fault>().is_err());
    }
}
