//! A slot goes from one living master to another.

use super::{Cluster, views::AGREE_LIMIT};
use crate::{
    Error, Server,
    admin::{PASSWORD, USER},
    wait::until,
};
use redis::Value;

/// How long one key may take between two nodes of this machine, in milliseconds.
const MIGRATE_LIMIT_MS: u64 = 5_000;
const BATCH: u32 = 100;

/// A slot on the move: as long as this exists, its old owner answers ASK for keys that it has no more.
///
/// Dropped without [`finish`](Self::finish) it leaves the slot in between, as an operator whose
/// tool crashed would.
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
    /// As the three steps: [`begin_move`](Self::begin_move), [`SlotMove::migrate`], [`SlotMove::finish`].
    pub async fn move_slot(&self, slot: u16, to: &Server) -> Result<(), Error> {
        let moving = self.begin_move(slot, to).await?;
        while moving.migrate(BATCH).await? > 0 {}
        moving.finish().await
    }

    /// Opens the slot on both sides (IMPORTING, then MIGRATING); no key has moved yet.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] when `to` is no node of this cluster, [`Error::Command`] when it is no
    /// master or owns the slot already.
    pub async fn begin_move(&self, slot: u16, to: &Server) -> Result<SlotMove<'_>, Error> {
        let (from, to) = (self.node_of(slot).await?, self.by_port(to.port())?);
        let (from_id, to_id) = (id(from).await?, id(to).await?);
        let number = slot.to_string();
        // In this order: the old owner must not send clients to a node that does not expect them.
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

    /// The node that is to own it.
    #[must_use]
    pub fn to(&self) -> &Server {
        self.to
    }

    /// Moves up to `count` keys, and returns how many there were: 0 when all have moved.
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
            // The keys expired or were deleted since they were listed.
            Value::SimpleString(text) if text == "NOKEY" => Ok(keys.len()),
            other => Err(Error::unexpected(format!("MIGRATE answered {other:?}"))),
        }
    }

    /// Gives the slot to its new owner, and returns once all nodes agree.
    ///
    /// # Errors
    ///
    /// [`Error::Command`] while the old owner still has keys of it, [`Error::TimedOut`] after 60 s.
    pub async fn finish(self) -> Result<(), Error> {
        let number = self.slot.to_string();
        let words = ["CLUSTER", "SETSLOT", &number, "NODE", &self.to_id];
        // The new owner first: it takes a new epoch, which tells all others who is right.
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
