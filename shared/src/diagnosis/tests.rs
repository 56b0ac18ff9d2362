use super::*;
use crate::chain::finding::Remedy;
use crate::command_line::{az, kubectl, shell};
use crate::fix;

fn text(seen_in: SeenIn, link: Link, words: impl Into<String>) -> Text {
    Text {
        seen_in,
        object: "the object".to_owned(),
        link,
        at: None,
        past: false,
        text: words.into(),
    }
}

fn bsl(words: impl Into<String>) -> Text {
    text(SeenIn::Bsl, Link::StorageLocation, words)
}

fn proved(id: &str) -> Check {
    let known = Catalogue::get().row(id).unwrap();
    Check::error(known.link, "check", "it was seen", "do this").proves(id)
}

/// `ID` for what is proved, `ID?` for what is likely, with what it explains in brackets.
fn told(findings: &[Finding]) -> Vec<String> {
    let tell = |finding: &Finding| {
        let sure = if finding.certainty == Certainty::Proved {
            ""
        } else {
            "?"
        };
        let explains = match finding.explains.is_empty() {
            true => String::new(),
            false => format!(" ({})", finding.explains.join(" ")),
        };
        format!("{}{sure}{explains}", finding.id)
    };
    findings.iter().map(tell).collect()
}

#[track_caller]
fn finds(checks: &[Check], texts: &[Text], expected: &[&str]) {
    assert_eq!(told(&diagnose(checks, texts)), expected);
}

#[test]
fn nothing_wrong_is_nothing_found() {
    finds(&[Check::ok(Link::Pods, "pods", "3 running")], &[bsl("")], &[]);
    finds(&[Check::error(Link::Pods, "pods", "odd", "look")], &[], &[]);
    finds(
        &[Check::error(Link::Pods, "pods", "odd", "look").proves("NO-SUCH-ROW")],
        &[],
        &[],
    );
}

#[test]
fn state_and_text_of_the_same_failure_are_one_proved_finding() {
    let found = diagnose(
        &[proved("RBAC-BLOB-ROLE").because("roleAssignments = []")],
        &[
            bsl("desc = AuthorizationPermissionMismatch: no"),
            text(SeenIn::Vlog, Link::StorageLocation, "AuthorizationPermissionMismatch"),
        ],
    );
    assert_eq!(told(&found), ["RBAC-BLOB-ROLE"]);
    assert_eq!(found[0].remedy, Some(Remedy::Grant));
    assert_eq!(found[0].evidence[..2], ["it was seen", "roleAssignments = []"]);
    assert!(
        found[0].evidence[2].starts_with("the object: desc = Auth"),
        "{:?}",
        found[0].evidence
    );
}

#[test]
fn both_dialects_of_velero_are_read() {
    for words in [
        "BackupStorageLocation \"default\" is unavailable: rpc error: code = Unknown desc = ContainerNotFound: The specified container does not exist.",
        "rpc error: code = Unknown desc = GET https://stbackup.blob.core.windows.net/velero\n-----\nRESPONSE 404: 404 The specified \
         container does not exist.\nERROR CODE: ContainerNotFound\n-----\n<?xml version=\"1.0\"?><Error><Code>ContainerNotFound</Code></Error>",
    ] {
        let found = diagnose(&[proved("BSL-UNAVAILABLE")], &[bsl(words)]);
        assert_eq!(told(&found), ["STO-CONTAINER-MISSING? (BSL-UNAVAILABLE)"]);
    }
}

#[test]
fn the_innermost_error_is_the_cause() {
    let helm = "{\"error\":{\"code\":\"ExtensionOperationFailed\",\"message\":\"The extension operation failed: InnerError [Helm installation \
                failed : timed out waiting for the condition : InnerError [Error creating: admission webhook \\\"validation.gatekeeper.sh\\\" \
                denied the request: [x] no]]\"}}";
    let found = diagnose(&[], &[text(SeenIn::Ext, Link::Extension, helm)]);
    assert_eq!(
        told(&found),
        ["EXT-POLICY-PODS? (EXT-HELM-TIMEOUT EXT-FAILED K8S-ADMISSION)"]
    );

    let backup = r#"{"code":"UserErrorBackupStorageLocationNotReady","message":"not ready","additionalInfo":[{"type":"x","info":{
        "innerError":{"code":"c","additionalInfo":{"DetailedNonLocalisedMessage":
        "BackupStorageLocation \"default\" is unavailable: KeyBasedAuthenticationNotPermitted: Key based"}}}}]}"#;
    let found = diagnose(&[], &[text(SeenIn::Bi, Link::BackupInstance, backup)]);
    assert_eq!(told(&found), ["STO-KEYS-OFF? (RBAC-PROPAGATING BSL-UNAVAILABLE)"]);
}

