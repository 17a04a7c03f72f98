//! The strip at the top of each page: what the session cache saves, and the switch that turns it off.

use std::time::{Duration, SystemTime};

use cloakroom::{SessionValue, Timestamp};

use super::Back;
use super::texts::{Texts, fill};
use crate::accounts::Account;
use crate::error::ShopError;
use crate::history::History;
use crate::preferences::Preferences;
use crate::request_context::RequestContext;
use crate::sample::Cost;
use crate::staff::Roles;
use crate::trace::{Level, Lookup, SessionTrace, Totals};

/// Below this, a bar could not be seen.
const MIN_WIDTH: u64 = 1;

pub(crate) struct Strip {
    /// Whether this visitor has the session cache.
    pub(crate) on: bool,
    /// The delay of the database, if there is one.
    pub(crate) delay: Option<String>,
    /// What the two bars compare.
    pub(crate) caption: &'static str,
    pub(crate) with: Option<Bar>,
    pub(crate) without: Option<Bar>,
    /// Whether the page waited for values that the session cache has from now on.
    pub(crate) is_first: bool,
    pub(crate) you: Saved,
    pub(crate) all: Saved,
    pub(crate) time_per_query: String,
    pub(crate) back: String,
    pub(crate) ends: Option<Ends>,
}

/// One page's cost, drawn.
pub(crate) struct Bar {
    pub(crate) time: String,
    pub(crate) queries: u64,
    /// In percent of the longer bar.
    pub(crate) width: u64,
    pub(crate) basis: &'static str,
}

/// Queries that were saved, and the time that they would have taken.
pub(crate) struct Saved {
    pub(crate) queries: u64,
    pub(crate) time: String,
}

/// The end of the session.
pub(crate) struct Ends {
    pub(crate) seconds: u64,
    pub(crate) time: String,
}

