//! The page as HTML: one file that loads nothing, runs nothing, and reads on paper and on a phone.

mod findings;
mod head;
mod markup;
mod picture;
mod tables;

use markup::Markup;

use crate::report::model::{Mark, Report};

/// How the page looks.
const STYLE: &str = include_str!("html/style.css");

/// Shapes of the marks, once for the whole page.
const SHAPES: &str = include_str!("html/shapes.svg");

/// What the page may load: nothing. Its own style is the one thing that it brings along.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'";

/// The page.
#[must_use]
pub fn html(report: &Report) -> String {
    let mut page = Markup::default();
    page.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    page.raw("<meta http-equiv=\"Content-Security-Policy\" content=\"");
    page.raw(POLICY);
    page.raw("\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
    page.raw("<meta name=\"color-scheme\" content=\"light dark\">\n<meta name=\"referrer\" content=\"no-referrer\">\n");
    page.raw("<meta name=\"robots\" content=\"noindex\">\n<link rel=\"icon\" href=\"data:,\">\n");
    let name = report
        .cluster
        .as_ref()
        .map_or("an AKS cluster", |cluster| &cluster.name);
    page.within("title", |page| {
        page.raw("Backup of ");
        page.text(name);
    });
    page.raw("\n<style>\n");
    page.raw(STYLE);
    page.raw("</style>\n</head>\n<body>\n");
    page.raw(SHAPES);
    head::head(&mut page, report);
    page.raw("<main>\n");
    head::verdict(&mut page, &report.verdict);
    picture::picture(&mut page, report);
    findings::findings(&mut page, report);
    findings::turns(&mut page, report);
    tables::steps(&mut page, report);
    tables::links(&mut page, report);
    findings::unseen(&mut page, report);
    tables::access(&mut page, report);
    tables::rights(&mut page, report);
    tables::made(&mut page, report);
    page.raw("</main>\n");
    foot(&mut page, report);
    page.raw("</body>\n</html>\n");
    page.finish()
}

fn foot(page: &mut Markup, report: &Report) {
    page.raw("<footer>\n<h2>How to read this page</h2>\n<dl class=\"legend\">\n");
    for mark in Mark::ALL {
        page.raw("<div><dt>");
        page.mark(mark, "mark");
        page.word(mark);
        page.raw("</dt><dd>");
        page.text(mark.meaning());
        page.raw("</dd></div>\n");
    }
    page.raw("</dl>\n<p>Times are UTC. What was seen counts before what the state file says, unless the file is younger. The digest ");
    page.raw("belongs to the values of the state file: <code>--expect-digest</code> refuses every other file. Whoever reads this page ");
    page.raw("needs no rights to do so; it holds no secret, loads nothing and runs nothing.</p>\n<p>Made by ");
    page.foreign(&report.tool);
    page.raw(" on ");
    page.time(report.made_at);
    page.raw(".</p>\n</footer>\n");
}
