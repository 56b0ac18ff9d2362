//! The chain as lines with stations: beside each other where there is room, else below each other.

use crate::report::html::markup::{Markup, class_of};
use crate::report::model::{Lane, Node, Report};

/// The picture.
pub(super) fn picture(page: &mut Markup, report: &Report) {
    page.raw("<section aria-labelledby=\"chain\">\n<h2 id=\"chain\">The chain</h2>\n");
    for lane in &report.lanes {
        line(page, lane);
    }
    page.raw("</section>\n");
}

fn line(page: &mut Markup, lane: &Lane) {
    page.raw("<div class=\"lane\">\n<div class=\"about\"><h3>");
    page.raw(lane.title);
    page.raw("</h3><p>");
    page.raw(lane.about);
    page.raw("</p></div>\n<ol class=\"stations\">\n");
    for node in &lane.nodes {
        station(page, node);
    }
    page.raw("</ol>\n</div>\n");
}

fn station(page: &mut Markup, node: &Node) {
    page.raw("<li class=\"");
    page.raw(class_of(node.mark));
    page.raw("\">\n<div class=\"track\" aria-hidden=\"true\">");
    if !node.from.is_empty() {
        page.within("span class=\"via\"", |page| page.raw(node.from));
    }
    page.mark(node.mark, "stop");
    page.raw("</div>\n<div class=\"card\"><h4>");
    page.raw(node.title);
    page.raw("</h4>");
    page.word(node.mark);
    if !node.names.is_empty() {
        page.within("ul class=\"names\"", |page| {
            for name in &node.names {
                page.element("li", name);
            }
        });
    }
    page.element("p class=\"says\"", &node.says);
    if node.at.is_some() || node.by.is_some() {
        page.within("p class=\"seen\"", |page| {
            if let Some(at) = node.at {
                page.time(at);
            }
            if let Some(by) = &node.by {
                page.raw(", ");
                page.foreign(by);
            }
        });
    }
    page.raw("</div>\n</li>\n");
}
