//! The other side: what is paid for a session cache, and from where on it pays.

use crate::measure::Spread;
use crate::report::Section;

use super::Measured;
use super::journeys::Steps;

pub(super) fn section(all: &[Measured]) -> Section {
    const NOTE: &str = "\"Pays from\" is the shortest session of those measured that takes no longer with the cache than without. A visitor who sends one request pays for a session that nobody reads again: its first request, by \
        as much as it took longer, and its bytes until it expires. Bytes are what the cache counts for a session that is logged in and holds all that the shop caches, five items, preferences and roles; the part on memory says \
        what a process takes.";
    let columns =
        ["database", "added ms", "pays from", "a session of 1 request, ms without", "with", "bytes per session"];
    let mut section = Section::new("What it costs", NOTE, columns);
    for Measured { kind, delay, journeys, bytes, .. } in all {
        let one = journeys.time(Steps::Cart, 1);
        let [without, with] =
            one.map_or_else(|| ["–", "–"].map(str::to_owned), |sides| sides.map(|side| side.to_string()));
        let pays = journeys.break_even();
        section.row([
            kind.what().to_owned(),
            delay.to_string(),
            pays.map_or_else(|| "no length measured".to_owned(), |length| format!("≤ {length} requests")),
            without,
            with,
            bytes.to_string(),
        ]);
        if let Some(length) = pays {
            section.figure(
                format!("gains/{}/{delay}/break-even", kind.name()),
                "requests",
                Spread::once(length as f64),
            );
        }
        section.figure(format!("gains/{}/{delay}/bytes", kind.name()), "B", Spread::once(*bytes as f64));
    }
    section
}
