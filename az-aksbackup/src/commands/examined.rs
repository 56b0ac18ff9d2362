//! What `verify` and `doctor` share: which cluster, who looks, and what is made of what was seen.

use std::path::PathBuf;

use aksbackup_shared::chain::check::Check;
use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::command_line::shell;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, same};
use aksbackup_shared::program::Program;
use aksbackup_shared::schema::State;
use jiff::Timestamp;

use crate::arm::backups::DATASOURCE_TYPE;
use crate::arm::client::Reader;
use crate::arm::clusters::Cluster;
use crate::checks::view::View;
use crate::cli::Cli;
use crate::commands::flags::ClusterFlags;
use crate::commands::{init, options, session};

/// The cluster to look at, with what its state file says; an empty state where there is no file of this cluster.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    /// The cluster.
    pub(crate) cluster: ResourceId,
    /// Its state.
    pub(crate) state: State,
    /// The folder of its state file.
    pub(crate) folder: PathBuf,
}

impl Subject {
    /// Returns the cluster that the flags name, else that of the state file.
    ///
    /// # Errors
    /// Exit 2: an ID of something else. Exit 3: neither, or no such cluster. Exit 7: the file cannot be read.
    pub(crate) async fn of(cli: &Cli, flags: &ClusterFlags) -> Outcome<Self> {
        let state = session::load(cli)?.unwrap_or_default();
        let folder = options::folder(cli);
        let recorded = state.target.as_ref().map(|target| target.cluster.clone());
        match (named(cli, flags, recorded.as_ref()).await?, recorded) {
            (Some(id), recorded) if recorded.as_ref() != Some(&id) => Ok(Self {
                cluster: id,
                state: State::default(),
                folder,
            }),
            (_, Some(cluster)) => Ok(Self { cluster, state, folder }),
            (_, None) => cli
                .common
                .no_state::<Self>()
                .map_err(|failure| Box::new(failure.hint(OR_NAME_IT))),
        }
    }

    /// Signs in, to the cloud and tenant of the file where there is one.
    ///
    /// # Errors
    /// As [`session::sign_in`].
    pub(crate) async fn sign_in(&self, cli: &Cli) -> Outcome<Reader> {
        session::sign_in(cli, &cli.common.console(), self.state.target.as_ref()).await
    }

    /// The document of these checks.
    pub(crate) fn examination(&self, command: &str, checks: Vec<Check>, issuer: Option<String>) -> Examination {
        Examination {
            command: command.to_owned(),
            program: Program::Az,
            at: Timestamp::now(),
            issuer,
            cluster: Some(self.cluster.to_string()),
            checks,
            findings: Vec::new(),
        }
        .ordered()
    }
}

/// What else can be done where there is no state file.
pub(crate) const OR_NAME_IT: &str =
    "specify the cluster instead: --resource-group GROUP --cluster-name NAME, or --cluster-id ID";

/// Returns the cluster that the flags name, `recorded` where they mean that of the state file. A group and a name don't say which
/// subscription, so that Azure is asked.
///
/// # Errors
/// Exit 2: an ID of something else. Exit 3: there is no such cluster.
async fn named(cli: &Cli, flags: &ClusterFlags, recorded: Option<&ResourceId>) -> Outcome<Option<ResourceId>> {
    if let Some(id) = &flags.cluster_id {
        return match id.is_kind(DATASOURCE_TYPE) {
            true => Ok(Some(id.clone())),
            false => Failure::usage(format!("{id} is not the resource ID of an AKS cluster"))
                .hint(shell("az aks list --query [].id --output tsv"))
                .err(),
        };
    }
    let (Some(group), Some(name)) = (&flags.resource_group, &flags.cluster_name) else {
        return Ok(None);
    };
    let means = |id: &&ResourceId| {
        let group = same(id.resource_group().as_str(), group.as_str());
        group && id.name().eq_ignore_ascii_case(name.as_str())
    };
    match recorded.filter(means).filter(|_| cli.azure.subscription.is_none()) {
        Some(own) => Ok(Some(own.clone())),
        None => init::named(cli, group, name).await.map(Some),
    }
}

/// The issuer of the cluster, by which the other program knows it.
pub(crate) fn issuer(view: &View) -> Option<String> {
    let own = view.cluster.here().and_then(Cluster::issuer);
    own.map(|own| own.as_str().to_owned())
}

/// Refuses a view in which nothing could be seen, or that the deadline cut off, with the reason why.
///
/// # Errors
/// Nothing but the login is known. Exit 124: the deadline was reached while something was read.
pub(crate) fn not_blind(view: &View) -> Outcome<()> {
    let late = view.failures().find(|failure| failure.exit == Exit::Deadline);
    let blind = view.cluster.hidden().filter(|_| !view.sees_anything());
    match late.or(blind) {
        Some(failure) => Err(Box::new(failure.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::view::Seen;
    use crate::checks::view::tests::view;

    #[test]
    fn who_sees_nothing_hears_why_and_who_sees_a_part_sees_it() {
        let refused = || Box::new(Failure::not_permitted("cannot read cluster aks"));
        let mut view = view();
        view.cluster = Seen::Hidden(refused());
        assert!(not_blind(&view).is_ok());
        view.extensions = Seen::Hidden(refused());
        view.bindings = Seen::Hidden(refused());
        view.instances = Seen::Hidden(refused());
        (view.account, view.identity) = (Seen::Unasked, Seen::Unasked);
        (view.vault, view.snapshots, view.policy) = (
            Seen::Hidden(refused()),
            Seen::Hidden(refused()),
            Seen::Hidden(refused()),
        );
        (view.credentials, view.jobs, view.locks, view.roles) =
            (Seen::Unasked, Seen::Hidden(refused()), vec![], vec![]);
        assert!(not_blind(&view).is_err());
    }
}
