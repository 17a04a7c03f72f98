//! Measures the memory that a decoded value takes, while decoding it.
//!
//! The JSON does not determine the size: `[{},{}]` may take two kilobytes. Neither does the value.
//! The decoding does: each type requests its parts by their types, so all sizes are known, and
//! every list grows from nothing by the rules of its type. Every stored value is decoded once, when
//! it is written or first read, so measuring needs no separate pass.

use std::any::type_name;
use std::cell::Cell;
use std::mem::{needs_drop, size_of};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

/// The overhead of an allocation: the allocator's header and its rounding.
const ALLOCATION: usize = 8;

/// Decodes a value. Also returns how many bytes it takes, heap included.
pub(super) fn decode_and_measure<'de, T, D>(deserializer: D) -> Result<(T, usize), D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    let heap = Heap(Cell::new(0));
    let value = T::deserialize(Measuring { inner: deserializer, heap: &heap, place: place_of::<T>() })?;
    Ok((value, size_of::<T>() + heap.0.get()))
}

/// Bytes allocated on the heap.
struct Heap(Cell<usize>);

impl Heap {
    fn allocate(&self, bytes: usize) {
        if bytes > 0 {
            self.0.set(self.0.get().saturating_add(bytes).saturating_add(ALLOCATION));
        }
    }

    /// A value that is larger than its place must be behind a pointer.
    fn put<T>(&self, place: usize) {
        if size_of::<T>() > place {
            self.allocate(size_of::<T>());
        }
    }

    /// A type that owns no memory, such as an address or a date, does not keep the text that it was
    /// read from.
    fn text<T>(&self, length: usize) {
        if needs_drop::<T>() {
            self.allocate(length);
        }
    }

    /// Sequences and maps whose type owns no memory store their elements inline.
    fn elements<T>(&self, count: usize, (key, value): (usize, usize), align: usize, is_map: bool) {
        let element = (key + value).next_multiple_of(align);
        if !needs_drop::<T>() || count == 0 || element == 0 {
            return;
        }
        match Container::of::<T>(is_map) {
            Container::List => {
                // The growth rule of `Vec`.
                let least = match element {
                    1 => 8,
                    2..=1024 => 4,
                    _ => 1,
                };
                self.allocate(count.next_power_of_two().max(least).saturating_mul(element));
            }
            Container::Table => {
                // At most seven of eight slots are occupied, and each slot has a control byte.
                let places = (count + count.div_ceil(7)).next_power_of_two().max(4);
                self.allocate(places.saturating_mul(element + 1) + 16);
            }
            Container::Tree => {
                // A node has room for eleven entries. The entries arrive in order, so a full node
                // splits after its sixth entry, and the seventh moves up: seven entries per leaf.
                let node = 11 * (key + value) + 12;
                let leaves = if count <= 11 { 1 } else { count / 7 + 1 };
                let inner = if leaves == 1 { 0 } else { leaves / 6 + 1 };
                let bytes = leaves.saturating_mul(node + ALLOCATION) + inner.saturating_mul(node + 12 * 8 + ALLOCATION);
                self.allocate(bytes - ALLOCATION);
            }
            Container::Chain => {
                let node = element + 2 * size_of::<usize>() + ALLOCATION;
                self.allocate(count.saturating_mul(node) - ALLOCATION);
            }
        }
    }
}

/// How a collection stores its elements.
enum Container {
    List,
    Table,
    Tree,
    Chain,
}

impl Container {
    fn of<T>(is_map: bool) -> Self {
        let name = type_name::<T>();
        if name.starts_with("alloc::collections::btree") || name.starts_with("serde_json::value::Value") && is_map {
            Self::Tree
        } else if name.starts_with("alloc::collections::linked_list") {
            Self::Chain
        } else if is_map || name.starts_with("std::collections::hash") {
            Self::Table
        } else {
            Self::List
        }
    }
}

