use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::chain::check::Check;
use crate::chain::finding::{Certainty, Finding, Text};
use crate::diagnosis::matching::regex;
use crate::diagnosis::{diagnose, may_matter};

/// How many rows each page has. A row is never taken away: its id stands in scripts.
const ROWS: [(&str, usize); 13] = [
    ("login", 14),
    ("azure", 11),
    ("cluster", 14),
    ("storage", 21),
    ("extension", 26),
    ("workload-identity", 25),
    ("federated-credentials", 17),
    ("roles", 17),
    ("storage-location", 10),
    ("vault", 21),
    ("jobs", 18),
    ("restore", 4),
    ("kubernetes", 17),
];

fn text(seen_in: SeenIn, text: &str) -> Text {
    Text {
        seen_in,
        object: "object".to_owned(),
        link: Link::Jobs,
        at: None,
        past: false,
        text: text.to_owned(),
    }
}

fn said(seen_in: SeenIn, words: &str) -> Vec<Finding> {
    diagnose(&[], &[text(seen_in, words)])
}

#[test]
fn every_file_is_read_and_has_its_rows() {
    for (name, text) in FILES {
        let read: Result<Group, _> = toml::from_str(text);
        assert!(read.is_ok(), "{name}: {}", read.map(|_| ()).unwrap_err());
    }
    let catalogue = Catalogue::get();
    let rows: Vec<_> = catalogue
        .groups
        .iter()
        .map(|group| (group.name, group.failures.len()))
        .collect();
    assert_eq!(rows, ROWS);
    assert_eq!(catalogue.rows().count(), 215);
    let ids: BTreeSet<_> = catalogue.rows().map(|known| &known.id).collect();
    assert_eq!(ids.len(), 215, "an id stands twice");
    assert!(!catalogue.sources.is_empty() && !catalogue.harmless.is_empty());
}

#[test]
fn every_row_is_told_whole() {
    let catalogue = Catalogue::get();
    let links: Vec<_> = Link::ALL.iter().map(|link| link.title().replace(' ', "-")).collect();
    for known in catalogue.rows() {
        let id = &known.id;
        assert!(
            id.chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '-'),
            "{id}"
        );
        for sentence in [&known.cause, &known.fix.to_string()] {
            assert!(sentence.ends_with(|c: char| c != ' '), "{id}");
            assert!(sentence.starts_with(|c: char| c.is_uppercase()), "{id}: {sentence}");
        }
        assert!(!known.proof.is_empty() && !known.source.is_empty(), "{id}");
        assert!(matches!(known.severity, Verdict::Error | Verdict::Warning), "{id}");
        assert_eq!(known.unverified, known.source.starts_with("unverified"), "{id}");
        assert_eq!(known.patterns.is_empty(), known.examples.is_empty(), "{id}");
        assert!(
            known.by_state || !known.patterns.is_empty(),
            "{id}: nothing would find it"
        );
        for follows in &known.follows {
            let row = catalogue.row(follows.trim_end_matches('!')).is_some();
            assert!(
                row || links.contains(follows),
                "{id} follows {follows}, which is neither row nor link"
            );
        }
    }
    assert_eq!(catalogue.rows().filter(|known| known.unverified).count(), 10);
    assert_eq!(
        catalogue.rows().map(|known| known.patterns.len()).sum::<usize>(),
        210,
        "patterns"
    );
}

#[test]
fn every_expression_compiles_and_has_an_example() {
    let catalogue = Catalogue::get();
    for known in catalogue.rows() {
        assert!(
            known.unless.as_ref().is_none_or(|unless| regex(unless).is_some()),
            "{}",
            known.id
        );
        for pattern in &known.patterns {
            let expression = regex(&pattern.expression);
            assert!(expression.is_some(), "{}: {}", known.id, pattern.expression);
            let matches = |example: &String| {
                expression
                    .as_ref()
                    .is_some_and(|regex| regex.is_match(example.as_bytes()))
            };
            assert!(
                known.examples.iter().any(matches),
                "{}: no example of {}",
                known.id,
                pattern.expression
            );
        }
    }
    for text in &catalogue.harmless {
        assert!(regex(&text.expression).is_some(), "{}", text.expression);
    }
}

