//! Compares two layouts of a session in SQLite: one document, and a row per value.
//!
//! `cargo run --release -p cloakroom-sqlx --features sqlite --example layouts` prints the medians of
//! a commit of one value and of a load of all values, in microseconds, on a file in the present
//! folder.
#![expect(clippy::print_stdout, reason = "it prints a table")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use serde_json::value::RawValue;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor, Row};

type Outcome<T = ()> = Result<T, Box<dyn Error>>;

/// Large enough to lie beyond the page cache of a connection.
const SESSIONS: i64 = 2000;
const ROUNDS: i64 = 4000;

const SCHEMA: &str = "
    CREATE TABLE s (id INTEGER PRIMARY KEY, selector BLOB UNIQUE, version INTEGER, header BLOB, document TEXT) STRICT;
    CREATE TABLE v (session INTEGER, key TEXT, version INTEGER, payload TEXT, PRIMARY KEY (session, key)) STRICT";
const INSERT: &str = "INSERT INTO s VALUES (?, ?, 1, zeroblob(200), ?)";
const INSERT_VALUE: &str = "INSERT INTO v VALUES (?, ?, 1, ?)";
const LOAD_DOCUMENT: &str = "SELECT id, version, header, document FROM s WHERE selector = ?";
const LOAD_ROWS: &str = "SELECT s.id, s.version, s.header, v.key, v.version, v.payload \
     FROM s LEFT JOIN v ON v.session = s.id WHERE selector = ?";
const LOAD_VERSIONS: &str = "SELECT s.id, s.version, s.header, v.key, v.version \
     FROM s LEFT JOIN v ON v.session = s.id WHERE selector = ?";
const UPDATE_DOCUMENT: &str = "UPDATE s SET version = version + 1, document = ? WHERE id = ?";
const UPDATE_HEADER: &str = "UPDATE s SET version = version + 1, header = zeroblob(200) WHERE id = ?";
const UPDATE_VALUE: &str = "UPDATE v SET version = version + 1, payload = ? WHERE session = ? AND key = 'value0'";

#[derive(Clone, Copy, Debug)]
enum Layout {
    Document,
    Rows,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    println!("values  bytes  layout    commit  load");
    for bytes in [100, 4096] {
        for count in [1, 4, 16] {
            for layout in [Layout::Document, Layout::Rows] {
                let (commit, load) = measure(layout, count, bytes).await?;
                println!("{count:>6} {bytes:>6}  {:<8} {commit:>7.0} {load:>5.0}", format!("{layout:?}"));
            }
        }
    }
    Ok(())
}

async fn measure(layout: Layout, count: usize, bytes: usize) -> Outcome<(f64, f64)> {
    let folder = tempfile::tempdir_in(".")?;
    let mut connection = SqliteConnectOptions::new()
        .filename(folder.path().join("sessions.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Normal)
        .disable_statement_logging()
        .connect()
        .await?;
    connection.execute(sqlx::raw_sql(SCHEMA)).await?;
    let payload = format!("\"{}\"", "x".repeat(bytes - 2));
    fill(&mut connection, layout, count, &payload).await?;
    let (mut commits, mut loads) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let began = Instant::now();
        commit(&mut connection, layout, selector(round * 7919 % SESSIONS), &payload).await?;
        commits.push(began.elapsed().as_secs_f64() * 1e6);
        let began = Instant::now();
        let read = load(&mut connection, layout, selector(round * 5309 % SESSIONS)).await?;
        loads.push(began.elapsed().as_secs_f64() * 1e6);
        assert_eq!(read, count * bytes);
    }
    connection.close().await?;
    Ok((median(commits), median(loads)))
}

async fn fill(connection: &mut SqliteConnection, layout: Layout, count: usize, payload: &str) -> Outcome {
    let values: Vec<_> = (0..count).map(|value| (format!("value{value}"), payload)).collect();
    let json = |(key, payload): &(String, &str)| format!("\"{key}\":{payload}");
    let document = format!("{{{}}}", values.iter().map(json).collect::<Vec<_>>().join(","));
    let mut transaction = connection.begin().await?;
    for id in 0..SESSIONS {
        let document = matches!(layout, Layout::Document).then_some(&document);
        sqlx::query(INSERT).bind(id).bind(selector(id)).bind(document).execute(&mut *transaction).await?;
        for (key, payload) in values.iter().filter(|_| document.is_none()) {
            sqlx::query(INSERT_VALUE).bind(id).bind(key).bind(*payload).execute(&mut *transaction).await?;
        }
    }
    Ok(transaction.commit().await?)
}

async fn commit(connection: &mut SqliteConnection, layout: Layout, selector: Vec<u8>, payload: &str) -> Outcome {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    match layout {
        Layout::Document => {
            let row = sqlx::query(LOAD_DOCUMENT).bind(selector).fetch_one(&mut *transaction).await?;
            let mut values: BTreeMap<&str, &RawValue> = serde_json::from_str(row.try_get(3)?)?;
            values.insert("value0", serde_json::from_str(payload)?);
            let document = serde_json::to_string(&values)?;
            let id: i64 = row.try_get(0)?;
            sqlx::query(UPDATE_DOCUMENT).bind(document).bind(id).execute(&mut *transaction).await?;
        }
        Layout::Rows => {
            let rows = sqlx::query(LOAD_VERSIONS).bind(selector).fetch_all(&mut *transaction).await?;
            let id: i64 = rows[0].try_get(0)?;
            sqlx::query(UPDATE_HEADER).bind(id).execute(&mut *transaction).await?;
            sqlx::query(UPDATE_VALUE).bind(payload).bind(id).execute(&mut *transaction).await?;
        }
    }
    Ok(transaction.commit().await?)
}

/// Returns the number of bytes of all values.
async fn load(connection: &mut SqliteConnection, layout: Layout, selector: Vec<u8>) -> Outcome<usize> {
    match layout {
        Layout::Document => {
            let row = sqlx::query(LOAD_DOCUMENT).bind(selector).fetch_one(connection).await?;
            let values: BTreeMap<&str, &RawValue> = serde_json::from_str(row.try_get(3)?)?;
            Ok(values.values().map(|value| value.get().len()).sum())
        }
        Layout::Rows => {
            let rows = sqlx::query(LOAD_ROWS).bind(selector).fetch_all(connection).await?;
            rows.iter().map(|row| Ok(row.try_get::<&str, _>(5)?.len())).sum()
        }
    }
}

/// Spread over the index, as random ones are.
fn selector(id: i64) -> Vec<u8> {
    let spread = 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835_u128;
    u128::from(id.cast_unsigned()).wrapping_mul(spread).to_be_bytes().to_vec()
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
