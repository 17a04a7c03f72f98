//! Preferences, as rows.

use super::{Db, DbError};

impl Db {
    /// (theme, language), if the user ever chose.
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
}
