//! What is wrong and what cures it, what is left, and what could not be seen.

use crate::chain::finding::Certainty;
use crate::report::html::markup::{Markup, class_of};
use crate::report::model::{Found, Mark, Report, Todo, Unseen};

/// The findings, the cause first.
pub(super) fn findings(page: &mut Markup, report: &Report) {
    if report.findings.is_empty() {
        return;
    }
    page.raw("<section aria-labelledby=\"findings\">\n<h2 id=\"findings\">Findings and recommended actions</h2>\n");
    for found in &report.findings {
        finding(page, found);
    }
    page.raw("</section>\n");
}

fn finding(page: &mut Markup, found: &Found) {
    let mark = match (found.outdated, found.pending, found.level) {
        (true, ..) => Mark::Unseen,
        (false, true, _) => Mark::Open,
        (false, false, "error") => Mark::Broken,
        (false, false, _) => Mark::Attention,
    };
    page.raw("<article class=\"finding ");
    page.raw(class_of(mark));
    page.raw("\">\n");
    page.mark(mark, "stop");
    page.raw("<div>\n");
    page.element("h3", &found.message);
    page.raw("\n<p class=\"tags\">");
    page.raw(found.level);
    page.raw(match found.certainty {
        Certainty::Proved => " · confirmed by the live state · ",
        Certainty::Likely => " · probable, from a message · ",
    });
    page.code(&found.rule_id);
    page.raw("</p>\n");
    if found.outdated {
        page.raw(
            "<p class=\"note\">Observed before later changes to this stage: check again before you act on \
            it.</p>\n",
        );
    }
    if found.pending && !found.outdated {
        page.raw("<p class=\"note\">A step that creates this stage is still open and might fix it.</p>\n");
    }
    place(page, found);
    if !found.evidence.is_empty() {
        page.within("ul class=\"evidence\"", |page| {
            for fact in &found.evidence {
                page.within("li", |page| page.code(fact));
            }
        });
    }
    cure(page, found);
    page.raw("</div>\n</article>\n");
}

fn place(page: &mut Markup, found: &Found) {
    page.raw("<p class=\"place\">");
    page.text(found.location.link.title());
    page.raw(" · ");
    page.foreign(&found.location.object);
    page.raw(" · seen ");
    page.time(found.at);
    page.raw(" by ");
    page.raw(found.seen_by.name());
    page.raw("</p>\n");
}

fn cure(page: &mut Markup, found: &Found) {
    if !found.fix.is_empty() {
        page.within("p class=\"fix\"", |page| {
            page.raw("<strong>Fix</strong> ");
            page.foreign(&found.fix);
        });
    }
    if let Some(command) = &found.command {
        page.command(command);
    }
    if !found.explains.is_empty() {
        page.within("p class=\"place\"", |page| {
            page.raw("Explains ");
            for (at, id) in found.explains.iter().enumerate() {
                page.raw(if at == 0 { "" } else { ", " });
                page.code(id);
            }
        });
    }
}

/// Whose turn it is.
pub(super) fn turns(page: &mut Markup, report: &Report) {
    if report.turns.is_empty() {
        return;
    }
    page.raw("<section aria-labelledby=\"turns\">\n<h2 id=\"turns\">Remaining steps</h2>\n<ol class=\"turns\">\n");
    for turn in &report.turns {
        todo(page, turn);
    }
    page.raw("</ol>\n</section>\n");
}

fn todo(page: &mut Markup, turn: &Todo) {
    page.raw("<li><p>The <strong>");
    page.text(&turn.who.to_string());
    page.raw("</strong>: ");
    page.text(&turn.steps.join("; "));
    page.raw("</p>");
    page.command(&turn.command);
    page.raw("</li>\n");
}

/// What could not be seen.
pub(super) fn unseen(page: &mut Markup, report: &Report) {
    if report.unseen.is_empty() {
        return;
    }
    page.raw(
        "<section aria-labelledby=\"unseen\">\n<h2 id=\"unseen\">What couldn’t be checked, and who can check \
        it</h2>\n<ul class=\"turns\">\n",
    );
    for one in &report.unseen {
        blind(page, one);
    }
    page.raw("</ul>\n</section>\n");
}

fn blind(page: &mut Markup, one: &Unseen) {
    page.raw("<li><p>");
    page.foreign(&one.what);
    page.raw("<br><span class=\"why\">");
    page.foreign(&one.why);
    page.raw("</span></p><p>The <strong>");
    page.text(&one.who.to_string());
    page.raw("</strong> can check it:</p>");
    page.command(&one.command);
    page.raw("</li>\n");
}
