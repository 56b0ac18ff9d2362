//! One suite, two clusters: what tests need of either.

use std::io;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::bed::Bed;
use crate::harness::{Run, Stage, finish};
use crate::kubernetes::{Dialect, Fault, Kubernetes};

/// Which cluster stands behind the sandbox's Azure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// The sandbox's own small Kubernetes.
    Small,
    /// A real control plane: [`Bed`].
    Real,
}

/// What a test looks at and does behind the back of the binaries. Everything has happened when a method gives back; what
/// controllers make of it takes its time.
pub trait TestCluster {
    /// One object by kind, namespace (empty for cluster-wide ones) and name.
    fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value>;

    /// Every object of a kind.
    fn objects(&self, kind: &str) -> Vec<Value>;

    /// Orders (or with `None` ends) what goes wrong with new pods of `deployment`.
    fn set_fault(&self, deployment: &str, fault: Option<Fault>);

    /// How Velero words `status.message` from now on.
    fn set_dialect(&self, dialect: Dialect);

    /// Takes the webhook down, or lets it come up; its failure policy is Fail.
    ///
    /// # Errors
    /// The cluster does not do as it is told.
    fn set_webhook_down(&self, down: bool) -> io::Result<()>;

    /// Deletes a service account of the extension and makes it anew as the chart has it: annotations are gone.
    ///
    /// # Errors
    /// The cluster does not do as it is told.
    fn recreate_service_account(&self, name: &str) -> io::Result<()>;

    /// An upgrade of the extension that takes the workload identity label from a pod template.
    ///
    /// # Errors
    /// The cluster does not do as it is told.
    fn helm_upgrade_drops_label(&self, deployment: &str) -> io::Result<()>;

    /// An unattended upgrade of the extension to another chart version.
    ///
    /// # Errors
    /// The cluster does not do as it is told.
    fn helm_upgrade(&self, chart_version: &str) -> io::Result<()>;

    /// Waits until everything is done that Azure has told the cluster to do: the extension's release, issuer, webhook.
    ///
    /// # Errors
    /// Something could not be done.
    fn settled(&self) -> io::Result<()>;
}

impl TestCluster for Kubernetes {
    fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        Kubernetes::object(self, kind, namespace, name)
    }

    fn objects(&self, kind: &str) -> Vec<Value> {
        Kubernetes::objects(self, kind)
    }

    fn set_fault(&self, deployment: &str, fault: Option<Fault>) {
        Kubernetes::set_fault(self, deployment, fault);
    }

    fn set_dialect(&self, dialect: Dialect) {
        Kubernetes::set_dialect(self, dialect);
    }

    fn set_webhook_down(&self, down: bool) -> io::Result<()> {
        Kubernetes::set_webhook_down(self, down);
        Ok(())
    }

    fn recreate_service_account(&self, name: &str) -> io::Result<()> {
        Kubernetes::recreate_service_account(self, name);
        Ok(())
    }

    fn helm_upgrade_drops_label(&self, deployment: &str) -> io::Result<()> {
        Kubernetes::helm_upgrade_drops_label(self, deployment);
        Ok(())
    }

    fn helm_upgrade(&self, chart_version: &str) -> io::Result<()> {
        Kubernetes::helm_upgrade(self, chart_version);
        Ok(())
    }

    fn settled(&self) -> io::Result<()> {
        Ok(())
    }
}

impl TestCluster for Bed {
    fn object(&self, kind: &str, namespace: &str, name: &str) -> Option<Value> {
        Bed::object(self, kind, namespace, name)
    }

    fn objects(&self, kind: &str) -> Vec<Value> {
        Bed::objects(self, kind)
    }

    fn set_fault(&self, deployment: &str, fault: Option<Fault>) {
        Bed::set_fault(self, deployment, fault);
    }

    fn set_dialect(&self, dialect: Dialect) {
        Bed::set_dialect(self, dialect);
    }

    fn set_webhook_down(&self, down: bool) -> io::Result<()> {
        Bed::set_webhook_down(self, down)
    }

    fn recreate_service_account(&self, name: &str) -> io::Result<()> {
        Bed::recreate_service_account(self, name)
    }

    fn helm_upgrade_drops_label(&self, deployment: &str) -> io::Result<()> {
        Bed::helm_upgrade_drops_label(self, deployment)
    }

    fn helm_upgrade(&self, chart_version: &str) -> io::Result<()> {
        Bed::helm_upgrade(self, chart_version)
    }

    fn settled(&self) -> io::Result<()> {
        Bed::settled(self)
    }
}

impl Stage {
    /// What people have changed in the cluster so far, each as `METHOD target`, also where it was refused.
    #[must_use]
    pub fn changes(&self) -> Vec<String> {
        let Some(bed) = self.sandbox.bed() else {
            let entries = self.since(0).into_iter();
            return entries
                .filter(|entry| entry.write && entry.target.starts_with("/api"))
                .map(|entry| format!("{} {}", entry.method, entry.target))
                .collect();
        };
        let requests = bed.requests().into_iter().filter(|request| request.write);
        requests
            .map(|request| format!("{} {}", request.method(), request.uri))
            .collect()
    }

    /// Runs kubectl itself as `persona`.
    ///
    /// # Panics
    /// There is no kubectl.
    pub fn as_kubectl(&self, persona: &str, arguments: &[&str]) -> Run {
        let program = self.sandbox.bed().map(|bed| bed.kubectl().to_owned());
        let mut command = Command::new(program.unwrap_or_else(|| "kubectl".into()));
        command
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("KUBECONFIG", self.folder().join("kubeconfigs").join(persona))
            .stdin(Stdio::null());
        finish(&mut command)
    }
}
