//! What could not be seen, and who can see it.

use crate::chain::check::{Check, Verdict};
use crate::chain::link::Link;
use crate::command_line::{CommandLine, Fix, az, kubectl};
use crate::guide::Person;
use crate::program::Program;
use crate::report::model::Unseen;
use crate::report::text;
use crate::report::views::{Views, home};

/// The views that are missing, and what those that there are could not see unless the other one did.
pub(super) fn all(views: Views<'_>) -> Vec<Unseen> {
    let mut all = Vec::new();
    for look in views.looks {
        if let Err(why) = &look.seen {
            let (who, command) = looker(look.program);
            all.push(Unseen {
                what: side(look.program).to_owned(),
                why: text::sentence(why),
                who,
                command: command.to_string(),
            });
        }
    }
    for link in Link::ALL {
        let was_seen = views
            .checks(link)
            .any(|seen| !matches!(seen.check.verdict, Verdict::Unknown));
        let blind = views.checks(link).filter(|seen| seen.check.verdict == Verdict::Unknown);
        for seen in blind.filter(|seen| !was_seen || seen.program == home(link)) {
            let (who, command) = looker(home(link));
            // What no command of ours can see has a command of its own.
            let own = seen.check.hint.as_ref().and_then(|fix| fix.split().1);
            all.push(Unseen {
                what: text::name(&format!("{}: {}", link.title(), seen.check.check)),
                why: text::sentence(&why(&seen.check.says, seen.check.hint.as_ref())),
                who: if is_of_roles(seen.check, link) {
                    Person::SubscriptionOwner
                } else {
                    who
                },
                command: own.map_or_else(|| command.to_string(), ToString::to_string),
            });
        }
    }
    all
}

/// Role assignments are seen for certain by whoever may make them.
fn is_of_roles(check: &Check, link: Link) -> bool {
    link == Link::StorageRole || check.check.to_lowercase().contains("role")
}

fn why(says: &str, hint: Option<&Fix>) -> String {
    match hint {
        Some(hint) => format!("{says}; {hint}"),
        None => says.to_owned(),
    }
}

const fn side(program: Program) -> &'static str {
    match program {
        Program::Az => "the cloud side: Azure resources, roles, vault, and jobs",
        Program::Kubectl => "the cluster side: pods, service accounts, and the backup storage location",
    }
}

fn looker(program: Program) -> (Person, CommandLine) {
    match program {
        Program::Az => (Person::PlatformTeam, az("verify --save")),
        Program::Kubectl => (Person::ClusterAdmin, kubectl("verify --save")),
    }
}
