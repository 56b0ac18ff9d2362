//! What settings of the extension and the vault are written in: amounts of Kubernetes, versions, words of Azure.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::names::{InvalidId, alphanumeric_or, identifier, length};

identifier!(
    /// An amount of CPU in the form of Kubernetes.
    CpuAmount, "amount of CPU", "cores or thousandths of a core, such as 2, 0.5, or 500m",
    |t| amount(t, &[("", 1000), ("m", 1)]).is_some_and(|amount| amount > 0)
);
identifier!(
    /// An amount of memory in the form of Kubernetes. It has no thousandths of a byte, which Kubernetes accepts and no one means.
    MemoryAmount, "amount of memory", "a number with a unit, such as 4400Mi, 4Gi, or 2G",
    |t| amount(t, &MEMORY).is_some_and(|amount| amount > 0)
);
identifier!(
    /// A version of an extension.
    ExtensionVersion, "extension version", "1 to 64 letters, digits, '.', '-', or '+', beginning with a digit, such as \
        0.0.3100-1201",
    |t| length(t, 1, 64) && alphanumeric_or(t, ".-+") && t.starts_with(|c: char| c.is_ascii_digit())
);
identifier!(
    /// The release train that an extension gets its versions from.
    ReleaseTrain, "release train", "1 to 32 letters, digits, or '-', such as stable or preview",
    |t| length(t, 1, 32) && alphanumeric_or(t, "-") && t.starts_with(|c: char| c.is_ascii_alphabetic())
);

identifier!(
    /// The immutability of a vault in Azure's words.
    Immutability, "immutability", "Disabled, Unlocked, or Locked",
    |t| ["Disabled", "Unlocked", "Locked"].contains(&t)
);
identifier!(
    /// Whether backups can be restored to another subscription, in Azure's words.
    CrossSubscriptionRestore, "cross-subscription restore", "Enabled, Disabled, or PermanentlyDisabled",
    |t| ["Enabled", "Disabled", "PermanentlyDisabled"].contains(&t)
);

const MEMORY: [(&str, u128); 8] = [
    ("k", 1000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
];

/// Returns the amount in the smallest unit, rounded down; `None` for other texts.
fn amount(text: &str, units: &[(&str, u128)]) -> Option<u128> {
    let end = text
        .find(|c: char| !(c.is_ascii_digit() || c == '.'))
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let (_, unit) = units.iter().find(|(own, _)| *own == unit)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let is_number = |text: &str| length(text, 1, 9) && text.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(part) {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).ok()?);
    Some(whole.parse::<u128>().ok()? * unit + part.parse::<u128>().ok()? * unit / scale)
}

impl CpuAmount {
    /// Returns the thousandths of a core.
    #[must_use]
    pub fn size(&self) -> u128 {
        amount(&self.0, &[("", 1000), ("m", 1)]).unwrap_or_default()
    }
}

impl MemoryAmount {
    /// Returns the bytes.
    #[must_use]
    pub fn size(&self) -> u128 {
        amount(&self.0, &MEMORY).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_the_same_size_are_equal_however_they_are_written() {
        let cpu = |text: &str| text.parse::<CpuAmount>().unwrap().size();
        let memory = |text: &str| text.parse::<MemoryAmount>().unwrap().size();
        assert_eq!(cpu("1"), cpu("1000m"));
        assert_eq!(cpu("0.5"), cpu("500m"));
        assert_eq!(memory("1.5Gi"), memory("1536Mi"));
        assert_eq!(memory("1G"), memory("1000M"));
        assert!(memory("4400Mi") > memory("4Gi"));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for bad in [
            "",
            "m",
            "0",
            "0m",
            "-1",
            "1.",
            ".5",
            "1e3",
            "1 ",
            "2 cores",
            "1Gi",
            "9999999999",
        ] {
            assert!(bad.parse::<CpuAmount>().is_err(), "{bad:?}");
        }
        for bad in ["", "Mi", "0Gi", "4", "500m", "4GB", "4gi", "1.2.3Gi", "-1Gi"] {
            assert!(bad.parse::<MemoryAmount>().is_err(), "{bad:?}");
        }
        assert!("latest".parse::<ExtensionVersion>().is_err() && "1.2/3".parse::<ExtensionVersion>().is_err());
        assert!("0.0.3100-1201".parse::<ExtensionVersion>().is_ok());
        assert!("Stable".parse::<ReleaseTrain>().is_ok() && "a b".parse::<ReleaseTrain>().is_err());
    }
}
