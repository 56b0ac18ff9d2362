//! Works on each cluster of a folder: many at once within the budgets of one process, and none stops the others.

use std::cell::Cell;
use std::collections::VecDeque;
use std::path::Path;

use aksbackup_shared::args::quoted;
use aksbackup_shared::command_line::{CommandLine, az};
use aksbackup_shared::console::{Console, Talk};
use aksbackup_shared::digest::Digest;
use aksbackup_shared::exit::Exit;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::ids::{ResourceId, SubscriptionId, same};
use aksbackup_shared::state::OutFile;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use serde_json::json;
use tokio::sync::Semaphore;

use super::cluster_result::ClusterResult;
use super::events::Events;
use super::folder::{Folder, Member};
use super::progress::Progress;
use crate::arm::client::Reader;
use crate::cli::shard::Shard;
use crate::cli::{AT_ONCE, Cli, FleetArgs};
use crate::commands::init::place;
use crate::commands::session;

/// A command over the clusters of a folder.
pub(super) struct Fleet<'a> {
    pub(super) cli: &'a Cli,
    pub(super) args: &'a FleetArgs,
    /// The command, such as `fleet plan`.
    pub(super) name: &'static str,
    pub(super) console: Console,
    pub(super) folder: Folder,
    /// Of the whole folder, also if this process works on a part of it.
    pub(super) digest: Digest,
    /// Which part of the folder this process works on.
    pub(super) shard: Option<Shard>,
    events: Events,
}

/// What a command over a folder is given for one of its clusters.
pub(super) struct ClusterRun<'a> {
    pub(super) member: &'a Member,
    /// The command line as it would be for this cluster.
    pub(super) cli: Cli,
    /// Its lines of the terminal.
    pub(super) console: Console,
}

/// When no further cluster is begun.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    /// So many clusters failed.
    pub(super) failures: Option<usize>,
    /// It is a plan that a question is about: what came of a cluster isn't the result of the command yet.
    pub(super) is_question: bool,
}

impl<'a> Fleet<'a> {
    /// Reads the folder, and keeps the part of it that this process works on.
    ///
    /// # Errors
    /// Exit 2: a shard that doesn't exist, or events that would be written into a state file. Exit 3: there is no folder. Exit 7: the folder isn't the one that was expected.
    pub(super) fn open(cli: &'a Cli, name: &'static str, args: &'a FleetArgs) -> Outcome<Self> {
        let shard = args.shard.as_ref().map(|own| own.of_this_process()).transpose()?;
        let mut folder = Folder::read(cli, &args.folder)?;
        let digest = folder.digest();
        // What only looks still looks at them.
        if ["fleet plan", "fleet apply"].contains(&name) {
            folder.set_apart_shared();
        }
        expected(cli, &digest, &args.folder)?;
        if let Some(path) = &args.events {
            folder.is_apart(|state| OutFile {
                path,
                flag: "--events",
                state,
            })?;
        }
        if let Some(shard) = shard {
            folder.members = shard.of(folder.members);
            // Each file that can't be used is told by one process.
            folder.unusable.retain(|_| shard.is_first());
        }
        Ok(Self {
            cli,
            args,
            name,
            console: cli.common.console(),
            folder,
            digest,
            shard,
            events: Events::open(args.events.as_deref())?,
        })
    }

    /// Signs in once for all clusters, and leaves out those of other subscriptions where one is named.
    ///
    /// # Errors
    /// As [`session::sign_in`]; exit 3: there is no such subscription.
    pub(super) async fn sign_in(&mut self) -> Outcome<Reader> {
        let reader = session::sign_in(self.cli, &self.console, None).await?;
        if let Some(wanted) = self.cli.azure.subscription.as_deref() {
            let all = place::subscriptions(&reader, Some(wanted)).await?;
            self.keep(&all.iter().map(|own| own.subscription_id.clone()).collect::<Vec<_>>());
        }
        Ok(reader)
    }

