use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// The key that a link asks for to learn whether its server is still the one to ask.
#[derive(Debug)]
pub(crate) struct Home {
    key: Mutex<String>,
    lost: Arc<Notify>,
}

impl Home {
    /// `lost` is notified when the server says that the key is at home elsewhere.
    pub(crate) fn new(key: String, lost: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { key: Mutex::new(key), lost })
    }

    pub(crate) fn move_to(&self, key: String) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    pub(crate) fn key(&self) -> String {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lost(&self) {
        self.lost.notify_one();
    }
}
