//! What `az aksbackup COMMAND -o table` shows of the command's document: a JMESPath expression that az applies to it.

/// Of a command that failed, or of one that changed nothing because the answer was no.
const ERROR: &str = "error && exit == 'pending' && {Outcome:error.what} || \
                     error && {Error:error.what, Why:join('; ', error.why || `[]`), Code:error.code}";

const STEPS: &str = "steps[].{Step:step, Outcome:outcome, Detail:evidence || why || error.what, \
                     Changes:length(changed || changes || `[]`)}";
const CHECKS: &str = "checks[].{Link:link, Check:check, Verdict:verdict, Detail:says}";
const FINDINGS: &str = "findings[].{Severity:severity, Finding:id, Object:object, Cause:cause, Fix:fix}";
/// Of the commands over a folder of state files.
const FLEET: &str =
    "clusters[].{Cluster:cluster, File:file, Exit:exit, Result:says, Next:next.who, Command:next.command}";
/// Of `doctor list` and `doctor explain ID`.
const FAILURES: &str = "failures[].{Id:id, Cause:cause} || failure.{Id:id, Cause:cause, Fix:fix}";

/// Of the commands whose document is of a kind of its own.
const OWN: [(&str, &str); 14] = [
    (
        "init",
        "differences[].{Key:key, Before:old, Now:new} || target.{Cluster:cluster, Account:storage.account, \
         Container:storage.container, Vault:vault.name, Policy:policy.name, Instance:instance.name}",
    ),
    (
        "status",
        "steps[].{Step:step, State:state, Since:since, By:by, Evidence:evidence}",
    ),
    (
        "jobs",
        "(jobs || [job])[].{Job:name, Operation:operation, Status:status, Started:started_at, Ended:ended_at}",
    ),
    (
        "list",
        "clusters[].{Cluster:join('/', [resource_group, name]), Subscription:subscription.name, Region:region, \
         Version:kubernetes_version, Power:power_state, Protection:protection_state, Vault:vault_name, Policy:policy_name, \
         Backup:last_backup.status, Findings:join('; ', findings[].says)}",
    ),
    (
        "points",
        "points[].{Point:id, Time:time, Tier:join('+', tiers[].tier), Tag:retention_tag, Expires:expires_at, State:state, \
         Restorable:restorable}",
    ),
    (
        "handoff",
        "[message.turn, message.later][].{Who:who, Steps:join('; ', steps), Command:command}",
    ),
    (
        "merge",
        "taken[].{Table:table, From:from, By:written.by, Seen:written.observed_at} || {State:state, Changed:changed}",
    ),
    (
        "diff",
        "differences[].{Table:table, OnlyIn:only_in, Later:later, Keys:length(keys)} || {Left:left, Right:right, Exit:exit}",
    ),
    (
        "export",
        "resources[].{Resource:id, ApiVersion:api_version} || {Role:role.Name, Actions:length(role.Actions)}",
    ),
    (
        "report",
        "lanes[].nodes[].{Station:title, State:mark, Seen:says, When:at, By:by}",
    ),
    (
        "fleet init",
        "clusters[].{Cluster:cluster, File:file, Result:result, Error:error.what}",
    ),
    (
        "fleet list",
        "clusters[].{Cluster:join('/', [resource_group, name]), File:file, Region:region, Protection:protection_state, \
         Vault:vault_name, Backup:last_backup.status, Findings:join('; ', findings[].says)}",
    ),
    ("migrate", "{State:state, From:from, To:to, Changed:changed}"),
    ("schema", "keys(properties)[].{Table:@}"),
];

/// The view of the documents of `command`.
pub(super) fn view(command: &str) -> String {
    if command == "version" {
        return "{Version:aksbackup}".to_owned();
    }
    let own = OWN
        .iter()
        .find(|(name, _)| *name == command)
        .map(|(_, view)| (*view).to_owned());
    // A diagnosis is read by its findings, a proof by its checks.
    let view = own.unwrap_or_else(|| match command {
        "verify" => format!("{CHECKS} || {FINDINGS}"),
        fleet if fleet.starts_with("fleet ") => FLEET.to_owned(),
        "doctor" => format!("{FINDINGS} || {FAILURES} || {CHECKS}"),
        _ => format!("{STEPS} || {FINDINGS} || {CHECKS} || {{Command:command, Exit:exit}}"),
    });
    format!("{ERROR} || {view}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_view_begins_with_what_went_wrong() {
        for (command, own) in OWN {
            let view = view(command);
            assert!(view.starts_with(ERROR) && view.ends_with(own), "{command}");
        }
        assert!(view("prepare").contains(STEPS) && view("verify").contains(CHECKS));
    }
}
