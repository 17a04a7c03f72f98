//! The SQL of the store. Everything that varies is a parameter, except the schema.

use std::sync::Arc;

use sqlx::{AssertSqlSafe, SqlSafeStr, SqlStr};

use super::schema::Schema;
use super::watched_lists::list_prefix;

macro_rules! record_columns {
    () => {
        "format, version, nonce, writers, verifier, previous_verifier, previous_accepted_until, previous_replaced_at, \
         created_at, last_seen, idle_timeout, absolute_deadline, persistent, principal, logged_in_at, label"
    };
}

macro_rules! record_columns_of_s {
    () => {
        "s.format, s.version, s.nonce, s.writers, s.verifier, s.previous_verifier, s.previous_accepted_until, \
         s.previous_replaced_at, s.created_at, s.last_seen, s.idle_timeout, s.absolute_deadline, s.persistent, \
         s.principal, s.logged_in_at, s.label"
    };
}

/// Identifies the server that runs the statement.
macro_rules! server {
    () => {
        "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::BIGINT"
    };
}

/// The values of a session as arrays.
macro_rules! values_of {
    ($session:literal) => {
        concat!(
            "(SELECT array_agg(key) AS keys, array_agg(version) AS versions, array_agg(state) AS states, \
             array_agg(json) AS jsons, array_agg(bytes) AS bytes, array_agg(fresh_until) AS fresh_untils \
             FROM $schema.cloakroom_values WHERE session = ",
            $session,
            ")"
        )
    };
}

/// Writes values. The numbers are those of the parameters: the keys, versions, states, JSON texts,
/// bytes and ends of freshness.
macro_rules! put_values {
    ($keys:literal, $versions:literal, $states:literal, $jsons:literal, $bytes:literal, $fresh:literal) => {
        concat!(
            "INSERT INTO $schema.cloakroom_values (session, key, version, state, json, bytes, fresh_until) \
             SELECT session.id, edit.* FROM session, unnest($",
            $keys,
            "::TEXT[], $",
            $versions,
            "::BIGINT[], $",
            $states,
            "::TEXT[], $",
            $jsons,
            "::TEXT[], $",
            $bytes,
            "::BYTEA[], $",
            $fresh,
            "::BIGINT[]) AS edit \
             ON CONFLICT (session, key) DO UPDATE SET version = excluded.version, state = excluded.state, \
             json = excluded.json, bytes = excluded.bytes, fresh_until = excluded.fresh_until"
        )
    };
}

/// Records a change. The parameters are the write, the namespace and the selector.
macro_rules! add_change {
    ($write:literal, $namespace:literal, $selector:literal) => {
        concat!(
            "INSERT INTO $schema.cloakroom_changes (transaction_id, namespace, selector, write) \
             SELECT pg_current_xact_id(), $",
            $namespace,
            ", $",
            $selector,
            ", $",
            $write,
            " FROM session"
        )
    };
}

/// The name of the list of the principal in a column, as [`ListName`](super::watched_lists::ListName)
/// makes it.
macro_rules! list_of {
    ($principal:literal) => {
        concat!("convert_to('", list_prefix!(), "' || ", $principal, ", 'UTF8')")
    };
}

