//! In which form the visitor wants the answer.

use axum::http::{HeaderMap, header};

/// The three forms that every address of the shop can answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accept {
    /// A browser: pages, and a redirect after every form.
    Html,
    /// A program that asked for `application/json`.
    Json,
    /// Everything else, such as curl as it comes: a line of text.
    Text,
}

impl Accept {
    /// The first form that `Accept` names. Quality values are not weighed: those who care about
    /// the form name one.
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
