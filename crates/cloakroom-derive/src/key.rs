use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::parse::ParseStream;
use syn::{Expr, ExprLit, Ident, Lit, LitStr, Result};

use crate::snake_case::snake_case;

/// The key that a type is given.
pub(crate) enum Key {
    /// A valid one.
    Text(LitStr),
    /// One that the compiler checks.
    Constant(Expr),
}

impl Key {
    pub(crate) fn parse(input: ParseStream<'_>) -> Result<Self> {
        match input.parse()? {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
                let key = text.value();
                match problem_of(&key) {
                    None => Ok(Self::Text(text)),
                    Some(problem) => Err(syn::Error::new_spanned(&text, format!("the key \"{key}\" {problem}"))),
                }
            }
            Expr::Lit(other) => Err(syn::Error::new_spanned(other, "a key is a string: `key = \"cart\"`")),
            constant => Ok(Self::Constant(constant)),
        }
    }

    /// The key of a type that is given none: its name in snake case.
    pub(crate) fn default_of(name: &Ident) -> Result<Self> {
        let key = snake_case(&name.unraw().to_string());
        let Some(problem) = problem_of(&key) else { return Ok(Self::Text(LitStr::new(&key, name.span()))) };
        let problem = format!(
            "the type's name makes the key \"{key}\", which {problem}; give another one: `#[session(key = \"…\")]`"
        );
        Err(syn::Error::new_spanned(name, problem))
    }
}

impl ToTokens for Key {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        match self {
            Self::Text(text) => text.to_tokens(tokens),
            Self::Constant(constant) => constant.to_tokens(tokens),
        }
    }
}

/// Returns what is wrong with a key. The library's `is_valid_key` has the same rules.
fn problem_of(key: &str) -> Option<String> {
    const CHARACTERS: &str = "`a-z`, `0-9`, `_`, `-` and `.`";
    if key.is_empty() {
        return Some(format!("is empty; give 1 to 64 of {CHARACTERS}, or leave `key` out for the type's name"));
    }
    if let Some(wrong) = key.chars().find(|&letter| !is_allowed(letter)) {
        let snake = snake_case(key);
        let allowed: String = snake.chars().map(|letter| if is_allowed(letter) { letter } else { '_' }).collect();
        return Some(format!("has the character {wrong:?}, and may have {CHARACTERS}, such as \"{allowed}\""));
    }
    (key.len() > 64).then(|| format!("has {} characters, and may have 64", key.len()))
}

fn is_allowed(letter: char) -> bool {
    matches!(letter, 'a'..='z' | '0'..='9' | '_' | '-' | '.')
}

#[cfg(test)]
mod tests {
    use super::problem_of;

    #[test]
    fn a_key_is_1_to_64_of_the_allowed_characters() {
        let (longest, longer) = ("k".repeat(64), "k".repeat(65));
        for key in ["c", "guest-cart", "roles.v2", "o_auth2", "09az", &longest] {
            assert_eq!(problem_of(key), None, "{key}");
        }
        for (key, problem) in [
            ("", "is empty"),
            (longer.as_str(), "has 65 characters"),
            ("Cart", "has the character 'C'"),
            ("guest cart", "such as \"guest_cart\""),
            ("GuestCart", "such as \"guest_cart\""),
            ("käse", "has the character 'ä'"),
            ("cart/2", "has the character '/'"),
        ] {
            assert!(problem_of(key).is_some_and(|text| text.contains(problem)), "{key}: {:?}", problem_of(key));
        }
    }
}
