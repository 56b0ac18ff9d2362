//! Whether a Resource Guard has to let an operation through, and what it takes.
//!
//! Azure compares the operations with the guard's list, and the account with the guard's roles:
//! <https://learn.microsoft.com/azure/backup/multi-user-authorization>. The names of the requests are those of the definitions' examples
//! and of Microsoft's clients; for the settings of a vault no source names one.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::guide::Person;
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::step::{Right, Turn};

use crate::arm::client::Reader;
use crate::arm::guards::{self, Proxy};
use crate::arm::vaults::Vault;
use crate::arm::visible::Sight;

/// An operation that a Resource Guard can protect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Critical {
    /// Scheduled backups end, and recovery points expire.
    Suspend,
    /// Scheduled backups end.
    Stop,
    /// A backup instance is deleted.
    Delete,
    /// A backup instance gets another policy, or backs up less.
    Modify,
    /// A vault protects less.
    Vault,
}

impl Critical {
    /// Returns the kind of request that lets it through.
    const fn request(self) -> Option<&'static str> {
        match self {
            Self::Suspend => Some("dppDisableSuspendBackupsRequests"),
            Self::Stop => Some("dppDisableStopProtectionRequests"),
            Self::Delete => Some("deleteBackupInstanceRequests"),
            Self::Modify => Some("dppModifyPolicy"),
            Self::Vault => None,
        }
    }

    /// Returns it within a sentence.
    const fn words(self) -> &'static str {
        match self {
            Self::Suspend => "suspending backups",
            Self::Stop => "stopping protection",
            Self::Delete => "deleting backups",
            Self::Modify => "changing the backup instance",
            Self::Vault => "reducing the vault's protection",
        }
    }
}

/// The kinds of requests that are known to be about something else than the settings of a vault.
const OTHERS: [&str; 6] = [
    "dppDisableSuspendBackupsRequests",
    "dppDisableStopProtectionRequests",
    "deleteBackupInstanceRequests",
    "dppModifyPolicy",
    "dppTriggerRestoreRequests",
    "deleteResourceGuardProxyRequests",
];

/// The Resource Guard of a vault, as far as the signed-in account can see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Guard {
    id: Option<ResourceId>,
    /// The requests of what it protects.
    requests: Vec<ResourceId>,
    /// Whether it protects something that isn't a resource ID: nothing is known of that.
    has_unknown: bool,
    /// The name of the vault's connection to it.
    pub(crate) proxy: String,
    /// The object ID of the signed-in account, which needs a role on it.
    caller: String,
}

/// The name that every connection of a vault to a Resource Guard has.
const PROXY: &str = "DppResourceGuardProxy";

/// Returns the Resource Guard of a vault; `None` if none protects it.
///
/// # Errors
/// As the read; a connection that can't be read is a guard of which nothing is known.
pub(crate) async fn of_vault(reader: &Reader, id: &ResourceId, vault: Option<&Vault>) -> Outcome<Option<Guard>> {
    if vault.and_then(|own| own.properties.is_vault_protected_by_resource_guard) != Some(true) {
        return Ok(None);
    }
    let proxies = Sight::of(guards::proxies(reader, id).await.map(Some))?;
    let proxy = proxies.here().and_then(|all| all.first());
    Ok(Some(Guard::of(proxy, &reader.caller().object_id.to_string())))
}

impl Guard {
    fn of(proxy: Option<&Proxy>, caller: &str) -> Self {
        let properties = proxy.map(|own| &own.properties);
        let details = properties.and_then(|own| own.resource_guard_operation_details.as_ref());
        let details = details.into_iter().flatten();
        let named: Vec<&String> = details
            .filter_map(|own| own.default_resource_request.as_ref())
            .collect();
        // They end in lines to paste: what is no resource ID isn't printed.
        let requests: Vec<ResourceId> = named.iter().filter_map(|own| own.parse().ok()).collect();
        Self {
            id: properties.and_then(|own| own.resource_guard_resource_id.as_ref()?.parse().ok()),
            has_unknown: requests.len() < named.len(),
            requests,
            proxy: proxy.map_or_else(|| PROXY.to_owned(), |own| own.name.clone()),
            caller: caller.to_owned(),
        }
    }

    /// Returns what the owner of the guard has to do before `command`, unless requests are named or the guard doesn't protect the operation.
    pub(crate) fn blocks(
        &self,
        critical: Critical,
        requests: &[ResourceId],
        vault: &ResourceId,
        command: &str,
    ) -> Option<Turn> {
        (requests.is_empty() && self.protects(critical)).then(|| self.turn(vault, critical, command))
    }

    /// Returns whether it protects this operation: the owner can leave some out.
    fn protects(&self, critical: Critical) -> bool {
        self.requests.is_empty() || self.has_unknown || self.listed(critical).next().is_some()
    }

    /// Returns the requests that can let an operation through: for the settings of a vault those whose kind means nothing else.
    fn listed(&self, critical: Critical) -> impl Iterator<Item = &ResourceId> {
        let is = |own: &ResourceId, kind: &str| {
            own.as_str()
                .to_ascii_lowercase()
                .contains(&format!("/{kind}/").to_ascii_lowercase())
        };
        self.requests.iter().filter(move |own| match critical.request() {
            Some(kind) => is(own, kind),
            None => !OTHERS.iter().any(|kind| is(own, kind)),
        })
    }