#[test]
fn two_errors_beside_each_other_are_both_named() {
    let words = r#"{"error":{"code":"Validation","message":"v","details":[{"code":"UserErrorMissingRequiredPermissions","message":"a"},
        {"code":"UserErrorTrustedAccessGatewayReturnedForbidden","message":"b"}]}}"#;
    let mut ids = told(&diagnose(&[], &[text(SeenIn::Bi, Link::BackupInstance, words)]));
    ids.sort();
    assert_eq!(ids, ["RBAC-SNAPSHOT-CLUSTER?", "VLT-TRUSTED-ACCESS?"]);
}

#[test]
fn consequences_stand_with_their_cause() {
    finds(
        &[
            proved("BSL-UNAVAILABLE"),
            proved("VLT-BI-ERROR"),
            proved("FIC-ISSUER"),
            proved("EXT-UNHEALTHY"),
        ],
        &[
            bsl("AADSTS700211: x"),
            text(SeenIn::Cond, Link::Pods, "CrashLoopBackOff"),
        ],
        &[
            "K8S-CRASHLOOP?",
            "FIC-ISSUER (EXT-UNHEALTHY FIC-PROPAGATING BSL-UNAVAILABLE VLT-BI-ERROR)",
        ],
    );
    finds(
        &[
            proved("WI-LABEL-MISSING"),
            proved("WI-NOT-INJECTED"),
            proved("BSL-UNAVAILABLE"),
        ],
        &[bsl(
            "ManagedIdentityCredential authentication failed. Multiple user assigned identities exist",
        )],
        &["WI-LABEL-MISSING (WI-NOT-INJECTED WI-IMDS-MULTIPLE BSL-UNAVAILABLE)"],
    );
}

#[test]
fn wrappers_alone_are_better_than_nothing() {
    finds(
        &[proved("BSL-UNAVAILABLE"), proved("VLT-BI-ERROR")],
        &[],
        &["BSL-UNAVAILABLE (VLT-BI-ERROR)"],
    );
}

#[test]
fn the_state_decides_between_failures_of_the_same_text() {
    finds(&[], &[bsl("AADSTS70021: x")], &["FIC-ISSUER? (FIC-PROPAGATING)"]);
    finds(
        &[proved("FIC-PROPAGATING")],
        &[bsl("AADSTS70021: x")],
        &["FIC-PROPAGATING (FIC-ISSUER)"],
    );
    finds(
        &[proved("FIC-SUBJECT")],
        &[bsl("AADSTS70021: x")],
        &["FIC-SUBJECT (FIC-ISSUER FIC-PROPAGATING)"],
    );
    finds(
        &[proved("FIC-NONE")],
        &[bsl("AADSTS700213: x")],
        &["FIC-NONE (FIC-SUBJECT FIC-PROPAGATING)"],
    );
    finds(
        &[proved("RBAC-CONTROL-ROLE-ONLY")],
        &[bsl("AuthorizationPermissionMismatch")],
        &["RBAC-CONTROL-ROLE-ONLY (RBAC-BLOB-ROLE)"],
    );
    let job = text(SeenIn::Job, Link::Jobs, "UserErrorBackupStorageLocationNotReady");
    finds(
        &[proved("RBAC-BLOB-ROLE")],
        &[job],
        &["RBAC-BLOB-ROLE (RBAC-PROPAGATING BSL-UNAVAILABLE)"],
    );
}

#[test]
fn causes_are_told_in_the_order_of_the_chain_and_proved_ones_first() {
    finds(
        &[proved("VLT-TRUSTED-ACCESS"), proved("FIC-ISSUER"), proved("STO-DNS")],
        &[
            text(SeenIn::Job, Link::Jobs, "UserErrorHookExecutionFailed"),
            bsl("AccountIsDisabled"),
        ],
        &[
            "STO-DNS",
            "STO-ACCOUNT-DISABLED?",
            "FIC-ISSUER",
            "VLT-TRUSTED-ACCESS",
            "JOB-HOOK?",
        ],
    );
}

#[test]
fn history_is_no_cause_where_all_is_well_now() {
    let past = Text {
        past: true,
        ..bsl("AuthorizationPermissionMismatch")
    };
    let well = Check::ok(Link::StorageLocation, "storage location", "Available");
    finds(std::slice::from_ref(&well), std::slice::from_ref(&past), &[]);
    finds(&[], std::slice::from_ref(&past), &["RBAC-BLOB-ROLE?"]);
    let unwell = Check::error(Link::StorageLocation, "other", "not so well", "look");
    finds(&[well, unwell], &[past], &["RBAC-BLOB-ROLE?"]);
}