/// The statements for one schema.
#[derive(Debug)]
pub(super) struct Statements {
    /// Reads a live session with its values. Parameters: namespace, selector.
    pub(super) load: Statement,
    /// Locks the row of a session, and reads it without its values. Parameters: namespace, selector.
    pub(super) lock: Statement,
    /// Reads the values of a session, and the time. Parameter: session.
    pub(super) values: Statement,
    /// Inserts a session. Parameters: namespace, selector, the columns of the record (3 to 18), the
    /// idle timeout of the row, its absolute deadline, the values (21 to 26).
    pub(super) insert: Statement,
    /// Changes values of a session whose head is known. Parameters: namespace, selector, version,
    /// nonce, writers, last time seen, the idle timeout of the row, its absolute deadline; the known
    /// version, nonce, verifier and writers; the values (13 to 18).
    pub(super) commit: Statement,
    /// Changes a locked session. Parameters: namespace, the selector and the names of the changed
    /// lists, the columns of the record (3 to 18), the idle timeout of the row, its absolute
    /// deadline, the values (21 to 26), session.
    pub(super) update: Statement,
    /// Restarts idle timeouts. Parameters: namespace, the selectors, the instants, the presented
    /// verifiers or NULL, whether a previous secret is accepted, write.
    pub(super) touch: Statement,
    /// Removes a locked session. Parameters: session, namespace, selector, write.
    pub(super) remove: Statement,
    /// Removes sessions, whatever their secrets are. Parameters: namespace, the selectors, write.
    pub(super) remove_many: Statement,
    /// Serializes the admissions of a principal. Parameters: namespace, principal.
    pub(super) lock_principal: Statement,
    /// Removes the dead among the oldest members. Parameters: namespace, principal, number of
    /// members to look at or NULL for all.
    pub(super) remove_dead_members: Statement,
    /// Removes the dead among the oldest members, and among as many from an arbitrary place.
    /// Parameters: namespace, principal, number of members to look at, a random number, number of
    /// members among which the place is.
    pub(super) remove_some_dead_members: Statement,
    /// Parameters: namespace, principal.
    pub(super) count_members: Statement,
    /// Parameters: namespace, principal, selector.
    pub(super) is_member: Statement,
    /// Parameters: namespace, principal, selector.
    pub(super) add_member: Statement,
    /// The oldest of the members that are older than the newest live ones, without a session itself.
    /// Parameters: namespace, principal, selector, number of live ones, number.
    pub(super) older_than_live: Statement,
    /// Parameters: namespace, principal, the selectors.
    pub(super) remove_members: Statement,
    /// The members after an admission, each with the summary of its session if that is alive.
    /// Parameters: namespace, principal, admission, number.
    pub(super) list_members: Statement,
    /// The rows after a row, whatever their namespace, so that the rows of others in between cost no
    /// more than a page. Parameters: namespace, row, number.
    pub(super) list: Statement,
    pub(super) list_principals: Statement,
    pub(super) count: Statement,
    /// Reads what was changed since a snapshot. Parameters: the snapshot, namespace, whether changed
    /// lists are read too.
    pub(super) changes: Statement,
    /// Makes the row of the feed if it is missing. Parameter: epoch.
    pub(super) begin_feed: Statement,
    /// Removes changes that a snapshot sees. Parameters: the snapshot, number.
    pub(super) remove_changes: Statement,
    /// Whether there are sessions to examine, and changes that a snapshot may see. Parameter: the
    /// snapshot or NULL.
    pub(super) due: Statement,
    /// Examines sessions that may have expired, and removes those that have. Parameters: number, the
    /// instant at which the search begins.
    pub(super) clean: Statement,
    /// Gives the calling transaction the right to clean, if no other one has it. Parameter: the
    /// name of the right.
    pub(super) try_lock: Statement,
    /// Wakes the other nodes. Parameters: channel, payload.
    pub(super) notify: Statement,
}

/// A statement, which a connection prepares once.
#[derive(Clone, Debug)]
pub(super) struct Statement(Arc<str>);

impl Statement {
    pub(super) fn sql(&self) -> SqlStr {
        AssertSqlSafe(Arc::clone(&self.0)).into_sql_str()
    }
}

/// The channel of the notifications.
pub(super) const CHANNEL: &str = "cloakroom";

impl Statements {
    pub(super) fn new(schema: &Schema) -> Self {
        let statement = |text: &str| Statement(text.replace("$schema", &schema.to_string()).into());
        Self {
            load: statement(LOAD),
            lock: statement(LOCK),
            values: statement(VALUES),
            insert: statement(INSERT),
            commit: statement(COMMIT),
            update: statement(UPDATE),
            touch: statement(TOUCH),
            remove: statement(REMOVE),
            remove_many: statement(REMOVE_MANY),
            lock_principal: statement(LOCK_PRINCIPAL),
            remove_dead_members: statement(REMOVE_DEAD_MEMBERS),
            remove_some_dead_members: statement(REMOVE_SOME_DEAD_MEMBERS),
            count_members: statement(COUNT_MEMBERS),
            is_member: statement(IS_MEMBER),
            add_member: statement(ADD_MEMBER),
            older_than_live: statement(OLDER_THAN_LIVE),
            remove_members: statement(REMOVE_MEMBERS),
            list_members: statement(LIST_MEMBERS),
            list: statement(LIST),
            list_principals: statement(LIST_PRINCIPALS),
            count: statement(COUNT),
            changes: statement(CHANGES),
            begin_feed: statement(BEGIN_FEED),
            remove_changes: statement(REMOVE_CHANGES),
            due: statement(DUE),
            clean: statement(CLEAN),
            try_lock: statement("SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))"),
            notify: statement("SELECT pg_notify($1, $2)"),
        }
    }
}

