//! Markdown that users and agents wrote, as HTML that a page can show: nothing in it runs, loads anything, or looks like
//! a part of the page.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;
use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

/// Texts longer than this are shown as they are: nobody reads them, and they would take the page's time.
const PROSE_MAX_BYTES: usize = 32 * 1024;

/// What an agent says, as HTML; `None` where it has no marks, so that it is as well shown as it is.
pub fn prose(said: &str) -> Option<String> {
    let may_have_marks = said.bytes().any(|byte| b"*_`#|>~[-+.)".contains(&byte));
    if !may_have_marks || said.len() > PROSE_MAX_BYTES || said.contains('\u{1b}') {
        return None;
    }
    let has_marks = events(said).any(|event| match event {
        Event::Start(tag) => !matches!(tag, Tag::Paragraph),
        Event::Code(_) | Event::Rule | Event::TaskListMarker(_) => true,
        _ => false,
    });
    // Whoever writes in lines means lines.
    let lines = |event| if event == Event::SoftBreak { Event::HardBreak } else { event };
    has_marks.then(|| sanitized(events(said).map(lines)))
}

/// CommonMark with tables, task lists, strikethrough and footnotes; HTML within it is shown as text.
pub fn to_html(markdown: &str) -> String {
    sanitized(events(markdown))
}

fn events(markdown: &str) -> Parser<'_> {
    Parser::new_ext(markdown, Options::ENABLE_TABLES | Options::ENABLE_TASKLISTS | Options::ENABLE_STRIKETHROUGH)
}

fn sanitized<'a>(events: impl Iterator<Item = Event<'a>>) -> String {
    let events = events.map(|event| match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        // A box that cannot be ticked would be a form's; a sign is text.
        Event::TaskListMarker(is_done) => Event::Text(if is_done { "☑ " } else { "☐ " }.into()),
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level: below(level), id: None, classes: vec![], attrs: vec![] })
        }
        Event::End(TagEnd::Heading(level)) => Event::End(TagEnd::Heading(below(level))),
        other => other,
    });
    let mut unsafe_html = String::new();
    html::push_html(&mut unsafe_html, events);
    SANITIZER.clean(&unsafe_html).to_string()
}

/// A heading's place below those of the page, which has the first two levels for itself.
fn below(level: HeadingLevel) -> HeadingLevel {
    HeadingLevel::try_from(level as usize + 2).unwrap_or(HeadingLevel::H6)
}

/// What is left of any HTML. No pictures: they would tell another server who reads this, and when.
static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut builder = Builder::empty();
    builder
        .tags(HashSet::from([
            "a",
            "blockquote",
            "br",
            "code",
            "del",
            "em",
            "h1",
            "h2",
            "h3",
            "h4",
            "h5",
            "h6",
            "hr",
            "li",
            "ol",
            "p",
            "pre",
            "strong",
            "table",
            "tbody",
            "td",
            "th",
            "thead",
            "tr",
            "ul",
        ]))
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(["http", "https", "mailto"]))
        .url_relative(ammonia::UrlRelative::Deny)
        .link_rel(Some("noopener noreferrer nofollow"));
    builder
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markdown_becomes_html() {
        let html = to_html("# Plan\n\n1. *Sow*\n2. `water`\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n- [x] done\n");
        for part in ["<h3>Plan</h3>", "<em>Sow</em>", "<code>water</code>", "<td>2</td>", "☑ done"] {
            assert!(html.contains(part), "{part}: {html}");
        }
        assert!(to_html("###### Deep").contains("<h6>Deep</h6>"));
        assert!(to_html("[docs](https://example.org/a)").contains("href=\"https://example.org/a\""));
    }

    #[test]
    fn what_is_said_without_marks_stays_as_it_is() {
        for plain in
            ["", "Done.", "12 tests passed - 0 failed", "a_snake_case.rs", "1 + 1 > 1", "two\nlines", "x <b>y</b>"]
        {
            assert_eq!(prose(plain), None, "{plain}");
        }
        assert_eq!(prose("\u{1b}[1m**bold**\u{1b}[0m"), None);
        assert_eq!(prose(&format!("**long** {}", "x".repeat(PROSE_MAX_BYTES))), None);
        assert_eq!(prose("Ran `make`:\nit *works*").unwrap(), "<p>Ran <code>make</code>:<br>\nit <em>works</em></p>\n");
        assert!(prose("- one\n- two").unwrap().contains("<li>two</li>"));
        assert!(!prose("`x` <script>alert(1)</script>").unwrap().contains("<script"));
    }

    #[test]
    fn nothing_in_it_runs_or_loads_or_leads_into_the_page() {
        for hostile in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "![a picture](https://evil.example/pixel.png)",
            "[a link](javascript:alert(1))",
            "[a link](JaVaScRiPt:alert(1))",
            "[a link](data:text/html,<script>alert(1)</script>)",
            "[a link](/logout)",
            "<a href=\"https://evil.example\" target=\"_top\" style=\"position:fixed;inset:0\" onclick=\"x()\">x</a>",
            "<form action=/api/cards method=post><input name=title></form>",
            "<svg onload=alert(1)></svg>",
            "<style>* { display: none }</style>",
            "`<b>` <b onmouseover=alert(1)>",
            "```html\n<script>alert(1)</script>\n```",
            "<!-- --!><script>alert(1)</script>",
        ] {
            let html = to_html(hostile);
            let tags: Vec<&str> = html.split('<').skip(1).filter_map(|rest| rest.split('>').next()).collect();
            for tag in &tags {
                let is_plain = ["p", "/p", "pre", "/pre", "code", "/code", "/a"].contains(tag)
                    || *tag == "a rel=\"noopener noreferrer nofollow\"";
                assert!(is_plain, "{hostile}: <{tag}>: {html}");
            }
        }
    }

    #[test]
    fn deep_and_broken_markdown_ends() {
        let html = to_html(&"> ".repeat(5000));
        assert!(html.len() < 1_000_000, "{}", html.len());
        to_html(&"[".repeat(20_000));
        to_html(&"*_".repeat(20_000));
    }
}
