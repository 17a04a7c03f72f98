use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, Value, cmd};
use tokio::task::JoinSet;

use super::supervisor::is_master;
use crate::address;

/// How the client library says it as well.
const NO_SENTINEL: &str = "Address does not point to a sentinel node";

/// The name is known, and whoever it means is down, or is no master any more.
pub(crate) const NO_MASTER_UP: &str = "no sentinel names a master of this name that is up";

/// Those who know which server is the master.
///
/// Not the client library's, which talks to the server that a sentinel names, password first, before anybody can look at
/// the address.
#[derive(Clone)]
pub(super) struct Sentinels {
    sentinels: Vec<ConnectionInfo>,
    /// Everything but the address of a watched server.
    server: ConnectionInfo,
    master: String,
    plaintext: bool,
}

impl Sentinels {
    /// Credentials and database hold for the watched servers as well; sentinels know no databases.
    pub(super) fn new(first: &ConnectionInfo, more: &[ConnectionInfo], master: String, plaintext: bool) -> Self {
        let of_sentinel =
            |info: &ConnectionInfo| info.clone().set_redis_settings(info.redis_settings().clone().set_db(0));
        let sentinels = std::iter::once(first).chain(more).map(of_sentinel).collect();
        Self { sentinels, server: first.clone(), master, plaintext }
    }

    /// Asks all at once. The first that names a server which agrees that it is the master is believed.
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
                // What is wrong with a server that was named says more than that nobody names one.
                Ok(Err(error)) if failure.is_none() || !is_unknown(&error) => failure = Some(error),
                _ => {}
            }
        }
        Err(failure.unwrap_or_else(|| unknown(NO_MASTER_UP)))
    }

    /// Whether most of the sentinels name another server than this one that agrees to be the master.
    ///
    /// One alone may be cut off from the others, together with a master that they have replaced.
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

    /// The server that a sentinel names, if it agrees that it is the master.
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
            return Err(unknown("master name not found: no sentinel watches one of this name"));
        }
        let (host, port) = masters.iter().find_map(|said| self.index_of(said)).ok_or_else(|| unknown(NO_MASTER_UP))?;
        let master = address::at(&self.server, host, port);
        address::refuse_plaintext(&master, self.plaintext)?;
        Ok(master)
    }

    fn index_of(&self, said: &HashMap<String, String>) -> Option<(String, u16)> {
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
