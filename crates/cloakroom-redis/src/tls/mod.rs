//! Encrypted connections.

#[cfg(feature = "tls")]
mod certificates;
#[cfg(feature = "tls")]
mod trust;
#[cfg(not(feature = "tls"))]
mod without;

#[cfg(feature = "tls")]
pub(crate) use certificates::Certificates;
#[cfg(feature = "tls")]
pub(crate) use trust::{install_provider, tls_problem};
#[cfg(not(feature = "tls"))]
pub(crate) use without::{Certificates, install_provider, tls_problem};
