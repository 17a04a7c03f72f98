//! Values whose type is erased.

use std::any::Any;
use std::error::Error;
use std::fmt;

use crate::sync::Arc;

/// Any error of a codec.
pub(crate) type CodecError = Box<dyn Error + Send + Sync>;

/// A session value, for code that does not know its type.
pub(crate) trait AnyValue: Any + Send + Sync {
    /// Returns the key of the type's own value.
    fn own_key(&self) -> &'static str;

    /// Returns the name of the type that was written.
    fn type_name(&self) -> &'static str;

    fn encode(&self) -> Result<Vec<u8>, CodecError>;

    /// Returns `true` if these bytes, the value's encoding, decode to an equal value.
    fn round_trips(&self, bytes: &[u8]) -> bool;
}

impl dyn AnyValue {
    pub(crate) fn downcast<T: Any + Send + Sync>(self: &Arc<Self>) -> Option<Arc<T>> {
        let value: Arc<dyn Any + Send + Sync> = Arc::<Self>::clone(self);
        value.downcast().ok()
    }

    /// Returns the encoding, if decoding it gives an equal value.
    pub(crate) fn encode_faithfully(&self) -> Option<Vec<u8>> {
        let bytes = self.encode().ok()?;
        self.round_trips(&bytes).then_some(bytes)
    }
}

impl fmt::Debug for dyn AnyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Erased({})", self.own_key())
    }
}

/// A decoded value whose type is known only to its reader, and its size.
#[derive(Clone, Debug)]
pub(crate) struct ErasedValue {
    pub(crate) value: Arc<dyn AnyValue>,
    /// Number of bytes that the value takes when decoded.
    pub(crate) decoded_bytes: u32,
}
