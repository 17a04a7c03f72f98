//! The removal of what has expired.

use std::time::{Duration, Instant};

use cloakroom::store::{Guard, Store, Touch};

use crate::database::Database;
use crate::samples::{insert, record_living, selector};
use crate::support::until;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The most sessions that the store examines in one transaction.
const EXAMINED: i64 = 1000;

/// Adds `rows` sessions that end after a day, one per millisecond, each with a value and every tenth
/// with a principal: more than a test can create one by one.
async fn add_rows(database: &Database, schema: &str, rows: i64) {
    let (created, ends) = (database.now().as_millis(), database.now().after(DAY).as_millis());
    // Without the checks of foreign keys, which take longer than everything else.
    let add = format!(
        "BEGIN; SET LOCAL session_replication_role = replica; \
         INSERT INTO {schema}.cloakroom_sessions (namespace, selector, format, version, nonce, writers, verifier, \
         created_at, last_seen, idle_timeout, absolute_deadline, persistent, expires_at, examine_at) \
         SELECT 'default', decode(md5(n::TEXT), 'hex'), 1, 1, 1, '\\x0000000000000000', decode(md5(n::TEXT), 'hex'), \
         {created}, {created}, 86400000, -1, false, {ends} + n, {ends} + n FROM generate_series(1, {rows}) n; \
         INSERT INTO {schema}.cloakroom_values (session, key, version, state, json) \
         SELECT id, 'cart', 1, 'present', '{{\"items\": {{\"tea\": 2, \"cups\": 4}}}}' FROM {schema}.cloakroom_sessions; \
         INSERT INTO {schema}.cloakroom_members (namespace, principal, selector) \
         SELECT namespace, 'user ' || id, selector FROM {schema}.cloakroom_sessions WHERE id % 10 = 0; COMMIT"
    );
    database.execute(&add).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_expired_is_removed_in_short_transactions_and_nothing_else() {
    let database = Database::start_counting().await;
    let schema = database.schema().await;
    let rows: i64 = std::env::var("CLOAKROOM_EXPIRED_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(10_000);
    add_rows(&database, &schema, rows).await;
    let store = database.builder(&schema).connect(&database.url_of("node").await).await.expect("the server runs");
    // They are to be examined, and are alive: they are seen again before they would end.
    let idle = DAY + Duration::from_millis(u64::try_from(rows).expect("a number of rows"));
    for place in 0..10 {
        insert(&store, place, record_living(database.now(), idle)).await;
    }
    let cleaned = async || database.calls("node").await.get("clean").copied().unwrap_or_default();
    let (before, cleaned_before) = (Sizes::of(&database, &schema).await, cleaned().await);
    database.advance(idle).await;
    let seen = |place| Touch::new(selector(place), Guard::Anyone, database.now());
    store.touch((0..10).map(seen).collect()).await.expect("it can be written");
    database.advance(idle / 2).await;

    until("the cleaner begins", async || cleaned().await > cleaned_before).await;
    let (mut longest, began) = (0, Instant::now());
    let limit = Duration::from_secs(60).max(Duration::from_millis(u64::try_from(rows).expect("a number of rows")));
    while (cleaned().await - cleaned_before) * EXAMINED < rows {
        assert!(began.elapsed() < limit, "expired rows are left after {:?}", began.elapsed());
        longest = longest.max(database.number(LONGEST).await);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{rows} expired rows removed within {:?}; a transaction took up to {longest} ms", began.elapsed());
    println!("{}", before.growth(&Sizes::of(&database, &schema).await));
    println!("{}", database.text(STATEMENT).await);
    let left = |table: &str| format!("SELECT count(*) FROM {schema}.cloakroom_{table}");
    until("only the living are left", async || database.number(&left("sessions")).await == 10).await;
    for table in ["values", "members"] {
        assert_eq!(database.number(&left(table)).await, 0, "{table}");
    }
    let alive = store.load(selector(3)).await.expect("it is readable");
    assert!(alive.is_some(), "a session that was seen in time is kept");
}

/// The age of the oldest transaction of a store, in milliseconds.
const LONGEST: &str = "SELECT coalesce(max(extract(epoch FROM clock_timestamp() - xact_start)) * 1000, 0)::BIGINT \
     FROM pg_stat_activity WHERE application_name = 'cloakroom'";

/// What the server says about the statement that removes.
const STATEMENT: &str = "SELECT format('%s statements, %s ms on average and %s ms at most', calls, \
     round(mean_exec_time::NUMERIC, 1), round(max_exec_time::NUMERIC, 1)) \
     FROM pg_stat_statements WHERE query LIKE 'WITH examined%' AND calls > 0 ORDER BY calls DESC LIMIT 1";

/// What removing takes besides time.
struct Sizes {
    /// The position in the write-ahead log.
    log: i64,
    /// The bytes of the tables with their indexes.
    tables: i64,
    dead: i64,
}

impl Sizes {
    async fn of(database: &Database, schema: &str) -> Self {
        let tables = format!("FROM pg_stat_user_tables WHERE schemaname = '{schema}'");
        Self {
            log: database.number("SELECT (pg_current_wal_lsn() - '0/0')::BIGINT").await,
            tables: database.number(&format!("SELECT sum(pg_total_relation_size(relid))::BIGINT {tables}")).await,
            dead: database.number(&format!("SELECT sum(n_dead_tup)::BIGINT {tables}")).await,
        }
    }

    fn growth(&self, later: &Self) -> String {
        let mib = |bytes: i64| bytes / (1 << 20);
        format!(
            "{} MiB of write-ahead log; tables of {} MiB before and {} MiB after; {} dead rows before and {} after",
            mib(later.log - self.log),
            mib(self.tables),
            mib(later.tables),
            self.dead,
            later.dead
        )
    }
}
