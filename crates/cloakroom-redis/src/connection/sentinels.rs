use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::task::JoinSet;

use super::supervisor::is_master;
use crate::address;

/// The client library uses the same text.
const NO_SENTINEL: &str = "Address does not point to a sentinel node";

/// The sentinels know the name, but its server is down or no longer a master.
pub(crate) const NO_MASTER_UP: &str = "no sentinel reports a live master of this name";

/// Looks up the current master with sentinels.
///
/// Replaces the client library's lookup, which contacts the server that a sentinel names, password
/// first, before its address can be checked.
#[derive(Clone)]
pub(super) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    /// All settings of a watched server except its address.
    server: ConnectionInfo,
    master: String,
    plaintext: bool,
}

impl Sentinels {
    /// Credentials and database are those of the watched servers as well; sentinels have no
    /// databases.
    pub(super) fn new(first: &ConnectionInfo, more: &[ConnectionInfo], master: String, plaintext: bool) -> Self {
        let of_sentinel =
            |info: &ConnectionInfo| info.clone().set_redis_settings(info.redis_settings().clone().set_db(0));
        let sentinels = std::iter::once(first).chain(more).map(of_sentinel).collect();
        Self { sentinels, server: first.clone(), master, plaintext }
    }

    /// Queries all sentinels at once. Returns the first server that a sentinel names and that
    /// confirms that it is the master.
    pub(super) async fn master(&self) -> RedisResult<ConnectionInfo> {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            let (myself, sentinel) = (self.clone(), sentinel.clone());
            asked.spawn(async move { myself.master_by(sentinel).await });
        }
        let mut failure = None;
        while let Some(answer) = asked.join_next().await {
            match answer {
                Ok(Ok(master)) => return Ok(master),
                // An error of a server that was named is more specific than that no sentinel named
                // one.
                Ok(Err(error)) if failure.is_none() || !is_unknown(&error) => failure = Some(error),
                _ => {}
            }
        }
        Err(failure.unwrap_or_else(|| unknown(NO_MASTER_UP)))
    }

    /// Returns `true` if most of the sentinels name another server, and that server confirms that
    /// it is the master.
    ///
    /// A single sentinel may be cut off from the others, together with a master that they have
    /// replaced.
    pub(super) async fn agree_on_other_master(&self, present: &ConnectionAddr) -> bool {
        let mut asked = JoinSet::new();
        for sentinel in &self.sentinels {
            let (myself, sentinel, present) = (self.clone(), sentinel.clone(), present.clone());
            asked.spawn(async move {
                let named = myself.named_by(sentinel).await?;
                if named.addr() == &present { Ok(false) } else { is_master_at(named).await }
            });
        }
        let mut naming_another = 0;
        while let Some(answer) = asked.join_next().await {
            naming_another += usize::from(matches!(answer, Ok(Ok(true))));
            if 2 * naming_another > self.sentinels.len() {
                return true;
            }
        }
        false
    }

    /// The server that a sentinel names, if the server confirms that it is the master.
    async fn master_by(&self, sentinel: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        let named = self.named_by(sentinel).await?;
        if is_master_at(named.clone()).await? { Ok(named) } else { Err(unknown(NO_MASTER_UP)) }
    }

    /// The server that a sentinel names.
    async fn named_by(&self, sentinel: ConnectionInfo) -> RedisResult<ConnectionInfo> {
        let mut connection = connect(sentinel).await?;
        match cmd("ROLE").query_async(&mut connection).await? {
            Value::Array(role) if role.first() == Some(&Value::BulkString(b"sentinel".to_vec())) => {}
            _ => return Err(RedisError::from((ErrorKind::InvalidClientConfig, NO_SENTINEL))),
        }
        let masters: Vec<HashMap<String, String>> = cmd("SENTINEL").arg("MASTERS").query_async(&mut connection).await?;
        if masters.iter().all(|said| said.get("name") != Some(&self.master)) {
            return Err(unknown("master name not found: no sentinel watches a master of this name"));
        }
        let (host, port) =
            masters.iter().find_map(|said| self.address_of(said)).ok_or_else(|| unknown(NO_MASTER_UP))?;
        let master = address::at(&self.server, host, port);
        address::refuse_plaintext(&master, self.plaintext)?;
        Ok(master)
    }

    fn address_of(&self, said: &HashMap<String, String>) -> Option<(String, u16)> {
        let is_down = |flags: &String| flags.contains("s_down") || flags.contains("o_down");
        let flags = said.get("flags").filter(|flags| flags.contains("master") && !is_down(flags));
        (said.get("name") == Some(&self.master) && flags.is_some())
            .then(|| Some((said.get("ip")?.clone(), said.get("port")?.parse().ok()?)))?
    }
}

async fn is_master_at(server: ConnectionInfo) -> RedisResult<bool> {
    Ok(is_master(&cmd("ROLE").query_async(&mut connect(server).await?).await?))
}

async fn connect(info: ConnectionInfo) -> RedisResult<MultiplexedConnection> {
    Client::open(info)?.get_multiplexed_async_connection().await
}

fn unknown(why: &'static str) -> RedisError {
    RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, why))
}

fn is_unknown(error: &RedisError) -> bool {
    error.kind() == ErrorKind::MasterNameNotFoundBySentinel
}