const LOAD: &str = concat!(
    "SELECT ",
    server!(),
    " AS server, ",
    record_columns_of_s!(),
    ", v.* FROM $schema.cloakroom_sessions s, LATERAL ",
    values_of!("s.id"),
    " v WHERE s.namespace = $1 AND s.selector = $2 AND s.expires_at > $schema.cloakroom_now()"
);

const LOCK: &str = concat!(
    "SELECT ",
    server!(),
    " AS server, s.id, $schema.cloakroom_now() AS now, s.expires_at, ",
    record_columns_of_s!(),
    " FROM $schema.cloakroom_sessions s WHERE s.namespace = $1 AND s.selector = $2 FOR UPDATE"
);

const VALUES: &str = concat!("SELECT $schema.cloakroom_now() AS now, v.* FROM ", values_of!("$1"), " v");

const INSERT: &str = concat!(
    "WITH session AS (INSERT INTO $schema.cloakroom_sessions (namespace, selector, ",
    record_columns!(),
    ", expires_at, examine_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
     until, until FROM (SELECT least($schema.cloakroom_now() + $19, $20) AS until) ends \
     ON CONFLICT (selector, namespace) DO NOTHING RETURNING id), value AS (",
    put_values!("21", "22", "23", "24", "25", "26"),
    ") SELECT ",
    server!(),
    " AS server, (SELECT count(*) FROM session) AS count"
);

const COMMIT: &str = concat!(
    "WITH session AS (UPDATE $schema.cloakroom_sessions SET version = $3, nonce = $4, writers = $5, \
     last_seen = greatest(last_seen, $6), expires_at = least($schema.cloakroom_now() + $7, $8) \
     WHERE namespace = $1 AND selector = $2 AND format = 1 AND version = $9 AND nonce = $10 AND verifier = $11 \
     AND writers = $12 AND expires_at > $schema.cloakroom_now() RETURNING id), value AS (",
    put_values!("13", "14", "15", "16", "17", "18"),
    "), change AS (",
    add_change!("4", "1", "2"),
    ") SELECT ",
    server!(),
    " AS server, (SELECT count(*) FROM session) AS count"
);

const UPDATE: &str = concat!(
    "WITH session AS (UPDATE $schema.cloakroom_sessions SET (",
    record_columns!(),
    ", expires_at) = ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, \
     least($schema.cloakroom_now() + $19, $20)) WHERE id = $27 RETURNING id), value AS (",
    put_values!("21", "22", "23", "24", "25", "26"),
    ") INSERT INTO $schema.cloakroom_changes (transaction_id, namespace, selector, write) \
     SELECT pg_current_xact_id(), $1, changed, $5 FROM session, unnest($2::BYTEA[]) AS changed"
);

