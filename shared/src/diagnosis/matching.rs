//! Which rows of the catalogue a text names.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder, RegexSet, RegexSetBuilder};

use crate::chain::finding::SeenIn;
use crate::diagnosis::catalogue::{Catalogue, Known};
use crate::diagnosis::mask::quote;

/// A row that a text names.
#[derive(Debug, Clone)]
pub(super) struct Hit {
    /// The row.
    pub(super) known: &'static Known,
    /// Whether the text was seen just where the row's texts are.
    pub(super) exact: bool,
    /// The words, masked.
    pub(super) quote: String,
}

/// All patterns at once: a text is gone through a single time, however many rows there are.
struct Matcher {
    set: RegexSet,
    rows: Vec<(&'static Known, usize)>,
    harmless: Vec<(SeenIn, Regex)>,
}

static MATCHER: LazyLock<Matcher> = LazyLock::new(|| {
    let catalogue = Catalogue::get();
    let of_row = |known: &'static Known| (0..known.patterns.len()).map(move |at| (known, at));
    let rows: Vec<_> = catalogue.rows().flat_map(of_row).collect();
    let expressions = rows.iter().map(|(known, at)| &known.patterns[*at].expression);
    let harmless = catalogue
        .harmless
        .iter()
        .filter_map(|text| Some((text.seen_in, regex(&text.expression)?)));
    Matcher {
        // A test sees to it that they compile.
        set: RegexSetBuilder::new(expressions)
            .unicode(false)
            .build()
            .unwrap_or_else(|_| RegexSet::empty()),
        rows,
        harmless: harmless.collect(),
    }
});

/// Over bytes and ASCII: codes are, and tables of all scripts would be most of the program.
pub(super) fn regex(expression: &str) -> Option<Regex> {
    RegexBuilder::new(expression).unicode(false).build().ok()
}

/// Whether a text may name a known failure: quick enough for every line of a long log. What it leaves out may be forgotten.
#[must_use]
pub fn may_matter(text: &str) -> bool {
    let matches = |text: &str| MATCHER.set.is_match(text.as_bytes());
    // Quoted text, however often: no expression asks for a backslash.
    matches(text) || text.contains('\\') && matches(&text.replace("\\n", " ").replace('\\', ""))
}

/// Whether the text looks like a failure and is none.
pub(super) fn is_harmless(seen_in: SeenIn, text: &str) -> bool {
    let mut of_place = MATCHER.harmless.iter().filter(|(place, _)| *place == seen_in);
    of_place.any(|(_, regex)| regex.is_match(text.as_bytes()))
}

/// The rows that this text names, each once.
pub(super) fn hits(seen_in: SeenIn, text: &str) -> Vec<Hit> {
    let mut hits: Vec<Hit> = Vec::new();
    for at in MATCHER.set.matches(text.as_bytes()) {
        let (known, pattern) = MATCHER.rows[at];
        let pattern = &known.patterns[pattern];
        let exact = pattern.seen_in == seen_in;
        if !exact && (pattern.only || !reaches(pattern.seen_in, seen_in)) || ruled_out(known, text) {
            continue;
        }
        match hits.iter_mut().find(|hit| hit.known.id == known.id) {
            Some(hit) => hit.exact |= exact,
            None => {
                let place =
                    regex(&pattern.expression).and_then(|regex| regex.find(text.as_bytes()).map(|found| found.range()));
                hits.push(Hit {
                    known,
                    exact,
                    quote: quote(text, place.unwrap_or_default()),
                });
            }
        }
    }
    hits
}

fn ruled_out(known: &Known, text: &str) -> bool {
    let unless = known.unless.as_deref().and_then(regex);
    unless.is_some_and(|unless| unless.is_match(text.as_bytes()))
}

/// Whether a text that is usually seen at `from` is passed on to `to`: the backup service quotes Velero, Velero's message
/// stands in its log, Helm quotes the API server, and a job Resource Manager.
const fn reaches(from: SeenIn, to: SeenIn) -> bool {
    use SeenIn::{Arm, Bi, Bsl, Cli, Cond, Evt, Ext, Job, Kube, Plog, Vlog};
    match from {
        Arm => matches!(to, Ext | Bi | Job | Cli | Bsl),
        Ext => matches!(to, Arm | Bi),
        Bsl | Vlog => matches!(to, Bsl | Vlog | Bi | Job),
        Plog => matches!(to, Ext),
        Evt => matches!(to, Cond | Ext | Kube | Arm),
        Cond => matches!(to, Evt),
        Bi => matches!(to, Arm | Job),
        Job => matches!(to, Bi | Arm),
        Kube => matches!(to, Evt | Cond | Ext | Plog),
        Cli => false,
    }
}
