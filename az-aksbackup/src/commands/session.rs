//! From the flags to a session: state file, cloud, login.

use std::sync::Arc;

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::console::Console;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::files::Tool;
use aksbackup_shared::fix;
use aksbackup_shared::ids::SubscriptionId;
use aksbackup_shared::program::Program;
use aksbackup_shared::runner::session::Session;
use aksbackup_shared::schema::{CloudTables, State, Target};
use aksbackup_shared::state::store::{Store, WriteAccess};

use crate::arm::client::{Reader, Writer};
use crate::arm::inventory;
use crate::cli::Cli;
use crate::cloud::{self, Cloud};
use crate::http::retry::Trace;
use crate::http::{bounded, transport};
use crate::login::{Caller, Login, Way};
use crate::platform::Azure;

/// This program, for the commands on state files alone.
pub(crate) const PROGRAM: Tool = Tool {
    program: Program::Az,
    version: TOOL,
};

/// Name and version of this program, for notes in the state file.
pub(crate) const TOOL: &str = concat!("az-aksbackup ", env!("CARGO_PKG_VERSION"));

/// Signs in. With a `target`, only to its cloud and tenant.
///
/// # Errors
/// Exit 2: another cloud, or a way to sign in that lacks something. Exit 4: not signed in, or to another tenant.
pub(crate) async fn sign_in(cli: &Cli, console: &Console, target: Option<&Target>) -> Outcome<Reader> {
    let client = transport::http_client()?;
    let transport = bounded::transport(client.clone(), bounded::OF_LOGIN);
    let deadline = cli.common.deadline();
    let trace: Trace = Arc::new(console.detailer());
    let named = target.map(|target| target.subscription.to_string());
    let way = Way::choose(
        cli.azure.auth,
        &transport,
        named.or_else(|| cli.azure.subscription.clone()),
    )?;
    let configured = way.is_cli().then(cloud::az_setting).flatten();
    let cloud = match way.az_session() {
        Some(az) => deadline.within("az", az.cloud()).await?,
        None => {
            Cloud::in_force(
                &transport,
                trace.clone(),
                deadline,
                cli.azure.cloud.as_ref(),
                configured.as_deref(),
            )
            .await?
        }
    };
    if let Some(target) = target {
        cloud.must_be(&target.cloud)?;
    }
    let mut login = Login::new(way.at(&cloud));
    let scope = cloud.scope();
    let signing = deadline.within("a token", login.caller(&scope)).await;
    let caller = match (signing, login.without_subscription()) {
        (Err(failure), _) if failure.exit == Exit::Deadline => return Err(failure),
        (Ok(caller), _) => caller,
        // az knows no such subscription: whoever it is signed in as shows whether that is the wrong tenant.
        (Err(failure), Some(other)) => {
            let caller = deadline
                .within("a token", other.caller(&scope))
                .await
                .map_err(|_| to_tenant(failure, target))?;
            login = other;
            caller
        }
        (Err(failure), None) => return Err(failure),
    };
    if let Some(target) = target {
        caller.must_be_in(&target.tenant)?;
    }
    console.detail(signed_in(&caller, &cloud));
    let transport = bounded::transport(client, bounded::OF_ARM);
    Ok(Reader::new(transport, cloud, &login, caller, trace, deadline))
}

/// Names the tenant to sign in to, where it is known.
fn to_tenant(mut failure: Box<Failure>, target: Option<&Target>) -> Box<Failure> {
    let Some(target) = target else { return failure };
    let there = shell(format!("az login --tenant {}", target.tenant));
    for hint in &mut failure.hints {
        hint.replace(&shell("az login"), &there);
    }
    failure
}

fn signed_in(caller: &Caller, cloud: &Cloud) -> String {
    format!(
        "signed in as {} ({}) to tenant {} in cloud {}",
        caller.name, caller.object_id, caller.tenant, cloud.name
    )
}

/// What the file that the flags name says; `None` where there is none.
///
/// # Errors
/// Exit 7: it cannot be read, or `[target]` has a key that doesn't exist.
pub(crate) fn load(cli: &Cli) -> Outcome<Option<State>> {
    let file = cli.common.store::<CloudTables>(TOOL).load_target()?;
    Ok(file.map(|(state, _)| state))
}

/// The state of the file that the flags name.
///
/// # Errors
/// Exit 3: there is none. Exit 7: it cannot be read.
pub(crate) fn state(cli: &Cli) -> Outcome<State> {
    match load(cli)? {
        Some(state) => Ok(state),
        None => cli.common.no_state(),
    }
}

/// A session on the state file's target. `writes` gives it a writer; without one nothing is changed, neither Azure nor
/// the file.
///
/// # Errors
/// As [`state`] and [`sign_in`]; exit 2 where the file has no target, or `--subscription` is another than the target's.
pub(crate) async fn open(cli: &Cli, writes: bool) -> Outcome<Session<Azure>> {
    on(cli, state(cli)?, writes).await
}

