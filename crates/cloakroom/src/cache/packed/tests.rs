use proptest::prelude::*;

use super::Packed;
use crate::cache::erased_value::{AnyValue, CodecError, ErasedValue};
use crate::cache::tests::{Shape, shapes};
use crate::cache::value::{ValueEntry, ValueKey, ValueState};
use crate::sync::Arc;
use crate::time::Timestamp;

/// How a text encodes, and whether that decodes to an equal text.
#[derive(Clone, Copy)]
enum Encoding {
    Faithful,
    Lossy,
    Broken,
}

struct Text(&'static str, Encoding);

impl AnyValue for Text {
    fn own_key(&self) -> &'static str {
        "text"
    }

    fn type_name(&self) -> &'static str {
        "Text"
    }

    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        if let Encoding::Broken = self.1 { Err("cannot be encoded".into()) } else { Ok(self.0.into()) }
    }

    fn round_trips(&self, _bytes: &[u8]) -> bool {
        !matches!(self.1, Encoding::Lossy)
    }
}

fn entry(state: ValueState) -> ValueEntry {
    ValueEntry::new(ValueKey::Static("text"), 1, Timestamp::MAX, 5, state)
}

fn decoded(text: &'static str, encoding: Encoding) -> ValueEntry {
    entry(ValueState::Decoded(ErasedValue { value: Arc::new(Text(text, encoding)), decoded_bytes: 0 }))
}

fn any_slot() -> impl Strategy<Value = ValueState> {
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    prop_oneof![
        4 => bytes.prop_map(|bytes| ValueState::Encoded(bytes.into())),
        1 => Just(ValueState::Absent),
        1 => Just(ValueState::Removed),
    ]
}

fn any_entry() -> impl Strategy<Value = ValueEntry> {
    let key = prop_oneof!["[a-z0-9_.-]{1,64}", "\\PC{0,60}"];
    let fresh_until = prop_oneof![Just(u64::MAX), any::<u64>(), 0_u64..1000];
    (key, any::<u64>(), fresh_until, any::<u32>(), any_slot()).prop_map(|(key, version, fresh_until, size, slot)| {
        let fresh_until = Timestamp::from_millis(fresh_until);
        ValueEntry::new(ValueKey::Owned(key.into()), version, fresh_until, size, slot)
    })
}

fn any_entries() -> impl Strategy<Value = Vec<ValueEntry>> {
    prop::collection::vec(any_entry(), 0..8)
}

fn unpacked(bytes: &[u8]) -> Vec<Shape> {
    shapes(&Packed(bytes.into()).unpack())
}

#[test]
fn a_decoded_value_comes_back_as_its_bytes() {
    let packed = Packed::pack(&[decoded("hello", Encoding::Faithful)]).expect("it can be packed");
    let encoded = entry(ValueState::Encoded(Arc::from(*b"hello")));
    assert_eq!(shapes(&packed.unpack()), shapes(&[encoded]));
}

#[test]
fn one_value_that_would_not_come_back_keeps_the_whole_session_from_being_packed() {
    let good = decoded("hello", Encoding::Faithful);
    for codec in [Encoding::Lossy, Encoding::Broken] {
        assert!(Packed::pack(&[good.clone(), decoded("hello", codec)]).is_none());
    }
}

#[test]
fn a_key_of_any_length_comes_back_whole() {
    for length in [0, 127, 128, 255, 256, 70_000] {
        let key = ValueKey::Owned("k".repeat(length).into());
        let value_entry = ValueEntry::new(key, 1, Timestamp::MAX, 5, ValueState::Absent);
        let packed = Packed::pack(std::slice::from_ref(&value_entry)).expect("it can be packed");
        assert_eq!(shapes(&packed.unpack()), shapes(&[value_entry]));
    }
}

#[test]
fn no_values_take_no_bytes() {
    let packed = Packed::pack(&[]).expect("an empty list can be packed");
    assert_eq!((packed.weight(), packed.unpack().len()), (0, 0));
}

#[test]
fn what_is_printed_of_packed_values_is_their_length() {
    let packed = Packed::pack(&[decoded("secret", Encoding::Faithful)]).expect("it can be packed");
    assert_eq!(format!("{packed:?}"), format!("Packed({} bytes)", packed.weight()));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_comes_back_as_it_was(entries in any_entries()) {
        let packed = Packed::pack(&entries).expect("it can be packed");
        prop_assert_eq!(shapes(&packed.unpack()), shapes(&entries));
        prop_assert_eq!(packed.weight(), packed.0.len() as u64);
    }

    #[test]
    fn of_bytes_that_are_cut_off_the_first_entries_come_back(entries in any_entries(), cut in any::<prop::sample::Index>()) {
        let packed = Packed::pack(&entries).expect("it can be packed");
        let kept = cut.index(packed.0.len() + 1);
        let found = unpacked(&packed.0[..kept]);
        prop_assert!(shapes(&entries).starts_with(&found));
        prop_assert_eq!(found.len() == entries.len(), kept == packed.0.len());
    }

    #[test]
    fn bytes_of_any_other_origin_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let found = unpacked(&bytes);
        prop_assert!(found.len() <= bytes.len() / 5);
    }
}
