//! The start-up check of a server, before any request depends on it.

mod tls_probe;

use std::time::{Duration, Instant};

use cloakroom::Timestamp;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};

use crate::address;
use crate::connection::{ConnectionSettings, Endpoint, NO_MASTER_UP, TableFill, parse, requests, timed};
use crate::error::{ConnectError, Problem};
use crate::scripts;
use crate::tls;
use crate::warning::Warning;

/// Clock difference that causes a warning.
const SKEW: Duration = Duration::from_secs(5);

/// A tracking table with a smaller limit was configured by mistake.
const MIN_TRACKED_KEYS: u64 = 10_000;

/// The maximum size of a record, with room to spare.
const LARGE_REPLY: u64 = 16 << 20;

/// Connects and runs every check. `now` is the time on the clock by which sessions are timed.
pub(crate) async fn check(
    endpoint: &Endpoint,
    clustered: bool,
    settings: &ConnectionSettings,
    now: Timestamp,
) -> Result<Vec<Warning>, ConnectError> {
    let began = Instant::now();
    let mut connection = match connect(endpoint, settings).await {
        Ok(connection) => connection,
        Err(error) => return Err(unreachable(endpoint, &error, settings.deadline).await.into()),
    };
    let mut look = StartupCheck {
        connection: &mut connection,
        deadline: settings.deadline,
        problems: Vec::new(),
        warnings: Vec::new(),
    };
    look.check_permissions(settings).await;
    look.check_reads(settings).await;
    look.check_info(clustered, settings.lease).await;
    look.check_clock(|| now.after(began.elapsed()), settings).await;
    let StartupCheck { problems, warnings, .. } = look;
    if problems.is_empty() { Ok(warnings) } else { Err(ConnectError { warnings, ..ConnectError::new(problems) }) }
}

async fn connect(endpoint: &Endpoint, settings: &ConnectionSettings) -> RedisResult<MultiplexedConnection> {
    let client = timed(settings.deadline, endpoint.client()).await?;
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(settings.deadline)).set_response_timeout(None);
    timed(settings.deadline, client.get_multiplexed_async_connection_with_config(&config)).await
}

/// Explains why the server could not be queried.
async fn unreachable(endpoint: &Endpoint, error: &RedisError, deadline: Duration) -> Problem {
    if let Some(host) = address::refused(error) {
        return Problem::Plaintext(host);
    }
    match error.kind() {
        ErrorKind::RESP3NotSupported => return Problem::TooOld("below 6".into()),
        // The lookup of the master runs with the rights of the user in the address.
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            let detail = error.to_string();
            return Problem::Forbidden { what: "ask which server is the master", detail };
        }
        // The client library uses one error kind for everything that is wrong with its settings.
        ErrorKind::InvalidClientConfig if error.to_string().contains("does not point to a sentinel") => {
            return Problem::Topology(
                "names a server, not a sentinel; give the sentinels' port (26379), or use `.server(…)` or `redis://`",
            );
        }
        ErrorKind::AuthenticationFailed => return Problem::Unauthorized(error.to_string()),
        _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) => return Problem::Unauthorized(error.to_string()),
        _ if is_passing(error) => return Problem::NotReady(error.to_string()),
        ErrorKind::MasterNameNotFoundBySentinel if !error.to_string().contains(NO_MASTER_UP) => {
            return Problem::UnknownMaster(error.to_string());
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {}
        // A server that speaks the other protocol stays silent or closes the connection.
        _ => {
            if let Some(problem) = tls_probe::probe(endpoint.configured_addresses(), deadline).await {
                return problem;
            }
        }
    }
    tls::tls_problem(error).unwrap_or_else(|| Problem::Unreachable(error.to_string()))
}

/// Returns `true` for errors of a busy server: it is loading data, running a long script, or
/// changing masters.
fn is_passing(error: &RedisError) -> bool {
    let busy = [
        ServerErrorKind::BusyLoading,
        ServerErrorKind::MasterDown,
        ServerErrorKind::ClusterDown,
        ServerErrorKind::TryAgain,
    ];
    busy.iter().any(|busy| error.kind() == ErrorKind::Server(*busy)) || error.code() == Some("BUSY")
}

