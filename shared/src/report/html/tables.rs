//! The tables: steps, links, access, rights, and what was made.

use crate::report::html::markup::Markup;
use crate::report::model::{CheckLine, Grant, LinkLine, Made, NeededRight, Report, StepLine};
use crate::report::text::in_words;

/// A table of the page: heading, what it is about, and its columns.
struct Table {
    id: &'static str,
    title: &'static str,
    columns: &'static [&'static str],
}

/// A table with its rows; nothing where there are none. The roles are said again because a phone shows rows as blocks.
fn table<T>(page: &mut Markup, head: &Table, rows: &[T], row: impl Fn(&mut Row<'_>, &T)) {
    if rows.is_empty() {
        return;
    }
    page.raw("<section aria-labelledby=\"");
    page.raw(head.id);
    page.raw("\">\n<h2 id=\"");
    page.raw(head.id);
    page.raw("\">");
    page.raw(head.title);
    page.raw("</h2>\n<table role=\"table\" aria-labelledby=\"");
    page.raw(head.id);
    page.raw("\">\n<thead role=\"rowgroup\"><tr role=\"row\">");
    for column in head.columns {
        page.raw("<th role=\"columnheader\" scope=\"col\">");
        page.raw(column);
        page.raw("</th>");
    }
    page.raw("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    for own in rows {
        page.raw("<tr role=\"row\">");
        let columns = head.columns;
        row(&mut Row { page, columns }, own);
        page.raw("</tr>\n");
    }
    page.raw("</tbody>\n</table>\n</section>\n");
}

/// A row under construction.
struct Row<'a> {
    page: &'a mut Markup,
    columns: &'static [&'static str],
}

impl Row<'_> {
    /// The next cell, which bears the name of its column.
    fn cell(&mut self, inner: impl FnOnce(&mut Markup)) {
        let (column, rest) = self.columns.split_first().unwrap_or((&"", &[]));
        self.columns = rest;
        self.page.raw("<td role=\"cell\" data-column=\"");
        self.page.raw(column);
        self.page.raw("\">");
        inner(self.page);
        self.page.raw("</td>");
    }
}

/// Who did what, when.
pub(super) fn steps(page: &mut Markup, report: &Report) {
    let head = Table {
        id: "steps",
        title: "Steps completed",
        columns: &["Step", "State", "When", "Who", "Observed"],
    };
    table(page, &head, &report.steps, step);
}

fn step(row: &mut Row<'_>, step: &StepLine) {
    row.cell(|page| {
        page.within("span class=\"number\"", |page| match step.number {
            Some(number) => page.text(&number.to_string()),
            None => page.raw("+"),
        });
        page.raw(step.step.title());
    });
    row.cell(|page| {
        page.mark(step.mark, "mark");
        page.word(step.mark);
    });
    row.cell(|page| match step.since {
        Some(since) => page.time(since),
        None => page.raw("–"),
    });
    row.cell(|page| match &step.by {
        Some(by) => page.foreign(by),
        None => {
            page.raw("the ");
            page.text(&step.whose.to_string());
            page.raw("’s turn");
        }
    });
    row.cell(|page| match step.evidence.is_empty() {
        true => page.raw("not done yet"),
        false => page.foreign(&step.evidence),
    });
}

/// The chain link by link.
pub(super) fn links(page: &mut Markup, report: &Report) {
    let head = Table {
        id: "links",
        title: "All checks",
        columns: &["Link", "State", "Result"],
    };
    table(page, &head, &report.links, link);
}

fn link(row: &mut Row<'_>, link: &LinkLine) {
    row.cell(|page| page.raw(link.link.title()));
    row.cell(|page| {
        page.mark(link.mark, "mark");
        page.word(link.mark);
    });
    row.cell(|page| {
        page.within("ul class=\"checks\"", |page| {
            for (at, own) in link.checks.iter().enumerate() {
                let next = link.checks.get(at + 1);
                check(page, own, next.is_none_or(|next| next.seen_by != own.seen_by));
            }
        });
    });
}

/// A check; the last one of a look says whose and when that was.
fn check(page: &mut Markup, check: &CheckLine, last: bool) {
    page.raw("<li>");
    page.lone_mark(check.mark, "mark");
    page.element("strong", &check.check);
    page.raw(" ");
    page.foreign(&check.says);
    for fact in &check.evidence {
        page.raw("<br>");
        page.code(fact);
    }
    if last {
        page.within("span class=\"seen\"", |page| {
            page.time(check.at);
            page.raw(", ");
            page.raw(check.seen_by.name());
            page.raw(if check.outdated { ", before later changes" } else { "" });
        });
    }
    page.raw("</li>");
}

/// Who may do what.
pub(super) fn access(page: &mut Markup, report: &Report) {
    let head = Table {
        id: "access",
        title: "Access",
        columns: &["By", "Who", "May", "On"],
    };
    table(page, &head, &report.access, |row, own| {
        grant(row, own, subscription(report));
    });
}

fn subscription(report: &Report) -> &str {
    report.cluster.as_ref().map_or("", |cluster| &cluster.subscription)
}

fn grant(row: &mut Row<'_>, grant: &Grant, subscription: &str) {
    row.cell(|page| page.raw(grant.kind));
    row.cell(|page| {
        page.foreign(&grant.holder);
        page.raw("<br>");
        page.code(&in_words(&grant.holder_id, subscription));
    });
    row.cell(|page| page.foreign(&grant.what));
    row.cell(|page| page.foreign(&in_words(&grant.scope, subscription)));
}

/// The rights that the steps need.
pub(super) fn rights(page: &mut Markup, report: &Report) {
    let head = Table {
        id: "rights",
        title: "Permissions that the steps require",
        columns: &["Who", "Right", "On", "Purpose"],
    };
    table(page, &head, &report.rights, |row, own| {
        right(row, own, subscription(report));
    });
}

fn right(row: &mut Row<'_>, right: &NeededRight, subscription: &str) {
    row.cell(|page| page.text(&right.who.to_string()));
    row.cell(|page| page.code(&right.action));
    row.cell(|page| page.foreign(&in_words(&right.scope, subscription)));
    row.cell(|page| {
        page.raw(right.why);
        page.raw(if right.open {
            "; <strong>still required</strong>"
        } else {
            ""
        });
    });
}

/// What the tool made.
pub(super) fn made(page: &mut Markup, report: &Report) {
    let head = Table {
        id: "made",
        title: "Created by aksbackup",
        columns: &["What", "For step", "When"],
    };
    table(page, &head, &report.made, |row, own| {
        object(row, own, subscription(report));
    });
}

fn object(row: &mut Row<'_>, made: &Made, subscription: &str) {
    row.cell(|page| page.foreign(&in_words(&made.id, subscription)));
    row.cell(|page| page.raw(made.step.title()));
    row.cell(|page| page.time(made.at));
}
