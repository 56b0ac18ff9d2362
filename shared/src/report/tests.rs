use serde_json::Value;

use super::model::{Mark, Node};
use super::{Inputs, Look, Report, html, machine, markdown, report};
use crate::chain::check::Check;
use crate::chain::examination::Examination;
use crate::chain::finding::{Certainty, Finding, Remedy};
use crate::chain::link::Link;
use crate::program::Program;
use crate::schema::State;
use crate::status::rows;

const WHOLE: &str = include_str!("../../tests/report/aksbackup.toml");
// After everything in the file, and before all of it but `init`.
const AFTER: &str = "2026-11-24T08:00:00Z";
const BEFORE: &str = "2026-11-17T09:03:00Z";

fn whole() -> State {
    toml::from_str(WHOLE).unwrap()
}

fn prepared() -> State {
    let mut state = whole();
    state.cloud.roles = None;
    state.cloud.instance = None;
    state.cloud.backup = None;
    state.cluster = Default::default();
    state
}

fn look(program: Program, at: &str, checks: Vec<Check>, findings: Vec<Finding>) -> Look {
    let seen = Examination {
        command: "doctor".into(),
        program,
        at: at.parse().unwrap(),
        issuer: None,
        cluster: None,
        checks,
        findings,
    };
    Look {
        program,
        seen: Ok(seen),
        live: true,
    }
}

fn blind(program: Program) -> Look {
    let seen = Err("not checked".into());
    Look {
        program,
        seen,
        live: false,
    }
}

fn page(state: &State, looks: &[Look]) -> Report {
    report(&Inputs {
        state,
        digest: "sha256:0",
        file: "s.toml",
        rows: &rows(state, None),
        looks,
        offline: true,
        now: AFTER.parse().unwrap(),
        tool: "test 0",
    })
}

fn node<'a>(page: &'a Report, id: &str) -> &'a Node {
    page.lanes
        .iter()
        .flat_map(|lane| &lane.nodes)
        .find(|node| node.id == id)
        .unwrap()
}

fn all_good() -> Vec<Look> {
    let good = |links: &[Link]| {
        links
            .iter()
            .map(|link| Check::ok(*link, link.title(), "failed"))
            .collect()
    };
    let mut cloud: Vec<Check> = good(&Link::ALL);
    cloud.push(Check::ok(Link::Vault, "trusted access", "a binding"));
    cloud.push(Check::ok(
        Link::Vault,
        "Contributor of the cluster on rg-snapshots",
        "assigned",
    ));
    vec![
        look(Program::Az, AFTER, cloud, vec![]),
        look(
            Program::Kubectl,
            AFTER,
            good(&[
                Link::Pods,
                Link::Injection,
                Link::ServiceAccounts,
                Link::StorageLocation,
            ]),
            vec![],
        ),
    ]
}

fn label_missing() -> Finding {
    Finding {
        id: "WI-LABEL-MISSING".into(),
        certainty: Certainty::Proved,
        severity: crate::chain::check::Verdict::Error,
        link: Link::Injection,
        object: "deployment agent".into(),
        cause: "The label is gone".into(),
        evidence: vec!["labels: app".into()],
        fix: "label it again".into(),
        hint: None,
        remedy: Some(Remedy::Configure),
        explains: vec!["BSL-UNAVAILABLE".into()],
    }
}

#[test]
fn what_is_left_is_named_with_whose_turn_it_is() {
    let page = page(&prepared(), &[blind(Program::Az), blind(Program::Kubectl)]);
    assert_eq!(page.verdict.mark, Mark::Open);
    assert!(
        page.verdict
            .says
            .contains("step 8 (roles), waiting for the subscription owner"),
        "{}",
        page.verdict.says
    );
    let command = page.verdict.command.as_deref().unwrap();
    assert!(
        command.starts_with("az aksbackup grant --subscription SUBSCRIPTION"),
        "{command}"
    );
    assert_eq!(node(&page, "storage-role").mark, Mark::Open);
    assert_eq!(node(&page, "vault").mark, Mark::Recorded);
    let open: Vec<_> = page
        .rights
        .iter()
        .filter(|right| right.open)
        .map(|right| right.action.as_str())
        .collect();
    assert!(
        open.contains(&"Microsoft.Authorization/roleAssignments/write"),
        "{open:?}"
    );
    assert!(!open.contains(&"Microsoft.Storage/storageAccounts/write"), "{open:?}");
}

