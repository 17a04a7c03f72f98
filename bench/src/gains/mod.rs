//! What a session cache saves and what it costs: the same shop with and without it, over HTTP, on
//! PostgreSQL and on SQLite, with and without added latency.

mod claims;
mod database;
mod requests;
mod sessions;
mod setup;
mod shop;
mod token;

use crate::Result;
use crate::args::Options;
use crate::process::runtime;
use crate::report::{Section, start_step};

use setup::{DELAYS, DatabaseKind, Databases, Setup};

pub(crate) use shop::build as build_shop;

/// The results on one database with one added latency.
struct Measured {
    database: DatabaseKind,
    /// Added to every answer of the database, in milliseconds.
    delay: u64,
    requests: requests::Results,
    sessions: sessions::Results,
    /// The size of a session by the cache's own count, with everything that the shop keeps in it.
    bytes: u64,
}

impl Measured {
    /// The prefix of its figure keys.
    fn key(&self) -> String {
        format!("gains/{}/{}", self.database.key(), self.delay)
    }
}

pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    let runtime = runtime()?;
    let databases = runtime.block_on(Databases::start())?;
    let is_selected = |database: &DatabaseKind| options.selects(database.key());
    // A smoke run measures only the delays that the README's table uses.
    let delays = if options.smoke { &DELAYS[1..3] } else { &DELAYS[..] };
    let mut all = Vec::new();
    for database in DatabaseKind::ALL.into_iter().filter(is_selected) {
        for delay in delays.iter().copied() {
            let mut setup = Setup::start(&databases, database, delay, options)?;
            let requests = requests::measure(&mut setup, options)?;
            let sessions = sessions::measure(&mut setup, options)?;
            let bytes = setup.variants[1].load.read_number("GET /bytes")?;
            all.push(Measured { database, delay, requests, sessions, bytes });
        }
    }
    start_step("checking tokens");
    let checks = token::measure(options)?;
    let measured =
        [requests::section(&all), sessions::section(&all), sessions::cost_section(&all), token::section(&checks)];
    Ok([claims::section(&measured)].into_iter().chain(measured).collect())
}
