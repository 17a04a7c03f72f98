//! The queries and their rows.

use serde::Serialize;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{FromRow, Row};

use super::{Db, DbError};

/// A product in one language.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Product {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) blurb: String,
    /// `hallway`, `outdoors` or `travel`; decides the colour of the product's tile.
    pub(crate) category: String,
    pub(crate) cents: u32,
    pub(crate) in_stock: bool,
    /// The ids of related products, the closest first.
    pub(crate) related: Vec<String>,
}

/// A user with the hash of the password.
pub(crate) struct UserRow {
    pub(crate) id: i64,
    pub(crate) password_hash: String,
}

/// A user as listed on the page for staff.
#[derive(Debug)]
pub(crate) struct UserWithRoles {
    pub(crate) id: i64,
    pub(crate) full_name: String,
    /// Separated by commas; empty if there are none.
    pub(crate) roles: String,
}

// Without the derive macro of `sqlx`, for which SQLite would be compiled twice.

impl FromRow<'_, SqliteRow> for Product {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            blurb: row.try_get("blurb")?,
            category: row.try_get("category")?,
            cents: row.try_get("cents")?,
            in_stock: row.try_get("in_stock")?,
            related: Vec::new(),
        })
    }
}

impl FromRow<'_, SqliteRow> for UserRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get("id")?, password_hash: row.try_get("password_hash")? })
    }
}

impl FromRow<'_, SqliteRow> for UserWithRoles {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self { id: row.try_get("id")?, full_name: row.try_get("full_name")?, roles: row.try_get("roles")? })
    }
}

/// Products.
impl Db {
    /// Returns all products in display order, with their texts in `language`.
    pub(crate) async fn products(&self, language: &str) -> Result<Vec<Product>, DbError> {
        let query = sqlx::query_as(
            "SELECT p.id, p.category, p.cents, p.in_stock, t.name, t.blurb
             FROM products p JOIN product_texts t ON t.product_id = p.id AND t.language = ?
             ORDER BY p.position",
        );
        self.run(query.bind(language).fetch_all(&self.pool)).await
    }

    /// Returns pairs of a product and a related one, the closest first.
    pub(crate) async fn related(&self) -> Result<Vec<(String, String)>, DbError> {
        let query =
            sqlx::query_as("SELECT product_id, other_id FROM related ORDER BY product_id, weight DESC, other_id");
        self.run(query.fetch_all(&self.pool)).await
    }
}

/// Users and their roles.
impl Db {
    pub(crate) async fn user_by_name(&self, name: &str) -> Result<Option<UserRow>, DbError> {
        let query = sqlx::query_as("SELECT id, password_hash FROM users WHERE name = ?");
        self.run(query.bind(name).fetch_optional(&self.pool)).await
    }

    pub(crate) async fn password_hash(&self, user: i64) -> Result<Option<String>, DbError> {
        let query = sqlx::query_scalar("SELECT password_hash FROM users WHERE id = ?");
        self.run(query.bind(user).fetch_optional(&self.pool)).await
    }

    /// Replaces the hash if it is still `old`, and returns whether it was.
    pub(crate) async fn replace_password_hash(&self, user: i64, old: &str, new: &str) -> Result<bool, DbError> {
        let query = sqlx::query("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ?");
        let done = self.run(query.bind(new).bind(user).bind(old).execute(&self.pool)).await?;
        Ok(done.rows_affected() == 1)
    }

    pub(crate) async fn full_name(&self, user: i64) -> Result<Option<String>, DbError> {
        let query = sqlx::query_scalar("SELECT full_name FROM users WHERE id = ?");
        self.run(query.bind(user).fetch_optional(&self.pool)).await
    }

    pub(crate) async fn roles(&self, user: i64) -> Result<Vec<String>, DbError> {
        let query = sqlx::query_scalar("SELECT role FROM user_roles WHERE user_id = ?");
        self.run(query.bind(user).fetch_all(&self.pool)).await
    }

    pub(crate) async fn grant(&self, user: i64, role: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO user_roles (user_id, role) SELECT id, ?2 FROM users WHERE id = ?1 ON CONFLICT DO NOTHING",
        );
        self.run(query.bind(user).bind(role).execute(&self.pool)).await?;
        Ok(())
    }

    pub(crate) async fn withdraw(&self, user: i64, role: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM user_roles WHERE user_id = ? AND role = ?");
        self.run(query.bind(user).bind(role).execute(&self.pool)).await?;
        Ok(())
    }

    pub(crate) async fn users(&self) -> Result<Vec<UserWithRoles>, DbError> {
        let query = sqlx::query_as(
            "SELECT u.id, u.full_name, coalesce(group_concat(r.role, ', '), '') AS roles
             FROM users u LEFT JOIN user_roles r ON r.user_id = u.id GROUP BY u.id ORDER BY u.full_name",
        );
        self.run(query.fetch_all(&self.pool)).await
    }
}

