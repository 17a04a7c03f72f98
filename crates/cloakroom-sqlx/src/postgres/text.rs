//! Texts of the application as texts of PostgreSQL, which cannot hold the character zero.

use std::borrow::Cow;

use crate::record::Malformed;

pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if text.contains(['\\', '\0']) { text.replace('\\', r"\\").replace('\0', r"\0").into() } else { text.into() }
}

/// `column` is the name of the column, for the error.
pub(super) fn unescape(text: String, column: &'static str) -> Result<String, Malformed> {
    if !text.contains('\\') {
        return Ok(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(next) = rest.next() {
        plain.push(match next {
            '\\' => match rest.next() {
                Some('\\') => '\\',
                Some('0') => '\0',
                _ => return Err(Malformed::Column(column)),
            },
            other => other,
        });
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_read_as_it_was_written() {
        for text in ["", "alice", r"\", r"\0", "\0", "a\0\\0b", r"C:\users\0"] {
            let escaped = escape(text);
            assert!(!escaped.contains('\0'));
            assert_eq!(unescape(escaped.into_owned(), "principal").as_deref(), Ok(text));
        }
        for bad in [r"\", r"\x", r"a\1"] {
            assert_eq!(unescape(bad.to_owned(), "label"), Err(Malformed::Column("label")), "{bad}");
        }
    }
}
