//! How much memory a value takes, as far as its serialization shows it.
//!
//! JSON says little about it: `[{},{}]` may stand for two kilobytes. A serializer is handed every part by
//! reference, and so learns how large it is where it lies, with what serde skips of it.

use std::fmt;
use std::mem::{size_of, size_of_val};

use serde::ser::{self, Serialize};

/// What an allocation costs beside what it holds.
const ALLOCATION: usize = 8;
/// The sizes of the library's maps where they lie, which tell them apart.
const TREE: usize = size_of::<std::collections::BTreeMap<u8, u8>>();
/// How many entries a node of a tree has room for.
const NODE: usize = 11;

/// The bytes that `value` takes, heap included: within half of the truth for what is made of the standard library's types.
pub(super) fn memory_size<T: Serialize>(value: &T) -> usize {
    let mut heap = 0;
    // What does not serialize is refused elsewhere.
    drop(value.serialize(Sizer { heap: &mut heap, inline: size_of::<T>() }));
    size_of::<T>() + heap
}

/// Adds up what lies behind pointers.
struct Sizer<'a> {
    heap: &'a mut usize,
    /// How much of what comes next has been counted, because it lies within something else.
    inline: usize,
}

impl<'a> Sizer<'a> {
    /// Something of this size. What is larger than its place lies behind a pointer.
    fn content(self, size: usize) {
        if size > self.inline {
            *self.heap += size + ALLOCATION;
        }
    }

    fn bytes(self, length: usize) {
        // What is smaller than a pointer and a length keeps its text within, or has none.
        if self.inline >= 16 && length > 0 {
            *self.heap += length + ALLOCATION;
        }
    }

    fn parts(self) -> Parts<'a> {
        Parts { heap: self.heap, inline: self.inline, size: 0 }
    }

    fn list(self) -> List<'a> {
        List { heap: self.heap, inline: self.inline, entries: 0, size: 0, key: 0 }
    }
}

/// Fields, which lie where their owner lies.
struct Parts<'a> {
    heap: &'a mut usize,
    inline: usize,
    size: usize,
}

impl Parts<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, part: &T) -> Result<(), Never> {
        self.size += size_of_val(part);
        part.serialize(Sizer { heap: self.heap, inline: size_of_val(part) })
    }

    fn done(self) {
        Sizer { heap: self.heap, inline: self.inline }.content(self.size);
    }
}

/// Elements or entries, which lie somewhere else.
struct List<'a> {
    heap: &'a mut usize,
    inline: usize,
    entries: usize,
    size: usize,
    key: usize,
}

impl List<'_> {
    fn add<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Never> {
        self.entries += 1;
        self.size += size_of_val(element);
        element.serialize(Sizer { heap: self.heap, inline: size_of_val(element) })
    }

    /// A list that grew has room for up to as much again.
    fn done(self) {
        if self.entries > 0 {
            *self.heap += self.size * 7 / 5 + ALLOCATION;
        }
    }

    fn done_as_map(self) {
        let Some(entry) = self.size.checked_div(self.entries) else { return };
        *self.heap += ALLOCATION
            + if self.inline == TREE {
                // Nodes are between half full and full, and never less than one.
                (self.entries * 17 / 10).max(NODE) * entry
            } else {
                // At most seven of eight places are taken, and the table doubles.
                (self.entries * 8 / 7 + 1).next_power_of_two().max(4) * (entry + 1)
            };
    }
}

/// There is nothing that a sizer cannot count.
#[derive(Debug)]
struct Never;

impl fmt::Display for Never {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value does not serialize")
    }
}

impl std::error::Error for Never {}

impl ser::Error for Never {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty),+) => {$(
        fn $method(self, _: $type) -> Result<(), Never> {
            self.content(size_of::<$type>());
            Ok(())
        }
    )+};
}

impl<'a> ser::Serializer for Sizer<'a> {
    type Ok = ();
    type Error = Never;
    type SerializeSeq = List<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = List<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

    plain!(
        serialize_bool: bool, serialize_char: char,
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
        serialize_f32: f32, serialize_f64: f64
    );

    fn serialize_str(self, text: &str) -> Result<(), Never> {
        self.bytes(text.len());
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Never> {
        self.bytes(bytes.len());
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Never> {
        let mut parts = self.parts();
        parts.add(value)?;
        parts.done();
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Never> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Never> {
        self.serialize_some(value)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Never> {
        self.serialize_some(value)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, Never> {
        Ok(self.list())
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, Never> {
        Ok(self.parts())
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Never> {
        Ok(self.parts())
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Parts<'a>, Never> {
        Ok(self.parts())
    }

    fn serialize_map(self, _: Option<usize>) -> Result<List<'a>, Never> {
        Ok(self.list())
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, Never> {
        Ok(self.parts())
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<Parts<'a>, Never> {
        Ok(self.parts())
    }
}

impl ser::SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Never;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, element: &T) -> Result<(), Never> {
        self.add(element)
    }

    fn end(self) -> Result<(), Never> {
        self.done();
        Ok(())
    }
}

impl ser::SerializeMap for List<'_> {
    type Ok = ();
    type Error = Never;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Never> {
        self.key = size_of_val(key);
        key.serialize(Sizer { heap: self.heap, inline: self.key })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Never> {
        self.size += self.key;
        self.add(value)
    }

    fn end(self) -> Result<(), Never> {
        self.done_as_map();
        Ok(())
    }
}

macro_rules! parts {
    ($($trait:ident::$method:ident($($name:ident)?)),+) => {$(
        impl ser::$trait for Parts<'_> {
            type Ok = ();
            type Error = Never;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? part: &T) -> Result<(), Never> {
                $(let _ = $name;)?
                self.add(part)
            }

            fn end(self) -> Result<(), Never> {
                self.done();
                Ok(())
            }
        }
    )+};
}
parts!(
    SerializeTuple::serialize_element(),
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(name),
    SerializeStructVariant::serialize_field(name)
);
