//! Names and ids that are one word, each with the rule of its resource.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::letters;

/// A text that is not the identifier it claims to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} isn't a valid {kind}: expected {rule}")]
pub struct InvalidId {
    /// What it should have been.
    pub kind: &'static str,
    /// What it was.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(pub(super) String);

        impl $name {
            /// The text as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::try_from(text.to_owned())
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(&text) { Ok(Self(text)) } else { Err(InvalidId { kind: $kind, text, rule: $rule }) }
            }
        }

        #[cfg(test)]
        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "title": $kind, "$comment": $rule })
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }
    };
}

pub(super) use identifier;

pub(super) fn length(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len())
}

pub(super) fn alphanumeric_or(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

pub(super) fn begins_alphanumeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

pub(super) fn ends_alphanumeric(text: &str) -> bool {
    text.ends_with(|c: char| c.is_ascii_alphanumeric())
}

pub(super) fn is_guid(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(i, c)| {
            if matches!(i, 8 | 13 | 18 | 23) {
                c == '-'
            } else {
                c.is_ascii_hexdigit()
            }
        })
}

pub(super) fn is_dns_label(text: &str, max: usize) -> bool {
    length(text, 1, max)
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && begins_alphanumeric(text)
        && ends_alphanumeric(text)
}

identifier!(
    /// A tenant of Microsoft Entra.
    TenantId, "tenant ID", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// An Azure subscription.
    SubscriptionId, "subscription ID", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The application (client) id of an identity: what a token is asked for.
    ClientId, "client ID", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The object id of an identity's service principal: what roles are assigned to.
    PrincipalId, "principal ID", "a GUID such as 00000000-0000-0000-0000-000000000000", is_guid
);
identifier!(
    /// The name of a cloud, never a URL: `AzureCloud`, `AzureUSGovernment`, `AzureChinaCloud`, or one that ARM's
    /// metadata endpoint names.
    CloudName, "cloud name", "1 to 64 letters, digits, '-', '_', or '.', beginning with a letter or digit",
    |t| length(t, 1, 64) && alphanumeric_or(t, "-_.") && begins_alphanumeric(t)
);
identifier!(
    /// An Azure region in its programmatic form.
    Region, "region", "lowercase letters and digits, such as westeurope",
    |t| length(t, 1, 64) && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
);
identifier!(
    /// A resource group.
    ResourceGroupName, "resource group name",
    "1 to 90 letters or decimal digits, '-', '_', '.', '(', or ')', not ending in '.', without Latin words that \
     contain look-alike letters",
    |t| {
        (1..=90).contains(&t.chars().count())
            && t.chars().all(|c| letters::is_letter_or_digit(c) || "-_.()".contains(c))
            && !t.ends_with('.')
            && !letters::mixes_look_alikes(t)
    }
);
identifier!(
    /// An AKS cluster.
    ClusterName, "cluster name", "1 to 63 letters, digits, '-', or '_', beginning and ending with a letter or digit",
    |t| length(t, 1, 63) && alphanumeric_or(t, "-_") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A storage account.
    StorageAccountName, "storage account name", "3 to 24 lowercase letters and digits",
    |t| length(t, 3, 24) && t.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
);
identifier!(
    /// A blob container.
    ContainerName, "container name", "3 to 63 lowercase letters, digits, and single '-', beginning and ending with \
        a letter or digit",
    |t| length(t, 3, 63) && is_dns_label(t, 63) && !t.contains("--")
);
identifier!(
    /// A Backup vault.
    VaultName, "vault name", "2 to 50 letters, digits, or '-', beginning with a letter and ending with a letter or \
        digit",
    |t| length(t, 2, 50) && alphanumeric_or(t, "-") && t.starts_with(|c: char| c.is_ascii_alphabetic()) && ends_alphanumeric(t)
);
identifier!(
    /// A backup policy.
    PolicyName, "policy name", "3 to 150 letters, digits, or '-', beginning and ending with a letter or digit",
    |t| length(t, 3, 150) && alphanumeric_or(t, "-") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A cluster extension, which is also Helm's release name.
    ExtensionName, "extension name", "1 to 53 lowercase letters, digits, or '-', beginning and ending with a letter \
        or digit",
    |t| is_dns_label(t, 53)
);
identifier!(
    /// A backup instance.
    BackupInstanceName, "backup instance name", "3 to 150 letters, digits, '-', or '_', beginning and ending with a \
        letter or digit",
    |t| length(t, 3, 150) && alphanumeric_or(t, "-_") && begins_alphanumeric(t) && ends_alphanumeric(t)
);
identifier!(
    /// A federated identity credential.
    FederatedCredentialName, "federated credential name", "3 to 120 letters, digits, '-', or '_', beginning with a \
        letter or digit",
    |t| length(t, 3, 120) && alphanumeric_or(t, "-_") && begins_alphanumeric(t)
);
identifier!(
    /// A Kubernetes namespace, or another name that is a DNS label.
    NamespaceName, "namespace", "1 to 63 lowercase letters, digits, or '-', beginning and ending with a letter or \
        digit",
    |t| is_dns_label(t, 63)
);
identifier!(
    /// A kind of Kubernetes resources as backups name it: `v1/Secret` in Azure's examples, `secrets` in Velero's.
    ResourceType, "resource type", "1 to 253 letters, digits, '-', '.', '/', or '*', such as v1/Secret",
    |t| length(t, 1, 253) && alphanumeric_or(t, "-./*")
);
identifier!(
    /// A kind of volumes that Azure Backup can back up.
    VolumeType, "volume type", "1 to 64 letters and digits, such as AzureDisk or AzureFileShareSMB",
    |t| length(t, 1, 64) && alphanumeric_or(t, "")
);
identifier!(
    /// A backup hook by its namespace and name.
    HookName, "backup hook", "NAMESPACE/NAME of a BackupHook in the cluster",
    |t| t.split_once('/').is_some_and(|(namespace, name)| is_dns_label(namespace, 63) && name.split('.').all(|part| is_dns_label(part, 63)))
);
identifier!(
    /// A tag of what is created. A storage account takes shorter names than other resources:
    /// <https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations>.
    Tag, "tag",
    "NAME=VALUE: a name of 1 to 128 characters without <>%&\\?/, not beginning with aksbackup, azure, microsoft or windows, and a value of at most 256 characters",
    |t| t.split_once('=').is_some_and(|(name, value)| {
        let reserved = |own: &&str| name.get(..own.len()).is_some_and(|start| start.eq_ignore_ascii_case(own));
        (1..=128).contains(&name.chars().count()) && value.chars().count() <= 256
            && !t.contains(char::is_control) && !name.contains(['<', '>', '%', '&', '\\', '?', '/']) && name.trim() == name
            && !["aksbackup", "azure", "microsoft", "windows"].iter().any(reserved)
    })
);

