//! The chain as a picture: three lanes of stations, and how each station stands.

use crate::chain::link::Link;
use crate::guide::StepName;
use crate::report::model::{Lane, Mark, Node};
use crate::report::text;
use crate::report::views::{Seen, Views, mark_of};
use crate::schema::State;
use crate::status::{Row, Standing};

mod names;

/// A station: which links and steps it stands for.
struct Station {
    id: &'static str,
    title: &'static str,
    from: &'static str,
    links: &'static [Link],
    steps: &'static [StepName],
    part: Part,
}

/// What of its links a station stands for: the vault's link has three of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Whole,
    Vault,
    TrustedAccess,
    SnapshotGroup,
}

const fn station(
    id: &'static str,
    title: &'static str,
    from: &'static str,
    links: &'static [Link],
    steps: &'static [StepName],
) -> Station {
    Station {
        id,
        title,
        from,
        links,
        steps,
        part: Part::Whole,
    }
}

const KEYLESS: [Station; 5] = [
    station(
        "service-accounts",
        "Service accounts",
        "",
        &[Link::Pods, Link::Injection, Link::ServiceAccounts],
        &[StepName::WorkloadIdentity, StepName::Rollout],
    ),
    station(
        "federated-credentials",
        "Federated credentials",
        "trusted by",
        &[Link::FederatedCredentials],
        &[StepName::FederatedCredentials],
    ),
    station(
        "identity",
        "Extension identity",
        "granted to",
        &[Link::Extension],
        &[StepName::Extension, StepName::ExtensionIdentity],
    ),
    station(
        "storage-role",
        "Storage role",
        "holds",
        &[Link::StorageRole],
        &[StepName::Roles],
    ),
    station(
        "container",
        "Container",
        "writes to",
        &[Link::Storage, Link::StorageLocation],
        &[StepName::Storage, StepName::Verification],
    ),
];

const REACH: [Station; 4] = [
    Station {
        part: Part::Vault,
        ..station("vault", "Backup vault", "", &[Link::Vault], &[StepName::VaultAndPolicy])
    },
    Station {
        part: Part::TrustedAccess,
        ..station(
            "trusted-access",
            "Trusted Access",
            "granted by",
            &[Link::Vault],
            &[StepName::TrustedAccess],
        )
    },
    station(
        "cluster",
        "Cluster",
        "accesses",
        &[Link::Cluster],
        &[StepName::ClusterPrerequisites],
    ),
    Station {
        part: Part::SnapshotGroup,
        ..station(
            "snapshot-group",
            "Snapshot resource group",
            "stores snapshots in",
            &[Link::Vault],
            &[StepName::Roles],
        )
    },
];

const PROTECTION: [Station; 2] = [
    station(
        "backup-instance",
        "Backup instance",
        "",
        &[Link::BackupInstance],
        &[StepName::BackupInstance],
    ),
    station(
        "last-backup",
        "Last backup",
        "performed by",
        &[Link::Jobs],
        &[StepName::Backup],
    ),
];

/// The picture.
pub(super) fn lanes(state: &State, views: Views<'_>) -> Vec<Lane> {
    let lane = |id, title, about, stations: &[Station]| Lane {
        id,
        title,
        about,
        nodes: stations.iter().map(|station| node(station, state, views)).collect(),
    };
    vec![
        lane(
            "keyless-access",
            "Keyless access",
            "How backups get from the pods into the storage account without secrets.",
            &KEYLESS,
        ),
        lane(
            "reach",
            "Vault access",
            "How the vault accesses the cluster and the snapshots of its disks.",
            &REACH,
        ),
        lane("protection", "Protection", "Protection status.", &PROTECTION),
    ]
}

fn node(station: &Station, state: &State, views: Views<'_>) -> Node {
    let (mark, says, at, by) = stand(station, state, views);
    Node {
        id: station.id,
        title: station.title,
        from: station.from,
        names: names::of(station.id, state),
        mark,
        says,
        at,
        by,
    }
}

type Stand = (Mark, String, Option<jiff::Timestamp>, Option<String>);

