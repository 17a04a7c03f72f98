use std::fmt::Write as _;

use askama::Template;
use askama::filters::HtmlSafe;

/// How many characters of a text a page shows.
const MAX_CHARS: usize = 200;

/// A text that the application or a visitor chose: a user id or a label.
///
/// Characters that are invisible, or that change the order or the meaning of their neighbours, are
/// shown by their number, so that two different texts never look alike because of them. The text
/// is isolated (`bdi`) and cannot reorder the page around it.
#[derive(Template)]
#[template(path = "text.html")]
pub(crate) struct Text {
    pieces: Vec<Piece>,
    /// The length of the whole text, if only its beginning is shown.
    cut: Option<usize>,
}

/// The template escapes it.
impl HtmlSafe for Text {}

#[derive(Debug, PartialEq, Eq)]
struct Piece {
    text: String,
    is_code: bool,
}

impl Text {
    pub(crate) fn new(text: &str) -> Self {
        let mut pieces: Vec<Piece> = Vec::new();
        // A space at an end is as good as invisible.
        let (first, last) = (0, text.chars().count().saturating_sub(1));
        for (index, c) in text.chars().enumerate().take(MAX_CHARS) {
            let is_code = is_invisible(c) || (c.is_whitespace() && (index == first || index == last));
            if pieces.last().is_none_or(|piece| piece.is_code != is_code) {
                pieces.push(Piece { text: String::new(), is_code });
            }
            let Some(piece) = pieces.last_mut() else { continue };
            if is_code {
                // Writing to a string cannot fail.
                let _ = write!(piece.text, "{}", c.escape_unicode());
            } else {
                piece.text.push(c);
            }
        }
        let cut = (last >= MAX_CHARS).then_some(last + 1);
        Self { pieces, cut }
    }

    /// Returns the text without markup, for a label.
    pub(crate) fn plain(&self) -> String {
        let end = if self.cut.is_some() { "…" } else { "" };
        self.pieces.iter().map(|piece| piece.text.as_str()).chain([end]).collect()
    }
}

/// Returns `true` for a character that is not visible, or that changes how others are.
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'
                ..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn html(text: &str) -> String {
        Text::new(text).render().unwrap()
    }

    #[test]
    fn hostile_texts_become_harmless_and_stay_distinct() {
        for (text, shown) in [
            ("ada", "<bdi>ada</bdi>"),
            ("", "<i>empty</i>"),
            ("<script>alert(1)</script>", "<bdi>&#60;script&#62;alert(1)&#60;/script&#62;</bdi>"),
            ("\"' onload=x", "<bdi>&#34;&#39; onload=x</bdi>"),
            ("a\u{202e}b", "<bdi>a<span class=\"code\">\\u{202e}</span>b</bdi>"),
            ("a\\u{202e}b", "<bdi>a\\u{202e}b</bdi>"),
            ("\0\r\n\u{7f}", "<bdi><span class=\"code\">\\u{0}\\u{d}\\u{a}\\u{7f}</span></bdi>"),
            (" a b ", "<bdi><span class=\"code\">\\u{20}</span>a b<span class=\"code\">\\u{20}</span></bdi>"),
            ("a\u{200b}", "<bdi>a<span class=\"code\">\\u{200b}</span></bdi>"),
            ("жук 虫", "<bdi>жук 虫</bdi>"),
        ] {
            assert_eq!(html(text), shown);
        }
    }

    #[test]
    fn a_long_text_is_cut_and_its_length_given() {
        let shown = html(&"a".repeat(1 << 20));
        assert!(shown.len() < 300 && shown.contains("1048576 characters"), "{shown}");
        assert!(!html(&"a".repeat(MAX_CHARS)).contains("characters"));
        assert!(Text::new(&"a".repeat(MAX_CHARS + 1)).plain().ends_with("a…"));
    }

    proptest! {
        #[test]
        fn no_text_adds_markup_or_an_invisible_character(text in any::<String>()) {
            let shown = html(&text);
            let without = ["<bdi>", "</bdi>", "<span class=\"code\">", "</span>", "<i>", "</i>", "<small>", "</small>"]
                .iter()
                .fold(shown, |shown, markup| shown.replace(markup, ""));
            prop_assert!(!without.contains(['<', '>', '"', '\'']), "{without}");
            prop_assert!(!without.chars().any(is_invisible), "{without:?}");
        }
    }
}
