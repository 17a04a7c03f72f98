//! Which products a user looked at.

use super::{Db, DbError};

impl Db {
    /// The ids of the products seen last, newest first.
    pub(crate) async fn recently_viewed(&self, user: i64, limit: u32) -> Result<Vec<String>, DbError> {
        let query = sqlx::query_scalar("SELECT product_id FROM views WHERE user_id = ? ORDER BY seen_at DESC LIMIT ?");
        self.run(query.bind(user).bind(limit).fetch_all(&self.pool)).await
    }

    /// Records that `user` saw `products` (a JSON array of ids, newest last) just now.
    pub(crate) async fn record_views(&self, user: i64, products: &str) -> Result<(), DbError> {
        // The position in the array is added to the time, so that the order survives within one millisecond.
        let query = sqlx::query(
            "INSERT INTO views (user_id, product_id, seen_at)
             SELECT ?1, p.id, CAST(unixepoch('subsec') * 1000 AS INTEGER) + j.key
             FROM json_each(?2) j JOIN products p ON p.id = j.value WHERE true
             ON CONFLICT (user_id, product_id) DO UPDATE SET seen_at = excluded.seen_at",
        );
        self.run(query.bind(user).bind(products).execute(&self.pool)).await?;
        Ok(())
    }
}
