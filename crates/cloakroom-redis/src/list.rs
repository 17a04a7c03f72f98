//! The lists of all sessions and of all principals: one scan of the keys after the other, master by
//! master.

mod position;

use cloakroom::store::{BATCH, Cursor, Page, PageRequest, Principal, Selector, StoreError, StoreErrorKind};
use redis::{Value, cmd};

use crate::connection::Connection;
use crate::fault::{self, Effect};
use crate::store::RedisStore;
use crate::topology::ask;
use crate::wire;
use position::Position;

/// The reply of one server.
struct Scanned {
    /// The server's process. A cursor of a scan has no meaning to another one.
    server: String,
    cursor: u64,
    keys: Vec<Vec<u8>>,
}

impl RedisStore {
    /// One page of the sessions of the namespace.
    pub(crate) async fn list_sessions(&self, page: &PageRequest) -> Result<Page<Selector>, StoreError> {
        let keyspace = &self.settings().keyspace;
        self.list_keys(&keyspace.all_records(), page, |key| keyspace.selector_of(key)).await
    }

    /// One page of the principals of the namespace: those that have an index.
    pub(crate) async fn list_indexed(&self, page: &PageRequest) -> Result<Page<Principal>, StoreError> {
        let keyspace = &self.settings().keyspace;
        self.list_keys(&keyspace.all_indexes(), page, |key| keyspace.principal_of(key)).await
    }

    /// One page of the keys that match a pattern, as items.
    ///
    /// Begins again if a server was replaced or slots have moved, as the keys that were passed over
    /// may now be elsewhere.
    async fn list_keys<T>(
        &self,
        pattern: &str,
        page: &PageRequest,
        item: impl Fn(&[u8]) -> Option<T>,
    ) -> Result<Page<T>, StoreError> {
        let masters = self.topology().masters();
        let start = Position::start_of(masters.layout(), 0);
        let position = match &page.after {
            None => start.clone(),
            Some(cursor) => Position::parse(cursor.as_str()).ok_or_else(invalid_cursor)?,
        };
        let again = || Page::new(Vec::new(), Some(Cursor::new(start.to_string())));
        let Some(master) = masters.get(position.master).filter(|_| position.layout == start.layout) else {
            return if masters.get(0).is_some() { Ok(again()) } else { Err(no_master()) };
        };
        let scanned = self.scan(master, pattern, position.cursor, page.limit.get().min(BATCH)).await?;
        if position.cursor != 0 && scanned.server != position.server {
            return Ok(again());
        }
        let next = if scanned.cursor != 0 {
            Some(Position { server: scanned.server, cursor: scanned.cursor, ..position })
        } else if masters.get(position.master + 1).is_some() {
            Some(Position::start_of(position.layout, position.master + 1))
        } else {
            None
        };
        let items = scanned.keys.iter().filter_map(|key| item(key)).collect();
        Ok(Page::new(items, next.map(|next| Cursor::new(next.to_string()))))
    }

    async fn scan(&self, master: &Connection, pattern: &str, cursor: u64, count: usize) -> Result<Scanned, StoreError> {
        let (mut info, mut scan) = (cmd("INFO"), cmd("SCAN"));
        info.arg("server");
        scan.arg(cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(count);
        let mut answers = ask(master, &[info, scan], self.deadline()).await?.into_iter();
        let (info, scanned) = (answers.next().unwrap_or(Value::Nil), answers.next().unwrap_or(Value::Nil));
        let (cursor, keys) = wire::scanned(scanned).map_err(fault::unexpected_reply(Effect::Reads))?;
        let server = wire::run_id(info).map_err(fault::unexpected_reply(Effect::Reads))?;
        Ok(Scanned { server, cursor, keys })
    }
}

fn invalid_cursor() -> StoreError {
    StoreError::new(StoreErrorKind::InvalidCursor, "the cursor is not from this store")
}

fn no_master() -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "a slot of the cluster has no master, so its sessions cannot be listed",
    )
}
