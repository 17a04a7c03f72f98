use crate::world::{BROWSER, Jar, OTHER_COOKIES};

/// One session, as its browser knows it.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) jar: Jar,
    /// How many updates were acknowledged to it.
    pub(super) acknowledged: u64,
}

/// A request up to its cookies' end, as a browser sends it, with three other cookies.
pub(crate) fn head(line: &str) -> String {
    let length = if line.starts_with("POST") { "content-length: 0\r\n" } else { "" };
    format!(
        "{line} HTTP/1.1\r\nhost: shop.example\r\nuser-agent: {BROWSER}\r\n\
         accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n{length}cookie: {OTHER_COOKIES}"
    )
}

/// The whole request, as bytes that are ready to be sent.
pub(crate) fn request(head: &str, cookie: &str) -> Vec<u8> {
    let separator: &[u8] = if cookie.is_empty() { b"" } else { b"; " };
    [head.as_bytes(), separator, cookie.as_bytes(), b"\r\n\r\n"].concat()
}
