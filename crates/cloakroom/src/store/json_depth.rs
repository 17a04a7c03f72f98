//! The nesting limit for JSON from a store.

/// Far more than a session's value needs, and far less than what exhausts a stack.
pub(crate) const MAX_DEPTH: u32 = 32;

/// Returns `true` if arrays and objects are nested at most 32 deep. Does not check that the text is
/// valid JSON.
pub(crate) fn is_within_max_depth(json: &[u8]) -> bool {
    is_within(json, MAX_DEPTH)
}

/// Returns `true` if arrays and objects are nested at most `deepest` deep.
pub(crate) fn is_within(json: &[u8], deepest: u32) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_u32, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > deepest {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> String {
        format!("{}1{}", "[".repeat(depth), "]".repeat(depth))
    }

    #[test]
    fn r58_thirty_two_levels_are_the_deepest() {
        assert!(is_within_max_depth(nested(32).as_bytes()));
        assert!(!is_within_max_depth(nested(33).as_bytes()));
        assert!(!is_within_max_depth("{\"a\":".repeat(33).as_bytes()));
        assert!(is_within_max_depth(format!("[{}]", vec![nested(31); 100].join(",")).as_bytes()));
    }

    #[test]
    fn brackets_in_a_text_nest_nothing() {
        assert!(is_within_max_depth(format!("\"{}\"", "[".repeat(100)).as_bytes()));
        assert!(is_within_max_depth(br#"["\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "\\"]"#));
        assert!(!is_within_max_depth(format!(r#"["\\", {}]"#, nested(32)).as_bytes()));
    }
}
