//! The format of the response.

use axum::http::{HeaderMap, header};

/// The three formats that the shop can respond in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// Pages, and a redirect after every form: for browsers.
    Html,
    /// For programs that send `Accept: application/json`.
    Json,
    /// A line of text: for everything else, such as curl without options.
    Text,
}

impl Accept {
    /// Returns the first known format of the `Accept` header, ignoring quality values.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let known = accept.split(',').take(32).find_map(|part| match part.split(';').next()?.trim() {
            "text/html" | "application/xhtml+xml" => Some(Self::Html),
            "application/json" => Some(Self::Json),
            "text/plain" => Some(Self::Text),
            _ => None,
        });
        known.unwrap_or(Self::Text)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::Accept;

    fn wants(accept: &'static str) -> Accept {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        Accept::of(&headers)
    }

    #[test]
    fn browsers_get_pages_and_curl_gets_text() {
        assert_eq!(wants("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"), Accept::Html);
        assert_eq!(wants("application/json"), Accept::Json);
        assert_eq!(wants("*/*"), Accept::Text);
        assert_eq!(Accept::of(&HeaderMap::new()), Accept::Text);
    }
}