// The rows are locked in one order, so that two nodes that touch the same sessions wait for each
// other and do not block each other.
const TOUCH: &str = "WITH touched AS (SELECT s.id, touch.seen FROM $schema.cloakroom_sessions s \
     JOIN unnest($2::BYTEA[], $3::BIGINT[], $4::BYTEA[], $5::BOOLEAN[]) AS touch (selector, seen, verifier, accepts_previous) \
     ON s.namespace = $1 AND s.selector = touch.selector \
     WHERE s.format = 1 AND s.last_seen < touch.seen AND s.expires_at > $schema.cloakroom_now() \
     AND (touch.verifier IS NULL OR touch.verifier = s.verifier OR (touch.accepts_previous \
     AND touch.verifier = s.previous_verifier \
     AND s.previous_accepted_until > greatest($schema.cloakroom_now(), touch.seen, s.last_seen))) \
     ORDER BY s.id FOR UPDATE OF s), \
     session AS (UPDATE $schema.cloakroom_sessions s SET last_seen = touched.seen, \
     expires_at = least($schema.cloakroom_now() + least(s.idle_timeout, 4611686018427387904) \
     + least(s.idle_timeout, 4611686018427387904) / 10, \
     CASE WHEN s.absolute_deadline < 0 THEN 9223372036854775807 ELSE s.absolute_deadline END) \
     FROM touched WHERE s.id = touched.id RETURNING s.selector) \
     INSERT INTO $schema.cloakroom_changes (transaction_id, namespace, selector, write) \
     SELECT pg_current_xact_id(), $1, selector, $6 FROM session";

const REMOVE: &str = concat!(
    "WITH session AS (DELETE FROM $schema.cloakroom_sessions WHERE id = $1 RETURNING principal), \
     member AS (DELETE FROM $schema.cloakroom_members WHERE namespace = $2 AND selector = $3) \
     INSERT INTO $schema.cloakroom_changes (transaction_id, namespace, selector, write) \
     SELECT pg_current_xact_id(), $2, changed, $4 FROM session, unnest(ARRAY[$3, ",
    list_of!("principal"),
    "]) AS changed WHERE changed IS NOT NULL"
);

// The selectors are joined, because with `= ANY` the server may compare each row with each of them.
const REMOVE_MANY: &str = concat!(
    "WITH present AS (SELECT s.id FROM $schema.cloakroom_sessions s \
     JOIN unnest($2::BYTEA[]) AS wanted (selector) ON s.selector = wanted.selector AND s.namespace = $1 \
     ORDER BY s.id FOR UPDATE OF s), \
     session AS (DELETE FROM $schema.cloakroom_sessions s USING present WHERE s.id = present.id \
     RETURNING s.selector, s.principal, s.expires_at > $schema.cloakroom_now() AS is_live), \
     member AS (DELETE FROM $schema.cloakroom_members m USING unnest($2::BYTEA[]) AS wanted (selector) \
     WHERE m.selector = wanted.selector AND m.namespace = $1), \
     change AS (INSERT INTO $schema.cloakroom_changes (transaction_id, namespace, selector, write) \
     SELECT pg_current_xact_id(), $1, changed, $3 FROM (SELECT selector AS changed FROM session UNION SELECT ",
    list_of!("principal"),
    " FROM session WHERE principal IS NOT NULL) AS changes) \
     SELECT selector FROM session WHERE is_live"
);

const LOCK_PRINCIPAL: &str =
    "SELECT pg_advisory_xact_lock(hashtextextended('cloakroom' || chr(1) || $1 || chr(1) || $2, 0))";

// The rows are locked in the order of REMOVE_MANY and REMOVE_MEMBERS, so that the calls wait for each
// other and do not block each other. The cleaner waits for nobody.
const REMOVE_DEAD_MEMBERS: &str = "WITH dead AS (SELECT l.admission FROM $schema.cloakroom_members l \
     WHERE l.admission IN (\
     SELECT m.admission FROM (SELECT admission, namespace, selector FROM $schema.cloakroom_members \
     WHERE namespace = $1 AND principal = $2 ORDER BY admission LIMIT $3) m \
     WHERE NOT EXISTS (SELECT 1 FROM $schema.cloakroom_sessions s WHERE s.namespace = m.namespace \
     AND s.selector = m.selector AND s.expires_at > $schema.cloakroom_now())) \
     ORDER BY l.selector FOR UPDATE OF l) \
     DELETE FROM $schema.cloakroom_members m USING dead WHERE m.admission = dead.admission";