/// A cost, and how it is known.
type Known = (Cost, &'static str);

impl Strip {
    pub(super) async fn new(ctx: &RequestContext, t: &'static Texts, trace: &SessionTrace) -> Result<Self, ShopError> {
        let on = ctx.has_session_cache().await?;
        let lookups = ctx.trace.lookups();
        let totals = Totals::of(&lookups);
        let per_query = ctx.shop.db().time_per_query();
        let saved = |queries: u64| Saved { queries, time: long_time(per_query.saturating_mul(cap(queries))) };
        let (caption, with, without) = compare(ctx, t, trace, on, totals).await?;
        let [with, without] = bars([with, without]);
        let delay = ctx.shop.db().delay();
        Ok(Self {
            on,
            delay: (!delay.is_zero()).then(|| long_time(delay)),
            caption,
            with,
            without,
            is_first: on && ctx.has_session().await? && lookups.iter().any(is_first_load),
            you: saved(trace.totals.saved + totals.saved),
            all: saved(ctx.shop.saved() + totals.saved),
            time_per_query: short_time(per_query),
            back: Back::to(ctx.path()).path().to_owned(),
            ends: ends(ctx).await?,
        })
    }
}

/// Returns `true` if the session has the value from now on. All visitors share the catalogue.
fn is_first_load(lookup: &Lookup) -> bool {
    lookup.level == Level::Database && [Account::KEY, History::KEY, Preferences::KEY, Roles::KEY].contains(&lookup.name)
}

fn cap(queries: u64) -> u32 {
    u32::try_from(queries).unwrap_or(u32::MAX)
}

/// Returns what is compared, and the cost of this page with and without the session cache.
async fn compare(
    ctx: &RequestContext,
    t: &'static Texts,
    trace: &SessionTrace,
    on: bool,
    totals: Totals,
) -> Result<(&'static str, Option<Known>, Option<Known>), ShopError> {
    let now = Cost { queries: totals.queries, took: ctx.started.elapsed() };
    if !ctx.has_session().await? {
        return Ok(match ctx.shop.sample() {
            Some(sample) => (t.strip_sample, Some((sample.with, t.measured)), Some((sample.without, t.measured))),
            None => (t.strip_page, Some((now, t.measured_now)), None),
        });
    }
    let before = trace.requests.iter().find(|earlier| {
        earlier.session_cache != on && earlier.request_line == ctx.request_line && earlier.status == 200
    });
    let before =
        before.map(|earlier| (Cost { queries: earlier.totals.queries, took: earlier.took }, t.measured_before));
    let now = (now, t.measured_now);
    Ok(if on {
        let estimate = || {
            let waited = ctx.shop.db().time_per_query().saturating_mul(cap(totals.saved));
            (Cost { queries: totals.queries + totals.saved, took: now.0.took + waited }, t.estimated)
        };
        (t.strip_page, Some(now), Some(before.unwrap_or_else(estimate)))
    } else {
        (t.strip_page, before, Some(now))
    })
}

fn bars(costs: [Option<Known>; 2]) -> [Option<Bar>; 2] {
    let micros = |took: Duration| u64::try_from(took.as_micros()).unwrap_or(u64::MAX / 100);
    let longest = costs.iter().flatten().map(|(cost, _)| micros(cost.took)).max().unwrap_or_default().max(1);
    costs.map(|known| {
        known.map(|(cost, basis)| Bar {
            time: short_time(cost.took),
            queries: cost.queries,
            width: (micros(cost.took) * 100 / longest).max(MIN_WIDTH),
            basis,
        })
    })
}

async fn ends(ctx: &RequestContext) -> Result<Option<Ends>, ShopError> {
    let Some(end) = ctx.session.expires_at().await?.and_then(Timestamp::to_system_time) else { return Ok(None) };
    // Rounded, because the page was not sent in no time.
    let left = end.duration_since(SystemTime::now()).unwrap_or_default() + Duration::from_millis(500);
    Ok(Some(Ends { seconds: left.as_secs(), time: long_time(Duration::from_secs(left.as_secs())) }))
}

/// Formats a duration of less than a second, always in milliseconds, so that two can be compared.
fn short_time(duration: Duration) -> String {
    match duration.as_secs_f64() * 1e3 {
        0.0 => "0\u{a0}ms".to_owned(),
        ..0.1 => "<\u{a0}0.1\u{a0}ms".to_owned(),
        millis @ ..10.0 => format!("{millis:.1}\u{a0}ms"),
        millis => format!("{millis:.0}\u{a0}ms"),
    }
}

/// Formats a duration from milliseconds to days.
fn long_time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        ..1.0 => short_time(duration),
        seconds @ ..10.0 => format!("{seconds:.1}\u{a0}s"),
        seconds @ ..120.0 => format!("{seconds:.0}\u{a0}s"),
        seconds @ ..7200.0 => format!("{:.0}\u{a0}min", seconds / 60.0),
        seconds @ ..172_800.0 => format!("{:.0}\u{a0}h", seconds / 3600.0),
        seconds => format!("{:.0}\u{a0}d", seconds / 86_400.0),
    }
}

impl Strip {
    /// Returns how the saved time is computed.
    pub(crate) fn basis(&self, t: &Texts) -> String {
        fill(t.time_saved_is, &self.time_per_query)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Cost, bars, long_time};

    #[test]
    fn a_bar_is_in_proportion_and_never_invisible() {
        let cost = |millis| Some((Cost { queries: 0, took: Duration::from_millis(millis) }, "measured"));
        let widths = |costs| bars(costs).map(|bar| bar.map(|bar| bar.width));
        assert_eq!(widths([cost(16), cost(64)]), [Some(25), Some(100)]);
        assert_eq!(widths([cost(0), cost(1000)]), [Some(1), Some(100)]);
        assert_eq!(widths([None, cost(0)]), [None, Some(1)]);
    }

    #[test]
    fn long_times_have_a_fitting_unit() {
        let shown = [0.0, 0.000_02, 0.02, 1.24, 59.0, 1800.0, 86_400.0]
            .map(|seconds| long_time(Duration::from_secs_f64(seconds)));
        assert_eq!(
            shown,
            ["0\u{a0}ms", "<\u{a0}0.1\u{a0}ms", "20\u{a0}ms", "1.2\u{a0}s", "59\u{a0}s", "30\u{a0}min", "24\u{a0}h"]
        );
    }
}
