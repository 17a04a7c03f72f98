//! Common claims about session caches, compared with the measurements.

use crate::report::{Figure, Section, fill};

use super::setup::DatabaseKind;

const NOTE: &str = "What is often claimed of a session cache, and what this run measured. The milliseconds in the first \
    column are added to every answer of the database.";

/// A case, what is claimed, and a template of the measurement with keys of figures below `gains/{database}`.
const CLAIMS: [[&str; 3]; 9] = [
    [
        "a request for the cart, 100 ms",
        "100 ms, then about 10 ms with a hit",
        "{*/100/cart/without/p50} ms, with a hit {*/100/cart/with/p50} ms",
    ],
    [
        "a request for the cart, 50 ms",
        "50 to 100 ms less per request",
        "{*/50/cart/without/p50} ms, with a hit {*/50/cart/with/p50} ms",
    ],
    [
        "10 requests for the cart, 100 ms",
        "saves about 1 s",
        "saves {*/100/sessions/cart/10/saved} ms of {*/100/sessions/cart/10/without/time} ms",
    ],
    [
        "20 requests for the cart, 50 ms",
        "saves 1 to 2 s",
        "saves {*/50/sessions/cart/20/saved} ms of {*/50/sessions/cart/20/without/time} ms",
    ],
    [
        "20 requests for the cart, 100 ms",
        "saves 1 to 2 s",
        "saves {*/100/sessions/cart/20/saved} ms of {*/100/sessions/cart/20/without/time} ms",
    ],
    [
        "checking a token",
        "10 to 20 ms less per request",
        "{gains/token/signed} ns for a signed token, {gains/token/session} ns for the session",
    ],
    [
        "a role check before a query that is not cached, 50 ms",
        "30 to 50 % faster",
        "{*/50/orders/without/p50} ms, then {*/50/orders/with/p50} ms",
    ],
    [
        "requests per second at saturation, 0, 5, 50, 100 ms",
        "2 to 3 times as many",
        "{*/0/cart/speedup}, {*/5/cart/speedup}, {*/50/cart/speedup}, {*/100/cart/speedup} times",
    ],
    [
        "hit ratio of a mixed session of 10 and of 20 requests, 0 ms",
        "50 to 80 % fewer queries",
        "{*/0/sessions/mixed/10/hit-ratio} and {*/0/sessions/mixed/20/hit-ratio}",
    ],
];

/// Returns the table of the claims from the figures of the other sections.
pub(super) fn section(sections: &[Section]) -> Section {
    let columns = ["case", "claimed", "measured on PostgreSQL", "on SQLite"];
    let mut section = Section::new("Claims about session caches", NOTE, columns).on_page();
    let figures: Vec<&Figure> = sections.iter().flat_map(|section| &section.figures).collect();
    let find = |key: &str| figures.iter().find(|figure| figure.key == key).copied();
    for [case, claimed, template] in CLAIMS {
        let measured =
            |database: DatabaseKind| fill(&template.replace('*', &format!("gains/{}", database.key())), find);
        section.row([case, claimed].map(str::to_owned).into_iter().chain(DatabaseKind::ALL.map(measured)));
    }
    section
}
