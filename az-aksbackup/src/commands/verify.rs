//! `verify`: every link that Azure shows: at once, until nothing is wrong, or whenever it changes.

use std::time::Instant;

use aksbackup_shared::chain::examination::Examination;
use aksbackup_shared::chain::verify::{Look, verify};
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::Outcome;
use aksbackup_shared::schema::State;

use crate::arm::client::Reader;
use crate::checks::{before, judge, look};
use crate::cli::Cli;
use crate::commands::examined::{Subject, issuer, not_blind};
use crate::commands::flags::VerifyFlags;

/// Checks the cloud's side against the state file, or against itself where there is none; with `--pre`, whether the set-up
/// can begin. Changes nothing, neither Azure nor the file; findings end 8.
///
/// # Errors
/// Exit 3: neither state file nor cluster. Exit 4: not signed in, or nothing at all may be read. Exit 7: a state file, or a
/// result of the other program, that cannot be read. Exit 124: with `--wait`, there are findings at the deadline.
pub(crate) async fn run(cli: &Cli, args: &VerifyFlags) -> Outcome<Exit> {
    verify(&cli.common, &args.shared, async || {
        let subject = Subject::of(cli, &args.cluster).await?;
        let reader = subject.sign_in(cli).await?;
        Ok(Sight {
            pre: args.pre,
            subject,
            reader,
        })
    })
    .await
}

/// Whom and what a run of the command looks at.
struct Sight {
    pre: bool,
    subject: Subject,
    reader: Reader,
}

/// Checks a cluster once.
///
/// # Errors
/// Nothing at all can be read. Exit 124: the deadline was reached.
pub(crate) async fn examine(reader: &Reader, subject: &Subject) -> Outcome<Examination> {
    let view = look(reader, &subject.cluster, &subject.state, &subject.folder).await;
    let checks = judge::checks(&view);
    not_blind(&view)?;
    Ok(subject.examination("verify", checks, issuer(&view)))
}

impl Look for Sight {
    async fn look(&self) -> Outcome<Examination> {
        let Subject { cluster, state, folder } = &self.subject;
        if !self.pre {
            return examine(&self.reader, &self.subject).await;
        }
        let before = before::look_before(&self.reader, cluster, state, folder).await;
        let checks = before::checks(&before);
        let view = before.view;
        not_blind(&view)?;
        let own = self.subject.examination("verify", checks, issuer(&view));
        Ok(own.naming_cluster(self.subject.state.target.as_ref()))
    }

    /// Azure does not tell of changes: it is asked again, as often as for an operation that takes long.
    async fn stirred(&self, begun: Instant) {
        tokio::time::sleep(self.reader.pace().next_look(begun.elapsed(), None)).await;
    }

    fn state(&self) -> &State {
        &self.subject.state
    }

    fn well(&self) -> &'static str {
        match self.pre {
            true => "all prerequisites of the setup are met",
            false => "all checks in Azure passed",
        }
    }
}
