use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqliteConnection, SqlitePool};
use tokio::time::timeout;

/// A transaction that locks the database from its beginning: one that did so with its first write
/// would fail if another program wrote after it had read.
///
/// Not the one of `sqlx`, which takes the connection to be in a transaction for ever after SQLite
/// itself has rolled one back, as it does when the disk is full.
pub(super) struct OpenTransaction {
    connection: PoolConnection<Sqlite>,
    is_open: bool,
}

impl OpenTransaction {
    /// Begins a transaction. Waits for a connection of the pool up to `patience`: the application
    /// may hold all of them.
    pub(super) async fn begin(pool: &SqlitePool, patience: Duration) -> sqlx::Result<Self> {
        let connection = timeout(patience, pool.acquire()).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        let mut transaction = Self { connection, is_open: true };
        match transaction.execute("BEGIN IMMEDIATE").await {
            Ok(()) => Ok(transaction),
            Err(error) => {
                transaction.is_open = false;
                Err(error)
            }
        }
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Commits, or rolls back and returns the error that prevented it.
    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        match self.execute("COMMIT").await {
            Ok(()) => {
                self.is_open = false;
                Ok(())
            }
            Err(error) => {
                self.roll_back().await;
                Err(error)
            }
        }
    }

    pub(super) async fn roll_back(mut self) {
        // It fails if SQLite has rolled the transaction back by itself, and if the connection
        // broke, which ends it as well.
        drop(self.execute("ROLLBACK").await);
        self.is_open = false;
    }

    async fn execute(&mut self, sql: &'static str) -> sqlx::Result<()> {
        sqlx::query(sql).execute(&mut *self.connection).await.map(drop)
    }
}

/// Closes the connection if it was left in the middle of the transaction, because the runtime ended
/// or a call panicked.
impl Drop for OpenTransaction {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}
