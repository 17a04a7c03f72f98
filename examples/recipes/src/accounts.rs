//! Accounts and sessions in one SQLite file. A changed password ends all other sessions.
//!
//! ```console
//! $ curl -c jar -b jar -d name=ada -d password='correct horse' localhost:3000/register
//! $ curl -c jar -b jar localhost:3000/account
//! ```

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Form, Router};
use cloakroom::{CookieConfig, Login, Principal, Session, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_auth::{AuthHash, AuthLayer, Next, User, UserRecord, UserSource, log_in};
use cloakroom_sqlx::SqliteStore;
use serde::{Deserialize, Serialize};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode};

/// Verified for names that do not exist, so that the time of the response does not tell which do.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Se7b+QLgZxmpQE9lmQtYLg$PjOUioRdkoWeYjiSE75zj3Jqf0mJ+yhOiCAPGpQKIWk";

/// The signed-in user, loaded once per session and minute.
#[derive(Clone, Debug, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1m")]
pub struct Account {
    name: String,
}

/// The database of the application.
#[derive(Clone, Debug)]
struct Accounts(SqlitePool);

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    name: String,
    password_hash: String,
}

impl Accounts {
    async fn open(file: &str) -> sqlx::Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let pool = SqlitePool::connect_with(options.journal_mode(SqliteJournalMode::Wal)).await?;
        sqlx::raw_sql(
            "CREATE TABLE IF NOT EXISTS accounts \
             (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL)",
        )
        .execute(&pool)
        .await?;
        Ok(Self(pool))
    }

    async fn named(&self, name: &str) -> sqlx::Result<Option<Row>> {
        sqlx::query_as("SELECT id, name, password_hash FROM accounts WHERE name = ?")
            .bind(name.to_owned())
            .fetch_optional(&self.0)
            .await
    }

    async fn with_id(&self, id: &str) -> sqlx::Result<Option<Row>> {
        sqlx::query_as("SELECT id, name, password_hash FROM accounts WHERE id = ?")
            .bind(id.parse::<i64>().unwrap_or_default())
            .fetch_optional(&self.0)
            .await
    }

    /// Returns `None` if the name is taken.
    async fn add(&self, name: &str, password_hash: &str) -> sqlx::Result<Option<i64>> {
        let insert = "INSERT INTO accounts (name, password_hash) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id";
        sqlx::query_scalar(insert).bind(name.to_owned()).bind(password_hash.to_owned()).fetch_optional(&self.0).await
    }

    async fn set_password_hash(&self, id: i64, password_hash: &str) -> sqlx::Result<()> {
        let update = "UPDATE accounts SET password_hash = ? WHERE id = ?";
        sqlx::query(update).bind(password_hash.to_owned()).bind(id).execute(&self.0).await.map(drop)
    }
}

impl UserSource for Accounts {
    type User = Account;
    type Error = sqlx::Error;

    async fn load(&self, principal: &Principal) -> Result<Option<UserRecord<Account>>, sqlx::Error> {
        let row = self.with_id(principal.as_str()).await?;
        Ok(row.map(|row| UserRecord::new(Account { name: row.name }).auth_hash(AuthHash::of(&row.password_hash))))
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
enum AccountError {
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    #[error("a password could not be hashed")]
    Password(#[from] argon2::password_hash::Error),
    #[error("a task was stopped")]
    Stopped(#[from] tokio::task::JoinError),
}

impl IntoResponse for AccountError {
    fn into_response(self) -> Response {
        match self {
            Self::Session(error) => error.into_response(),
            error => {
                tracing::error!(?error, "a request failed");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

type Answer<T = Response> = Result<T, AccountError>;

/// A hash takes tens of milliseconds, so it must not run on a thread that serves requests.
async fn hash(password: String) -> Answer<String> {
    let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
    Ok(tokio::task::spawn_blocking(hash).await??)
}

async fn matches(password: String, hash: String) -> Answer<bool> {
    let verify = move || {
        let hash = PasswordHash::new(&hash);
        hash.is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    };
    Ok(tokio::task::spawn_blocking(verify).await?)
}

#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

async fn register(State(accounts): State<Accounts>, session: Session, Form(form): Form<Credentials>) -> Answer {
    let password_hash = hash(form.password).await?;
    let Some(id) = accounts.add(&form.name, &password_hash).await? else {
        return Ok((StatusCode::CONFLICT, "This name is taken.\n").into_response());
    };
    log_in(&session, id, AuthHash::of(password_hash)).await?;
    Ok(Redirect::to("/account").into_response())
}

/// Returns to the page that asked for the login.
async fn sign_in(
    State(accounts): State<Accounts>,
    session: Session,
    next: Next,
    Form(form): Form<Credentials>,
) -> Answer {
    let row = accounts.named(&form.name).await?;
    let stored = row.as_ref().map_or(DUMMY_HASH, |row| &row.password_hash).to_owned();
    let is_right = matches(form.password, stored).await?;
    let Some(row) = row.filter(|_| is_right) else {
        return Ok((StatusCode::UNAUTHORIZED, "Name or password are wrong.\n").into_response());
    };
    log_in(&session, row.id, AuthHash::of(&row.password_hash)).await?;
    Ok(Redirect::to(next.path_or("/account")).into_response())
}

async fn account(account: User<Account>) -> String {
    format!("You are {}.\n", account.name)
}

#[derive(Deserialize)]
struct NewPassword {
    current: String,
    new: String,
}

async fn change_password(
    State(accounts): State<Accounts>,
    session: Session,
    account: User<Account>,
    Form(form): Form<NewPassword>,
) -> Answer {
    let row = accounts.with_id(account.principal().as_str()).await?;
    let Some(row) = row else { return Ok(StatusCode::UNAUTHORIZED.into_response()) };
    if !matches(form.current, row.password_hash).await? {
        return Ok((StatusCode::FORBIDDEN, "The current password is wrong.\n").into_response());
    }
    let password_hash = hash(form.new).await?;
    accounts.set_password_hash(row.id, &password_hash).await?;
    // The other sessions end now; without `ending_others`, when their copy of the user is a minute old.
    log_in(&session, Login::new(row.id).ending_others(), AuthHash::of(password_hash)).await?;
    Ok(Redirect::to("/account").into_response())
}

async fn sign_out(session: Session) -> Result<Redirect, SessionError> {
    session.destroy().await.map(|()| Redirect::to("/"))
}

/// Returns the application, with accounts and sessions in `file`.
///
/// # Errors
/// If the file cannot be used, for example because another process uses its sessions.
pub async fn app(file: &str) -> Result<Router, Box<dyn std::error::Error>> {
    let accounts = Accounts::open(file).await?;
    let sessions = Sessions::builder().store(SqliteStore::in_pool(accounts.0.clone()).await?).build()?;
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    Ok(Router::new()
        .route("/register", post(register))
        .route("/login", post(sign_in).get(async || "POST your name and password here.\n"))
        .route("/account", get(account))
        .route("/password", post(change_password))
        .route("/logout", post(sign_out))
        .layer(AuthLayer::new(accounts.clone()).login_page("/login")?)
        .layer(layer)
        .with_state(accounts))
}