/// The inline size of a value of type `T`: 0 for a pointer. The compiler does not guarantee type
/// names; if they change, the measurement becomes less exact.
fn place_of<T>() -> usize {
    let name = type_name::<T>();
    let name = name.strip_prefix("core::option::Option<").unwrap_or(name);
    let is_pointer =
        ["alloc::boxed::Box<", "alloc::sync::Arc<", "alloc::rc::Rc<"].iter().any(|prefix| name.starts_with(prefix));
    if is_pointer { 0 } else { size_of::<T>() }
}

/// A deserializer, seed, visitor or access that adds up the sizes of what passes through it.
struct Measuring<'h, I> {
    inner: I,
    heap: &'h Heap,
    /// How much of the next value is already counted, because it is stored inside another one.
    place: usize,
}

impl<'h, I> Measuring<'h, I> {
    fn visitor<V>(&self, visitor: V, parts: Parts) -> MeasuringVisitor<'h, V> {
        MeasuringVisitor { visitor, heap: self.heap, place: self.place, parts }
    }
}

/// Where the parts of a value are stored.
#[derive(Clone, Copy, PartialEq)]
enum Parts {
    /// Inline, like the fields of a struct.
    Within,
    /// On the heap, like the elements of a list.
    Elsewhere,
}

macro_rules! measured {
    ($($method:ident($($name:ident: $type:ty),*) $parts:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.heap.put::<V::Value>(self.place);
            let visitor = self.visitor(visitor, Parts::$parts);
            self.inner.$method($($name,)* visitor)
        }
    )+};
}

/// For these, the size of the visitor's value does not reveal a pointer: the value is an `Option`
/// or wrapper of what follows, or is not stored as it is, like a `String` that becomes a
/// `Box<str>`.
macro_rules! passed_on {
    ($($method:ident($($name:ident: $type:ty),*) $parts:ident;)+) => {$(
        fn $method<V: Visitor<'de>>(self, $($name: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            let visitor = self.visitor(visitor, Parts::$parts);
            self.inner.$method($($name,)* visitor)
        }
    )+};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Measuring<'_, D> {
    type Error = D::Error;

    measured! {
        deserialize_bool() Within;
        deserialize_i8() Within;
        deserialize_i16() Within;
        deserialize_i32() Within;
        deserialize_i64() Within;
        deserialize_i128() Within;
        deserialize_u8() Within;
        deserialize_u16() Within;
        deserialize_u32() Within;
        deserialize_u64() Within;
        deserialize_u128() Within;
        deserialize_f32() Within;
        deserialize_f64() Within;
        deserialize_char() Within;
        deserialize_unit() Within;
        deserialize_unit_struct(name: &'static str) Within;
        deserialize_seq() Elsewhere;
        deserialize_tuple(length: usize) Within;
        deserialize_tuple_struct(name: &'static str, length: usize) Within;
        deserialize_map() Elsewhere;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) Within;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) Within;
    }

    passed_on! {
        deserialize_str() Elsewhere;
        deserialize_string() Elsewhere;
        deserialize_bytes() Elsewhere;
        deserialize_byte_buf() Elsewhere;
        deserialize_identifier() Elsewhere;
        deserialize_ignored_any() Elsewhere;
        deserialize_option() Within;
        deserialize_newtype_struct(name: &'static str) Within;
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        // For an internally tagged enum, serde first creates a pair of the tag and the fields.
        let is_variant = type_name::<V::Value>().starts_with('(');
        let visitor = self.visitor(visitor, if is_variant { Parts::Within } else { Parts::Elsewhere });
        self.inner.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

struct MeasuringVisitor<'h, V> {
    visitor: V,
    heap: &'h Heap,
    place: usize,
    parts: Parts,
}

macro_rules! plain {
    ($($method:ident: $type:ty),+) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.visitor.$method(value)
        }
    )+};
}

macro_rules! texts {
    ($($method:ident: $type:ty),+) => {$(
        fn $method<E: serde::de::Error>(self, value: $type) -> Result<V::Value, E> {
            self.heap.text::<V::Value>(value.len());
            self.visitor.$method(value)
        }
    )+};
}