// What others remove already is left to them.
const REMOVE_SOME_DEAD_MEMBERS: &str = "WITH dead AS (SELECT l.admission FROM $schema.cloakroom_members l \
     WHERE l.admission IN (SELECT m.admission FROM (\
     (SELECT admission, namespace, selector FROM $schema.cloakroom_members \
     WHERE namespace = $1 AND principal = $2 ORDER BY admission LIMIT $3) UNION ALL \
     (SELECT admission, namespace, selector FROM $schema.cloakroom_members \
     WHERE namespace = $1 AND principal = $2 ORDER BY admission LIMIT $3 OFFSET (\
     SELECT $4::BIGINT % greatest(count(*), 1) FROM (SELECT 1 FROM $schema.cloakroom_members \
     WHERE namespace = $1 AND principal = $2 LIMIT $5) some_members))) m \
     WHERE NOT EXISTS (SELECT 1 FROM $schema.cloakroom_sessions s WHERE s.namespace = m.namespace \
     AND s.selector = m.selector AND s.expires_at > $schema.cloakroom_now())) FOR UPDATE OF l SKIP LOCKED) \
     DELETE FROM $schema.cloakroom_members m USING dead WHERE m.admission = dead.admission";

const COUNT_MEMBERS: &str = "SELECT count(*) FROM $schema.cloakroom_members WHERE namespace = $1 AND principal = $2";

const IS_MEMBER: &str =
    "SELECT count(*) FROM $schema.cloakroom_members WHERE namespace = $1 AND principal = $2 AND selector = $3";

const ADD_MEMBER: &str = "INSERT INTO $schema.cloakroom_members (namespace, principal, selector) VALUES ($1, $2, $3) \
     ON CONFLICT DO NOTHING";

// The live members are counted one by one from the end: the server may turn `EXISTS` into a join with
// all sessions.
const OLDER_THAN_LIVE: &str = "SELECT selector FROM $schema.cloakroom_members \
     WHERE namespace = $1 AND principal = $2 AND selector <> $3 \
     AND admission < CASE $4::BIGINT WHEN 0 THEN 9223372036854775807 ELSE coalesce((\
     SELECT m.admission FROM $schema.cloakroom_members m \
     WHERE m.namespace = $1 AND m.principal = $2 AND m.selector <> $3 \
     AND (SELECT count(*) FROM $schema.cloakroom_sessions s WHERE s.namespace = m.namespace \
     AND s.selector = m.selector AND s.expires_at > $schema.cloakroom_now()) > 0 \
     ORDER BY m.admission DESC LIMIT 1 OFFSET greatest($4::BIGINT - 1, 0)), 0) END \
     ORDER BY admission LIMIT $5";

const REMOVE_MEMBERS: &str = "DELETE FROM $schema.cloakroom_members m USING unnest($3::BYTEA[]) AS wanted (selector) \
     WHERE m.selector = wanted.selector AND m.principal = $2 AND m.namespace = $1";

const LIST_MEMBERS: &str = "SELECT m.admission, m.selector, s.format, s.created_at, s.last_seen, s.idle_timeout, \
     s.absolute_deadline, s.persistent, s.principal, s.logged_in_at, s.label \
     FROM $schema.cloakroom_members m LEFT JOIN $schema.cloakroom_sessions s \
     ON s.namespace = m.namespace AND s.selector = m.selector AND s.expires_at > $schema.cloakroom_now() \
     WHERE m.namespace = $1 AND m.principal = $2 AND m.admission > $3 ORDER BY m.admission LIMIT $4";

const LIST: &str = "SELECT id, selector, namespace = $1 AS is_listed FROM $schema.cloakroom_sessions WHERE id > $2 \
     ORDER BY id LIMIT $3";

// The first member of each principal among the members after an admission, whatever their namespace,
// so that the rows of others in between cost no more than a page.
const LIST_PRINCIPALS: &str = "SELECT m.admission, m.principal, m.namespace = $1 AND NOT EXISTS (\
     SELECT 1 FROM $schema.cloakroom_members f WHERE f.principal = m.principal AND f.namespace = m.namespace \
     AND f.admission < m.admission) AS is_listed \
     FROM $schema.cloakroom_members m WHERE m.admission > $2 ORDER BY m.admission LIMIT $3";

const COUNT: &str = "SELECT count(*) FROM $schema.cloakroom_sessions \
     WHERE namespace = $1 AND expires_at > $schema.cloakroom_now()";

