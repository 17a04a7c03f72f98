use redis::{ConnectionInfo, RedisError};

use crate::error::Problem;

/// Stub for builds without the `tls` feature.
#[derive(Clone, Default)]
pub(crate) struct Certificates(());

impl Certificates {
    pub(crate) const fn attach(&self, info: ConnectionInfo) -> Result<ConnectionInfo, Problem> {
        Ok(info)
    }
}

pub(crate) const fn install_provider(_: &[ConnectionInfo]) {}

pub(crate) const fn tls_problem(_: &RedisError) -> Option<Problem> {
    None
}