impl<'de, V: Visitor<'de>> Visitor<'de> for MeasuringVisitor<'_, V> {
    type Value = V::Value;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.visitor.expecting(f)
    }

    plain!(
        visit_bool: bool, visit_char: char,
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128,
        visit_f32: f32, visit_f64: f64
    );
    texts!(
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>
    );

    fn visit_none<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_none()
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<V::Value, E> {
        self.visitor.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_some(Measuring { inner: deserializer, heap: self.heap, place: self.place })
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        self.visitor.visit_newtype_struct(Measuring { inner: deserializer, heap: self.heap, place: self.place })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let mut access = MeasuringAccess::new(inner, &self);
        let value = self.visitor.visit_seq(&mut access)?;
        access.add_elements::<V::Value>(false);
        Ok(value)
    }

    fn visit_map<A: MapAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        let mut access = MeasuringAccess::new(inner, &self);
        let value = self.visitor.visit_map(&mut access)?;
        access.add_elements::<V::Value>(true);
        Ok(value)
    }

    fn visit_enum<A: EnumAccess<'de>>(self, inner: A) -> Result<V::Value, A::Error> {
        self.visitor.visit_enum(Measuring { inner, heap: self.heap, place: self.place })
    }
}

/// The parts of a sequence or a map.
struct MeasuringAccess<'h, A> {
    inner: A,
    heap: &'h Heap,
    parts: Parts,
    count: usize,
    /// Sizes of a key, and of a value or element.
    sizes: (usize, usize),
    align: usize,
}

impl<'h, A> MeasuringAccess<'h, A> {
    fn new<V>(inner: A, of: &MeasuringVisitor<'h, V>) -> Self {
        Self { inner, heap: of.heap, parts: of.parts, count: 0, sizes: (0, 0), align: 1 }
    }

    fn add_elements<T>(&self, is_map: bool) {
        if self.parts == Parts::Elsewhere {
            self.heap.elements::<T>(self.count, self.sizes, self.align, is_map);
        }
    }

    fn seed<S>(&self, inner: S, place: usize) -> Measuring<'h, S> {
        Measuring { inner, heap: self.heap, place }
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for MeasuringAccess<'_, A> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.sizes.1 = size_of::<S::Value>();
        // An element that owns no memory is decoded without measuring.
        let element = if needs_drop::<S::Value>() {
            let seed = self.seed(seed, place_of::<S::Value>());
            self.inner.next_element_seed(seed)
        } else {
            self.inner.next_element_seed(seed)
        };
        self.count += usize::from(matches!(element, Ok(Some(_))));
        element
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for MeasuringAccess<'_, A> {
    type Error = A::Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.sizes.0 = size_of::<S::Value>();
        self.align = self.align.max(align_of::<S::Value>());
        // Field names are not stored.
        let key = if needs_drop::<S::Value>() && self.parts == Parts::Elsewhere {
            let seed = self.seed(seed, place_of::<S::Value>());
            self.inner.next_key_seed(seed)
        } else {
            self.inner.next_key_seed(seed)
        };
        self.count += usize::from(matches!(key, Ok(Some(_))));
        key
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.sizes.1 = size_of::<S::Value>();
        self.align = self.align.max(align_of::<S::Value>());
        if needs_drop::<S::Value>() {
            let seed = self.seed(seed, place_of::<S::Value>());
            self.inner.next_value_seed(seed)
        } else {
            self.inner.next_value_seed(seed)
        }
    }

    fn size_hint(&self) -> Option<usize> {
        self.inner.size_hint()
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Measuring<'_, S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(Measuring { inner: deserializer, heap: self.heap, place: self.place })
    }
}

impl<'de, 'h, A: EnumAccess<'de>> EnumAccess<'de> for Measuring<'h, A> {
    type Error = A::Error;
    type Variant = Measuring<'h, A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, inner) = self.inner.variant_seed(seed)?;
        Ok((name, Measuring { inner, heap: self.heap, place: self.place }))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Measuring<'_, A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let seed = Measuring { inner: seed, heap: self.heap, place: place_of::<S::Value>() };
        self.inner.newtype_variant_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, Parts::Within);
        self.inner.tuple_variant(length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let visitor = self.visitor(visitor, Parts::Within);
        self.inner.struct_variant(fields, visitor)
    }
}
