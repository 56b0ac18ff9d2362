//! Before anything is written: this is the cluster of the state file, and the caller may do what has to be done.

use std::rc::Rc;

use aksbackup_shared::command_line::{az, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::{Person, StepName};
use aksbackup_shared::schema::{ClusterTables, State};
use aksbackup_shared::step::{Applied, Decision, Never, Step, Turn};
use futures::future::try_join;

use crate::cluster::client::{Reader, Writer};
use crate::cluster::deployments::agent;
use crate::cluster::rights::{self, Permission};
use crate::platform::Cluster;
use crate::steps::context::Context;
use crate::steps::step06_workload_identity::used;

/// The right that lets a caller prove which cluster this is where the discovery document is closed.
const TOKEN: Permission = Permission::new("create", "", "serviceaccounts").of("token");

/// The step.
pub(crate) struct Preflight {
    context: Rc<Context>,
    rights: &'static [Permission],
}

impl Preflight {
    /// The preflight of a command that needs `rights`. A command that needs none only reads, and goes on where the
    /// cluster cannot be proved; one that is another cluster is refused all the same.
    pub(crate) fn new(context: Rc<Context>, rights: &'static [Permission]) -> Self {
        Self { context, rights }
    }
}

/// What was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// The issuer that the API server itself names, where the caller may know it.
    issuer: Option<String>,
    /// Rights that the caller lacks.
    lacks: Vec<Permission>,
    /// The caller.
    caller: String,
    server: String,
    namespace: String,
}

impl Step for Preflight {
    type Platform = Cluster;
    type Seen = Seen;
    type Change = Never;

    fn name(&self) -> StepName {
        StepName::Preflight
    }

    async fn observe(&self, reader: &Reader, state: &State) -> Outcome<Seen> {
        let (issuer, lacks) = try_join(self.issuer(reader, state), self.lacks(reader)).await?;
        Ok(Seen {
            issuer,
            lacks,
            caller: self.context.caller.clone(),
            server: reader.connection().server().to_owned(),
            namespace: reader.namespace().to_owned(),
        })
    }

    fn decide(&self, seen: &Seen, state: &State) -> Outcome<Decision<Never>> {
        let writes = !self.rights.is_empty();
        let wanted = state.cloud.prerequisites.as_ref().map(|table| table.issuer.as_str());
        if let (Some(wanted), Some(own)) = (wanted, seen.issuer.as_deref())
            && wanted != own
        {
            return other_cluster(wanted, own, seen, state);
        }
        let unproven = seen.issuer.is_none() && writes && wanted.is_some();
        if unproven || !seen.lacks.is_empty() {
            return lacking(seen, unproven);
        }
        let who = format!("signed in as {} to {}", seen.caller, seen.server);
        match (wanted, &seen.issuer) {
            (None, _) if writes => Ok(Decision::Blocked(Vec::new(), vec![self.no_issuer()])),
            (None, _) => Ok(Decision::Done(format!(
                "{who}; the state file has no issuer to compare"
            ))),
            (Some(_), None) => Ok(Decision::Done(format!(
                "{who}; the issuer can't be read, so the cluster can't be matched with the state file"
            ))),
            (Some(wanted), Some(_)) => Ok(Decision::Done(format!("{who}, issuer {wanted}"))),
        }
    }

    async fn apply(&self, _: &Writer, change: &Never) -> Outcome<Applied> {
        match *change {}
    }

    fn record(&self, _: &Seen, _: &mut ClusterTables) {}
}

impl Preflight {
    /// What the API server advertises, else, where something is going to be written, what it puts into a token of one
    /// of the extension's service accounts.
    async fn issuer(&self, reader: &Reader, state: &State) -> Outcome<Option<String>> {
        let needed = state.cloud.prerequisites.is_some() && !self.rights.is_empty();
        if self.context.issuer.is_some() || !needed {
            return Ok(self.context.issuer.clone());
        }
        let deployments = self.context.deployments.borrow().clone();
        let account = agent(&deployments).map_or("default", |agent| agent.service_account.as_str());
        reader.issuer_of_token(account).await
    }

    /// The permissions that are missing for what this run can change: the objects of the extension that are known.
    async fn lacks(&self, reader: &Reader) -> Outcome<Vec<Permission>> {
        let deployments = self.context.deployments.borrow().clone();
        let names = |permission: Permission| match (permission.verb, permission.resource) {
            ("patch", "deployments") => deployments.iter().map(|own| own.name.to_string()).collect(),
            ("patch", "serviceaccounts") => used(&deployments).iter().map(ToString::to_string).collect(),
            _ => Vec::new(),
        };
        reader.lacks(self.rights, names).await
    }