/// What was seen counts before what the file says, unless the file is younger; of what was seen the worst counts.
fn stand(station: &Station, state: &State, views: Views<'_>) -> Stand {
    let checks = station.links.iter().flat_map(|link| views.checks(*link));
    let fresh: Vec<Seen<'_>> = checks
        .filter(|seen| !seen.outdated && station.is_about(&seen.check.check, state))
        .collect();
    let wrong = findings(station, state, views);
    let worst = fresh.iter().filter(|seen| seen.check.is_finding());
    let worst = worst.rev().max_by_key(|seen| seen.mark()).map(of_check);
    // The last of equals is taken: the finding, which knows the cause.
    let open = |step: &StepName| views.row(*step).is_some_and(|row| row.standing == Standing::Open);
    if let Some(stand) = [worst, wrong].into_iter().flatten().max_by_key(|stand| stand.0) {
        return match station.steps.iter().any(open) {
            true => (Mark::Open, stand.1, stand.2, stand.3),
            false => stand,
        };
    }
    let rows = station.steps.iter().filter_map(|step| views.row(*step));
    let row = rows.max_by_key(|row| mark_of(row));
    let good = best(station, &fresh, Mark::Good).or_else(|| best(station, &fresh, Mark::Recorded));
    let observed = |link: &Link| fresh.iter().any(|seen| seen.check.link == *link && seen.is_observed());
    let whole = station.links.iter().all(observed);
    match (good, row) {
        (_, Some(row)) if Mark::from(row.standing) == Mark::Broken => of_row(row),
        // What this run could not check whole needs attention where the file or the other side reports it.
        (Some(_), Some(row)) if !whole && mark_of(row) == Mark::Attention => of_row(row),
        // A storage account that was checked doesn't show that the storage location in the cluster is available.
        (Some(good), _) if !whole => {
            let (_, says, at, by) = of_check(good);
            (Mark::Recorded, says, at, by)
        }
        (Some(good), _) => of_check(good),
        (None, Some(row)) => of_row(row),
        (None, None) => (Mark::Unseen, "not checked".to_owned(), None, None),
    }
}

/// Returns the check with this mark that says most: the one with the station's own name says more of it than that the
/// namespace exists.
fn best<'a>(station: &Station, fresh: &'a [Seen<'a>], mark: Mark) -> Option<&'a Seen<'a>> {
    let all = || fresh.iter().filter(move |seen| seen.mark() == mark);
    all()
        .find(|seen| station.is_named(&seen.check.check))
        .or_else(|| all().next())
}

/// The first finding that is about the station and not history.
fn findings(station: &Station, state: &State, views: Views<'_>) -> Option<Stand> {
    let all = views
        .examinations()
        .flat_map(|(program, seen)| seen.findings.iter().map(move |finding| (program, seen.at, finding)));
    let (program, at, finding) = all
        .filter(|(_, at, finding)| station.links.contains(&finding.link) && !views.is_outdated(finding.link, *at))
        .find(|(_, _, finding)| station.is_about(&format!("{} {}", finding.id, finding.object), state))?;
    let mark = Mark::from(finding.severity).max(Mark::Attention);
    Some((
        mark,
        text::sentence(&finding.cause),
        Some(at),
        Some(program.name().to_owned()),
    ))
}

/// Which station of the vault's link a check or a finding is about: roles are named by what they are on.
fn part_of(words: &str, state: &State) -> Part {
    let words = words.to_lowercase();
    let target = state.target.as_ref();
    let on = |name: &str| words.ends_with(&format!(" on {}", name.to_lowercase()));
    let of_group = target.is_some_and(|target| on(target.snapshots.resource_group.as_str()));
    let of_cluster = target.is_some_and(|target| on(target.cluster.name()));
    match (
        words.contains("snapshot") || of_group,
        words.contains("trusted") || of_cluster,
    ) {
        (true, _) => Part::SnapshotGroup,
        (false, true) => Part::TrustedAccess,
        (false, false) => Part::Vault,
    }
}

impl Station {
    fn is_named(&self, check: &str) -> bool {
        check.to_lowercase().contains(&self.title.to_lowercase())
    }

    fn is_about(&self, words: &str, state: &State) -> bool {
        self.part == Part::Whole || self.part == part_of(words, state)
    }
}

fn of_check(seen: &Seen<'_>) -> Stand {
    let says = text::sentence(&seen.check.says);
    (seen.mark(), says, Some(seen.at), Some(seen.program.name().to_owned()))
}

fn of_row(row: &Row) -> Stand {
    let says = match (&row.warning, row.evidence.is_empty()) {
        (Some(warning), _) => text::sentence(warning),
        (None, true) => format!("{} isn't done yet", row.step.in_words()),
        (None, false) => text::sentence(&row.evidence),
    };
    (mark_of(row), says, row.since, row.by.as_deref().map(text::name))
}
