//! Values whose type is erased, with the codec to encode them.

use std::any::Any;
use std::error::Error;
use std::fmt;

use crate::sync::Arc;

/// Any error of a codec.
pub(crate) type CodecError = Box<dyn Error + Send + Sync>;

/// Encoder of one type of value, for code that does not know the type.
#[derive(Debug)]
pub(crate) struct Codec {
    pub(crate) key: &'static str,
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) encode: fn(&(dyn Any + Send + Sync)) -> Result<Vec<u8>, CodecError>,
    /// Returns `true` if these bytes, the value's encoding, decode to an equal value.
    pub(crate) round_trips: fn(&(dyn Any + Send + Sync), &[u8]) -> bool,
}

/// A decoded value whose type is known only to its reader.
#[derive(Clone)]
pub(crate) struct ErasedValue {
    value: Arc<dyn Any + Send + Sync>,
    codec: &'static Codec,
    /// Number of bytes that the value takes when decoded.
    decoded_bytes: u32,
}

impl ErasedValue {
    pub(crate) fn new<T: Any + Send + Sync>(value: Arc<T>, codec: &'static Codec, held: u32) -> Self {
        Self { value, codec, decoded_bytes: held }
    }

    /// Returns the number of bytes that the value takes when decoded.
    pub(crate) const fn held(&self) -> u32 {
        self.decoded_bytes
    }

    pub(crate) fn downcast<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        Arc::clone(&self.value).downcast().ok()
    }

    /// Returns the name of the type that was written.
    pub(crate) fn type_name(&self) -> &'static str {
        (self.codec.type_name)()
    }

    pub(crate) fn encode(&self) -> Result<Vec<u8>, CodecError> {
        (self.codec.encode)(&*self.value)
    }

    /// Returns the encoding, if decoding it gives an equal value.
    pub(crate) fn encode_faithfully(&self) -> Option<Vec<u8>> {
        let bytes = self.encode().ok()?;
        (self.codec.round_trips)(&*self.value, &bytes).then_some(bytes)
    }
}

impl fmt::Debug for ErasedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Erased({})", self.codec.key)
    }
}