    fn no_issuer(&self) -> Turn {
        Turn {
            who: Person::PlatformTeam,
            why: "the state file has no issuer yet, so the cluster can't be matched with it".into(),
            command: az("prepare"),
            right: None,
            also: Vec::new(),
        }
    }
}

fn other_cluster<T>(wanted: &str, own: &str, seen: &Seen, state: &State) -> Outcome<T> {
    let cluster = state
        .target
        .as_ref()
        .map(|target| target.cluster.name())
        .unwrap_or_default();
    let mut failure = Failure::failed(format!("{} isn't the cluster {cluster} in the state file", seen.server))
        .because(format!("issuer in the state file: {wanted}"))
        .because(format!("issuer of the API server:  {own}"));
    if wanted.trim_end_matches('/') == own.trim_end_matches('/') {
        failure = failure
            .because(
                "only the trailing slash differs, which matters: Microsoft Entra ID compares the issuer byte \
                for byte",
            )
            .hint(fix!["read the issuer from Azure again: ", az("prepare")]);
    }
    failure
        .hint(fix![
            "choose the cluster's context with --context NAME. To list the contexts, run: ",
            shell("kubectl config get-contexts")
        ])
        .hint("or specify the state file of this cluster: --state FILE")
        .err()
}

fn lacking<T>(seen: &Seen, unproven: bool) -> Outcome<T> {
    let namespace = &seen.namespace;
    let mut failure = rights::lacking(&seen.caller, &seen.lacks, namespace);
    if unproven {
        failure = failure.because(format!(
            "get /.well-known/openid-configuration, or {TOKEN} in namespace {namespace} (either one identifies the \
             cluster)"
        ));
    }
    failure.err()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;
    use aksbackup_shared::exit::Exit;

    const RIGHTS: &[Permission] = &[Permission::new("patch", "apps", "deployments")];

    fn seen(issuer: Option<&str>) -> Seen {
        Seen {
            issuer: issuer.map(str::to_owned),
            lacks: Vec::new(),
            caller: "jane".into(),
            server: "https://a".into(),
            namespace: "ns".into(),
        }
    }

    fn decide(rights: &'static [Permission], seen: &Seen, state: &State) -> Outcome<Decision<Never>> {
        Preflight::new(testing::context(), rights).decide(seen, state)
    }

    #[test]
    fn satisfied_world_needs_nothing() {
        let decision = decide(RIGHTS, &seen(Some(testing::ISSUER)), &testing::state()).unwrap();
        assert!(matches!(decision, Decision::Done(_)), "{decision:?}");
    }

    #[test]
    fn another_cluster_is_refused_with_both_issuers_even_for_reading() {
        for rights in [RIGHTS, &[]] {
            for other in ["https://other/", testing::ISSUER.trim_end_matches('/')] {
                let failure = decide(rights, &seen(Some(other)), &testing::state()).unwrap_err();
                assert_eq!(failure.exit, Exit::Failed);
                let text = failure.to_string();
                assert!(
                    text.contains(other) && text.contains(testing::ISSUER) && text.contains("--context"),
                    "{text}"
                );
            }
        }
    }

    #[test]
    fn every_missing_right_is_named_at_once() {
        let mut seen = seen(None);
        seen.lacks = RIGHTS.to_vec();
        let failure = decide(RIGHTS, &seen, &testing::state()).unwrap_err();
        assert_eq!(failure.exit, Exit::NotPermitted);
        let text = failure.to_string();
        assert!(
            text.contains("patch deployments.apps in namespace ns") && text.contains("serviceaccounts/token"),
            "{text}"
        );
    }

    #[test]
    fn reading_goes_on_where_the_cluster_cannot_be_proved() {
        let decision = decide(&[], &seen(None), &testing::state()).unwrap();
        assert!(matches!(decision, Decision::Done(text) if text.contains("can't be matched")));
    }

    #[test]
    fn a_file_without_issuer_is_the_platform_team_s_turn() {
        let decision = decide(RIGHTS, &seen(Some("https://x/")), &State::default()).unwrap();
        let Decision::Blocked(changes, turns) = decision else {
            panic!("{decision:?}")
        };
        assert!(changes.is_empty());
        assert_eq!(turns[0].command, "az aksbackup prepare");
    }
}
