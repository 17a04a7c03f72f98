//! The stores that the command line can open.

use std::str::FromStr;
use std::time::Duration;

use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{OpenError, PostgresStore, PostgresStoreBuilder, SqliteStore, SqliteStoreBuilder};

use crate::error::{CliError, with_sources};

/// Where the sessions are stored.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoreAddress {
    Redis(String),
    Postgres(String),
    Sqlite(String),
}

impl FromStr for StoreAddress {
    type Err = CliError;

    fn from_str(text: &str) -> Result<Self, CliError> {
        let (scheme, rest) = text.split_once(':').ok_or(CliError::Address("has no scheme"))?;
        match scheme {
            "redis" | "rediss" | "valkey" | "valkeys" => Ok(Self::Redis(text.to_owned())),
            "postgres" | "postgresql" => Ok(Self::Postgres(text.to_owned())),
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => Err(CliError::Address("names no file")),
                path => Ok(Self::Sqlite(path.to_owned())),
            },
            _ => Err(CliError::Address("has an unknown scheme")),
        }
    }
}

/// A store of one of the kinds.
pub(crate) enum OpenStore {
    Redis(RedisStore),
    Postgres(PostgresStore),
    Sqlite(SqliteStore),
}

impl OpenStore {
    pub(crate) async fn connect(address: &StoreAddress, namespace: Option<&str>) -> Result<Self, CliError> {
        match address {
            StoreAddress::Redis(url) => connect_redis(url, namespace).await.map(Self::Redis),
            StoreAddress::Postgres(url) => {
                postgres_builder(namespace).connect(url).await.map(Self::Postgres).map_err(|error| failed(&error))
            }
            StoreAddress::Sqlite(path) => {
                // A file that does not exist would be created.
                if !std::path::Path::new(path).exists() {
                    return Err(CliError::Connect(format!("{path}: there is no such file")));
                }
                match sqlite_builder(namespace).open(path).await {
                    Ok(store) => Ok(Self::Sqlite(store)),
                    // Its remedy is a setting of applications.
                    Err(OpenError::InUse { path, holder, .. }) => Err(CliError::InUse { path, holder }),
                    Err(error) => Err(failed(&error)),
                }
            }
        }
    }
}

pub(crate) async fn connect_redis(url: &str, namespace: Option<&str>) -> Result<RedisStore, CliError> {
    RedisStore::connect(&with_namespace(url, namespace)?).await.map_err(|error| failed(&error))
}

/// Leaves the tables to the application.
pub(crate) fn postgres_builder(namespace: Option<&str>) -> PostgresStoreBuilder {
    let builder = PostgresStore::builder().without_migrations();
    match namespace {
        Some(namespace) => builder.namespace(namespace),
        // That of the address.
        None => builder,
    }
}

pub(crate) fn sqlite_builder(namespace: Option<&str>) -> SqliteStoreBuilder {
    // A command must not wait for an application that runs for days.
    SqliteStore::builder().take_over_timeout(Duration::ZERO).namespace(namespace.unwrap_or("default"))
}

fn failed(error: &dyn std::error::Error) -> CliError {
    CliError::Connect(with_sources(error))
}

/// Adds the namespace to an address of Redis that names none.
fn with_namespace(url: &str, namespace: Option<&str>) -> Result<String, CliError> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    match (query.split('&').find_map(|parameter| parameter.strip_prefix("namespace=")), namespace) {
        (Some(named), Some(namespace)) if named != namespace => Err(CliError::TwoNamespaces(named.to_owned())),
        (Some(_), _) => Ok(url.to_owned()),
        (None, _) => {
            let separator = if query.is_empty() { '?' } else { '&' };
            Ok(format!("{}{separator}namespace={}", url.trim_end_matches('?'), namespace.unwrap_or("default")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_decides_the_kind_of_the_store() {
        let parse = |text: &str| text.parse::<StoreAddress>().ok();
        assert_eq!(parse("redis://h:1/"), Some(StoreAddress::Redis("redis://h:1/".to_owned())));
        assert_eq!(parse("postgresql://h/d"), Some(StoreAddress::Postgres("postgresql://h/d".to_owned())));
        for path in ["sqlite:a/b.db", "sqlite://a/b.db"] {
            assert_eq!(parse(path), Some(StoreAddress::Sqlite("a/b.db".to_owned())));
        }
        for wrong in ["", "a.db", "sqlite:", "sqlite://", "mysql://h/d"] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_namespace_is_that_of_the_address_or_of_the_option_and_never_two() {
        let with = |url, namespace| with_namespace(url, namespace).ok();
        assert_eq!(with("redis://h/", None).as_deref(), Some("redis://h/?namespace=default"));
        assert_eq!(with("redis://h/", Some("shop")).as_deref(), Some("redis://h/?namespace=shop"));
        assert_eq!(with("redis://h/?", Some("shop")).as_deref(), Some("redis://h/?namespace=shop"));
        assert_eq!(with("redis://h/?a=b", Some("shop")).as_deref(), Some("redis://h/?a=b&namespace=shop"));
        assert_eq!(with("redis://h/?namespace=x", Some("x")).as_deref(), Some("redis://h/?namespace=x"));
        assert_eq!(with("redis://h/?namespace=x", None).as_deref(), Some("redis://h/?namespace=x"));
        assert_eq!(with("redis://h/?namespace=x", Some("shop")), None);
    }
}
