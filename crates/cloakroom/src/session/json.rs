//! The JSON encoding of values, and the check that it survives a round trip.
//!
//! On every tier, each value is decoded from its encoding before it is written: a value that
//! another node could not read, or would read differently, is refused at its source. No cheaper
//! check is always right, because only the type's own code knows how it decodes, and the result
//! depends on the value.

use std::cell::Cell;
use std::fmt;
use std::io;

use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::cache::CodecError;
use crate::error::SessionError;
use crate::store::{MAX_DEPTH, is_within};

use super::digest::{Trace, digest};
use super::memory_size::decode_and_measure;
use super::unreadable::Unreadable;
use super::value::SessionValue;

/// Encodes a value that is guaranteed to survive the round trip, and passes the encoding to `keep`.
/// Returns its result, and the bytes that the value takes in memory.
///
/// The encoding is not returned: without a store it is not needed, and its buffer is used again.
pub(super) fn encode_for_cache<T: SessionValue, R>(
    value: &T,
    keep: impl FnOnce(&[u8]) -> R,
) -> Result<(R, usize), SessionError> {
    with_buffer(|bytes| {
        encode_into(bytes, value).map_err(RoundTripProblem::Unencodable)?;
        let size = check(value, bytes)?;
        Ok((keep(bytes), size))
    })
    .map_err(|why| SessionError::encode(Box::new(RoundTripError::new::<T>(why))))
}

/// Encodes a value as JSON. Stops at a value that is nested too deep, because the stack is limited.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut bytes = Vec::with_capacity(128);
    encode_into(&mut bytes, value)?;
    Ok(bytes)
}

fn encode_into<T: Serialize>(bytes: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    Ok(value.serialize(&mut serde_json::Serializer::with_formatter(bytes, DepthLimited::default()))?)
}

/// Maximum capacity of a buffer that a thread keeps.
const MAX_KEPT_BYTES: usize = 4096;

/// Calls `work` with this thread's empty buffer.
fn with_buffer<R>(work: impl FnOnce(&mut Vec<u8>) -> R) -> R {
    thread_local! {
        static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    // Taken out, because the code of the value runs meanwhile, and may encode other values.
    let mut buffer = BUFFER.try_with(Cell::take).unwrap_or_default();
    let result = work(&mut buffer);
    if buffer.capacity() <= MAX_KEPT_BYTES {
        buffer.clear();
        // Fails while the thread ends; the buffer is dropped then.
        let _kept = BUFFER.try_with(|kept| kept.set(buffer));
    }
    result
}

/// Decodes a value. Also returns the bytes that it takes in memory.
pub(super) fn decode<T: SessionValue>(bytes: &[u8]) -> Result<(T, usize), Unreadable> {
    from_slice(bytes).map_err(|error| Unreadable::from_json(&error))
}

fn from_slice<T: SessionValue>(bytes: &[u8]) -> serde_json::Result<(T, usize)> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let decoded = decode_and_measure(&mut json)?;
    json.end()?;
    Ok(decoded)
}

/// Returns `true` if the value decoded from `bytes` equals `value`, as far as serde sees them.
pub(super) fn round_trips<T: SessionValue>(value: &T, bytes: &[u8]) -> bool {
    check(value, bytes).is_ok()
}

/// Returns the bytes that the value takes in memory.
fn check<T: SessionValue>(value: &T, bytes: &[u8]) -> Result<usize, RoundTripProblem> {
    let Ok((back, size)) = from_slice::<T>(bytes) else { return Err(undecodable(value, bytes)) };
    match (digest(value), digest(&back)) {
        (Ok(before), Ok(after)) if before == after => Ok(size),
        _ => Err(RoundTripProblem::Different(Trace::of(value).first_difference(&Trace::of(&back)))),
    }
}

/// Finds the field whose encoding does not decode.
fn undecodable<T: SessionValue>(value: &T, bytes: &[u8]) -> RoundTripProblem {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Err(error) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
        return RoundTripProblem::Undecodable(None, Unreadable::TooDeep);
    };
    let trace = Trace::of(value);
    // A name that is not a field is the key of a map, which is data.
    let shown = |segment: &serde_path_to_error::Segment| match segment {
        serde_path_to_error::Segment::Map { key } if trace.names(key) => key.clone(),
        serde_path_to_error::Segment::Seq { .. } => "[]".to_owned(),
        _ => "*".to_owned(),
    };
    let path: Vec<_> = error.path().iter().map(shown).collect();
    let path = (!path.is_empty()).then(|| path.join("."));
    RoundTripProblem::Undecodable(path, Unreadable::from_json(error.inner()))
}

/// A value that is not written, because it would not survive the round trip.
#[derive(Debug)]
struct RoundTripError {
    key: &'static str,
    why: RoundTripProblem,
}

#[derive(Debug)]
enum RoundTripProblem {
    Unencodable(CodecError),
    Undecodable(Option<String>, Unreadable),
    Different(Option<String>),
}

impl RoundTripError {
    const fn new<T: SessionValue>(why: RoundTripProblem) -> Self {
        Self { key: T::KEY, why }
    }
}

impl fmt::Display for RoundTripError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let field = |path: &Option<String>| path.as_ref().map(|path| format!(", at `{path}`")).unwrap_or_default();
        write!(f, "the value `{}` ", self.key)?;
        match &self.why {
            RoundTripProblem::Unencodable(_) => f.write_str("does not encode as JSON"),
            RoundTripProblem::Undecodable(path, Unreadable::AnotherType(_, Some(name))) => write!(
                f,
                "would not decode from its own encoding{}: the field `{name}` is left out and has no `#[serde(default)]`",
                field(path)
            ),
            RoundTripProblem::Undecodable(path, _) => {
                write!(f, "would not decode from its own encoding{}", field(path))
            }
            RoundTripProblem::Different(path) => write!(
                f,
                "would decode to a different value{}: JSON cannot represent `Some(None)`, `NaN`, or what `Deserialize` drops",
                field(path)
            ),
        }
    }
}

impl std::error::Error for RoundTripError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            RoundTripProblem::Unencodable(error) => Some(&**error),
            RoundTripProblem::Undecodable(..) | RoundTripProblem::Different(_) => None,
        }
    }
}

/// Writes compact JSON, and fails on nesting deeper than any node reads.
#[derive(Debug, Default)]
struct DepthLimited {
    depth: u32,
}

impl DepthLimited {
    fn descend(&mut self) -> io::Result<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(too_deep()) } else { Ok(()) }
    }
}

fn too_deep() -> io::Error {
    io::Error::other(format!("nesting exceeds {MAX_DEPTH} levels"))
}

impl Formatter for DepthLimited {
    fn begin_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.descend()?;
        CompactFormatter.begin_array(writer)
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        CompactFormatter.end_array(writer)
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.descend()?;
        CompactFormatter.begin_object(writer)
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.depth = self.depth.saturating_sub(1);
        CompactFormatter.end_object(writer)
    }

    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        if !is_within(fragment.as_bytes(), MAX_DEPTH - self.depth) {
            return Err(too_deep());
        }
        CompactFormatter.write_raw_fragment(writer, fragment)
    }
}
