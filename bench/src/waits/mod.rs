//! How long requests wait while a million sessions are created, packed, ended and evicted.

mod server;

use std::fs;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::Sessions;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{Endpoint, SessionChoice, SessionCookies};
use crate::measure::Latencies;
use crate::report::{Section, single, start_step};
use crate::targets::cloakroom::layered;

use server::{FILL, Server, send};

const NOTE: &str = "Requests of two workers while the sessions of the process change: reads of a hundred sessions, and the \
    requests that create and end others, one after the other on each task. A latency counts from when the task was ready \
    to run. A manual clock makes everything due at once. \"Nothing due\" is the same load for five seconds without any \
    change: the machine's own noise. Each column has the requests that took no longer than it says, and longer than the \
    column before.";

/// The allocator of the C library.
const SYSTEM: &str = "system";
/// The upper ends of the columns of the histogram, in microseconds.
const BOUNDS: [u64; 4] = [10, 100, 1000, 10_000];
const UNLIMITED: u64 = 16 << 30;
/// Longer than the time after which quiet sessions are packed.
const QUIET: Duration = Duration::from_secs(90);
/// Shorter than the idle timeout, so that a session that is read at this time does not expire.
const HALF: Duration = Duration::from_secs(16 * 60);
const MINUTE: Duration = Duration::from_secs(60);
/// The idle timeout.
const MINUTES: usize = 30;

/// Returns the allocators to measure: that of the system, and jemalloc if it is installed, as it is
/// with Debian's redis-server. Each with the library to load.
pub(crate) fn allocators() -> Vec<(&'static str, Option<PathBuf>)> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let jemalloc = folders.map(|folder| folder.path().join("libjemalloc.so.2")).find(|library| library.exists());
    [(SYSTEM, None)].into_iter().chain(jemalloc.map(|library| ("jemalloc", Some(library)))).collect()
}

pub(crate) fn run(allocator: &str, options: &Options) -> Result<Vec<Section>> {
    let columns = ["meanwhile", "requests", "≤ 10 µs", "≤ 100 µs", "≤ 1 ms", "≤ 10 ms", "more", "p99.9 µs", "max µs"];
    let (title, note) = match allocator {
        SYSTEM => ("How long requests wait".to_owned(), NOTE),
        other => (format!("How long requests wait with {other}"), "As above, with another allocator."),
    };
    let mut table = Table { allocator, section: Section::new(&title, note, columns).on_page() };
    let count = options.size(1_000_000, 2000);
    let server = Server::start(UNLIMITED, options)?;
    let pause = Duration::from_millis(options.size(5000, 50) as u64);
    let idle = async move {
        tokio::time::sleep(pause).await;
        Latencies::new()
    };
    table.measure("nothing due", &server, idle)?;
    table.measure("a million are created", &server, create(&server.sessions, FILL, count))?;
    let bytes = server.sessions.stats().bytes;
    server.clock.advance(QUIET);
    table.measure("a million are packed", &server, run_pending_tasks(&server.sessions))?;
    server.advance(HALF)?;
    server.clock.advance(HALF);
    table.measure("a million expire", &server, run_pending_tasks(&server.sessions))?;
    check("sessions that did not expire", server.other_sessions(), 0..=0)?;
    let logins = create(&server.sessions, Endpoint::post("/fill/login"), count);
    table.measure("a million log in", &server, logins)?;
    drop(server);

    let server = Server::start(UNLIMITED, options)?;
    let cookies = server.create_sessions(count)?;
    table.measure("a million log out", &server, end(&server.sessions, cookies))?;
    check("sessions that were not ended", server.other_sessions(), 0..=0)?;
    drop(server);

    let server = Server::start(bytes, options)?;
    server.create_sessions(count)?;
    table.measure("each new one evicts", &server, create(&server.sessions, FILL, count / 2))?;
    let evicted = server.sessions.stats().ended_evicted;
    check("evicted sessions", evicted, count as u64 / 2 - 1..=count as u64)?;
    drop(server);

    let server = Server::start(UNLIMITED, options)?;
    let per_minute = count / MINUTES;
    for _ in 0..MINUTES {
        server.create_sessions(per_minute)?;
        server.advance(MINUTE)?;
    }
    table.measure("as many come as go", &server, churn(&server, per_minute))?;
    // The sessions of the current and the next minute may or may not have expired.
    let slack = 2 * per_minute as u64;
    check("sessions after the churn", server.other_sessions(), count as u64 - slack..=count as u64 + slack)?;
    Ok(vec![table.section])
}

fn check(what: &str, number: u64, expected: RangeInclusive<u64>) -> Result<()> {
    if expected.contains(&number) { Ok(()) } else { Err(format!("{what}: {number} instead of {expected:?}").into()) }
}

/// The requests that create this many sessions.
fn create(sessions: &Sessions, endpoint: Endpoint, count: usize) -> impl Future<Output = Result<Latencies>> + use<> {
    let no_cookies = Arc::new(SessionCookies::with_capacity(0));
    let next_request = SessionChoice::Without.requests(endpoint, no_cookies, 0, (0, 1));
    send(layered(sessions), next_request, times(count))
}

/// The requests that end these sessions.
fn end(sessions: &Sessions, cookies: Arc<SessionCookies>) -> impl Future<Output = Result<Latencies>> + use<> {
    let count = cookies.len();
    let next_request = SessionChoice::EachOnce.requests(Endpoint::post("/logout"), cookies, 0, (0, 1));
    send(layered(sessions), next_request, times(count))
}

fn run_pending_tasks(sessions: &Sessions) -> impl Future<Output = Result<Latencies>> + use<> {
    let sessions = sessions.clone();
    async move {
        sessions.run_pending_tasks().await;
        Latencies::new()
    }
}

/// In every minute of the clock, as many sessions are created as are packed and as expire.
fn churn(server: &Server, per_minute: usize) -> impl Future<Output = Result<Latencies>> + use<> {
    let (sessions, clock) = (server.sessions.clone(), server.clock.clone());
    async move {
        let mut latencies = Latencies::new()?;
        for _ in 0..MINUTES / 3 {
            latencies.add(&create(&sessions, FILL, per_minute).await?)?;
            clock.advance(MINUTE);
            sessions.run_pending_tasks().await;
        }
        Ok(latencies)
    }
}

/// Returns `true` this many times.
fn times(count: usize) -> impl FnMut() -> bool {
    let mut left = 0..count;
    move || left.next().is_some()
}

struct Table<'a> {
    allocator: &'a str,
    section: Section,
}

impl Table<'_> {
    fn measure(
        &mut self,
        meanwhile: &str,
        server: &Server,
        work: impl Future<Output = Result<Latencies>> + Send + 'static,
    ) -> Result<()> {
        start_step(meanwhile);
        let latencies = server.run_under_load(work)?;
        let number = |name, count: u64| single(name, "", count as f64).decimals(0);
        let up_to = BOUNDS.map(|bound| latencies.count_up_to(Duration::from_micros(bound)));
        let values = [
            number("requests", latencies.count()),
            number("10us", up_to[0]),
            number("100us", up_to[1] - up_to[0]),
            number("1ms", up_to[2] - up_to[1]),
            number("10ms", up_to[3] - up_to[2]),
            number("more", latencies.count() - up_to[3]),
            single("p99.9", "µs", latencies.quantile_micros(0.999)).decimals(1),
            single("max", "µs", latencies.max_micros()).decimals(0),
        ];
        let key = format!("waits/{}/{}", self.allocator, meanwhile.replace(' ', "-"));
        self.section.measured_row(&[meanwhile], &key, values);
        Ok(())
    }
}