/// The places where an example's own patterns are seen.
fn places(known: &Known, example: &str) -> Vec<SeenIn> {
    let own = known.patterns.iter();
    let matching = own.filter(|own| regex(&own.expression).is_some_and(|regex| regex.is_match(example.as_bytes())));
    matching.map(|pattern| pattern.seen_in).collect()
}

#[test]
fn every_example_names_its_row_first() {
    let mut wrong = BTreeMap::new();
    for known in Catalogue::get().rows().filter(|known| !known.harmless) {
        for example in &known.examples {
            assert!(may_matter(example), "{}: {example}", known.id);
            for seen_in in places(known, example) {
                let found = said(seen_in, example);
                let first = found.first().map(|finding| finding.id.as_str());
                let state_decides = ["FIC-PROPAGATING", "BSL-UNAVAILABLE"].contains(&known.id.as_str())
                    && found.iter().any(|finding| finding.explains.contains(&known.id));
                if first != Some(&known.id) && !state_decides {
                    wrong.insert((&known.id, example), first.map(str::to_owned));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_is_proved_by_its_state() {
    for known in Catalogue::get().rows().filter(|known| !known.harmless) {
        let check = Check::error(known.link, "check", "says", "hint").proves(&known.id);
        let found = diagnose(&[check], &[]);
        let first = found.first().map(|finding| (finding.id.as_str(), finding.certainty));
        assert_eq!(first, Some((known.id.as_str(), Certainty::Proved)));
    }
}

#[test]
fn what_is_no_failure_is_not_reported() {
    for known in Catalogue::get().rows().filter(|known| known.harmless) {
        for example in &known.examples {
            assert_eq!(said(known.patterns[0].seen_in, example), [], "{}", known.id);
        }
    }
    let info = r#"time="2026-01-01T00:00:00Z" level=info msg="failed to retrieve the storage account properties: AuthorizationFailed""#;
    assert_eq!(said(SeenIn::Vlog, info), []);
    assert_eq!(said(SeenIn::Vlog, "plugin process exited"), []);
}

#[test]
fn codes_that_begin_alike_are_told_apart() {
    for (words, id) in [
        ("Code: AuthorizationFailure", "STO-FIREWALL"),
        ("desc = AuthorizationPermissionMismatch: no", "RBAC-BLOB-ROLE"),
        ("desc = AuthorizationFailed: no", "ARM-AUTHZ"),
        ("AADSTS70021: x", "FIC-ISSUER"),
        ("AADSTS700211: x", "FIC-ISSUER"),
        ("AADSTS700212: x", "FIC-AUDIENCE"),
        ("AADSTS700213: x", "FIC-SUBJECT"),
        ("AADSTS7002138: x", "FIC-SUBJECT-CASE"),
        ("AADSTS700016: x", "WI-SA-WRONG-CLIENT"),
        ("AADSTS700024: x", "WI-TOKEN-OLD"),
    ] {
        let found = said(SeenIn::Bsl, words);
        let ids: Vec<_> = found.iter().map(|finding| finding.id.as_str()).collect();
        assert_eq!(ids, [id], "{words}");
    }
    assert_eq!(said(SeenIn::Bsl, "AADSTS7002139: x"), []);
    assert_eq!(said(SeenIn::Cli, "AADSTS700024: x")[0].id, "LOGIN-CI-ASSERTION-OLD");
}

#[test]
fn rows_are_found_in_any_case_and_sources_are_spelt_out() {
    let catalogue = Catalogue::get();
    assert_eq!(
        catalogue.row("fic-issuer").map(|known| known.id.as_str()),
        Some("FIC-ISSUER")
    );
    assert_eq!(
        catalogue.page("FIC-ISSUER").map(|page| page.name),
        Some("federated-credentials")
    );
    assert!(catalogue.row("NOTHING").is_none());
    let known = catalogue.sources_of("W1; T8; azure-workload-identity#1200");
    assert_eq!(known.iter().map(|(key, _)| *key).collect::<Vec<_>>(), ["T8", "W1"]);
}