#[test]
fn a_failure_of_the_surroundings_belongs_where_it_was_seen() {
    let denied = text(
        SeenIn::Arm,
        Link::Vault,
        "AuthorizationFailed: perform action 'Microsoft.DataProtection/backupVaults/write'",
    );
    let found = diagnose(&[], &[denied]);
    assert_eq!((found[0].id.as_str(), found[0].link), ("ARM-AUTHZ", Link::Vault));
}

#[test]
fn quoted_words_are_masked_and_long_ones_cut() {
    let token = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln";
    let words = format!(
        "{} {token} AADSTS700211 sig=abcdef {}",
        "x".repeat(10 << 20),
        "y".repeat(1000)
    );
    let tail = format!("{} ContainerNotFound", "x ".repeat(5 << 20));
    let found = diagnose(
        &[proved("FIC-NONE").because(token)],
        &[bsl(words), bsl(format!("{token} AADSTS700211 sig=abcdef")), bsl(tail)],
    );
    let shown = serde_json::to_string(&found).unwrap();
    assert!(
        !shown.contains("eyJ") && !shown.contains("abcdef") && shown.len() < 4000,
        "{shown}"
    );
    assert_eq!(
        told(&found),
        ["STO-CONTAINER-MISSING?", "FIC-NONE (FIC-ISSUER FIC-PROPAGATING)"]
    );
}

#[test]
fn the_same_input_gives_the_same_findings() {
    let catalogue = Catalogue::get();
    let checks: Vec<_> = catalogue.rows().map(|known| proved(&known.id)).collect();
    let texts: Vec<_> = catalogue
        .rows()
        .flat_map(|known| known.examples.iter().map(bsl))
        .collect();
    let once = diagnose(&checks, &texts);
    assert_eq!(once, diagnose(&checks, &texts));
    let links: Vec<_> = once.iter().map(|finding| finding.link).collect();
    assert!(links.is_sorted());
}

#[test]
fn thousands_of_lines_are_gone_through_quickly() {
    let line = "time=\"2026-01-01T00:00:00Z\" level=warning msg=\"nothing of note about backup default, with \\\"quotes\\\"\" logSource=\"pkg/x.go:1\"\n";
    let log = line.repeat(20_000);
    let start = std::time::Instant::now();
    finds(&[], &[text(SeenIn::Vlog, Link::StorageLocation, log)], &[]);
    assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
}

/// Fails before: the row's fix replaced that of the check, although the row's command refuses in this state, or comes second.
#[test]
fn who_saw_the_state_says_what_to_do_and_the_row_s_command_is_offered_only_if_it_comes_first() {
    for (id, hint, remedy) in [
        ("RBAC-BLOB-ROLE", fix![az("grant --vault bv")], Some(Remedy::Grant)),
        ("RBAC-BLOB-ROLE", fix![az("prepare"), ", then ", az("grant")], None),
        (
            "CLU-WI-OFF",
            fix![az("prepare"), ", then ", kubectl("configure")],
            Some(Remedy::Prepare),
        ),
        ("WI-SKIP", fix![shell("kubectl edit deployments")], None),
        ("CLU-STOPPED", fix![shell("az aks start --name aks")], None),
    ] {
        let found = diagnose(&[proved(id).hinted(hint.clone())], &[]);
        assert_eq!((found[0].hint.as_ref(), found[0].remedy), (Some(&hint), remedy), "{id}");
    }
    assert_eq!(diagnose(&[proved("CLU-WI-OFF")], &[])[0].remedy, Some(Remedy::Prepare));
}

/// What destroys something, or opens it to others, is a decision of its owner and never what a row tells people to do.
#[test]
fn no_fix_of_the_catalogue_destroys_or_opens_anything() {
    const WORDS: [&str; 3] = ["delete", "uninstall", "reinstall"];
    const FLAGS: [&str; 3] = [
        "allow-shared-key-access true",
        "default-action allow",
        "public-network-access enabled",
    ];
    let is_harmful = |fix: &str| {
        // The name of a setting, which keeps what is deleted.
        let fix = fix.to_lowercase().replace("soft-delete", "");
        let mut words = fix.split(|c: char| !c.is_ascii_alphanumeric());
        words.any(|word| WORDS.contains(&word)) || FLAGS.iter().any(|flag| fix.contains(flag))
    };
    assert!(is_harmful("Delete the backup instance and protect anew") && !is_harmful("Restore the backup instance"));
    let harmful = Catalogue::get().rows().filter(|row| is_harmful(&row.fix.to_string()));
    let harmful: Vec<&str> = harmful.map(|row| row.id.as_str()).collect();
    assert_eq!(harmful, Vec::<&str>::new());
}
