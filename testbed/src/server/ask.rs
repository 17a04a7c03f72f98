//! Commands that a test sends to a server, on a connection that is not under test.

use super::Server;
use crate::{CommandCounts, Error, admin};
use redis::{Cmd, Value};
use std::{collections::BTreeMap, time::Duration};

impl Server {
    /// Runs a command given as words, such as `["CONFIG", "SET", "maxmemory", "1mb"]`.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] when the server answers with an error, or not within 5 s.
    pub async fn command(&self, words: &[&str]) -> Result<Value, Error> {
        self.query(&words_of(words)?).await
    }

    /// Runs a command whose arguments need not be text.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn query(&self, command: &Cmd) -> Result<Value, Error> {
        admin::ask(self.port, command).await
    }

    /// Like [`command`](Self::command), for a reply that is one string.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command), and [`Error::Unexpected`] for any other kind of reply.
    pub async fn text(&self, words: &[&str]) -> Result<String, Error> {
        admin::text(self.command(words).await?)
    }

    pub(crate) async fn text_within(&self, limit: Duration, words: &[&str]) -> Result<String, Error> {
        admin::text(admin::ask_within(limit, self.port, &words_of(words)?).await?)
    }

    /// One section of `INFO`, by field.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn info(&self, section: &str) -> Result<BTreeMap<String, String>, Error> {
        let text = self.text(&["INFO", section]).await?;
        let field = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(text.lines().filter_map(field).collect())
    }

    /// Number of calls of each command since the server started, including those inside scripts.
    ///
    /// The testbed's own `auth` and `info` count too. To count what one client sent, put a
    /// [`Proxy`](crate::Proxy) in between.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn command_counts(&self) -> Result<CommandCounts, Error> {
        Ok(CommandCounts::from_info(&self.text(&["INFO", "commandstats"]).await?))
    }

    /// Number of calls of each named command since `before`; a restart in between resets the
    /// counters.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub async fn commands_since(&self, before: &CommandCounts, names: &[&str]) -> Result<CommandCounts, Error> {
        Ok(self.command_counts().await?.since(before).only(names))
    }
}

fn words_of(words: &[&str]) -> Result<Cmd, Error> {
    let Some((name, arguments)) = words.split_first() else {
        return Err(Error::Setting { field: "words", remedy: "pass at least the name of the command" });
    };
    let mut command = redis::cmd(name);
    command.arg(arguments);
    Ok(command)
}
