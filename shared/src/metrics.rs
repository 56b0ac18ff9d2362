//! Results as metrics, in the text format of Prometheus, in a file for the textfile collector of node_exporter.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::str::FromStr;

use crate::failure::Outcome;
use crate::state::OutFile;

/// A file that the textfile collector reads: it takes only those whose name ends in `.prom`.
#[derive(Debug, Clone)]
pub struct MetricsFile(std::path::PathBuf);

impl FromStr for MetricsFile {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match Path::new(text).extension() {
            Some(end) if end == "prom" => Ok(Self(text.into())),
            Some(_) | None => Err("the name must end in .prom: the textfile collector reads no other files".to_owned()),
        }
    }
}

impl MetricsFile {
    /// The file of a command with this state file.
    #[must_use]
    pub fn out<'a>(&'a self, state: &'a Path) -> OutFile<'a> {
        OutFile {
            path: &self.0,
            flag: "--metrics",
            state,
        }
    }
}

/// Metrics, each with its samples.
#[derive(Debug, Default)]
pub struct Metrics {
    families: BTreeMap<&'static str, Family>,
}

#[derive(Debug, Default)]
struct Family {
    help: &'static str,
    samples: Vec<String>,
}

impl Metrics {
    /// Adds a sample of the gauge `name`. `help` is a sentence without a line break. Names are constants, and so are those of labels:
    /// values can be anything.
    pub fn add(
        &mut self,
        (name, help): (&'static str, &'static str),
        labels: &[(&'static str, &str)],
        value: impl Display,
    ) {
        let mut sample = name.to_owned();
        for (at, (label, text)) in labels.iter().enumerate() {
            let _ = write!(
                sample,
                "{}{label}=\"{}\"",
                if at == 0 { "{" } else { "," },
                escaped(text)
            );
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = write!(sample, "{close} {value}");
        let family = self.families.entry(name).or_default();
        family.help = help;
        family.samples.push(sample);
    }

    /// Replaces the file as a whole, so that the collector never reads half of it. `state` is the state file of the command.
    ///
    /// # Errors
    /// As [`OutFile::write`].
    pub fn write(&self, file: &MetricsFile, state: &Path) -> Outcome<()> {
        file.out(state).write(&self.to_string())
    }
}

impl Display for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (name, family) in &self.families {
            writeln!(f, "# HELP {name} {}\n# TYPE {name} gauge", family.help)?;
            for sample in &family.samples {
                writeln!(f, "{sample}")?;
            }
        }
        Ok(())
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_of_a_metric_stay_together_and_no_value_ends_its_label() {
        let mut own = Metrics::default();
        own.add(("b", "The second."), &[("name", "a\"} 1\nb\\")], 2);
        own.add(("a", "The first."), &[], 1);
        own.add(("b", "The second."), &[("name", "x"), ("link", "y")], 0.5);
        assert_eq!(
            own.to_string(),
            "# HELP a The first.\n# TYPE a gauge\na 1\n# HELP b The second.\n# TYPE b gauge\n\
             b{name=\"a\\\"} 1\\nb\\\\\"} 2\nb{name=\"x\",link=\"y\"} 0.5\n"
        );
    }

    #[test]
    fn a_file_that_the_collector_would_not_read_is_refused() {
        assert!("/var/lib/aks.prom".parse::<MetricsFile>().is_ok());
        for bad in ["aks.txt", "prom", "/"] {
            assert!(bad.parse::<MetricsFile>().unwrap_err().contains(".prom"), "{bad}");
        }
    }
}
