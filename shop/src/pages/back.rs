//! The way back to the page that a form was on.

use serde::Deserialize;

const PAGES: [&str; 7] = ["/", "/cart", "/devices", "/login", "/password", "/preferences", "/staff"];

const MAX_NAME: usize = 64;

/// A page of the shop and an anchor on it, as a form names them in its field `back`.
///
/// Anything else becomes the first page, so that no form redirects to an address from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Back {
    /// Without the anchor; empty for the first page.
    path: String,
    anchor: Option<String>,
}

impl Back {
    /// Returns the page at `path`, or the first page if it is not one that shows a form.
    pub(crate) fn to(path: &str) -> Self {
        let is_item = path.strip_prefix("/items/").is_some_and(is_name);
        let path = if is_item || PAGES.contains(&path) { path } else { "/" };
        Self { path: path.to_owned(), anchor: None }
    }

    pub(crate) fn path(&self) -> &str {
        if self.path.is_empty() { "/" } else { &self.path }
    }

    /// Returns the address that shows what was added to the cart at the anchor of its button.
    pub(crate) fn added(&self) -> String {
        let path = self.path();
        self.anchor.as_ref().map_or_else(|| path.to_owned(), |anchor| format!("{path}?added={anchor}#{anchor}"))
    }
}

impl From<String> for Back {
    fn from(text: String) -> Self {
        let (path, anchor) = text.split_once('#').unwrap_or((&text, ""));
        Self { anchor: is_name(anchor).then(|| anchor.to_owned()), ..Self::to(path) }
    }
}

/// Returns the anchor in a query such as `added=all-umbrella`.
pub(crate) fn added_at(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| pair.strip_prefix("added=")).filter(|anchor| is_name(anchor)).map(str::to_owned)
}

/// Returns `true` if a text has the form of a product's id or of an anchor.
fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_NAME).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use super::{Back, added_at};

    #[test]
    fn only_pages_of_the_shop_are_ways_back() {
        for outside in
            ["https://evil.example", "//evil.example", "/\\evil.example", "/items/../login", "/items/", "", "/live"]
        {
            assert_eq!(Back::from(outside.to_owned()).path(), "/", "{outside}");
        }
        assert_eq!(Back::from("/items/rain-hat#buy".to_owned()).added(), "/items/rain-hat?added=buy#buy");
        assert_eq!(Back::from("/cart#<b>".to_owned()).added(), "/cart");
    }

    #[test]
    fn the_anchor_of_an_address_is_a_plain_name() {
        assert_eq!(added_at("x=1&added=all-umbrella"), Some("all-umbrella".to_owned()));
        assert_eq!(added_at("added=%3Cscript%3E"), None);
    }
}
