use crate::world::{BROWSER, OTHER_COOKIES};

/// One session, as its browser knows it.
#[derive(Clone, Debug, Default)]
pub(super) struct Visitor {
    /// `name=value`; empty before the first answer.
    cookie: String,
    read: Vec<u8>,
    update: Vec<u8>,
    counted: Vec<u8>,
    /// How many updates were acknowledged to it.
    pub(super) acknowledged: u64,
}

/// What a visitor asks, as bytes that are ready to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Question {
    Cart,
    Add,
    Count,
}

impl Visitor {
    pub(super) fn new(cookie: Option<String>) -> Self {
        let mut visitor = Self::default();
        visitor.write(cookie.unwrap_or_default());
        visitor
    }

    /// Takes the cookie of an answer, as a browser does.
    pub(super) fn keep(&mut self, cookie: Option<String>) {
        if let Some(cookie) = cookie.filter(|cookie| *cookie != self.cookie) {
            self.write(cookie);
        }
    }

    pub(super) fn question(&self, question: Question) -> &[u8] {
        match question {
            Question::Cart => &self.read,
            Question::Add => &self.update,
            Question::Count => &self.counted,
        }
    }

    fn write(&mut self, cookie: String) {
        self.read = request("GET /cart", &cookie);
        self.update = request("POST /count", &cookie);
        self.counted = request("GET /count", &cookie);
        self.cookie = cookie;
    }
}

/// A request as a browser sends it, with three other cookies.
pub(super) fn request(line: &str, cookie: &str) -> Vec<u8> {
    let separator = if cookie.is_empty() { "" } else { "; " };
    let length = if line.starts_with("POST") { "content-length: 0\r\n" } else { "" };
    format!(
        "{line} HTTP/1.1\r\nhost: shop.example\r\nuser-agent: {BROWSER}\r\n\
         accept: text/html,application/xhtml+xml;q=0.9,*/*;q=0.8\r\n{length}\
         cookie: {OTHER_COOKIES}{separator}{cookie}\r\n\r\n"
    )
    .into_bytes()
}
