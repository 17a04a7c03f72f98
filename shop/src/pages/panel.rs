//! The panel at the bottom of each page.

use std::collections::VecDeque;
use std::time::Duration;

use cloakroom::SessionSource;

use super::texts::{Texts, fill};
use crate::request_context::RequestContext;
use crate::trace::{Level, Lookup, RequestTrace, SessionTrace, Totals};

/// The number of earlier requests that the panel shows.
const MAX_SHOWN: usize = 6;

/// Which level answered each lookup of this page and of the session's earlier requests.
pub(crate) struct Panel {
    pub(crate) summary: String,
    pub(crate) lookups: Vec<Lookup>,
    pub(crate) earlier: VecDeque<RequestTrace>,
    pub(crate) session: Totals,
    pub(crate) shop: Totals,
    /// Which process responded and where it found the session, if there are several processes.
    pub(crate) node: Option<String>,
}

impl Panel {
    pub(super) fn new(ctx: &RequestContext, t: &Texts, mut session: SessionTrace) -> Self {
        session.requests.truncate(MAX_SHOWN);
        let lookups = ctx.trace.lookups();
        let totals = Totals::of(&lookups);
        let summary = [
            fill(t.panel_asked, totals.queries),
            fill(t.panel_saved, totals.saved),
            fill(t.panel_took, time(ctx.started.elapsed())),
        ];
        Self {
            summary: summary.join(" "),
            lookups,
            earlier: session.requests,
            session: session.totals.plus(totals),
            shop: Totals { queries: ctx.shop.db().queries(), saved: ctx.shop.saved() + totals.saved },
            node: ctx.shop.node().map(|node| served_by(node, ctx.session.source(), t)),
        }
    }
}

impl Panel {
    /// Returns the levels in the order of the legend, each with the sentence that explains it.
    pub(crate) fn legend(&self, t: &Texts) -> [(Level, &'static str); 5] {
        [
            (Level::Session, t.legend_session),
            (Level::Request, t.legend_request),
            (Level::Application, t.legend_application),
            (Level::Database, t.legend_database),
            (Level::Absent, t.legend_absent),
        ]
    }
}

fn served_by(node: &str, source: Option<SessionSource>, t: &Texts) -> String {
    let served = fill(t.served_by, node);
    match source {
        Some(SessionSource::Memory) => format!("{served} {}", t.from_own_memory),
        Some(SessionSource::Store) => format!("{served} {}", t.from_shared_store),
        _ => served,
    }
}

/// Formats a duration with two or three digits.
pub(super) fn time(duration: Duration) -> String {
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
