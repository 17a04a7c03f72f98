use std::fmt;

use serde_json::error::Category;

use crate::crypto::OpenError;
use crate::error::{SessionError, SessionErrorKind};

/// Reason why the data under a key is not a value of the requested type.
///
/// Never quotes the data: what sessions store does not belong in logs.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// Not JSON at all.
    Damaged(Position),
    /// JSON of another type, or of another release of the type.
    AnotherType(Position, Option<String>),
    /// Nested deeper than any node reads from a store.
    TooDeep,
    /// This process cannot unseal it.
    Closed(OpenError),
    /// A value of another type, which does not encode.
    Encode,
    /// Written by the first type, and unreadable as the second one.
    TwoTypes(&'static str, &'static str),
}

/// A position in the encoding.
#[derive(Debug)]
pub(super) struct Position {
    line: usize,
    column: usize,
}

impl Unreadable {
    pub(super) fn from_json(error: &serde_json::Error) -> Self {
        let position = Position { line: error.line(), column: error.column() };
        match error.classify() {
            Category::Data => Self::AnotherType(position, missing_field(error)),
            Category::Syntax | Category::Eof | Category::Io => Self::Damaged(position),
        }
    }

    /// Converts to the error for the reader of the value under `key`.
    pub(super) fn of(self, key: &str) -> SessionError {
        if let Self::TwoTypes(..) = self {
            return SessionError::caller_mistake(SessionErrorKind::Decode, format!("the value `{key}` {self}"));
        }
        let kind = match &self {
            Self::Closed(why) => SessionError::from(*why).kind(),
            Self::Encode => SessionErrorKind::Encode,
            Self::Damaged(_) | Self::AnotherType(..) | Self::TooDeep | Self::TwoTypes(..) => SessionErrorKind::Decode,
        };
        SessionError::with_source(kind, UnreadableValue { key: key.into(), why: self })
    }
}

/// The name of the missing field. The type determines it, not the data, which any other message may
/// quote.
fn missing_field(error: &serde_json::Error) -> Option<String> {
    let text = error.to_string();
    let (name, _) = text.strip_prefix("missing field `")?.split_once('`')?;
    let is_name = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
    is_name.then(|| name.to_owned())
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Damaged(Position { line, column }) => {
                write!(f, "is damaged: invalid JSON at line {line}, column {column}")
            }
            Self::AnotherType(Position { line, column }, missing) => {
                f.write_str("was written by another type under the same `KEY`, or by another release of the type: ")?;
                match missing {
                    Some(name) => write!(f, "the field `{name}` is missing and has no `#[serde(default)]`"),
                    None => write!(f, "it does not match at line {line}, column {column}"),
                }
            }
            Self::TwoTypes(one, other) => {
                write!(f, "is used by two types, `{one}` and `{other}`; give one of them a different `KEY`")
            }
            Self::TooDeep => f.write_str("is nested more than 32 levels deep"),
            Self::Closed(why) => write!(f, "cannot be opened: {why}"),
            Self::Encode => f.write_str("was written by another type under the same `KEY`, and cannot be encoded"),
        }
    }
}

/// A value that cannot be read, with its key.
#[derive(Debug, thiserror::Error)]
#[error("the value `{key}` {why}")]
struct UnreadableValue {
    key: Box<str>,
    why: Unreadable,
}