/// What is stored per user: preferences, viewed products, the cart between two sessions.
impl Db {
    /// Returns theme and language, if the user has chosen them.
    pub(crate) async fn preferences(&self, user: i64) -> Result<Option<(String, String)>, DbError> {
        let query = sqlx::query_as("SELECT theme, language FROM preferences WHERE user_id = ?");
        self.run(query.bind(user).fetch_optional(&self.pool)).await
    }

    pub(crate) async fn save_preferences(&self, user: i64, theme: &str, language: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO preferences (user_id, theme, language) VALUES (?, ?, ?)
             ON CONFLICT (user_id) DO UPDATE SET theme = excluded.theme, language = excluded.language",
        );
        self.run(query.bind(user).bind(theme).bind(language).execute(&self.pool)).await?;
        Ok(())
    }

    /// Returns the ids of the last viewed products, newest first.
    pub(crate) async fn recently_viewed(&self, user: i64, limit: u32) -> Result<Vec<String>, DbError> {
        let query = sqlx::query_scalar("SELECT product_id FROM views WHERE user_id = ? ORDER BY seen_at DESC LIMIT ?");
        self.run(query.bind(user).bind(limit).fetch_all(&self.pool)).await
    }

    /// Records that the user viewed `products` (a JSON array of ids, newest last) now.
    pub(crate) async fn record_views(&self, user: i64, products: &str) -> Result<(), DbError> {
        // The index in the array is added to the time to keep the order within one millisecond.
        let query = sqlx::query(
            "INSERT INTO views (user_id, product_id, seen_at)
             SELECT ?1, p.id, CAST(unixepoch('subsec') * 1000 AS INTEGER) + j.key
             FROM json_each(?2) j JOIN products p ON p.id = j.value WHERE true
             ON CONFLICT (user_id, product_id) DO UPDATE SET seen_at = excluded.seen_at",
        );
        self.run(query.bind(user).bind(products).execute(&self.pool)).await?;
        Ok(())
    }

    /// Adds `cart` (a JSON object of product id to quantity) to the saved cart of the user.
    pub(crate) async fn save_cart(&self, user: i64, cart: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO saved_carts (user_id, product_id, quantity)
             SELECT ?1, p.id, j.value FROM json_each(?2) j JOIN products p ON p.id = j.key WHERE true
             ON CONFLICT (user_id, product_id) DO UPDATE SET quantity = quantity + excluded.quantity",
        );
        self.run(query.bind(user).bind(cart).execute(&self.pool)).await?;
        Ok(())
    }

    /// Deletes and returns the saved cart. It is one statement, so that only one of two concurrent
    /// sign-ins gets it.
    pub(crate) async fn take_cart(&self, user: i64) -> Result<Vec<(String, u32)>, DbError> {
        let query = sqlx::query_as("DELETE FROM saved_carts WHERE user_id = ? RETURNING product_id, quantity");
        self.run(query.bind(user).fetch_all(&self.pool)).await
    }
}

/// What a session keeps, for visitors who have switched the session cache off.
impl Db {
    /// Returns a value of a session, as JSON.
    pub(crate) async fn session_value(&self, session: &str, name: &str) -> Result<Option<String>, DbError> {
        let query = sqlx::query_scalar("SELECT value FROM session_values WHERE session = ? AND name = ?");
        self.run(query.bind(session).bind(name).fetch_optional(&self.pool)).await
    }

    pub(crate) async fn save_session_value(&self, session: &str, name: &str, value: &str) -> Result<(), DbError> {
        let query = sqlx::query(
            "INSERT INTO session_values (session, name, value) VALUES (?, ?, ?)
             ON CONFLICT (session, name) DO UPDATE SET value = excluded.value, saved_at = excluded.saved_at",
        );
        self.run(query.bind(session).bind(name).bind(value).execute(&self.pool)).await?;
        Ok(())
    }

    pub(crate) async fn forget_session_values(&self, session: &str) -> Result<(), DbError> {
        let query = sqlx::query("DELETE FROM session_values WHERE session = ?");
        self.run(query.bind(session).execute(&self.pool)).await?;
        Ok(())
    }
}

/// Removes what was saved longer ago than any session of the shop lives.
pub(super) async fn forget_old_session_values(pool: &SqlitePool) -> Result<(), DbError> {
    sqlx::query("DELETE FROM session_values WHERE saved_at < unixepoch() - 31 * 86400").execute(pool).await?;
    Ok(())
}