#[test]
fn a_file_alone_proves_nothing_and_says_who_can_look() {
    let page = page(&whole(), &[blind(Program::Az), blind(Program::Kubectl)]);
    assert_eq!(page.verdict.mark, Mark::Recorded);
    assert!(
        page.lanes
            .iter()
            .flat_map(|lane| &lane.nodes)
            .all(|node| node.mark == Mark::Recorded)
    );
    let commands: Vec<&str> = page.unseen.iter().map(|one| one.command.as_str()).collect();
    assert_eq!(
        commands,
        ["az aksbackup verify --save", "kubectl aksbackup verify --save"]
    );
    assert!(page.turns.is_empty() && page.findings.is_empty());
}

#[test]
fn all_that_was_seen_as_it_should_be_is_said_to_be_so() {
    let page = page(&whole(), &all_good());
    let not_good = page
        .lanes
        .iter()
        .flat_map(|lane| &lane.nodes)
        .find(|node| node.mark != Mark::Good);
    assert_eq!(not_good, None);
    assert_eq!(page.verdict.mark, Mark::Good);
    assert!(
        page.verdict.says.starts_with("Protected: 11 of 11"),
        "{}",
        page.verdict.says
    );
    assert_eq!((page.unseen.len(), page.findings.len()), (0, 0));
}

#[test]
fn a_side_that_was_not_looked_at_in_this_run_is_named_and_never_green() {
    let both = all_good();
    for (at, side, blinded) in [
        (0, "the cloud side", "cluster"),
        (1, "the cluster side", "service-accounts"),
    ] {
        let program = both[at].program;
        let mut missing = both.clone();
        missing[at] = blind(program);
        let of_missing = page(&whole(), &missing);
        let mut reported = both.clone();
        reported[at].live = false;
        let of_reported = page(&whole(), &reported);
        for page in [&of_missing, &of_reported] {
            assert_eq!(page.verdict.mark, Mark::Recorded, "{}", page.verdict.says);
            assert!(
                page.verdict.says.contains("Not checked in this run: "),
                "{}",
                page.verdict.says
            );
            assert!(page.verdict.says.contains(side), "{}", page.verdict.says);
            assert_eq!(node(page, blinded).mark, Mark::Recorded);
            // The account was seen in Azure, or the location in the cluster: not both.
            assert_eq!(node(page, "container").mark, Mark::Recorded);
            assert!(!html::html(page).contains("Protected:"));
        }
        assert!(of_reported.verdict.says.contains("(last reported 2026-11-24 08:00Z)"));
    }
}

#[test]
fn a_link_is_green_only_by_the_program_that_can_observe_it() {
    let mut looks = all_good();
    looks[1].live = false;
    let page = page(&whole(), &looks);
    let of = |link: Link| page.links.iter().find(|line| line.link == link).unwrap().mark;
    assert_eq!((of(Link::Cluster), of(Link::Pods)), (Mark::Good, Mark::Recorded));
}

#[test]
fn one_cause_is_named_once_and_breaks_its_station() {
    let mut looks = all_good();
    let template = Check::error(Link::Injection, "pod templates", "no label", "x").proves("WI-LABEL-MISSING");
    let location = Check::error(Link::StorageLocation, "phase", "Unavailable", "x").proves("BSL-UNAVAILABLE");
    looks[1] = look(Program::Kubectl, AFTER, vec![template, location], vec![label_missing()]);
    let page = page(&whole(), &looks);
    let ids: Vec<&str> = page.findings.iter().map(|found| found.rule_id.as_str()).collect();
    assert_eq!(ids, ["WI-LABEL-MISSING"]);
    assert_eq!(page.findings[0].command.as_deref(), Some("kubectl aksbackup configure"));
    assert_eq!(node(&page, "service-accounts").says, "The label is gone");
    assert_eq!(
        page.verdict.says,
        "The chain is broken at the service accounts. The label is gone."
    );
    assert_eq!(page.verdict.command, page.findings[0].command);
}

#[test]
fn what_was_worked_on_since_is_history() {
    let error = Check::error(Link::StorageRole, "role", "missing", "az aksbackup grant");
    let looks = [look(Program::Az, BEFORE, vec![error], vec![]), blind(Program::Kubectl)];
    let page = page(&whole(), &looks);
    assert_eq!(node(&page, "storage-role").mark, Mark::Recorded);
    assert_eq!(page.verdict.mark, Mark::Recorded);
    assert!(page.findings[0].outdated && page.links[0].checks[0].outdated);
    assert!(html::html(&page).contains("check again before you act on it"));
}

#[test]
fn what_no_step_has_made_yet_is_open_and_not_broken() {
    let error = Check::error(Link::StorageRole, "role", "there is none", "az aksbackup grant");
    let looks = [look(Program::Az, AFTER, vec![error], vec![]), blind(Program::Kubectl)];
    let page = page(&prepared(), &looks);
    assert_eq!(page.verdict.mark, Mark::Open);
    assert_eq!(node(&page, "storage-role").mark, Mark::Open);
    assert_eq!(node(&page, "storage-role").says, "there is none");
    assert!(page.findings[0].pending && html::html(&page).contains("still open"));
}