/// A session on the target of `state`, which doesn't have to be a file's.
///
/// # Errors
/// As [`open`].
pub(crate) async fn on(cli: &Cli, state: State, writes: bool) -> Outcome<Session<Azure>> {
    let (store, access, target) = checked(cli, &state, writes)?;
    let console = cli.common.console();
    let reader = sign_in(cli, &console, Some(&target)).await?;
    must_be(&reader, cli.azure.subscription.as_deref(), &target.subscription).await?;
    Ok(opened(cli, console, reader, (store, access), state))
}

/// A session on the target of `state` with a reader that is signed in already, and shares its budgets with other sessions.
///
/// # Errors
/// Exit 2: the target is in another cloud or tenant. Exit 7: as [`open`].
pub(crate) fn joined(
    cli: &Cli,
    console: Console,
    reader: &Reader,
    state: State,
    writes: bool,
) -> Outcome<Session<Azure>> {
    let (store, access, target) = checked(cli, &state, writes)?;
    reader.cloud().must_be(&target.cloud)?;
    reader.caller().must_be_in(&target.tenant)?;
    Ok(opened(cli, console, reader.clone(), (store, access), state))
}

/// Checks what can be known without signing in.
fn checked(cli: &Cli, state: &State, writes: bool) -> Outcome<(Store<CloudTables>, Option<WriteAccess>, Target)> {
    let store = cli.common.store::<CloudTables>(TOOL);
    let access = match writes {
        true => Some(store.must_write(state)?),
        false => None,
    };
    let Some(target) = state.target.clone() else {
        return Failure::missing(format!("state file {} has no [target]", cli.common.state.display()))
            .hint(az("init"))
            .err();
    };
    one_subscription(&target)?;
    Ok((store, access, target))
}

fn opened(
    cli: &Cli,
    console: Console,
    reader: Reader,
    (mut store, access): (Store<CloudTables>, Option<WriteAccess>),
    state: State,
) -> Session<Azure> {
    store.speak_on(&console);
    store.set_author(reader.caller().name.clone());
    let writer = access.map(|access| Writer::new(reader.clone(), access));
    let pace = reader.pace();
    let mut session = Session::new(reader, writer, console, store, state, cli.common.deadline());
    session.pace = pace;
    session.yes = cli.common.yes;
    session.no_wait = cli.command.no_wait();
    session.reduce_protection = cli.command.reduce_protection();
    session
}

/// Storage, vault and snapshots are made in the target's subscription, which is that of its cluster.
fn one_subscription(target: &Target) -> Outcome<()> {
    let (own, cluster) = (&target.subscription, target.cluster.subscription());
    if own.as_str().eq_ignore_ascii_case(cluster.as_str()) {
        return Ok(());
    }
    Failure::new(Exit::StateUnreadable, "the state file contradicts itself")
        .at_key(
            "target.subscription",
            format!("its subscription is {own}, but its cluster is in subscription {cluster}"),
        )
        .hint(fix![
            "ask where the file comes from, or create a new one: ",
            az("init --state FILE")
        ])
        .err()
}

/// Refuses a `--subscription` that is not the state file's.
async fn must_be(reader: &Reader, flag: Option<&str>, target: &SubscriptionId) -> Outcome<()> {
    let Some(flag) = flag.filter(|flag| !flag.eq_ignore_ascii_case(target.as_str())) else {
        return Ok(());
    };
    if flag.parse::<SubscriptionId>().is_err() {
        // A name isn't unique: another subscription that the account sees might have it too.
        let visible = inventory::subscriptions(reader).await?;
        let mut named = visible.iter().filter(|own| own.display_name.eq_ignore_ascii_case(flag));
        match (named.next(), named.next()) {
            (Some(own), None) if own.subscription_id == *target => return Ok(()),
            (Some(_), Some(_)) => {
                return Failure::usage(format!("several subscriptions have the name {flag}"))
                    .hint("specify the subscription by ID: --subscription ID")
                    .err();
            }
            _ => {}
        }
    }
    Failure::usage(format!("the state file is for subscription {target}, not for {flag}"))
        .at_key("target.subscription", format!("the file has {target}"))
        .hint("omit --subscription, or specify another file: --state FILE")
        .err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target_ids::tests::example;

    #[test]
    fn the_tenant_is_named_and_no_other_advice_is_lost() {
        let failure = Failure::not_permitted("cannot sign in")
            .hint(fix!["install the Azure CLI and sign in: ", shell("az login")])
            .hint("sign in as an application instead");
        let failure = to_tenant(Box::new(failure), Some(&example()));
        let tenant = example().tenant;
        let expected = format!("install the Azure CLI and sign in: az login --tenant {tenant}");
        assert_eq!(failure.hints, [expected.as_str(), "sign in as an application instead"]);
    }

    #[test]
    fn a_cluster_of_another_subscription_is_not_the_target() {
        let mut target = example();
        assert!(one_subscription(&target).is_ok());
        target.subscription = "99999999-9999-4999-8999-999999999999".parse().unwrap();
        assert_eq!(one_subscription(&target).unwrap_err().exit, Exit::StateUnreadable);
    }
}
