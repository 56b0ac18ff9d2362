//! What the steps of one run share.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use aksbackup_shared::command_line::{az, kubectl, shell};
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::Person;
use aksbackup_shared::names::AGENT_DEPLOYMENT;
use aksbackup_shared::pace::Pace;
use aksbackup_shared::step::{Decision, Turn};

use crate::cluster::client::{Reader, Rehearsal};
use crate::cluster::deployments::{Deployment, of_release, without_velero};
use crate::cluster::pods::Pod;
use crate::cluster::surroundings::extension_elsewhere;
use crate::steps::confirmation::Confirmation;
use crate::steps::silence::Silence;

/// Facts of one run.
pub(crate) struct Context {
    /// The caller, as the API server names them.
    pub(crate) caller: String,
    /// The issuer that the API server advertises; `None` where the caller may not read it.
    pub(crate) issuer: Option<String>,
    /// Namespace of the extension.
    pub(crate) namespace: String,
    /// What was found of an extension in which no deployment runs Velero.
    pub(crate) without_velero: Option<String>,
    /// The namespace that has the extension, if it isn't this one.
    pub(crate) elsewhere: Option<String>,
    /// The extension's deployments, as they were last seen.
    pub(crate) deployments: RefCell<Vec<Deployment>>,
    /// The namespace's pods, as they were last seen.
    pub(crate) pods: RefCell<Vec<Pod>>,
    /// The flags by which `az aks` knows the cluster; placeholders where the state file does not name it.
    pub(crate) cluster_flags: String,
    /// How fast time runs.
    pub(crate) pace: Pace,
    /// Whether nothing in the cluster can change unnoticed just now.
    pub(crate) watched: Cell<bool>,
    /// Whose word the client ID is.
    pub(crate) confirmation: RefCell<Confirmation>,
    /// Since when Velero's next validation is waited for.
    pub(crate) silence: Silence,
    /// What is tried before the first write; `None` in a command that writes nothing, or once it was tried.
    pub(crate) rehearsal: RefCell<Option<Rehearsal>>,
}

impl Context {
    /// The first three questions to the cluster, all at once: who is calling, which issuer, which deployments. A caller
    /// who may not list deployments is told so by the step that needs them.
    ///
    /// # Errors
    /// The API server cannot be reached, or does not accept the login.
    pub(crate) async fn new(reader: &Reader) -> Outcome<Self> {
        let listed = async { Ok(reader.deployments().await.map(|list| list.items).unwrap_or_default()) };
        let (caller, issuer, all) =
            futures::future::try_join3(reader.caller(), reader.advertised_issuer(), listed).await?;
        let own = of_release(&all);
        // Only who looks in a wrong namespace needs the others.
        let others = match own.is_empty() {
            true => reader.veleros().await?,
            false => None,
        };
        Ok(Self {
            caller,
            issuer,
            elsewhere: extension_elsewhere(others.as_deref()).map(str::to_owned),
            namespace: reader.namespace().to_owned(),
            without_velero: without_velero(&all, reader.namespace()),
            deployments: RefCell::new(own),
            pods: RefCell::default(),
            cluster_flags: "--resource-group GROUP --name CLUSTER".to_owned(),
            pace: reader.connection().pace(),
            watched: Cell::new(false),
            confirmation: RefCell::default(),
            silence: Silence::default(),
            rehearsal: RefCell::default(),
        })
    }

    /// The turn of the platform team, which has to run `prepare` because of `why`.
    pub(crate) fn prepare(&self, why: impl Into<String>) -> Turn {
        Turn {
            who: Person::PlatformTeam,
            why: why.into(),
            command: az("prepare"),
            right: None,
            also: Vec::new(),
        }
    }

    /// The turn of the platform team where the extension is not in the cluster.
    ///
    /// # Errors
    /// It is there, and its Velero cannot be found.
    pub(crate) fn not_installed<C>(&self, namespace: &str) -> Outcome<Decision<C>> {
        if let Some(found) = &self.without_velero {
            return Failure::failed("cannot find Velero in the backup extension")
                .because(found.clone())
                .hint(fix![
                    "compare the containers with those that this program recognizes, and update the program: ",
                    shell(format!("kubectl get deployments --namespace {namespace} --output wide"))
                ])
                .err();
        }
        if let Some(other) = &self.elsewhere {
            return Failure::usage(format!(
                "the backup extension is in namespace {other}, not in namespace {namespace}"
            ))
            .hint(fix![
                "specify the namespace of the extension: ",
                kubectl(format!("configure --namespace {other}")).again()
            ])
            .err();
        }
        let turn = self.prepare(format!(
            "the backup extension isn't installed: deployment {AGENT_DEPLOYMENT} doesn't exist in namespace \
             {namespace}"
        ));
        Ok(Decision::Blocked(Vec::new(), vec![turn]))
    }

    /// How long a burst of changes in the cluster is left to settle before the next look.
    pub(crate) fn calm(&self) -> Duration {
        self.pace.scaled(Duration::from_millis(250))
    }

    /// How long the webhook may take to see an annotation before it counts as a failure. Its cache follows within seconds.
    pub(crate) fn webhook_patience(&self) -> Duration {
        self.pace.scaled(Duration::from_secs(300)).max(Duration::from_secs(10))
    }

    /// How long Entra may take to honour a new credential before its refusal counts as final: ten minutes, of Azure's
    /// time, and never less than two seconds of ours.
    pub(crate) fn patience(&self) -> Duration {
        self.pace.scaled(Duration::from_secs(600)).max(Duration::from_secs(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steps::testing;

    /// Fails before: `prepare` was suggested, which finds the extension installed, and changes nothing.
    #[test]
    fn a_namespace_without_the_extension_is_told_which_one_has_it() {
        let context = |elsewhere: Option<&str>| Context {
            elsewhere: elsewhere.map(str::to_owned),
            ..std::rc::Rc::into_inner(testing::context()).unwrap()
        };
        let failure = context(Some("backup")).not_installed::<()>("ns").unwrap_err();
        assert_eq!(
            failure.what,
            "the backup extension is in namespace backup, not in namespace ns"
        );
        let hint = failure.hints[0].to_string();
        assert!(
            hint.ends_with("kubectl aksbackup configure --namespace backup"),
            "{hint}"
        );
        assert!(matches!(
            context(None).not_installed::<()>("ns").unwrap(),
            Decision::Blocked(..)
        ));
    }
}
