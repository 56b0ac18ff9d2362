//! The head of the page: what it is about, which file, when, who looked; and all of it in a sentence.

use crate::program::Program;
use crate::report::html::markup::{Markup, class_of};
use crate::report::model::{Judgement, Report, View};

/// Title and facts.
pub(super) fn head(page: &mut Markup, report: &Report) {
    page.raw("<header>\n<p class=\"eyebrow\">Azure Backup for AKS, keyless</p>\n");
    match &report.cluster {
        Some(cluster) => page.element("h1", &cluster.name),
        None => page.raw("<h1>No cluster selected yet</h1>"),
    }
    page.raw("\n<dl class=\"facts\">\n");
    if let Some(cluster) = &report.cluster {
        fact(page, "Resource group", |page| page.foreign(&cluster.group));
        fact(page, "Region", |page| page.foreign(&cluster.region));
    }
    fact(page, "Generated", |page| page.time(report.made_at));
    for view in &report.views {
        seen(page, view);
    }
    fact(page, "State file", |page| page.foreign(&report.file));
    if let Some(cluster) = &report.cluster {
        long(page, "Subscription", &cluster.subscription);
        long(page, "Tenant", &cluster.tenant);
    }
    long(page, "Digest of the file’s values", &report.digest);
    page.raw("</dl>\n</header>\n");
}

/// A fact that takes more room.
fn long(page: &mut Markup, name: &'static str, value: &str) {
    page.raw("<div class=\"long\"><dt>");
    page.raw(name);
    page.raw("</dt><dd>");
    page.code(value);
    page.raw("</dd></div>\n");
}

fn fact(page: &mut Markup, name: &'static str, value: impl FnOnce(&mut Markup)) {
    page.raw("<div><dt>");
    page.raw(name);
    page.raw("</dt><dd>");
    value(page);
    page.raw("</dd></div>\n");
}

fn seen(page: &mut Markup, view: &View) {
    let name = match view.program {
        Program::Az => "Azure checked",
        Program::Kubectl => "Cluster checked",
    };
    fact(page, name, |page| match view.at {
        Some(at) => page.time(at),
        None => page.raw("not for this page"),
    });
}

/// The verdict.
pub(super) fn verdict(page: &mut Markup, verdict: &Judgement) {
    page.raw("<section class=\"verdict ");
    page.raw(class_of(verdict.mark));
    page.raw("\" aria-label=\"Verdict\">\n");
    page.lone_mark(verdict.mark, "sign");
    page.raw("<div>");
    page.element("p", &verdict.says);
    if let Some(command) = &verdict.command {
        page.within("p class=\"next\"", |page| {
            page.raw("Next: ");
            page.code(command);
        });
    }
    page.raw("</div>\n</section>\n");
}
