//! Encrypted connections.

use rustls::crypto::{CryptoProvider, ring};

/// Has encrypted connections find somebody who does the cryptography, where the application has chosen nobody:
/// without, the first of them would panic.
pub(crate) fn provide_cryptography() {
    if CryptoProvider::get_default().is_none() {
        // If another thread was first in this very moment, that is as good.
        drop(ring::default_provider().install_default());
    }
}
