//! Digests of compound values.

use serde::Serialize;
use serde::ser::{
    SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple, SerializeTupleStruct,
    SerializeTupleVariant,
};

use super::{Digest, ENTRIES, ITEMS, UnsupportedType, mix, text};

/// A sequence; its order is ignored.
pub(super) struct Items<'t> {
    pub(super) inner: Digest<'t>,
    pub(super) sum: u64,
    pub(super) number: u64,
}

impl Items<'_> {
    fn item<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), UnsupportedType> {
        let digest = self.inner.below("[]", value)?;
        self.sum = self.sum.wrapping_add(mix(ITEMS, digest));
        self.number += 1;
        Ok(())
    }

    fn finish(self) -> Result<u64, UnsupportedType> {
        self.inner.leaf(mix(mix(ITEMS, self.number), self.sum))
    }
}

/// A map or a struct; its order is ignored.
pub(super) struct Entries<'t> {
    pub(super) inner: Digest<'t>,
    pub(super) sum: u64,
    /// The digest of the key whose value comes next.
    pub(super) key: u64,
}

impl Entries<'_> {
    pub(super) fn field<T: ?Sized + Serialize>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), UnsupportedType> {
        let digest = self.inner.below(name, value)?;
        self.add(text(name.as_bytes()), digest);
        Ok(())
    }

    fn add(&mut self, key: u64, value: u64) {
        self.sum = self.sum.wrapping_add(mix(mix(ENTRIES, key), value));
    }

    pub(super) fn finish(self) -> Result<u64, UnsupportedType> {
        self.inner.leaf(mix(ENTRIES, self.sum))
    }
}

impl<'t> Digest<'t> {
    /// Returns the digest of a part.
    fn below<T: ?Sized + Serialize>(self, name: &'static str, value: &T) -> Result<u64, UnsupportedType> {
        let inner = Self { is_key: false, ..self };
        match self.trace {
            None => value.serialize(inner),
            Some(trace) => trace.within(name, || value.serialize(inner)),
        }
    }
}

/// The content of a variant, under its name.
pub(super) struct Variant<C> {
    pub(super) name: &'static str,
    pub(super) content: C,
}

impl<C> Variant<C> {
    fn named(&self, content: u64) -> u64 {
        mix(ENTRIES, mix(mix(ENTRIES, text(self.name.as_bytes())), content))
    }
}

macro_rules! sequences {
    ($($trait:ident::$element:ident),+ $(,)?) => {$(
        impl $trait for Items<'_> {
            type Ok = u64;
            type Error = UnsupportedType;

            fn $element<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), UnsupportedType> {
                self.item(value)
            }

            fn end(self) -> Result<u64, UnsupportedType> {
                self.finish()
            }
        }
    )+};
}

sequences!(SerializeSeq::serialize_element, SerializeTuple::serialize_element, SerializeTupleStruct::serialize_field);

impl SerializeTupleVariant for Variant<Items<'_>> {
    type Ok = u64;
    type Error = UnsupportedType;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), UnsupportedType> {
        self.content.item(value)
    }

    fn end(self) -> Result<u64, UnsupportedType> {
        let Self { name, content } = self;
        let content = content.finish()?;
        Ok(Variant { name, content: () }.named(content))
    }
}

impl SerializeMap for Entries<'_> {
    type Ok = u64;
    type Error = UnsupportedType;

    fn serialize_key<T: ?Sized + Serialize>(&mut self, key: &T) -> Result<(), UnsupportedType> {
        self.key = key.serialize(Digest { trace: None, is_key: true })?;
        Ok(())
    }

    fn serialize_value<T: ?Sized + Serialize>(&mut self, value: &T) -> Result<(), UnsupportedType> {
        // The keys of maps are data, which a path must not contain.
        let digest = self.inner.below("*", value)?;
        self.add(self.key, digest);
        Ok(())
    }

    fn end(self) -> Result<u64, UnsupportedType> {
        self.finish()
    }
}

impl SerializeStruct for Entries<'_> {
    type Ok = u64;
    type Error = UnsupportedType;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), UnsupportedType> {
        self.field(name, value)
    }

    fn end(self) -> Result<u64, UnsupportedType> {
        self.finish()
    }
}

impl SerializeStructVariant for Variant<Entries<'_>> {
    type Ok = u64;
    type Error = UnsupportedType;

    fn serialize_field<T: ?Sized + Serialize>(&mut self, name: &'static str, value: &T) -> Result<(), UnsupportedType> {
        self.content.field(name, value)
    }

    fn end(self) -> Result<u64, UnsupportedType> {
        let Self { name, content } = self;
        let content = content.finish()?;
        Ok(Variant { name, content: () }.named(content))
    }
}
