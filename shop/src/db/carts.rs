//! Carts that wait for their owner's next sign-in.

use super::{Db, DbError};

impl Db {
    /// Adds `cart` (a JSON object of product id to quantity) to what already waits for `user`.
    pub(crate) async fn save_cart(&self, user: i64, cart: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO saved_carts (user_id, product_id, quantity)
             SELECT ?1, p.id, j.value FROM json_each(?2) j JOIN products p ON p.id = j.key WHERE true
             ON CONFLICT (user_id, product_id) DO UPDATE SET quantity = quantity + excluded.quantity",
        );
        self.run(query.bind(user).bind(cart).execute(&self.pool)).await?;
        Ok(())
    }

    /// Takes out what waits for `user`. One statement, so that two sign-ins never both get it.
    pub(crate) async fn take_cart(&self, user: i64) -> Result<Vec<(String, u32)>, DbError> {
        let query = sqlx::query_as("DELETE FROM saved_carts WHERE user_id = ? RETURNING product_id, quantity");
        self.run(query.bind(user).fetch_all(&self.pool)).await
    }
}
