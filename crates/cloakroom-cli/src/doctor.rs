//! Checks that an application can use a store. Over a server, everything that a session needs is done
//! once; a file is only looked at.

use std::process::ExitCode;
use std::time::Duration;

use cloakroom::store::{
    Commit, Committed, Created, Destroyed, Guard, Lifetimes, PageRequest, Record, Selector, Store, StoreError, Verifier,
};
use cloakroom::{Clock, OsRandom, RandomSource, SystemClock};
use cloakroom_sqlx::{Finding, Severity};
use serde::Serialize;

use crate::error::{CliError, with_sources};
use crate::output::Output;
use crate::store::{StoreAddress, connect_redis, postgres_builder, sqlite_builder};

/// A difference between the clocks from which on timeouts are noticeably wrong.
const SKEW: Duration = Duration::from_secs(2);

/// How long the session of the check lives if it cannot be removed.
const PROBE_LIFETIME: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Check {
    name: &'static str,
    result: CheckResult,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum CheckResult {
    Ok,
    /// Sessions work, and not as well or as long as they should.
    Warning,
    Failed,
}

impl Check {
    fn new(name: &'static str, result: Result<String, String>) -> Self {
        match result {
            Ok(detail) => Self { name, result: CheckResult::Ok, detail },
            Err(detail) => Self { name, result: CheckResult::Failed, detail },
        }
    }

    fn warning(name: &'static str, detail: String) -> Self {
        Self { name, result: CheckResult::Warning, detail }
    }
}

/// Checks the store at an address.
pub(crate) async fn run(
    address: &StoreAddress,
    namespace: Option<&str>,
    output: &Output,
) -> Result<ExitCode, CliError> {
    let checks = match address {
        StoreAddress::Redis(url) => redis(url, namespace).await,
        StoreAddress::Postgres(url) => postgres(url, namespace).await,
        // It belongs to one application, so nothing is tried with a session.
        StoreAddress::Sqlite(path) => checks_of(sqlite_builder(namespace).inspect(path).await),
    };
    report(&checks, output)
}

async fn redis(url: &str, namespace: Option<&str>) -> Vec<Check> {
    match connect_redis(url, namespace).await {
        Ok(store) => {
            let mut checks = use_of(&store).await;
            let warnings = store.warnings().iter();
            checks.extend(warnings.map(|found| Check::warning("configuration of the server", found.to_string())));
            checks
        }
        Err(error) => vec![Check::new("connection", Err(error.to_string()))],
    }
}

async fn postgres(url: &str, namespace: Option<&str>) -> Vec<Check> {
    let builder = postgres_builder(namespace);
    let findings = builder.clone().inspect(url).await;
    let is_usable = findings.iter().all(|finding| finding.severity < Severity::Problem);
    let mut checks = checks_of(findings);
    if is_usable {
        // Works behind every pooler.
        match builder.transaction_pooling().connect(url).await {
            Ok(store) => checks.extend(use_of(&store).await),
            Err(error) => checks.push(Check::new("connection", Err(with_sources(&error)))),
        }
    }
    checks
}

fn checks_of(findings: Vec<Finding>) -> Vec<Check> {
    let check = |finding: Finding| {
        let result = match finding.severity {
            Severity::Fine => CheckResult::Ok,
            Severity::Warning => CheckResult::Warning,
            _ => CheckResult::Failed,
        };
        Check { name: finding.name, result, detail: finding.detail }
    };
    findings.into_iter().map(check).collect()
}

/// Does with a store what an application does.
async fn use_of<S: Store>(store: &S) -> Vec<Check> {
    let mut checks = vec![Check::new("connection", Ok(format!("namespace {:?}", store.namespace())))];
    checks.push(Check::new("clock", clock(store)));
    checks.push(Check::new("create, read, change and end a session", session(store).await));
    let listed = store.list(PageRequest::first(1)).await;
    let counted = store.count().await;
    checks.push(Check::new(
        "list and count sessions",
        listed.and(counted).map(|count| format!("{count} in all")).map_err(|error| text(&error)),
    ));
    let users = store.list_principals(PageRequest::first(1)).await;
    checks.push(Check::new("list users", users.map(|_| String::new()).map_err(|error| text(&error))));
    checks
}

fn report(checks: &[Check], output: &Output) -> Result<ExitCode, CliError> {
    output.print(&checks, |out| {
        for check in checks {
            let mark = match check.result {
                CheckResult::Ok => "ok  ",
                CheckResult::Warning => "WARN",
                CheckResult::Failed => "FAIL",
            };
            let colon = if check.detail.is_empty() { "" } else { ": " };
            writeln!(out, "{mark}  {}{colon}{}", check.name, check.detail)?;
        }
        Ok(())
    })?;
    let failed = checks.iter().any(|check| check.result == CheckResult::Failed);
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn text(error: &StoreError) -> String {
    with_sources(error)
}

fn clock<S: Store>(store: &S) -> Result<String, String> {
    let Some(server) = store.time() else { return Ok("the store uses the clock of this machine".to_owned()) };
    let here = SystemClock::new().now();
    let difference = here.since(server).max(server.since(here));
    let detail = format!("{} from that of this machine", humantime::format_duration(difference));
    if difference <= SKEW { Ok(detail) } else { Err(format!("{detail}; synchronize both, for example with NTP")) }
}

/// Does with a session of its own what an application does.
async fn session<S: Store>(store: &S) -> Result<String, String> {
    let mut random = [0; 32];
    OsRandom.fill(&mut random).map_err(|error| error.to_string())?;
    let (mut selector, mut verifier) = ([0; 16], [0; 16]);
    selector.copy_from_slice(&random[..16]);
    verifier.copy_from_slice(&random[16..]);
    let (selector, verifier) = (Selector::from_bytes(selector), Verifier::from_bytes(verifier));
    let nonce = u64::from(random[0]) << 8 | u64::from(random[1]);
    let now = store.time().unwrap_or_else(|| SystemClock::new().now());
    let lifetimes = Lifetimes::new(now, PROBE_LIFETIME, now.after(PROBE_LIFETIME));
    let created = store.create(selector, Record::new(verifier, lifetimes, nonce)).await;
    if !matches!(created.map_err(|error| text(&error))?, Created::Done(_)) {
        return Err("the session of the check exists already".to_owned());
    }
    let result = use_session(store, selector, verifier, nonce).await;
    let ended = store.destroy(selector, Guard::Current(verifier)).await.map_err(|error| text(&error))?;
    result?;
    if ended == Destroyed::Done { Ok(String::new()) } else { Err(format!("the session could not be ended: {ended:?}")) }
}

async fn use_session<S: Store>(store: &S, selector: Selector, verifier: Verifier, nonce: u64) -> Result<(), String> {
    let found = store.load(selector).await.map_err(|error| text(&error))?;
    let found = found.ok_or("the session is gone right after its creation; does the server evict keys?")?;
    if !store.is_lease_valid(found.lease) {
        return Err("copies cannot be kept in memory; every request will ask the store".to_owned());
    }
    let record = &found.record;
    let mut commit = Commit::new(record.version, nonce.wrapping_add(1), Guard::Current(verifier), record.last_seen);
    commit.head = Some(record.head());
    match store.commit(selector, commit).await.map_err(|error| text(&error))? {
        Committed::Done(_) => Ok(()),
        other => Err(format!("the change was not made: {other:?}")),
    }
}
