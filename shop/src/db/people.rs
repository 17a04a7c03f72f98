//! Accounts and their roles.

use super::{Db, DbError};

/// An account with what is needed to check its password.
#[derive(Clone, sqlx::FromRow)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) password_hash: String,
}

/// An account as the staff page lists it.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct PersonWithRoles {
    pub(crate) id: i64,
    pub(crate) full_name: String,
    /// Comma-separated; empty when there are none.
    pub(crate) roles: String,
}

impl Db {
    pub(crate) async fn person_named(&self, name: &str) -> Result<Option<Person>, DbError> {
        let query = sqlx::query_as("SELECT id, password_hash FROM users WHERE name = ?");
        self.run(query.bind(name).fetch_optional(&self.pool)).await
    }

    pub(crate) async fn password_hash(&self, user: i64) -> Result<Option<String>, DbError> {
        let query = sqlx::query_scalar("SELECT password_hash FROM users WHERE id = ?");
        self.run(query.bind(user).fetch_optional(&self.pool)).await
    }

    /// Replaces the hash only if it is still `old`: of two changes at once, one is refused.
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

    pub(crate) async fn people(&self) -> Result<Vec<PersonWithRoles>, DbError> {
        let query = sqlx::query_as(
            "SELECT u.id, u.full_name, coalesce(group_concat(r.role, ', '), '') AS roles
             FROM users u LEFT JOIN user_roles r ON r.user_id = u.id GROUP BY u.id ORDER BY u.full_name",
        );
        self.run(query.fetch_all(&self.pool)).await
    }
}
