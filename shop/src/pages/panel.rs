//! The panel at the bottom of a page, as it is shown.

use std::time::Duration;

use cloakroom::SessionSource;

use super::texts::{Texts, fill};
use crate::error::ShopError;
use crate::request_context::RequestContext;
use crate::trace::{Entry, Source};
use crate::trace_panel::{Finished, sum};

/// Where the values of this page and of the requests before it came from.
pub(super) struct Panel {
    /// One sentence about this page.
    pub(super) summary: String,
    pub(super) rows: Vec<Row>,
    pub(super) earlier: Vec<Earlier>,
    /// Queries asked and saved by this session, and by the whole shop, until now.
    pub(super) session: (u64, u64),
    pub(super) shop: (u64, u64),
    pub(super) session_cache: bool,
    /// Which process answered, and where it had the session from; in a shop of several.
    pub(super) node: Option<String>,
}

/// One kind of question.
pub(super) struct Row {
    pub(super) value: &'static str,
    /// Class and name of the level that answered.
    pub(super) source: (&'static str, &'static str),
    pub(super) times: u32,
    pub(super) took: String,
    pub(super) queries: u32,
    pub(super) saved: u32,
}

/// An earlier request.
pub(super) struct Earlier {
    pub(super) line: String,
    pub(super) status: u16,
    pub(super) took: String,
    pub(super) rows: Vec<Row>,
    pub(super) queries: u64,
    pub(super) saved: u64,
}

impl Panel {
    pub(super) async fn of(visit: &RequestContext, t: &'static Texts) -> Result<Self, ShopError> {
        let past = visit.past().await?;
        let entries = visit.trace().entries();
        let (queries, saved) = (sum(&entries, |entry| entry.queries), sum(&entries, |entry| entry.saved));
        let asked = fill(t.panel_asked, queries);
        Ok(Self {
            summary: format!(
                "{asked} {} {}",
                fill(t.panel_saved, saved),
                fill(t.panel_took, time(visit.began().elapsed()))
            ),
            rows: rows(&entries, t),
            earlier: past.requests.iter().map(|request| Earlier::of(request, t)).collect(),
            session: (past.queries + queries, past.saved + saved),
            shop: (visit.shop().db().queries(), visit.shop().saved() + saved),
            session_cache: visit.shop().session_cache(),
            node: visit.shop().node().map(|node| served_by(node, visit.session().source(), t)),
        })
    }
}

fn served_by(node: &str, answered_by: Option<SessionSource>, t: &Texts) -> String {
    let served = fill(t.served_by, node);
    match answered_by {
        Some(SessionSource::Memory) => format!("{served} {}", t.from_own_memory),
        Some(SessionSource::Store) => format!("{served} {}", t.from_shared_store),
        _ => served,
    }
}

impl Earlier {
    fn of(request: &Finished, t: &'static Texts) -> Self {
        Self {
            line: request.line.clone(),
            status: request.status,
            took: time(request.took),
            rows: rows(&request.entries, t),
            queries: sum(&request.entries, |entry| entry.queries),
            saved: sum(&request.entries, |entry| entry.saved),
        }
    }
}

fn rows(entries: &[Entry], t: &'static Texts) -> Vec<Row> {
    let row = |entry: &Entry| Row {
        value: entry.value,
        source: match entry.source {
            Source::Request => ("request", t.from_request),
            Source::Session => ("session", t.from_session),
            Source::Application => ("application", t.from_application),
            Source::Database => ("database", t.from_database),
            Source::Nobody => ("nobody", t.from_nobody),
        },
        times: entry.times,
        took: time(entry.took),
        queries: entry.queries,
        saved: entry.saved,
    };
    entries.iter().map(row).collect()
}

/// A duration with as many digits as a person reads.
fn time(duration: Duration) -> String {
    let micros = duration.as_secs_f64() * 1e6;
    match micros {
        ..0.1 => "<\u{a0}0.1\u{a0}µs".to_owned(),
        ..10.0 => format!("{micros:.1}\u{a0}µs"),
        ..1000.0 => format!("{micros:.0}\u{a0}µs"),
        ..10_000.0 => format!("{:.1}\u{a0}ms", micros / 1e3),
        _ => format!("{:.0}\u{a0}ms", micros / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::time;

    #[test]
    fn times_are_short() {
        let shown = [40, 400, 12_345, 2_345_678, 104_000_000].map(|nanos| time(Duration::from_nanos(nanos)));
        assert_eq!(shown, ["<\u{a0}0.1\u{a0}µs", "0.4\u{a0}µs", "12\u{a0}µs", "2.3\u{a0}ms", "104\u{a0}ms"]);
    }
}
