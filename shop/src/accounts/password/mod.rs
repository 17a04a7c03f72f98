//! Passwords: checked and hashed with Argon2id, away from the threads that serve requests.

mod change;

use std::sync::Arc;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

pub(crate) use self::change::{change, change_form};
use crate::error::ShopError;

/// Bytes of the longest password that is looked at.
pub(crate) const LONGEST: usize = 128;

/// Each check takes 19 MiB and a core for tens of milliseconds; more at once would only queue for the cores.
const AT_ONCE: usize = 4;

/// A hash of no password, checked for names that do not exist, so that the time of the answer does
/// not tell which names do.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Se7b+QLgZxmpQE9lmQtYLg$PjOUioRdkoWeYjiSE75zj3Jqf0mJ+yhOiCAPGpQKIWk";

/// Checks and hashes passwords.
#[derive(Clone, Debug)]
pub(crate) struct Passwords {
    gate: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { gate: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Whether `password` belongs to `hash`. Without a hash the answer is no, after the same work.
    pub(crate) async fn fits(&self, password: String, hash: Option<String>) -> Result<bool, ShopError> {
        let known = hash.is_some();
        let fits = move || {
            let hash = hash.as_deref().unwrap_or(NOBODY);
            let Ok(hash) = PasswordHash::new(hash) else { return false };
            Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
        };
        Ok(self.work(fits).await? && known)
    }

    /// A hash of `password` with a fresh salt.
    pub(crate) async fn hash(&self, password: String) -> Result<String, ShopError> {
        let hash = move || Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string());
        self.work(hash).await?.map_err(ShopError::Password)
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, ShopError> {
        // The semaphore is never closed; without a permit the work would merely be unbounded.
        let permit = Arc::clone(&self.gate).acquire_owned().await.ok();
        let work = move || {
            let _permit = permit;
            work()
        };
        Ok(tokio::task::spawn_blocking(work).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::Passwords;

    #[tokio::test]
    async fn only_the_right_password_fits() {
        let passwords = Passwords::new();
        let hash = passwords.hash("correct horse".to_owned()).await.expect("a hash");
        assert!(passwords.fits("correct horse".to_owned(), Some(hash.clone())).await.expect("an answer"));
        assert!(!passwords.fits("battery staple".to_owned(), Some(hash)).await.expect("an answer"));
        assert!(!passwords.fits("nobody".to_owned(), None).await.expect("an answer"), "nobody has no account");
    }
}
