/// Returns a name in snake case.
///
/// A capital begins a word if it follows a lower-case letter or a digit, or if it ends a row of
/// capitals and a lower-case letter follows.
pub(crate) fn snake_case(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::with_capacity(name.len() + 4);
    for (index, &letter) in letters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| letters[before]);
        let follows_word = before.is_some_and(|before| before.is_lowercase() || before.is_ascii_digit());
        let ends_acronym =
            before.is_some_and(char::is_uppercase) && letters.get(index + 1).is_some_and(|after| after.is_lowercase());
        if letter.is_uppercase() && (follows_word || ends_acronym) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::snake_case;

    #[test]
    fn words_acronyms_and_digits_are_separated_as_documented() {
        for (name, expected) in [
            ("Cart", "cart"),
            ("GuestCart", "guest_cart"),
            ("HTTPCart", "http_cart"),
            ("CartHTTP", "cart_http"),
            ("MyHTTPCart", "my_http_cart"),
            ("OAuth2Token", "o_auth2_token"),
            ("Cart2Go", "cart2_go"),
            ("V2", "v2"),
            ("V2API", "v2_api"),
            ("X", "x"),
            ("ABTest", "ab_test"),
            ("Guest_Cart", "guest_cart"),
            ("_Cart", "_cart"),
            ("type", "type"),
            ("ÉtatÀJour", "état_à_jour"),
        ] {
            assert_eq!(snake_case(name), expected, "{name}");
        }
    }
}
