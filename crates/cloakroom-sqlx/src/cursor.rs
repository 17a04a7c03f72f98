use cloakroom::store::{StoreError, StoreErrorKind};

/// Parses a cursor: the admission or the row after which a page begins, in its only spelling.
pub(crate) fn position(cursor: &str) -> Result<i64, StoreError> {
    let position = cursor.parse::<i64>().ok().filter(|position| *position >= 0 && position.to_string() == cursor);
    position.ok_or_else(|| StoreError::new(StoreErrorKind::InvalidCursor, "the cursor is not a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_in_another_spelling_is_no_cursor() {
        for number in [0, 7, i64::MAX] {
            assert_eq!(position(&number.to_string()).ok(), Some(number));
        }
        for text in ["", "007", "00", "+7", "-7", "-0", " 7", "7 ", "7.0", "7_0", "\u{667}", "9223372036854775808"] {
            let error = position(text).expect_err(text);
            assert_eq!(error.kind(), StoreErrorKind::InvalidCursor, "{text:?}");
        }
    }
}