// A snapshot does not see the transactions that came after it and those that were running. To name
// them makes the server read no others, even beside a transaction that runs for hours. The last
// snapshot has seen all that was removed if none of the transactions that it does not see is one
// that the removal saw.
const CHANGES: &str = concat!(
    "SELECT ",
    server!(),
    " AS server, pg_is_in_recovery() AS is_standby, $schema.cloakroom_now() AS now, \
     pg_current_snapshot()::TEXT AS snapshot, feed.epoch, \
     pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT) >= pg_snapshot_xmax(feed.removed) AND NOT EXISTS (\
     SELECT 1 FROM pg_snapshot_xip($1::TEXT::PG_SNAPSHOT) AS running (id) \
     WHERE pg_visible_in_snapshot(running.id, feed.removed)) AS is_complete, \
     changed.* FROM (SELECT array_agg(selector) AS selectors, array_agg(write) AS writes FROM $schema.cloakroom_changes \
     WHERE namespace = $2 AND ($3 OR length(selector) = 16) \
     AND (transaction_id >= pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT) \
     OR transaction_id = ANY (ARRAY(SELECT pg_snapshot_xip($1::TEXT::PG_SNAPSHOT))))) changed \
     LEFT JOIN $schema.cloakroom_feed feed ON feed.id = 1"
);

const BEGIN_FEED: &str = "INSERT INTO $schema.cloakroom_feed (id, epoch, removed) \
     VALUES (1, $1, '1:1:') ON CONFLICT DO NOTHING";

// Two snapshots may have the same end and see different transactions, so the mark moves only to one
// that sees all that the present one sees.
const REMOVE_CHANGES: &str = "WITH feed AS (UPDATE $schema.cloakroom_feed SET removed = $1::TEXT::PG_SNAPSHOT \
     WHERE id = 1 AND pg_snapshot_xmax(removed) <= pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT) \
     AND NOT EXISTS (SELECT 1 FROM pg_snapshot_xip($1::TEXT::PG_SNAPSHOT) AS running (id) \
     WHERE pg_visible_in_snapshot(running.id, removed))) \
     DELETE FROM $schema.cloakroom_changes WHERE ctid = ANY (ARRAY(SELECT ctid FROM $schema.cloakroom_changes \
     WHERE transaction_id < pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT) \
     AND pg_visible_in_snapshot(transaction_id, $1::TEXT::PG_SNAPSHOT) LIMIT $2))";

// The first of each index, because the server may read a whole table to find out whether a row exists.
const DUE: &str = "SELECT coalesce((SELECT min(examine_at) FROM $schema.cloakroom_sessions) \
     <= $schema.cloakroom_now(), false) AS sessions, \
     coalesce((SELECT transaction_id FROM $schema.cloakroom_changes ORDER BY transaction_id LIMIT 1) \
     < pg_snapshot_xmax($1::TEXT::PG_SNAPSHOT), false) AS changes";

// The cleaner waits for no lock: an admission, and the end of sessions, may hold members that it
// wants, and want others that it holds. What it leaves behind is found at a later login.
// Without its beginning, each search would first pass the index entries of all that were removed
// before, until the next vacuum.
const CLEAN: &str = "WITH examined AS (SELECT id, namespace, selector, examine_at, \
     expires_at <= $schema.cloakroom_now() AS is_over FROM $schema.cloakroom_sessions \
     WHERE examine_at >= $2 AND examine_at <= (SELECT $schema.cloakroom_now()) \
     ORDER BY examine_at LIMIT $1 FOR UPDATE SKIP LOCKED), \
     dead AS (DELETE FROM $schema.cloakroom_sessions s USING examined e WHERE s.id = e.id AND e.is_over), \
     orphan AS (SELECT m.admission FROM $schema.cloakroom_members m JOIN examined e \
     ON m.namespace = e.namespace AND m.selector = e.selector WHERE e.is_over FOR UPDATE OF m SKIP LOCKED), \
     member AS (DELETE FROM $schema.cloakroom_members m USING orphan o WHERE m.admission = o.admission), \
     alive AS (UPDATE $schema.cloakroom_sessions s SET examine_at = expires_at FROM examined e \
     WHERE s.id = e.id AND NOT e.is_over) \
     SELECT count(*) AS examined, max(examine_at) AS last FROM examined";

