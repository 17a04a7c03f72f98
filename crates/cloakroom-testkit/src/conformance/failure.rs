use std::fmt;
use std::panic::Location;

use cloakroom::store::StoreError;

/// The result of a check or of one of its steps.
pub(super) type Outcome<T = ()> = Result<T, Failure>;

/// The reason why a check failed, and the place in the suite.
#[derive(Debug)]
pub(super) struct Failure {
    reason: String,
    at: &'static Location<'static>,
}

impl Failure {
    #[track_caller]
    pub(super) fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), at: Location::caller() }
    }
}

/// No check makes the store fail, so a fault is a failure.
impl From<StoreError> for Failure {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        Self::new(format!("the store returned a fault: {error:?}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}:{})", self.reason, self.at.file(), self.at.line())
    }
}

macro_rules! ensure {
    ($holds:expr, $($reason:tt)+) => {
        if !$holds {
            return Err($crate::conformance::failure::Failure::new(format!($($reason)+)));
        }
    };
}

macro_rules! ensure_eq {
    ($found:expr, $expected:expr, $what:expr) => {
        match (&$found, &$expected) {
            (found, expected) => $crate::conformance::failure::ensure!(
                found == expected,
                "{}: found {found:?}, expected {expected:?}",
                $what
            ),
        }
    };
}

pub(super) use {ensure, ensure_eq};
