//! An application with sessions in a store.

use axum::Router;
use axum::extract::Path;
use axum::routing::post;
use cloakroom::store::Store;
use cloakroom::{Login, Session, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_sqlx::{PostgresStore, SqliteStore};
use cloakroom_testbed::{Postgres, Server};
use cloakroom_testkit::TestClient;
use tempfile::TempDir;

/// A value that must not be printed unless it is asked for.
#[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
struct Cart(Vec<String>);

/// A store of one kind.
pub(crate) enum Place {
    Redis(Server),
    Postgres(Postgres),
    Sqlite(TempDir),
}

impl Place {
    pub(crate) async fn all() -> [Self; 3] {
        let redis = Server::start().await.expect("redis-server is installed");
        let postgres = Postgres::start().await.expect("PostgreSQL is installed");
        [Self::Redis(redis), Self::Postgres(postgres), Self::Sqlite(TempDir::new().unwrap())]
    }

    pub(crate) fn address(&self) -> String {
        match self {
            Self::Redis(server) => format!("redis://{}/", server.address()),
            Self::Postgres(server) => server.url(),
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("sessions.db").display()),
        }
    }

    /// Creates two sessions of Ada and an anonymous one, and ends the application.
    pub(crate) async fn fill(&self) {
        match self {
            Self::Redis(server) => {
                let url = format!("redis://{}/?namespace=default", server.address());
                fill(RedisStore::connect(&url).await.unwrap()).await;
            }
            Self::Postgres(server) => fill(PostgresStore::connect(&server.url()).await.unwrap()).await,
            Self::Sqlite(folder) => {
                let store = SqliteStore::open(folder.path().join("sessions.db")).await.unwrap();
                fill(store.clone()).await;
                store.close().await;
            }
        }
    }
}

async fn fill(store: impl Store) {
    async fn sign_in(session: Session, Path(label): Path<String>) -> Result<(), SessionError> {
        session.login(Login::new("ada").label(label)).await
    }
    async fn add(session: Session, Path(item): Path<String>) -> Result<(), SessionError> {
        session.update(|cart: &mut Cart| cart.0.push(item.clone())).await
    }
    let app = Router::new().route("/sign-in/{label}", post(sign_in)).route("/add/{item}", post(add));
    let app = app.layer(SessionLayer::new(Sessions::builder().store(store).build().unwrap()));
    for label in ["Laptop", "Phone"] {
        let client = TestClient::new(&app);
        assert_eq!(client.post(&format!("/sign-in/{label}")).await.status(), 200);
        assert_eq!(client.post("/add/umbrella").await.status(), 200);
    }
    assert_eq!(TestClient::new(&app).post("/add/lamp").await.status(), 200);
}
