//! A page under construction. Markup is what stands in the program; everything else is escaped.

use jiff::Timestamp;

use crate::report::model::Mark;
use crate::report::text::escape;

/// The page so far.
#[derive(Debug, Default)]
pub(super) struct Markup(String);

impl Markup {
    /// Markup of ours. No text that was read from anywhere has this type.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.0.push_str(markup);
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }

    /// A text of others, which cannot turn the direction of what is around it.
    pub(super) fn foreign(&mut self, text: &str) {
        self.within("bdi", |page| page.text(text));
    }

    /// An element; `head` is its name and attributes.
    pub(super) fn within(&mut self, head: &'static str, inner: impl FnOnce(&mut Self)) {
        let name = head.split(' ').next().unwrap_or(head);
        self.raw("<");
        self.raw(head);
        self.raw(">");
        inner(self);
        self.raw("</");
        self.raw(name);
        self.raw(">");
    }

    /// An element with a text of others.
    pub(super) fn element(&mut self, head: &'static str, text: &str) {
        self.within(head, |page| page.foreign(text));
    }

    /// An element with a text of others in a fixed width, of which every character counts; an id breaks at its slashes.
    pub(super) fn code(&mut self, text: &str) {
        self.within("code", |page| {
            for part in text.split_inclusive('/') {
                page.text(part);
                if part.ends_with('/') {
                    page.raw("<wbr>");
                }
            }
        });
    }

    /// A command to paste: one click selects all of it.
    pub(super) fn command(&mut self, command: &str) {
        self.within("pre class=\"command\"", |page| {
            page.within("code", |page| page.text(command));
        });
        self.raw("\n");
    }

    /// The shape of a mark. Its word stands beside it, so that it says nothing of its own.
    pub(super) fn mark(&mut self, mark: Mark, class: &'static str) {
        self.raw("<svg class=\"");
        self.raw(class);
        self.raw(" ");
        self.raw(class_of(mark));
        self.raw("\" aria-hidden=\"true\" focusable=\"false\"><use href=\"#");
        self.raw(class_of(mark));
        self.raw("\"/></svg>");
    }

    /// The shape of a mark that stands alone, with its word as its name.
    pub(super) fn lone_mark(&mut self, mark: Mark, class: &'static str) {
        self.raw("<svg class=\"");
        self.raw(class);
        self.raw(" ");
        self.raw(class_of(mark));
        self.raw("\" role=\"img\"><title>");
        self.raw(mark.word());
        self.raw("</title><use href=\"#");
        self.raw(class_of(mark));
        self.raw("\"/></svg>");
    }

    /// The word of a mark in its color.
    pub(super) fn word(&mut self, mark: Mark) {
        self.raw("<span class=\"word ");
        self.raw(class_of(mark));
        self.raw("\">");
        self.raw(mark.word());
        self.raw("</span>");
    }

    /// A time as people read it, with itself for machines.
    pub(super) fn time(&mut self, at: Timestamp) {
        self.raw("<time datetime=\"");
        self.text(&at.to_string());
        self.raw("\">");
        self.text(&at.strftime("%Y-%m-%d %H:%M").to_string());
        self.raw("</time>");
    }

    /// The whole page.
    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// The class of a mark, and the id of its shape.
pub(super) const fn class_of(mark: Mark) -> &'static str {
    match mark {
        Mark::Good => "is-good",
        Mark::Recorded => "is-recorded",
        Mark::Unseen => "is-unseen",
        Mark::Open => "is-open",
        Mark::Attention => "is-attention",
        Mark::Broken => "is-broken",
    }
}
