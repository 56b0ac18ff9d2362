//! `status`: what the file says, what Azure shows, and whose turn is next.

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::az;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::ids::ResourceId;
use aksbackup_shared::runner::look;
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::schema::{CloudTables, State};
use aksbackup_shared::status::{self, Row, Seen, Shown, Standing};
use aksbackup_shared::step::Turn;

use crate::arm::backups;
use crate::arm::client::Reader;
use crate::cli::Cli;
use crate::commands::examined::{OR_NAME_IT, Subject};
use crate::commands::flags::StatusFlags;
use crate::commands::{init, options, session};
use crate::platform::Azure;
use crate::{guide, target_ids};

/// Shows the status table; writes nothing, neither Azure nor the file.
///
/// # Errors
/// Exit 3: no state file, where neither it nor a flag says which cluster. Unless offline, as [`session::open`].
pub(crate) async fn run(cli: &Cli, flags: &StatusFlags) -> Outcome<Exit> {
    let args = flags.shared;
    let file = cli.common.store::<CloudTables>(session::TOOL).load_target()?;
    if args.offline && file.is_none() {
        return cli.common.no_state();
    }
    let own = file
        .as_ref()
        .and_then(|(state, _)| state.target.as_ref())
        .map(|target| target.cluster.clone());
    if args.offline && flags.cluster.is_given() {
        return Failure::usage("a cluster can't be specified with --offline, which reads only the state file")
            .hint("omit --offline, or the flags that specify the cluster")
            .err();
    }
    let named = match flags.cluster.is_given() {
        true => Some(Subject::of(cli, &flags.cluster).await?.cluster),
        false => None,
    };
    if let Some(cluster) = named.filter(|named| own.as_ref() != Some(named)) {
        return unrecorded(cli, &cluster, own.as_ref(), args.check).await;
    }
    let Some((recorded, digest)) = file else {
        return cli
            .common
            .no_state()
            .map_err(|failure| Box::new(failure.hint(OR_NAME_IT)));
    };
    let rows = match args.offline {
        true => status::rows(&recorded, None),
        false => seen(cli, &recorded).await?,
    };
    let shown = Shown {
        state: Some(&recorded),
        digest: Some(digest),
        rows: &rows,
        next: status::next_of(&rows),
        offline: args.offline,
        check: args.check,
    };
    Ok(status::show(&cli.common.console(), cli.common.output, &shown))
}

/// Shows the table of a cluster that has no state file here, compared with what `init` would propose for it.
async fn unrecorded(cli: &Cli, cluster: &ResourceId, other: Option<&ResourceId>, check: bool) -> Outcome<Exit> {
    let state = State {
        target: Some(init::proposed(cli, cluster).await?),
        ..State::default()
    };
    let mut rows = seen(cli, &state).await?;
    rows.iter_mut().for_each(without_file);
    let shown = Shown {
        state: Some(&state),
        digest: None,
        rows: &rows,
        next: Some(beginning(cli, cluster, other)),
        offline: false,
        check,
    };
    Ok(status::show(&cli.common.console(), cli.common.output, &shown))
}

/// Without a file there is no report of what this program can't check, and no later command can run.
fn without_file(row: &mut Row) {
    row.next = None;
    if !row.observed && row.standing == Standing::Open {
        (row.standing, row.evidence) = (Standing::Unknown, "not checked: there is no state file".to_owned());
    }
}

/// Whose turn it is where there is no state file.
fn beginning(cli: &Cli, cluster: &ResourceId, other: Option<&ResourceId>) -> Turn {
    let file = cli.common.state.display();
    let (why, place) = match other {
        None => (
            format!("there is no state file at {file}; to use another one: --state FILE"),
            String::new(),
        ),
        // The command must not change that file.
        Some(other) => (
            format!("state file {file} is for cluster {}", other.with_group()),
            format!(" --state {}.toml", quoted(cluster.name())),
        ),
    };
    Turn {
        who: Person::PlatformTeam,
        why,
        command: az(format!("init --cluster-id {cluster}{place}")),
        right: None,
        also: Vec::new(),
    }
}

/// The table with what Azure shows.
///
/// # Errors
/// As [`session::open`].
pub(crate) async fn seen(cli: &Cli, recorded: &State) -> Outcome<Vec<Row>> {
    let session = session::on(cli, recorded.clone(), false).await?;
    seen_by(cli, &session, recorded).await
}

/// As [`seen`], by a session that is open.
///
/// # Errors
/// Exit 124: the deadline was reached.
pub(crate) async fn seen_by(cli: &Cli, session: &Session<Azure>, recorded: &State) -> Outcome<Vec<Row>> {
    let report = look(&mut guide::status(options::shown(cli)), session).await;
    session.console.clear();
    report.in_time()?;
    let (report, state) = (&report, &session.state());
    let mut rows = status::rows(recorded, Some(&Seen { report, state }));
    with_deleted(&session.reader, state, &mut rows).await;
    Ok(rows)
}

/// Names the soft-deleted backup instance of a cluster that no instance protects: after its last date, it can't be restored.
async fn with_deleted(reader: &Reader, state: &State, rows: &mut [Row]) {
    let open = |own: &&mut Row| own.step == StepName::BackupInstance && own.standing != Standing::Done;
    let (Some(row), Some(target)) = (rows.iter_mut().find(open), &state.target) else {
        return;
    };
    let vault = target_ids::vault(target);
    // It is an addition: where it can't be read, the table stays as it is.
    let Ok(deleted) = backups::deleted(reader, &vault, &target.cluster).await else {
        return;
    };
    // The step itself might say so already.
    let is_said = row
        .next
        .as_ref()
        .is_some_and(|turn| turn.command.completes(&az("undelete")));
    if let Some(own) = deleted.first().filter(|_| !is_said) {
        let until = own
            .purged_on()
            .map(|day| format!(" and will be purged on {day}"))
            .unwrap_or_default();
        let evidence = std::mem::take(&mut row.evidence);
        row.evidence = format!(
            "{evidence}{}backup instance {} is soft-deleted{until}; to restore it: {}",
            if evidence.is_empty() { "" } else { "; " },
            own.id.name(),
            az("undelete")
        );
    }
}
