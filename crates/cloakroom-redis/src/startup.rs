//! A look at the server before anybody depends on it.

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

/// By how much the clocks may differ before it is worth a warning.
const SKEW: Duration = Duration::from_secs(5);

/// A table of tracked keys with room for fewer than this was made small by mistake.
const MIN_CONNECTIONS: u64 = 10_000;

/// As much as a record may be, with room to spare.
const LARGE_REPLY: u64 = 16 << 20;

/// `now` is what the clock says that the sessions go by.
pub(crate) async fn check(
    origin: &Endpoint,
    clustered: bool,
    settings: &ConnectionSettings,
    now: Timestamp,
) -> Result<Vec<Warning>, ConnectError> {
    let began = Instant::now();
    let mut connection = match connect(origin, settings).await {
        Ok(connection) => connection,
        Err(error) => return Err(unreachable(origin, &error, settings.deadline).await.into()),
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

async fn connect(origin: &Endpoint, settings: &ConnectionSettings) -> RedisResult<MultiplexedConnection> {
    let client = timed(settings.deadline, origin.client()).await?;
    let config =
        AsyncConnectionConfig::new().set_connection_timeout(Some(settings.deadline)).set_response_timeout(None);
    timed(settings.deadline, client.get_multiplexed_async_connection_with_config(&config)).await
}

/// Why nobody could be asked anything.
async fn unreachable(origin: &Endpoint, error: &RedisError, deadline: Duration) -> Problem {
    if let Some(host) = address::refused(error) {
        return Problem::Plaintext(host);
    }
    match error.kind() {
        ErrorKind::RESP3NotSupported => return Problem::TooOld("below 6".into()),
        // Who looks for the master asks as the user does.
        ErrorKind::Server(ServerErrorKind::NoPerm) => {
            let detail = error.to_string();
            return Problem::Forbidden { what: "ask which server is the master", detail };
        }
        // The client library has one kind for all that it finds wrong with what it was given.
        ErrorKind::InvalidClientConfig if error.to_string().contains("does not point to a sentinel") => {
            return Problem::Topology(
                "it names a server and no sentinel; give the sentinels' port (26379), or say `.server(…)` or `redis://`",
            );
        }
        ErrorKind::AuthenticationFailed => return Problem::Unauthorized(error.to_string()),
        _ if matches!(error.code(), Some("WRONGPASS" | "NOAUTH")) => return Problem::Unauthorized(error.to_string()),
        _ if is_passing(error) => return Problem::NotReady(error.to_string()),
        ErrorKind::MasterNameNotFoundBySentinel if !error.to_string().contains(NO_MASTER_UP) => {
            return Problem::UnknownMaster(error.to_string());
        }
        ErrorKind::Server(_) | ErrorKind::Extension => {}
        // Another language than expected shows as silence, or as a line that breaks.
        _ => {
            if let Some(problem) = tls_probe::probe(origin.certificates(), deadline).await {
                return problem;
            }
        }
    }
    tls::tls_problem(error).unwrap_or_else(|| Problem::Unreachable(error.to_string()))
}

/// What the server says while it is busy with itself: data to be read, a script that takes long, a change of masters.
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
        let key = settings.namespace.probe(0);
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
                // In a cluster, the key is at home somewhere else.
                Err(error)
                    if matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask)) => {}
                // The rest would say the same.
                Err(error) if is_passing(&error) => return self.problems.push(Problem::NotReady(error.to_string())),
                Err(error) => self.problems.push(Problem::Forbidden { what, detail: error.to_string() }),
            }
        }
    }

    /// Without this right all works, for as long as nobody makes up tokens.
    async fn check_reads(&mut self, settings: &ConnectionSettings) {
        let key = settings.namespace.probe(0);
        let mut rename = cmd("RENAMENX");
        rename.arg(&key).arg(&key);
        if self.ask(&rename).await.is_err_and(|error| error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)) {
            self.warnings.push(Warning::TracksStrangers);
        }
    }

    /// Fewer than this are no setting for sessions, however few keys there are now.
    async fn check_tracking_table(&mut self) {
        let [info, config] = requests();
        let (Ok(info), Ok(config)) = (self.ask(&info).await, self.ask(&config).await) else { return };
        let Ok(TableFill { keys, limit }) = parse(info, config) else { return };
        if limit > 0 && limit < MIN_CONNECTIONS || (TableFill { keys, limit }).is_full() {
            self.warnings.push(Warning::TrackingTable { keys, limit });
        }
    }

    /// What has the server close connections that are in order.
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
            return self.warnings.push(Warning::Blind);
        };
        let said = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map(|value| value.trim().to_owned())
        };
        let version = said("redis_version").unwrap_or_default();
        // A Valkey says to which Redis it corresponds, and its mode under another name.
        let mode = said("redis_mode").or_else(|| said("server_mode"));
        if version.split('.').next().and_then(|major| major.parse::<u32>().ok()).is_some_and(|major| major < 7) {
            self.problems.push(Problem::TooOld(version));
        }
        match (mode.as_deref(), clustered) {
            (Some("cluster"), false) => self
                .problems
                .push(Problem::Topology("the server is part of a cluster; say `.cluster(…)` or `redis+cluster://`")),
            (Some("standalone"), true) => self
                .problems
                .push(Problem::Topology("the server is not part of a cluster; say `.server(…)` or `redis://`")),
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

    /// Where the user may not ask, the doubt goes without a warning.
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
