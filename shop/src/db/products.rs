//! Products, as rows.

use super::{Db, DbError};

/// A product in one language.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct ProductRow {
    pub(crate) id: String,
    pub(crate) category: String,
    pub(crate) cents: u32,
    pub(crate) in_stock: bool,
    pub(crate) name: String,
    pub(crate) blurb: String,
}

impl Db {
    /// All products in the order of the shop window, with their texts in `language`.
    pub(crate) async fn products(&self, language: &str) -> Result<Vec<ProductRow>, DbError> {
        let query = sqlx::query_as(
            "SELECT p.id, p.category, p.cents, p.in_stock, t.name, t.blurb
             FROM products p JOIN product_texts t ON t.product_id = p.id AND t.language = ?
             ORDER BY p.position",
        );
        self.run(query.bind(language).fetch_all(&self.pool)).await
    }

    /// Pairs of (product, another that goes with it), the closest first.
    pub(crate) async fn related(&self) -> Result<Vec<(String, String)>, DbError> {
        let query =
            sqlx::query_as("SELECT product_id, other_id FROM related ORDER BY product_id, weight DESC, other_id");
        self.run(query.fetch_all(&self.pool)).await
    }
}