    /// Returns what the owner of the guard has to do before `command` can do this to a vault.
    fn turn(&self, vault: &ResourceId, critical: Critical, command: &str) -> Turn {
        let made = || Some(format!("{}/{}/default", self.id.as_ref()?, critical.request()?));
        let listed: Vec<&ResourceId> = self.listed(critical).collect();
        let request = match listed.as_slice() {
            [one] => Some(one.to_string()),
            _ => made(),
        };
        let placeholder = request.is_none();
        let request = request.unwrap_or_else(|| "RESOURCE-ID".to_owned());
        let next = az(format!("{command} --operation-requests {}", quoted(&request))).again();
        let guard = self.id.as_ref().map(ResourceId::name).map_or_else(
            || "a Resource Guard".to_owned(),
            |name| format!("Resource Guard {name}"),
        );
        let show = || {
            shell(format!(
                "az dataprotection backup-vault resource-guard-mapping show --vault-name {} --resource-group {} --name {}",
                quoted(vault.name()),
                quoted(vault.resource_group().as_str()),
                quoted(&self.proxy)
            ))
        };
        let source = match placeholder {
            true => format!(
                "; RESOURCE-ID is the defaultResourceRequest of the operation; to show it: {}",
                show()
            ),
            false => String::new(),
        };
        Turn {
            who: Person::ResourceGuardOwner,
            why: format!(
                "{guard} protects vault {} against {}: the guard's owner has to assign you a role on the guard; \
                 then run: {next}{source}",
                vault.with_group(),
                critical.words()
            ),
            command: match &self.id {
                Some(id) => shell(format!(
                    "az role assignment create --assignee {} --role \"Backup MUA Operator\" --scope {}",
                    self.caller,
                    quoted(id.as_str())
                )),
                None => show(),
            },
            right: self
                .id
                .as_ref()
                .map(|id| Right::new("Microsoft.Authorization/roleAssignments/write", id)),
            also: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::target_ids;

    const CALLER: &str = "22222222-3333-4444-8555-666666666666";
    const ID: &str = "/subscriptions/11111111-2222-4333-8444-555555555555/resourceGroups/rg-guard/providers/\
        Microsoft.DataProtection/resourceGuards/rg1";

    fn guard(requests: &[&str]) -> Guard {
        let details: Vec<_> = requests
            .iter()
            .map(|kind| json!({ "vaultCriticalOperation": "x", "defaultResourceRequest": format!("{ID}/{kind}/default") }))
            .collect();
        let proxy: Proxy = serde_json::from_value(json!({ "name": PROXY, "properties": {
            "resourceGuardResourceId": ID, "resourceGuardOperationDetails": details,
        } }))
        .unwrap();
        Guard::of(Some(&proxy), CALLER)
    }

    #[test]
    fn what_the_owner_left_out_is_not_protected_and_what_is_not_known_is() {
        let own = guard(&["dppDisableStopProtectionRequests"]);
        assert!(own.protects(Critical::Stop) && !own.protects(Critical::Suspend));
        assert!(!own.protects(Critical::Vault) && guard(&["ofAnotherKind"]).protects(Critical::Vault));
        assert!(Guard::of(None, CALLER).protects(Critical::Suspend));
    }

    #[test]
    fn the_turn_names_the_guard_the_role_and_the_command_with_its_request() {
        let vault = target_ids::vault(&target_ids::tests::example());
        let turn = guard(&["deleteBackupInstanceRequests"]).turn(&vault, Critical::Delete, "teardown");
        assert!(
            turn.why
                .starts_with("Resource Guard rg1 protects vault rg-backup/bv-aks against deleting backups")
        );
        let next = format!("az aksbackup teardown --operation-requests {ID}/deleteBackupInstanceRequests/default");
        assert!(turn.why.ends_with(&next), "{}", turn.why);
        assert!(turn.command.to_string().ends_with(&format!("--scope {ID}")));
        assert!(turn.command.to_string().contains(CALLER), "{:?}", turn.command);
        assert_eq!(turn.who, Person::ResourceGuardOwner);
        let turn = Guard::of(None, CALLER).turn(&vault, Critical::Vault, "prepare");
        // Fails before: our own parser refused what was printed, and nothing said where the value is.
        assert!(
            turn.why
                .contains("--operation-requests RESOURCE-ID; RESOURCE-ID is the defaultResourceRequest"),
            "{}",
            turn.why
        );
        assert!(turn.command.to_string().contains("resource-guard-mapping show"));
    }

    /// Fails before: a shell took the parentheses of a resource group for its own.
    #[test]
    fn values_of_azure_are_words_of_the_shell() {
        let vault: ResourceId = target_ids::vault(&target_ids::tests::example())
            .as_str()
            .replace("rg-backup", "rg(backup)")
            .parse()
            .unwrap();
        let guard = |id: &str| {
            let proxy: Proxy = serde_json::from_value(json!({ "name": "my proxy", "properties": {
                "resourceGuardResourceId": id,
                "resourceGuardOperationDetails": [{ "defaultResourceRequest": format!("{id}/deleteBackupInstanceRequests/default") }],
            } }))
            .unwrap();
            Guard::of(Some(&proxy), CALLER)
        };
        let id = ID.replace("rg-guard", "rg(guard)");
        let turn = guard(&id).turn(&vault, Critical::Delete, "teardown");
        let line = turn.command.to_string();
        assert!(line.ends_with(&format!("--scope '{id}'")), "{line}");
        let next = format!("--operation-requests '{id}/deleteBackupInstanceRequests/default'");
        assert!(turn.why.ends_with(&next), "{}", turn.why);
        let own = guard("x; reboot");
        assert!(own.protects(Critical::Stop), "what isn't known might protect it");
        let turn = own.turn(&vault, Critical::Delete, "teardown");
        assert!(!format!("{}{}", turn.why, turn.command).contains("reboot"), "{turn:?}");
        let line = turn.command.to_string();
        assert!(
            line.ends_with("--resource-group 'rg(backup)' --name 'my proxy'"),
            "{line}"
        );
    }
}