struct StartupCheck<'a> {
    connection: &'a mut MultiplexedConnection,
    deadline: Duration,
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl StartupCheck<'_> {
    async fn ask(&mut self, command: &Cmd) -> RedisResult<Value> {
        timed(self.deadline, command.query_async(self.connection)).await
    }

    async fn check_permissions(&mut self, settings: &ConnectionSettings) {
        let mut tracking = cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON");
        let key = settings.keyspace.probe(0);
        let mut exists = cmd("EXISTS");
        exists.arg(&key);
        let needed = [
            ("turn on `CLIENT TRACKING`", tracking),
            ("load scripts", scripts::TOUCH.load()),
            ("run scripts on keys of the namespace", scripts::TOUCH.on(&key).with(0).by_digest().clone()),
            ("read keys of the namespace", exists),
            ("ask for the server's `ROLE`", cmd("ROLE")),
        ];
        for (what, command) in needed {
            match self.ask(&command).await {
                Ok(_) => {}
                // In a cluster, another server owns the key.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask)) => {}
                // The remaining commands would fail in the same way.
                Err(error) if is_passing(&error) => return self.problems.push(Problem::NotReady(error.to_string())),
                Err(error) => self.problems.push(Problem::Forbidden { what, detail: error.to_string() }),
            }
        }
    }

    /// Warns if the user may not run `RENAMENX`: everything works without it until a client sends
    /// made-up tokens.
    async fn check_reads(&mut self, settings: &ConnectionSettings) {
        let key = settings.keyspace.probe(0);
        let mut rename = cmd("RENAMENX");
        rename.arg(&key).arg(&key);
        if self.ask(&rename).await.is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)) {
            self.warnings.push(Warning::TracksMissingKeys);
        }
    }

    /// Warns about a small limit even while few keys are tracked.
    async fn check_tracking_table(&mut self) {
        let [info, config] = requests();
        let (Ok(info), Ok(config)) = (self.ask(&info).await, self.ask(&config).await) else { return };
        let Ok(TableFill { keys, limit }) = parse(info, config) else { return };
        if limit > 0 && limit < MIN_TRACKED_KEYS || (TableFill { keys, limit }).is_full() {
            self.warnings.push(Warning::TrackingTable { keys, limit });
        }
    }

    /// Finds settings that make the server close healthy connections.
    async fn check_connections(&mut self, lease: Duration) {
        let timeout = self.setting("timeout").await.and_then(|text| text.parse().ok()).unwrap_or(0);
        // Probes are sent four times per lease, and one may be late.
        if timeout > 0 && Duration::from_secs(timeout) < lease / 2 {
            self.warnings.push(Warning::Timeout(timeout));
        }
        let limits = self.setting("client-output-buffer-limit").await.unwrap_or_default();
        let mut words = limits.split_whitespace().skip_while(|word| *word != "normal").skip(1);
        let mut next = || words.next().and_then(|word| word.parse::<u64>().ok()).filter(|limit| *limit > 0);
        let (hard, soft) = (next(), next());
        if let Some(limit) = hard.into_iter().chain(soft).min().filter(|limit| *limit < LARGE_REPLY) {
            self.warnings.push(Warning::OutputLimit(limit));
        }
    }

    async fn setting(&mut self, name: &str) -> Option<String> {
        let mut ask = cmd("CONFIG");
        ask.arg("GET").arg(name);
        let settings: Vec<(String, String)> = redis::from_redis_value(self.ask(&ask).await.ok()?).ok()?;
        settings.into_iter().next().map(|(_, value)| value)
    }

    async fn check_info(&mut self, clustered: bool, lease: Duration) {
        let Ok(info) =
            self.ask(&cmd("INFO")).await.and_then(|info| redis::from_redis_value::<String>(info).map_err(Into::into))
        else {
            return self.warnings.push(Warning::NotInspected);
        };
        let said = |name: &str| {
            info.lines()
                .find_map(|pair| pair.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        let version = said("redis_version").unwrap_or_default();
        // Valkey reports the corresponding Redis version, and its mode under another name.
        let mode = said("redis_mode").or_else(|| said("server_mode"));
        if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 7) {
            self.problems.push(Problem::TooOld(version));
        }
        match (mode.as_deref(), clustered) {
            (Some("cluster"), false) => self.problems.push(Problem::Topology(
                "names a server that is part of a cluster; use `.cluster(…)` or `redis+cluster://`",
            )),
            (Some("standalone"), true) => self.problems.push(Problem::Topology(
                "names a server that is not part of a cluster; use `.server(…)` or `redis://`",
            )),
            _ => {}
        }
        if let Some(policy) = said("maxmemory_policy").filter(|policy| policy != "noeviction") {
            self.warnings.push(Warning::Eviction(policy));
        }
        if said("aof_enabled").as_deref() == Some("0") && !self.saves_snapshots().await {
            self.warnings.push(Warning::NoPersistence);
        }
        self.check_tracking_table().await;
        self.check_connections(lease).await;
    }

    /// Returns `true` if the server saves snapshots, or if the user may not ask: doubt causes no
    /// warning.
    async fn saves_snapshots(&mut self) -> bool {
        let mut ask = cmd("CONFIG");
        ask.arg("GET").arg("save");
        let Ok(answer) = self.ask(&ask).await else { return true };
        let settings: Vec<(String, String)> = redis::from_redis_value(answer).unwrap_or_default();
        settings.iter().any(|(_, schedule)| !schedule.is_empty())
    }

    async fn check_clock(&mut self, now: impl Fn() -> Timestamp, settings: &ConnectionSettings) {
        let sent = Instant::now();
        let Ok(answer) = self.ask(&cmd("TIME")).await else { return };
        let Some(theirs) = settings.server_time.note(answer, sent) else { return };
        let ours = now();
        let skew = ours.since(theirs).max(theirs.since(ours));
        if skew > SKEW {
            self.warnings.push(Warning::Clock(Duration::from_secs(skew.as_secs())));
        }
    }
}
