//! A digest of what serde sees of a value, to compare two values whose type need not be comparable.
//!
//! It distinguishes what JSON confuses: `Some(None)` and `None`, and `NaN` and null. It ignores the
//! order of sequences, because a `HashSet` has no stable order.

mod compound;
mod trace;

use std::fmt::{self, Display};

use serde::Serialize;
use serde::ser::{self, Serializer};

use compound::{Entries, Items, Variant};
pub(super) use trace::Trace;

const NOTHING: u64 = 0x6e6f_7468_696e_6721;
const TRUTH: u64 = 1;
const POSITIVE: u64 = 2;
const NEGATIVE: u64 = 3;
const FLOAT: u64 = 4;
const TEXT: u64 = 5;
const ITEMS: u64 = 6;
const ENTRIES: u64 = 7;
const SOME_OF_NOTHING: u64 = 8;

/// The digest of a value.
pub(super) fn digest<T: Serialize>(value: &T) -> Result<u64, UnsupportedType> {
    value.serialize(Digest { trace: None, is_key: false })
}

/// A serializer whose output is the digest of the value.
#[derive(Clone, Copy)]
struct Digest<'t> {
    /// Records each part of the value, to find out which part differs.
    trace: Option<&'t Trace>,
    /// The value is the key of a map, which JSON turns into a string.
    is_key: bool,
}

/// The value's own code returned an error.
#[derive(Debug)]
pub(super) struct UnsupportedType;

impl Display for UnsupportedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value cannot be serialized")
    }
}

impl std::error::Error for UnsupportedType {}

impl ser::Error for UnsupportedType {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// One step of the digest; for the same `state`, different words have different results.
const fn mix(state: u64, word: u64) -> u64 {
    let mut mixed = (state ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    mixed ^ (mixed >> 32)
}

fn text(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<8>();
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let state = words.iter().fold(mix(TEXT, bytes.len() as u64), |state, word| mix(state, u64::from_le_bytes(*word)));
    mix(state, u64::from_le_bytes(last))
}

impl<'t> Digest<'t> {
    fn leaf(self, digest: u64) -> Result<u64, UnsupportedType> {
        if let Some(trace) = self.trace {
            trace.push(digest);
        }
        Ok(digest)
    }

    fn integer(self, kind: u64, magnitude: u128) -> Result<u64, UnsupportedType> {
        if self.is_key {
            let sign = if kind == NEGATIVE { "-" } else { "" };
            return self.leaf(text(format!("{sign}{magnitude}").as_bytes()));
        }
        self.leaf(mix(mix(kind, magnitude as u64), (magnitude >> 64) as u64))
    }

    const fn items(self) -> Items<'t> {
        Items { inner: self, sum: 0, number: 0 }
    }

    const fn entries(self) -> Entries<'t> {
        Entries { inner: self, sum: 0, key: 0 }
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty),+ $(,)?) => {$(
        fn $name(self, value: $type) -> Result<u64, UnsupportedType> {
            let kind = if value < 0 { NEGATIVE } else { POSITIVE };
            self.integer(kind, value.unsigned_abs().into())
        }
    )+};
}

macro_rules! naturals {
    ($($name:ident: $type:ty),+ $(,)?) => {$(
        fn $name(self, value: $type) -> Result<u64, UnsupportedType> {
            self.integer(POSITIVE, value.into())
        }
    )+};
}

impl<'t> Serializer for Digest<'t> {
    type Ok = u64;
    type Error = UnsupportedType;
    type SerializeSeq = Items<'t>;
    type SerializeTuple = Items<'t>;
    type SerializeTupleStruct = Items<'t>;
    type SerializeTupleVariant = Variant<Items<'t>>;
    type SerializeMap = Entries<'t>;
    type SerializeStruct = Entries<'t>;
    type SerializeStructVariant = Variant<Entries<'t>>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128);
    naturals!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128);

    fn serialize_bool(self, value: bool) -> Result<u64, UnsupportedType> {
        if self.is_key {
            return self.serialize_str(if value { "true" } else { "false" });
        }
        self.leaf(mix(TRUTH, value.into()))
    }

    fn serialize_f32(self, value: f32) -> Result<u64, UnsupportedType> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<u64, UnsupportedType> {
        self.leaf(mix(FLOAT, value.to_bits()))
    }

    fn serialize_char(self, value: char) -> Result<u64, UnsupportedType> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<u64, UnsupportedType> {
        self.leaf(text(value.as_bytes()))
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<u64, UnsupportedType> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<u64, UnsupportedType> {
        self.leaf(NOTHING)
    }

    fn serialize_some<T: ?Sized + Serialize>(self, value: &T) -> Result<u64, UnsupportedType> {
        match value.serialize(self)? {
            NOTHING => self.leaf(SOME_OF_NOTHING),
            digest => Ok(digest),
        }
    }

    fn serialize_unit(self) -> Result<u64, UnsupportedType> {
        self.leaf(NOTHING)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u64, UnsupportedType> {
        self.leaf(NOTHING)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<u64, UnsupportedType> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u64, UnsupportedType> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: ?Sized + Serialize>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u64, UnsupportedType> {
        let mut entries = self.entries();
        entries.field(variant, value)?;
        entries.finish()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'t>, UnsupportedType> {
        Ok(self.items())
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'t>, UnsupportedType> {
        Ok(self.items())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'t>, UnsupportedType> {
        Ok(self.items())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Variant<Items<'t>>, UnsupportedType> {
        Ok(Variant { name: variant, content: self.items() })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'t>, UnsupportedType> {
        Ok(self.entries())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Entries<'t>, UnsupportedType> {
        Ok(self.entries())
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Variant<Entries<'t>>, UnsupportedType> {
        Ok(Variant { name: variant, content: self.entries() })
    }
}

#[cfg(test)]
mod tests;
