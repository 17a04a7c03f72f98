//! The versions of the tables.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

/// The number, the name and the SQL of each version. A file never changes once it was released.
const VERSIONS: [(i64, &str, &str); 4] = [
    (1, "schema", include_str!("../../migrations/0001_schema.sql")),
    (2, "catalogue", include_str!("../../migrations/0002_catalogue.sql")),
    (3, "people", include_str!("../../migrations/0003_people.sql")),
    (4, "session_values", include_str!("../../migrations/0004_session_values.sql")),
];

/// Without the macro `migrate!`, for which SQLite would be compiled twice.
pub(super) fn migrations() -> Migrator {
    let migration = |(version, name, sql): (i64, &'static str, &'static str)| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(VERSIONS.map(migration).to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_version() -> Result<(), Box<dyn std::error::Error>> {
        let mut files = Vec::new();
        for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations"))? {
            files.push(file?.file_name().into_string().map_err(|name| format!("{name:?} is not UTF-8"))?);
        }
        files.sort();
        assert_eq!(files, VERSIONS.map(|(version, name, _)| format!("{version:04}_{name}.sql")));
        Ok(())
    }
}
