//! Moving a slot from one living master to another.

use super::{Cluster, views::AGREE_LIMIT};
use crate::{
    Error, Server,
    admin::{PASSWORD, USER},
    wait::until,
};
use redis::Value;

/// Time limit for the migration of one batch of keys between two local nodes, in milliseconds.
const MIGRATE_LIMIT_MS: u64 = 5_000;
const BATCH: u32 = 100;

/// A slot that is being moved: its old owner answers ASK for keys that it no longer has.
///
/// If dropped without [`finish`](Self::finish) it leaves the slot half moved, as a crashed tool of
/// an operator would.
#[derive(Debug)]
#[must_use = "the slot stays between its nodes until `finish`"]
pub struct SlotMove<'a> {
    cluster: &'a Cluster,
    slot: u16,
    from: &'a Server,
    to: &'a Server,
    to_id: String,
}

impl Cluster {
    /// Moves a slot with its keys, and returns once all nodes agree.
    ///
    /// # Errors
    ///
    /// As the three steps: [`begin_move`](Self::begin_move), [`SlotMove::migrate`],
    /// [`SlotMove::finish`].
    pub async fn move_slot(&self, slot: u16, to: &Server) -> Result<(), Error> {
        let moving = self.begin_move(slot, to).await?;
        while moving.migrate(BATCH).await? > 0 {}
        moving.finish().await
    }

    /// Marks the slot as moving on both sides (IMPORTING, then MIGRATING), without moving a key.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when `to` is not a node of this cluster, [`Error::Command`] when it is
    /// not a master or already owns the slot.
    pub async fn begin_move(&self, slot: u16, to: &Server) -> Result<SlotMove<'_>, Error> {
        let (from, to) = (self.node_of(slot).await?, self.by_port(to.port())?);
        let (from_id, to_id) = (id(from).await?, id(to).await?);
        let number = slot.to_string();
        // In this order, because the old owner must not send clients to a node that does not expect
        // them.
        to.text(&["CLUSTER", "SETSLOT", &number, "IMPORTING", &from_id]).await?;
        from.text(&["CLUSTER", "SETSLOT", &number, "MIGRATING", &to_id]).await?;
        Ok(SlotMove { cluster: self, slot, from, to, to_id })
    }
}

impl SlotMove<'_> {
    /// The node that owned the slot.
    #[must_use]
    pub fn from(&self) -> &Server {
        self.from
    }

    /// The node that will own the slot.
    #[must_use]
    pub fn to(&self) -> &Server {
        self.to
    }

    /// Moves up to `count` keys, and returns their number; 0 means that all have moved.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] when a node refuses or does not answer.
    pub async fn migrate(&self, count: u32) -> Result<usize, Error> {
        let keys = self.from.command(&["CLUSTER", "GETKEYSINSLOT", &self.slot.to_string(), &count.to_string()]).await?;
        let keys: Vec<Vec<u8>> = redis::from_redis_value(keys).map_err(|error| Error::unexpected(error.to_string()))?;
        if keys.is_empty() {
            return Ok(0);
        }
        let mut migrate = redis::cmd("MIGRATE");
        migrate.arg("127.0.0.1").arg(self.to.port()).arg("").arg(0).arg(MIGRATE_LIMIT_MS);
        migrate.arg("AUTH2").arg(USER).arg(PASSWORD).arg("KEYS").arg(&keys);
        match self.from.query(&migrate).await? {
            Value::Okay => Ok(keys.len()),
            // The keys expired or were deleted after they were listed.
            Value::SimpleString(text) if text == "NOKEY" => Ok(keys.len()),
            other => Err(Error::unexpected(format!("MIGRATE answered {other:?}"))),
        }
    }

    /// Assigns the slot to its new owner, and returns once all nodes agree.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] while the old owner still has keys of the slot, [`Error::TimedOut`] after
    /// 60 s.
    pub async fn finish(self) -> Result<(), Error> {
        let number = self.slot.to_string();
        let words = ["CLUSTER", "SETSLOT", &number, "NODE", &self.to_id];
        // The new owner comes first, because it takes a new epoch, by which all other nodes
        // recognize the current owner.
        self.to.text(&words).await?;
        self.from.text(&words).await?;
        until("all nodes know the slot's new owner", AGREE_LIMIT, || async {
            let owner = self.cluster.owner(self.slot).await?;
            if owner.id != self.to_id {
                return Err(Error::unexpected(format!("port {} still owns it", owner.port)));
            }
            self.cluster.agreed().await
        })
        .await
    }
}

async fn id(server: &Server) -> Result<String, Error> {
    server.text(&["CLUSTER", "MYID"]).await
}
