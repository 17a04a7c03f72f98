use askama::Template;
use askama::filters::HtmlSafe;
use cloakroom::Timestamp;

/// The first millisecond of the year 10000, which the format has no room for.
const YEAR_10000: u64 = 253_402_300_800_000;

/// An instant in UTC, to the second.
#[derive(Template)]
#[template(
    ext = "html",
    source = "{% if let Some(text) = text %}<time datetime=\"{{ text }}\"><span>{{ text[..10] }}</span> <span>{{ text[11..19] }}</span></time>\
              {% else %}never{% endif %}"
)]
pub(crate) struct Instant {
    text: Option<String>,
}

/// The template escapes it.
impl HtmlSafe for Instant {}

impl Instant {
    pub(crate) fn new(at: Timestamp) -> Self {
        let at = Some(at).filter(|at| at.as_millis() < YEAR_10000).and_then(Timestamp::to_system_time);
        Self { text: at.map(|at| humantime::format_rfc3339_seconds(at).to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_instant_is_shown_and_none_panics() {
        let html = |millis| Instant::new(Timestamp::from_millis(millis)).render().unwrap();
        assert_eq!(
            html(0),
            "<time datetime=\"1970-01-01T00:00:00Z\"><span>1970-01-01</span> <span>00:00:00</span></time>"
        );
        assert!(html(YEAR_10000 - 1).contains("9999-12-31T23:59:59Z"));
        assert_eq!(html(YEAR_10000), "never");
        assert_eq!(html(u64::MAX), "never");
    }
}
