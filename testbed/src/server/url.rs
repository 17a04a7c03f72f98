//! The URLs of a server.

use super::Server;
use crate::Error;
use std::fmt::Write;

impl Server {
    /// `redis://127.0.0.1:PORT/`, with the default user's password if there is one.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_through(self.port)
    }

    /// `rediss://127.0.0.1:PORT/`, for a server with [`tls`](crate::ServerBuilder::tls), with the
    /// password if there is one.
    #[must_use]
    pub fn tls_url(&self) -> String {
        self.url_through(self.tls_port).replacen("redis:", "rediss:", 1)
    }

    /// The port that other servers use to reach this one.
    pub(crate) fn peer_port(&self) -> u16 {
        if self.settings.tls.is_some() { self.tls_port } else { self.port }
    }

    /// The URL of this server behind `port`, such as that of a [`Proxy`](crate::Proxy).
    #[must_use]
    pub fn url_through(&self, port: u16) -> String {
        match &self.settings.password {
            Some(password) => format!("redis://:{}@127.0.0.1:{port}/", escaped(password)),
            None => format!("redis://127.0.0.1:{port}/"),
        }
    }

    /// The URL for one of the users that the builder added.
    ///
    /// # Errors
    ///
    /// [`Error::Unexpected`] for a user that the builder did not add.
    pub fn url_of(&self, user: &str) -> Result<String, Error> {
        let account = self.settings.accounts.iter().find(|account| account.name == user);
        let account =
            account.ok_or_else(|| Error::unexpected(format!("the server was started without user {user:?}")))?;
        Ok(format!("redis://{}:{}@127.0.0.1:{}/", escaped(&account.name), escaped(&account.password), self.port))
    }
}

/// Percent-encodes every character with a meaning in a URL.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn a_password_does_not_end_the_authority() {
        assert_eq!(escaped("p@ss/w:rd%ü-1"), "p%40ss%2Fw%3Ard%25%C3%BC-1");
    }
}
