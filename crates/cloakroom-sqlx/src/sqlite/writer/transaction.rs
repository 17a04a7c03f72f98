use sqlx::pool::PoolConnection;
use sqlx::sqlite::SqliteRow;
use sqlx::{Sqlite, SqliteConnection};

use crate::sqlite::rows::Statement;
use crate::sqlite::statements::{BEGIN, ROLL_BACK};

/// A transaction that locks the database from its beginning: one that did so with its first write
/// would fail if another program wrote after it had read.
///
/// Not the one of `sqlx`, which takes the connection to be in a transaction for ever after SQLite
/// itself has rolled one back, as it does when the disk is full. It also begins and commits together
/// with other statements, because each call to the connection's thread takes longer than most of
/// them.
pub(super) struct OpenTransaction<'c> {
    connection: &'c mut PoolConnection<Sqlite>,
    is_open: bool,
}

/// How a transaction ended that was not committed, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    RolledBack,
    /// SQLite has ended it before. Whether it was committed depends on the error.
    Before,
}

impl<'c> OpenTransaction<'c> {
    pub(super) async fn begin(connection: &'c mut PoolConnection<Sqlite>) -> sqlx::Result<Self> {
        let mut transaction = Self { connection, is_open: true };
        match transaction.execute(sqlx::query(BEGIN)).await {
            Ok(()) => Ok(transaction),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }

    /// Runs a statement that begins the transaction and then reads.
    ///
    /// If that fails, it ends a transaction that the application left open on a connection of its
    /// pool: no other call could write there.
    pub(super) async fn begin_and_read(
        connection: &'c mut PoolConnection<Sqlite>,
        statement: Statement,
    ) -> sqlx::Result<(Self, Vec<SqliteRow>)> {
        let transaction = Self { connection, is_open: true };
        match statement.fetch_all(&mut **transaction.connection).await {
            Ok(rows) => Ok((transaction, rows)),
            Err(error) => {
                transaction.roll_back().await;
                Err(error)
            }
        }
    }

    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        self.connection
    }

    /// Commits by a statement that is the commit or ends with it.
    pub(super) async fn commit(mut self, statement: Statement) -> Result<(), (sqlx::Error, Ended)> {
        match self.execute(statement).await {
            Ok(()) => {
                self.is_open = false;
                Ok(())
            }
            Err(error) => Err((error, self.roll_back().await)),
        }
    }

    /// It fails if SQLite has ended the transaction by itself, and if the connection broke, which
    /// ends it as well.
    pub(super) async fn roll_back(mut self) -> Ended {
        let result = self.execute(sqlx::query(ROLL_BACK)).await;
        self.is_open = false;
        if result.is_ok() { Ended::RolledBack } else { Ended::Before }
    }

    async fn execute(&mut self, statement: Statement) -> sqlx::Result<()> {
        statement.execute(&mut **self.connection).await.map(drop)
    }
}

/// Closes the connection if it was left in the middle of the transaction, because the runtime ended
/// or a call panicked.
impl Drop for OpenTransaction<'_> {
    fn drop(&mut self) {
        if self.is_open {
            self.connection.close_on_drop();
        }
    }
}
