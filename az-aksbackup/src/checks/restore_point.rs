//! Which recovery point is restored.

use aksbackup_shared::command_line::az;
use aksbackup_shared::failure::{Failure, Outcome};
use aksbackup_shared::fix;
use jiff::Timestamp;

use crate::arm::recovery_points::RecoveryPoint;
use crate::checks::recovery_points::{absent, not_after, obstacle, shown};

/// The recovery point that a person means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// The newest.
    Latest,
    /// The newest that isn't later than this.
    At(Timestamp),
    /// The one with this ID.
    Id(String),
}

impl Wanted {
    fn words(&self) -> String {
        match self {
            Self::Latest => "recovery point".to_owned(),
            Self::At(at) => format!("recovery point from {at} or earlier"),
            Self::Id(id) => format!("recovery point {id}"),
        }
    }
}

/// Returns the point that is `wanted` of `points`, the newest first.
///
/// # Errors
/// Exit 3: there is no such point. Exit 1: it can't be restored; the failure names the newest that can.
pub(crate) fn chosen<'a>(
    points: &'a [RecoveryPoint],
    wanted: &Wanted,
    (instance, now): (&str, Timestamp),
) -> Outcome<&'a RecoveryPoint> {
    let found = match wanted {
        Wanted::Id(id) => points.iter().find(|own| own.id().eq_ignore_ascii_case(id)),
        Wanted::Latest => points.first(),
        Wanted::At(at) => not_after(points, *at),
    };
    let Some(point) = found else {
        return Err(Box::new(absent(points, &wanted.words(), instance)));
    };
    let Some(why) = obstacle(point, now) else {
        return Ok(point);
    };
    let failure = Failure::failed(format!(
        "recovery point {} of {} can't be restored",
        point.id(),
        shown(point.time())
    ))
    .because(why);
    let limit = match wanted {
        Wanted::At(at) => *at,
        Wanted::Latest | Wanted::Id(_) => Timestamp::MAX,
    };
    let other = points.iter().find(|own| {
        obstacle(own, now).is_none() && own.time().is_some_and(|time| time.as_second() <= limit.as_second())
    });
    Err(Box::new(match other {
        Some(other) => failure.hint(format!(
            "choose the newest recovery point that can be restored ({}): --point {}",
            shown(other.time()),
            other.id()
        )),
        None => failure.hint(fix!["list the recovery points: ", az("points")]),
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::checks::recovery_points::newest_first;
    use crate::checks::recovery_points::tests::{now, point};

    fn three() -> Vec<RecoveryPoint> {
        newest_first(vec![
            point("b", "2026-01-02T06:00:00.5Z", |_| ()),
            point("c", "2026-01-03T06:00:00Z", |_| ()),
            point("a", "2026-01-01T06:00:00Z", |_| ()),
        ])
    }

    fn pick(points: &[RecoveryPoint], wanted: &Wanted) -> Outcome<String> {
        chosen(points, wanted, ("bi", now())).map(|own| own.id().to_owned())
    }

    #[test]
    fn the_newest_the_newest_not_after_a_time_and_a_named_one_are_found() {
        let at = |text: &str| Wanted::At(text.parse().unwrap());
        let pick = |wanted| pick(&three(), &wanted).unwrap();
        assert_eq!(pick(Wanted::Latest), "c");
        assert_eq!(pick(at("2026-01-03T05:59:59Z")), "b");
        assert_eq!(pick(at("2026-01-02T06:00:00Z")), "b", "as the table shows it");
        assert_eq!(pick(at("2026-01-02T05:59:59Z")), "a");
        assert_eq!(pick(Wanted::Id("A".into())), "a");
    }

    #[test]
    fn what_is_not_there_is_exit_3_with_what_is() {
        let early = Wanted::At("2025-12-31T00:00:00Z".parse().unwrap());
        for wanted in [early, Wanted::Id("x".into())] {
            let failure = pick(&three(), &wanted).unwrap_err();
            assert_eq!(failure.exit, aksbackup_shared::exit::Exit::Missing);
            assert!(failure.why[0].contains("2026-01-01 06:00:00 UTC"), "{failure}");
        }
        let failure = pick(&[], &Wanted::Latest).unwrap_err();
        assert!(failure.hints[0].to_string().contains("az aksbackup jobs"), "{failure}");
    }

    #[test]
    fn one_that_cannot_be_restored_is_refused_with_the_newest_that_can() {
        let partial = |time: &str| point("new", time, |own| own["recoveryPointState"] = json!("Partial"));
        let points = vec![partial("2026-01-04T06:00:00Z"), three().remove(0)];
        let failure = pick(&points, &Wanted::Latest).unwrap_err();
        assert!(failure.why[0].contains("Partial"), "{failure}");
        assert!(failure.hints[0].to_string().ends_with("--point c"), "{failure}");
        // A later one isn't what was asked for.
        let points = vec![three().remove(0), partial("2026-01-01T00:00:00Z")];
        let at = Wanted::At("2026-01-02T00:00:00Z".parse().unwrap());
        let failure = pick(&points, &at).unwrap_err();
        assert_eq!(
            failure.hints[0].to_string(),
            "list the recovery points: az aksbackup points"
        );
    }
}
