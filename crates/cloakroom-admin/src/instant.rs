use askama::Template;
use askama::filters::HtmlSafe;
use cloakroom::Timestamp;

/// The first millisecond of the year 10000, which the format has no room for.
const YEAR_10000: u64 = 253_402_300_800_000;

/// An instant in UTC, to the second.
#[derive(Template)]
#[template(
    ext = "html",
    source = "{% if let Some(text) = text %}<time datetime=\"{{ text }}\">{{ text[..10] }} {{ text[11..19] }}</time>\
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
        assert_eq!(html(0), "<time datetime=\"1970-01-01T00:00:00Z\">1970-01-01 00:00:00</time>");
        assert!(html(YEAR_10000 - 1).contains("9999-12-31 23:59:59"));
        assert_eq!(html(YEAR_10000), "never");
        assert_eq!(html(u64::MAX), "never");
    }
}