#[test]
fn the_parts_of_the_vault_s_link_break_each_their_own_station() {
    for (check, broken) in [
        ("vault", "vault"),
        ("trusted access", "trusted-access"),
        ("Reader of the vault on shop-prod", "trusted-access"),
        ("Reader of the vault on rg-snapshots", "snapshot-group"),
        ("snapshot group", "snapshot-group"),
    ] {
        let error = Check::error(Link::Vault, check, "wrong", "x");
        let page = page(
            &whole(),
            &[look(Program::Az, AFTER, vec![error], vec![]), blind(Program::Kubectl)],
        );
        let all = page
            .lanes
            .iter()
            .flat_map(|lane| &lane.nodes)
            .filter(|node| node.mark == Mark::Broken);
        assert_eq!(all.map(|node| node.id).collect::<Vec<_>>(), [broken], "{check}");
    }
}

#[test]
fn a_station_that_is_well_says_what_is_known_of_itself() {
    let cluster = vec![
        Check::ok(Link::Pods, "namespace", "is Active"),
        Check::ok(Link::ServiceAccounts, "service accounts", "3 have the client ID"),
    ];
    let cloud = vec![
        Check::ok(Link::Vault, "Reader of the vault on shop-prod", "assigned"),
        Check::ok(Link::Vault, "trusted access", "the binding is there"),
    ];
    let page = page(
        &whole(),
        &[
            look(Program::Az, AFTER, cloud, vec![]),
            look(Program::Kubectl, AFTER, cluster, vec![]),
        ],
    );
    let says = |id: &str| node(&page, id).says.trim_end_matches('.').to_owned();
    assert_eq!(says("service-accounts"), "3 have the client ID");
    assert_eq!(says("trusted-access"), "the binding is there");
}

#[test]
fn what_one_program_could_not_see_counts_unless_the_other_one_did() {
    let hidden = Check::unknown(Link::StorageLocation, "phase", "not permitted");
    let cloud = |check| look(Program::Az, AFTER, vec![check], vec![]);
    let seen = Check::ok(Link::StorageLocation, "phase", "Available");
    let both = [cloud(hidden.clone()), look(Program::Kubectl, AFTER, vec![seen], vec![])];
    assert!(page(&whole(), &both).unseen.is_empty());
    let alone = [cloud(hidden), look(Program::Kubectl, AFTER, vec![], vec![])];
    let page = page(&whole(), &alone);
    assert_eq!(page.unseen[0].who, crate::guide::Person::ClusterAdmin);
    assert_eq!(page.unseen[0].command, "kubectl aksbackup verify --save");
}

#[test]
fn the_document_has_a_stable_shape_and_is_sarif_too() {
    let mut looks = all_good();
    looks[1] = look(Program::Kubectl, AFTER, vec![], vec![label_missing()]);
    let document: Value = serde_json::from_str(&machine::machine(&page(&whole(), &looks))).unwrap();
    let keys: Vec<&str> = document.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "version", "command", "exit", "made_at", "tool", "offline", "cluster", "file", "digest", "verdict",
            "views", "lanes", "findings", "turns", "steps", "made", "access", "links", "unseen", "rights", "sarif"
        ]
    );
    let found = &document["findings"][0];
    for key in [
        "ruleId",
        "level",
        "message",
        "location",
        "certainty",
        "command",
        "seenBy",
    ] {
        assert!(!found[key].is_null(), "{key}: {found:#}");
    }
    let run = &document["sarif"]["runs"][0];
    assert_eq!(document["sarif"]["version"], "2.1.0");
    assert_eq!(run["results"][0]["ruleId"], "WI-LABEL-MISSING");
    let rule = run["results"][0]["ruleIndex"].as_u64().unwrap();
    assert_eq!(
        run["tool"]["driver"]["rules"][usize::try_from(rule).unwrap()]["id"],
        "WI-LABEL-MISSING"
    );
    assert_eq!(
        run["results"][0]["locations"][0]["logicalLocations"][0]["name"],
        "deployment agent"
    );
}

#[test]
fn an_empty_file_makes_a_page_in_every_form() {
    let page = page(&State::default(), &[blind(Program::Az), blind(Program::Kubectl)]);
    assert_eq!(page.verdict.mark, Mark::Open);
    assert!(html::html(&page).contains("No cluster selected yet"));
    assert!(markdown::markdown(&page).starts_with("# Keyless Azure Backup of an AKS cluster\n"));
}