impl Tag {
    /// Returns its name and its value.
    #[must_use]
    pub fn pair(&self) -> (&str, &str) {
        self.0.split_once('=').unwrap_or((&self.0, ""))
    }
}
identifier!(
    /// A time of day, UTC.
    TimeOfDay, "time of day", "HH:MM from 00:00 to 23:59, UTC",
    |t| t.len() == 5 && t.split_once(':').is_some_and(|(hour, minute)| {
        let below = |text: &str, limit: u8| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u8>().is_ok_and(|n| n < limit);
        below(hour, 24) && below(minute, 60)
    })
);
identifier!(
    /// A Kubernetes object whose name is a DNS subdomain: a service account, a deployment.
    ObjectName, "Kubernetes object name", "1 to 253 lowercase letters, digits, '-', or '.', beginning and ending \
        with a letter or digit",
    |t| length(t, 1, 253) && t.split('.').all(|label| is_dns_label(label, 253))
);
identifier!(
    /// The issuer of a cluster's service account tokens, kept byte for byte: the trailing slash counts.
    IssuerUrl, "issuer URL", "an https URL without user, query, or fragment",
    |t| {
        t.strip_prefix("https://").is_some_and(|rest| {
            length(rest, 1, 1024) && begins_alphanumeric(rest) && alphanumeric_or(rest, "-._~/:")
        })
    }
);

impl IssuerUrl {
    /// The subject under which Kubernetes names a service account in its tokens.
    #[must_use]
    pub fn subject(namespace: &NamespaceName, service_account: &ObjectName) -> String {
        format!("system:serviceaccount:{namespace}:{service_account}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_rules_of_their_resource() {
        assert!("stbackup1".parse::<StorageAccountName>().is_ok());
        assert!("St-backup".parse::<StorageAccountName>().is_err());
        assert!("aks--backups".parse::<ContainerName>().is_err());
        assert!("https://oidc/x/".parse::<IssuerUrl>().is_ok());
        assert!("https://oidc/x?y".parse::<IssuerUrl>().is_err());
        assert!("https://user@oidc/".parse::<IssuerUrl>().is_err());
        assert!("AzureCloud".parse::<CloudName>().is_ok());
        assert!("https://evil".parse::<CloudName>().is_err());
        assert!("..".parse::<CloudName>().is_err());
        assert!("a..b".parse::<ObjectName>().is_err());
    }

    #[test]
    fn a_tag_keeps_to_azure_s_limits_and_leaves_ours_alone() {
        let tag = |text: &str| text.parse::<Tag>().is_ok();
        let (long, longer) = ("n".repeat(128), "n".repeat(129));
        for good in [
            "team=shop",
            "cost center=a/b=c <d>",
            "empty=",
            "Straße=ü",
            &format!("{long}={}", "v".repeat(256)),
        ] {
            assert!(tag(good), "{good}");
        }
        for bad in [
            "team",
            "=v",
            "a/b=c",
            "a?=b",
            " a=b",
            "a=b\nc",
            "AksBackup=x",
            "aksbackup-policy=x",
            "azure-x=y",
            &format!("{longer}=v"),
            &format!("a={}", "v".repeat(257)),
        ] {
            assert!(!tag(bad), "{bad:?}");
        }
        assert_eq!("a=b=c".parse::<Tag>().unwrap().pair(), ("a", "b=c"));
    }

    #[test]
    fn a_resource_group_has_letters_and_digits_of_any_script() {
        let name = |text: &str| text.parse::<ResourceGroupName>().is_ok();
        for good in [
            "rg-aks",
            "RG-BÄCKUP_(Über).1",
            "rg-клиент",
            "部門",
            "a",
            &"ä".repeat(90),
        ] {
            assert!(name(good), "{good}");
        }
        let long = "ä".repeat(91);
        for bad in [
            "",
            "rg.",
            "Ä.",
            "a b",
            "a/b",
            "a%b",
            "A\u{308}",
            "a\u{202e}b",
            "rg-b\u{430}ckup",
            "\u{3164}",
            &long,
        ] {
            assert!(!name(bad), "{bad:?}");
        }
    }
}
