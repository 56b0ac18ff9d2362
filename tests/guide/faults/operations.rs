//! Long-running operations in every style that Azure tells of them.

use std::io::ErrorKind;
use std::net::TcpListener;

use aksbackup_shared::exit::Exit;
use aksbackup_tests::harness::Stage;
use aksbackup_tests::log::Entry;

use crate::faults::transient::survived;
use crate::made::{self, beside_each_other};
use crate::part::Part;

/// The requests for operations, those of Azure's signed addresses among them.
fn polls(stage: &Stage) -> Vec<Entry> {
    let names = [
        "/operations/",
        "/operationstatus",
        "/operationresults/",
        "/asyncoperations/",
    ];
    let asks = |entry: &Entry| {
        let target = entry.target.to_ascii_lowercase();
        entry.method == "GET" && names.iter().any(|name| target.contains(name))
    };
    stage.since(0).into_iter().filter(asks).collect()
}

/// No request is sent again before the time that the answer to it has asked for. Gives how often that was asked for.
pub(crate) fn never_before_its_time(entries: &[Entry]) -> usize {
    let mut wishes = 0;
    for (at, entry) in entries.iter().enumerate() {
        let Some(wish) = entry.retry_after_ms else { continue };
        let same = |next: &&Entry| next.method == entry.method && next.target == entry.target;
        let Some(next) = entries[at + 1..].iter().find(same) else {
            continue;
        };
        wishes += 1;
        // Both clocks count whole milliseconds.
        let pause = next.arrived_ms.saturating_sub(entry.answered_ms) + 1;
        assert!(pause >= wish, "sent again after {pause} ms\n{entry:#?}\n{next:#?}");
    }
    wishes
}

#[test]
fn every_style_of_telling_of_an_operation_is_followed() {
    let styles = [
        ("async", Some("operationstatuses")),
        ("location", Some("operationresults")),
        ("state", None),
    ];
    beside_each_other(&styles, |(style, address)| {
        let switch = format!("operation_style={style}");
        for part in [Part::Prepare, Part::Protect] {
            let stage = survived(part, &[&switch]);
            let neutral =
                |entry: &Entry| entry.target.starts_with("/subscriptions/") && entry.target.contains("2021-04-01");
            let seen = polls(&stage).into_iter().filter(neutral).collect::<Vec<_>>();
            let expected = address.unwrap_or_default();
            assert!(seen.iter().all(|entry| entry.target.contains(expected)), "{seen:#?}");
            assert_eq!(seen.is_empty(), address.is_none(), "{part:?} {style}: {seen:#?}");
        }
    });
}

#[test]
fn whatever_word_a_provider_has_for_running_is_running() {
    for word in ["Inprogress", "Accepted", "Fancy"] {
        survived(Part::Prepare, &[&format!("operation_word={word}")]);
    }
}

#[test]
fn a_signed_address_of_four_kilobytes_comes_back_byte_for_byte() {
    let stage = Part::Prepare.stage();
    Part::Prepare.run(&stage).ok();
    let polls = polls(&stage);
    let signed: Vec<_> = polls.iter().filter(|entry| entry.target.contains("&c=")).collect();
    assert!(!signed.is_empty());
    for entry in signed {
        // The sandbox compares byte for byte, and answers 403 to anything else.
        assert!(entry.target.len() > 4096 && entry.status == 200, "{entry:#?}");
    }
}

#[test]
fn whoever_may_not_see_an_operation_is_told_by_its_resource() {
    let of_aks = |stage: &Stage| -> Vec<Entry> {
        let own = |entry: &Entry| entry.target.contains("Microsoft.ContainerService/locations/");
        polls(stage).into_iter().filter(own).collect()
    };
    // The platform team has its roles on groups; AKS names operations of the subscription.
    let stage = Part::Prepare.stage();
    Part::Prepare.run(&stage).ok();
    let refused = of_aks(&stage);
    assert!(refused.iter().all(|entry| entry.status == 403), "{refused:#?}");
    let mut once: Vec<&str> = refused.iter().map(|entry| entry.target.as_str()).collect();
    once.dedup();
    assert_eq!(
        (once.len(), refused.len()),
        (2, 2),
        "an operation that was refused is not asked for again"
    );
    let stage = Part::Prepare.stage();
    stage.az("everything", &["prepare", "--yes"]).ok();
    let seen = of_aks(&stage);
    assert!(
        seen.len() >= 2 && seen.iter().all(|entry| entry.status == 200),
        "{seen:#?}"
    );
}

#[test]
fn an_operation_on_another_host_is_not_asked_for_and_gets_no_token() {
    let elsewhere = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    elsewhere.set_nonblocking(true).unwrap();
    let switch = format!("operation_host=https://{}", elsewhere.local_addr().unwrap());
    let stage = Part::Prepare.stage();
    stage.sandbox.set(&switch).unwrap();
    Part::Prepare.run(&stage).ok();
    Part::Grant.run(&stage).ok();
    Part::Configure.run(&stage).ok();
    // Nothing but its operation tells the verdict of Azure Backup.
    Part::Protect
        .run(&stage)
        .ends(Exit::Failed.code())
        .says("no operation URL on the Azure Resource Manager host");
    assert!(polls(&stage).is_empty());
    assert_eq!(elsewhere.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    stage.sandbox.set("operation_host=").unwrap();
    Part::Protect.run(&stage).ok();
    made::nothing_twice(&stage);
}

#[test]
fn an_operation_that_fails_with_http_200_is_told_whole_and_the_next_run_goes_on_or_names_what_stands_in_the_way() {
    let cases = [
        (Part::Prepare, "PUT:backupVaults/bv-aks-demo?", "vault"),
        (Part::Prepare, "PUT:storageAccounts/staksdemo", "storage account"),
        (Part::Protect, "POST:validateForBackup", "validat"),
    ];
    beside_each_other(&cases, |(part, target, object)| {
        // Microsoft's definitions know no storage account that has failed.
        let stage = part.stage().accepting("Failed");
        stage
            .sandbox
            .set(&format!("fault=failed/SandboxBroken@{target}:1"))
            .unwrap();
        let run = part
            .run(&stage)
            .ends(Exit::Failed.code())
            .says("SandboxBroken")
            .says("struck by a fault of the \"sandbox\".")
            .says("SandboxReason: This is the very reason.")
            .says(object);
        assert!(
            run.stderr.contains("(request ") && run.stderr.contains("hint: "),
            "{run}"
        );
        made::state_parses(&stage);
        let again = part.run(&stage);
        // What was made and is of no use stands in the way; a person has to say what becomes of it.
        let _ = match part {
            Part::Prepare => again
                .ends(Exit::Failed.code())
                .says("in state Failed")
                .says("az aksbackup init"),
            _ => again.ok(),
        };
        made::nothing_twice(&stage);
    });
}

#[test]
fn an_operation_that_somebody_cancels_is_said_to_be() {
    let stage = Part::Prepare.stage();
    stage
        .sandbox
        .set("fault=canceled@PUT:managedClusters/aks-demo?:1")
        .unwrap();
    // Only who may see the operations of the subscription is told why.
    stage
        .az("everything", &["prepare", "--yes"])
        .ends(Exit::Failed.code())
        .says("Azure reports: Canceled")
        .says("cluster");
    Part::Prepare.run(&stage).ok();
    made::nothing_twice(&stage);
}
