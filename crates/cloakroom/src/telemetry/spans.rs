//! The spans of the work between the tiers.
//!
//! Attributes with dots are those of OpenTelemetry's semantic conventions. No span has a token, a
//! selector, a principal or a value.

use tracing::Span;
use tracing::field::{Empty, Value};

use super::Telemetry;
use crate::store::Endpoint;
use crate::token::Selector;

/// Returns the span of one call to the shared tier, by the conventions for clients of databases.
pub(super) fn store_span(operation: &'static str, endpoint: &Endpoint, namespace: &str, sessions: usize) -> Span {
    tracing::debug_span!(
        target: "cloakroom::store",
        "store",
        otel.name = %SpanName(operation, namespace),
        otel.kind = "client",
        otel.status_code = Empty,
        db.system.name = endpoint.system(),
        db.operation.name = operation,
        db.operation.batch.size = (sessions > 1).then_some(sessions),
        db.namespace = endpoint.database(),
        server.address = endpoint.address(),
        server.port = endpoint.port(),
        error.type = Empty,
    )
}

/// `{db.operation.name} {target}`, or the operation alone.
struct SpanName<'a>(&'static str, &'a str);

impl std::fmt::Display for SpanName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.1 {
            "" => f.write_str(self.0),
            namespace => write!(f, "{} {namespace}", self.0),
        }
    }
}

/// Marks a span as failed.
pub(crate) fn fail(span: &Span, kind: impl Value) {
    span.record("error.type", kind);
    span.record("otel.status_code", "ERROR");
}

macro_rules! session_span {
    ($telemetry:expr, $selector:expr, $name:literal) => {
        tracing::debug_span!(
            target: "cloakroom::session",
            $name,
            session.id = %$telemetry.log_key.log_id($selector),
            otel.status_code = Empty,
            error.type = Empty,
        )
    };
}

/// The spans of a session. `session.id` is its log id, which opens nothing.
impl Telemetry {
    /// The span of a lookup that the local tier could not answer.
    pub(crate) fn open_span(&self, selector: &Selector) -> Span {
        session_span!(self, selector, "session.open")
    }

    /// The span of a session that is created over a shared tier.
    pub(crate) fn create_span(&self, selector: &Selector) -> Span {
        session_span!(self, selector, "session.create")
    }

    /// The span of a change over a shared tier, with its waits and retries.
    pub(crate) fn commit_span(&self, selector: &Selector) -> Span {
        session_span!(self, selector, "session.commit")
    }

    /// The span of the end of a session over a shared tier.
    pub(crate) fn end_span(&self, selector: &Selector) -> Span {
        session_span!(self, selector, "session.end")
    }

    /// The span of the run of a loader.
    pub(crate) fn load_span(&self, selector: Option<&Selector>, key: &'static str) -> Span {
        tracing::debug_span!(
            target: "cloakroom::session",
            "session.load",
            session.id = selector.map(|selector| tracing::field::display(self.log_key.log_id(selector))),
            cloakroom.value = key,
            otel.status_code = Empty,
            error.type = Empty,
        )
    }
}

/// Returns the span of a report of the sessions that were seen.
pub(crate) fn touch_span(sessions: usize) -> Span {
    tracing::debug_span!(target: "cloakroom::session", "session.touch", sessions, otel.status_code = Empty, error.type = Empty)
}

/// Returns the span of the ends of several sessions of a principal.
pub(crate) fn end_many_span(sessions: usize) -> Span {
    tracing::debug_span!(target: "cloakroom::session", "session.end_many", sessions)
}