#[cfg(test)]
mod tests {
    use cloakroom_testbed::Postgres;
    use sqlx::{Connection, Executor, PgConnection};

    use super::*;
    use crate::postgres::rows::PgQuery;

    #[tokio::test]
    async fn the_mark_of_removed_changes_never_goes_back() -> Result<(), Box<dyn std::error::Error>> {
        let server = Postgres::start().await?;
        let mut connection = PgConnection::connect(&server.url()).await?;
        connection.execute(include_str!("../../migrations/postgres/1_sessions.sql")).await?;
        let statements = Statements::new(&"public".parse()?);
        sqlx::query(statements.begin_feed.sql()).bind(1_i64).execute(&mut connection).await?;
        // The second one has the same end as the first, and sees one transaction more; the third has
        // a later end and sees one less.
        for (snapshot, expected) in [
            ("763:765:763", "763:765:763"),
            ("765:765:", "765:765:"),
            ("763:765:763", "765:765:"),
            ("764:770:764", "765:765:"),
            ("770:770:", "770:770:"),
            ("765:765:", "770:770:"),
        ] {
            sqlx::query(statements.remove_changes.sql()).bind(snapshot).bind(1_i64).execute(&mut connection).await?;
            let mark = sqlx::query_scalar::<_, String>("SELECT removed::TEXT FROM cloakroom_feed");
            assert_eq!(mark.fetch_one(&mut connection).await?, expected, "after {snapshot}");
        }
        Ok(())
    }

    /// Runs a statement on a connection of its own. Returns `true` if it met a deadlock.
    async fn meets_deadlock(connection: &mut PgConnection, query: PgQuery<'static>) -> sqlx::Result<bool> {
        match query.execute(connection).await {
            Ok(_) => Ok(false),
            Err(error) if error.as_database_error().is_some_and(|error| error.code().as_deref() == Some("40P01")) => {
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    #[tokio::test]
    async fn a_login_and_two_cleaners_that_remove_the_same_members_block_each_other_never()
    -> Result<(), Box<dyn std::error::Error>> {
        const ROUNDS: i64 = 100;
        let server = Postgres::builder().setting("deadlock_timeout", "10ms").start().await?;
        let mut connections = Vec::new();
        for _ in 0..3 {
            connections.push(PgConnection::connect(&server.url()).await?);
        }
        let [login, cleaner, other] = &mut connections[..] else { unreachable!() };
        login.execute(include_str!("../../migrations/postgres/1_sessions.sql")).await?;
        let statements = Statements::new(&"public".parse()?);
        let mut deadlocks = 0;
        for round in 0..ROUNDS {
            let expired = "WITH expired AS (INSERT INTO cloakroom_sessions (namespace, selector, format, version, nonce, \
                 writers, verifier, created_at, last_seen, idle_timeout, absolute_deadline, persistent, expires_at, \
                 examine_at) SELECT 'default', decode(md5($1 || ' ' || n), 'hex'), 1, 1, 1, '\\x', '\\x', 0, 0, 0, 0, \
                 false, 1, 1000 - n FROM generate_series(1, 1000) n RETURNING selector) \
                 INSERT INTO cloakroom_members (namespace, principal, selector) \
                 SELECT 'default', 'ada', selector FROM expired ORDER BY selector";
            sqlx::query(expired).bind(round.to_string()).execute(&mut *login).await?;
            let remove =
                sqlx::query(statements.remove_dead_members.sql()).bind("default").bind("ada").bind(None::<i64>);
            let clean = || sqlx::query(statements.clean.sql()).bind(300_i64).bind(i64::MIN);
            let outcomes = tokio::try_join!(
                meets_deadlock(login, remove),
                meets_deadlock(cleaner, clean()),
                meets_deadlock(other, clean()),
            )?;
            deadlocks += [outcomes.0, outcomes.1, outcomes.2].into_iter().filter(|is_met| *is_met).count();
        }
        assert_eq!(deadlocks, 0, "of {ROUNDS} rounds");
        Ok(())
    }
}