    /// The folder and the flags that name the part of it, for a command that follows.
    pub(super) fn part(&self) -> String {
        let mut words = quoted(&self.args.folder.to_string_lossy());
        if let Some(shard) = self.shard {
            words.push_str(&format!(" --shard {shard}"));
        }
        if self.args.parallel != AT_ONCE {
            words.push_str(&format!(" --parallel {}", self.args.parallel));
        }
        if let Some(subscription) = &self.cli.azure.subscription {
            words.push_str(&format!(" --subscription {}", quoted(subscription)));
        }
        words
    }

    /// The command, to run it again.
    pub(super) fn again(&self) -> CommandLine {
        az(format!("{} {}", self.name, self.part())).again()
    }

    fn keep(&mut self, subscriptions: &[SubscriptionId]) {
        let is_in = |cluster: &ResourceId| {
            let mut all = subscriptions.iter();
            all.any(|id| same(id.as_str(), cluster.subscription().as_str()))
        };
        self.folder.members.retain(|own| is_in(&own.cluster));
        self.folder
            .unusable
            .retain(|own| own.cluster.as_ref().is_none_or(is_in));
    }

    /// Does `work` for each cluster, and returns what came of each, in the order of the folder.
    pub(super) async fn each(
        &self,
        limits: Limits,
        work: impl AsyncFn(ClusterRun<'_>) -> Outcome<ClusterResult>,
    ) -> Vec<ClusterResult> {
        self.each_after(limits, async |_: &Member| {}, work).await
    }

    /// As [`Fleet::each`], for each cluster after what is `before` it. A cluster that waits for that keeps no other from its turn.
    pub(super) async fn each_after(
        &self,
        limits: Limits,
        before: impl AsyncFn(&Member),
        work: impl AsyncFn(ClusterRun<'_>) -> Outcome<ClusterResult>,
    ) -> Vec<ClusterResult> {
        let members = &self.folder.members;
        self.tell(limits, || {
            json!({
                "event": "started", "command": self.name, "clusters": self.folder.clusters(),
                "shard": self.shard.map(|own| own.to_string()),
            })
        });
        let (progress, failures) = (Progress::new(&self.console, self.name, members.len()), Cell::new(0));
        let turns = Semaphore::new(self.args.at_once());
        let all = in_turns(members).into_iter().map(|(at, member)| {
            let (before, work, progress, failures, turns) = (&before, &work, &progress, &failures, &turns);
            async move {
                before(member).await;
                // It is never closed.
                let _turn = turns.acquire().await;
                let mut result = match self.stop(limits, failures.get()) {
                    Some((exit, why)) => ClusterResult::not_begun(member, exit, why),
                    None => self.one(member, work).await,
                };
                failures.set(failures.get() + usize::from(is_failure(&result)));
                self.tell(limits, || self.event(&result));
                if !self.cli.common.output.is_document() {
                    result.shorten();
                }
                progress.done();
                (at, result)
            }
        });
        let all: FuturesUnordered<_> = all.collect();
        let mut results: Vec<(usize, ClusterResult)> = all.collect().await;
        results.sort_by_key(|(at, _)| *at);
        let results = results
            .into_iter()
            .map(|(_, result)| result)
            .chain(self.unusable(limits))
            .collect();
        self.console.clear();
        results
    }

    /// Tells the files that can't be used, and returns the clusters among them.
    fn unusable(&self, limits: Limits) -> Vec<ClusterResult> {
        let set_apart: Vec<ClusterResult> = self
            .folder
            .unusable
            .iter()
            .filter_map(ClusterResult::set_apart)
            .collect();
        set_apart.iter().for_each(|own| self.tell(limits, || self.event(own)));
        for own in self.folder.unread() {
            self.tell(limits, || {
                let mut event = own.document();
                event["event"] = "unusable".into();
                event["command"] = self.name.into();
                event
            });
        }
        set_apart
    }

    fn tell(&self, limits: Limits, event: impl FnOnce() -> serde_json::Value) {
        if !limits.is_question {
            self.events.write(&event());
        }
    }

    /// The exit code of the command: the worst of `exits` and of the files that can't be read.
    pub(super) fn exit(&self, exits: impl Iterator<Item = Exit>) -> Exit {
        let files = self.folder.unread().map(|own| own.failure.exit);
        exits.chain(files).fold(Exit::Done, Exit::worse)
    }

    /// Tells that the command ended.
    ///
    /// # Errors
    /// The events could not be written.
    pub(super) fn finished(&self, exit: Exit, counts: &serde_json::Value) -> Outcome<()> {
        self.events.write(&json!({
            "event": "finished", "command": self.name, "exit": exit, "counts": counts,
            "unusable": self.folder.unread().count(),
        }));
        self.events.written()
    }

    fn event(&self, result: &ClusterResult) -> serde_json::Value {
        let mut event = json!({ "event": "cluster", "command": self.name });
        if let (Some(event), serde_json::Value::Object(own)) = (event.as_object_mut(), result.document()) {
            // The states say the same in short.
            event.extend(own.into_iter().filter(|(key, _)| key != "steps" && key != "checks"));
        }
        event
    }

    fn stop(&self, limits: Limits, failures: usize) -> Option<(Exit, &'static str)> {
        if self.cli.common.deadline().is_over() {
            return Some((Exit::Deadline, "not started: timed out"));
        }
        let most = limits.failures?;
        (failures >= most).then_some((Exit::Pending, "not started: --max-failures was reached"))
    }

    /// The console of a cluster: it says something only where more than usual is asked for.
    pub(super) fn quiet(&self, member: &Member) -> Console {
        let talk = match self.console.is_verbose() {
            true => Talk::Verbose,
            false => Talk::Quiet,
        };
        self.console
            .of_cluster(&member.cluster.with_group(), talk, member.file.clone())
    }

    async fn one(
        &self,
        member: &Member,
        work: &impl AsyncFn(ClusterRun<'_>) -> Outcome<ClusterResult>,
    ) -> ClusterResult {
        let doing = async {
            let one = ClusterRun {
                member,
                cli: member.cli(self.cli),
                console: self.quiet(member),
            };
            match work(one).await {
                Ok(result) => result,
                Err(failure) => ClusterResult::failed(member, &self.quiet(member), &failure),
            }
        };
        // Boxed, so that those that wait take little memory.
        member.scope(Box::pin(doing)).await
    }
}

/// Whether a cluster counts for `--max-failures`: another person's turn and pending changes don't.
fn is_failure(result: &ClusterResult) -> bool {
    result.begun && !matches!(result.exit, Exit::Done | Exit::Pending | Exit::TheirTurn)
}

/// The members with their places, one of each subscription after another: the budgets of Azure are those of a subscription.
fn in_turns(members: &[Member]) -> Vec<(usize, &Member)> {
    let mut queues: VecDeque<VecDeque<(usize, &Member)>> = VecDeque::new();
    let mut last: Option<SubscriptionId> = None;
    for (at, member) in members.iter().enumerate() {
        let own = member.cluster.subscription();
        if last.as_ref() != Some(&own) {
            queues.push_back(VecDeque::new());
            last = Some(own);
        }
        if let Some(queue) = queues.back_mut() {
            queue.push_back((at, member));
        }
    }
    let mut all = Vec::with_capacity(members.len());
    while let Some(mut queue) = queues.pop_front() {
        if let Some(next) = queue.pop_front() {
            all.push(next);
            queues.push_back(queue);
        }
    }
    all
}

/// Refuses a folder whose files want something else than what was reviewed.
fn expected(cli: &Cli, own: &Digest, path: &Path) -> Outcome<()> {
    match &cli.common.expect_digest {
        Some(expected) if expected != own => {
            Failure::new(Exit::StateUnreadable, format!("refused: folder {}", path.display()))
                .because(format!("expected digest: {expected}"))
                .because(format!("actual digest:   {own}"))
                .hint(aksbackup_shared::fix![
                    "review the folder: ",
                    az(format!("fleet plan {}", quoted(&path.to_string_lossy())))
                ])
                .err()
        }
        _ => Ok(()),
    }
}
