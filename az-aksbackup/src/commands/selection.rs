//! Which steps of a command run: `--only` and `--skip`.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use aksbackup_shared::guide::StepName;
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser as _};

use crate::guide::Steps;

/// The steps of `prepare`, as they are called in JSON and in the state file.
const STEPS: [(&str, StepName); 7] = [
    ("cluster-prerequisites", StepName::ClusterPrerequisites),
    ("storage", StepName::Storage),
    ("vault-and-policy", StepName::VaultAndPolicy),
    ("extension", StepName::Extension),
    ("extension-identity", StepName::ExtensionIdentity),
    ("federated-credentials", StepName::FederatedCredentials),
    ("trusted-access", StepName::TrustedAccess),
];

/// Which steps run.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Selection {
    /// Run only this step (repeatable)
    #[arg(long, value_name = "STEP", value_parser = step(), conflicts_with = "skip")]
    only: Vec<StepName>,
    /// Skip this step (repeatable)
    #[arg(long, value_name = "STEP", value_parser = step())]
    skip: Vec<StepName>,
}

fn step() -> impl clap::builder::TypedValueParser<Value = StepName> {
    PossibleValuesParser::new(STEPS.map(|(name, _)| name)).try_map(|text| {
        let found = STEPS.iter().find(|(name, _)| *name == text);
        found
            .map(|(_, step)| *step)
            .ok_or_else(|| format!("prepare has no step {text}"))
    })
}

/// Returns whether `prepare` has this step.
pub(crate) fn is_of_prepare(step: StepName) -> bool {
    STEPS.iter().any(|(_, own)| *own == step)
}

impl Selection {
    /// Returns the flags that say so, each with a blank before it.
    pub(crate) fn words(&self) -> String {
        let flag = |name: &str, steps: &[StepName]| -> String {
            let known = STEPS.iter().filter(|(_, step)| steps.contains(step));
            known.map(|(step, _)| format!(" --{name} {step}")).collect()
        };
        format!("{}{}", flag("only", &self.only), flag("skip", &self.skip))
    }

    /// Returns the steps that run, and the names of those that don't. Preflight always runs.
    ///
    /// # Errors
    /// Exit 2: nothing is left.
    pub(crate) fn of(&self, steps: Steps) -> Outcome<(Steps, Vec<StepName>)> {
        let runs = |step: StepName| {
            step == StepName::Preflight
                || (self.only.is_empty() || self.only.contains(&step)) && !self.skip.contains(&step)
        };
        let (run, skipped): (Steps, Steps) = steps.into_iter().partition(|step| runs(step.name()));
        if run.iter().all(|step| step.name() == StepName::Preflight) {
            return Failure::usage("--skip leaves no step to run")
                .hint(fix!["check without changing anything: ", az("prepare --dry-run")])
                .err();
        }
        Ok((run, skipped.iter().map(|step| step.name()).collect()))
    }
}

/// Returns the line that names what was skipped; `None` if nothing was.
pub(crate) fn told(skipped: &[StepName]) -> Option<String> {
    let names: Vec<&str> = skipped.iter().map(|step| step.title()).collect();
    (!names.is_empty()).then(|| format!("skipped, and not checked: {}", names.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guide;
    use crate::steps::options::PrepareOptions;

    fn names(selection: &Selection) -> Vec<StepName> {
        let (run, skipped) = selection.of(guide::prepare(PrepareOptions::default())).unwrap();
        assert_eq!(run.len() + skipped.len(), STEPS.len() + 1);
        run.iter().map(|step| step.name()).collect()
    }

    #[test]
    fn every_step_of_prepare_can_be_chosen_and_preflight_always_runs() {
        assert_eq!(names(&Selection::default()).len(), STEPS.len() + 1);
        for (_, step) in STEPS {
            let only = Selection {
                only: vec![step],
                ..Selection::default()
            };
            assert_eq!(names(&only), [StepName::Preflight, step]);
            let skip = Selection {
                skip: vec![step],
                ..Selection::default()
            };
            assert!(!names(&skip).contains(&step));
        }
        let nothing = Selection {
            skip: STEPS.map(|(_, step)| step).to_vec(),
            ..Selection::default()
        };
        assert!(nothing.of(guide::prepare(PrepareOptions::default())).is_err());
    }
}
