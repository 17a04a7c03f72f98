use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, Scheme};

/// Scheme, host and port of an application, as in `https://app.example`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    scheme: Scheme,
    authority: Authority,
}

impl Default for Origin {
    fn default() -> Self {
        Self { scheme: Scheme::HTTPS, authority: Authority::from_static("app.example") }
    }
}

impl FromStr for Origin {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.parse::<Uri>().map_err(|_| "is not an address")?.into_parts();
        match (parts.scheme, parts.authority, parts.path_and_query) {
            (Some(scheme), Some(authority), path) if path.as_ref().is_none_or(|path| path == "/") => {
                Ok(Self { scheme, authority })
            }
            _ => Err("is not a scheme and a host, such as https://app.example"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl Origin {
    /// The value of the header `Host`.
    pub(super) fn authority(&self) -> &str {
        self.authority.as_str()
    }

    pub(super) fn host(&self) -> String {
        self.authority.host().to_ascii_lowercase()
    }

    /// Returns `true` if browsers send and accept cookies with `Secure`: over TLS, and on this
    /// machine.
    pub(super) fn is_secure(&self) -> bool {
        let host = self.host();
        self.scheme == Scheme::HTTPS || host == "localhost" || host.ends_with(".localhost") || is_loopback(&host)
    }

    /// Returns `true` if the host is an address. Cookies of addresses have no `Domain`.
    pub(super) fn is_address(&self) -> bool {
        address(&self.host()).is_some()
    }
}

fn is_loopback(host: &str) -> bool {
    address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}
