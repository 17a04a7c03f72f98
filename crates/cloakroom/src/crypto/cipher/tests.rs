use crate::crypto::cipher::*;
use crate::crypto::key::Key;
use crate::random::OsRandom;

fn key(id: u8) -> Key {
    use sha2::{Digest, Sha256};
    cloakroom_secret_scan::record("key", Sha256::digest([id]));
    Key::new(id, Sha256::digest([id])).unwrap()
}

fn seals(ids: &[u8]) -> Cipher {
    let ring = KeyRing::new(key(ids[0]));
    Cipher::new(&ids[1..].iter().fold(ring, |ring, id| ring.with_previous(key(*id)).unwrap()), b"shop")
}

fn aad(part: &str) -> AssociatedData {
    AssociatedData::new("value").text(part).number(7)
}

fn signed(ids: &[u8], plain: &[u8]) -> Vec<u8> {
    seals(ids).seal(&OsRandom, &aad("cart"), plain).unwrap()
}

#[test]
fn what_was_sealed_opens_again_and_shows_nothing_before() {
    for plain in [&b""[..], b"x", b"{\"items\":[1,2,3]}", &[0; 5000]] {
        let envelope = signed(&[1], plain);
        assert_eq!(envelope.len(), plain.len() + OVERHEAD);
        assert_eq!(envelope[..2], [1, 1], "the format and the key");
        assert!(plain.len() < 8 || !envelope.windows(8).any(|window| plain.starts_with(window)));
        assert_eq!(seals(&[1]).open(&aad("cart"), &envelope).unwrap(), plain);
    }
}

#[test]
fn r37_no_byte_of_an_envelope_can_be_changed_added_or_left_out() {
    let envelope = signed(&[1], b"{\"role\":\"reader\"}");
    let seals = seals(&[1]);
    for at in 0..envelope.len() {
        for bit in 0..8 {
            let mut other = envelope.clone();
            other[at] ^= 1 << bit;
            let why = seals.open(&aad("cart"), &other).unwrap_err();
            assert_eq!(why, if at == 1 { OpenError::UnknownKey } else { OpenError::Broken }, "byte {at}, bit {bit}");
        }
        assert_eq!(seals.open(&aad("cart"), &envelope[..at]), Err(OpenError::Broken), "cut to {at}");
        assert!(seals.open(&aad("cart"), &envelope[at + 1..]).is_err(), "without {at}");
    }
    assert_eq!(seals.open(&aad("cart"), &[&envelope[..], b"x"].concat()), Err(OpenError::Broken));
}

#[test]
fn r37_an_envelope_opens_in_its_own_place_only() {
    let envelope = signed(&[1], b"mine");
    let elsewhere = [
        aad("carts"),
        AssociatedData::new("value").text("cart").number(8),
        AssociatedData::new("record").text("cart").number(7),
        AssociatedData::new("value").text("cart"),
        // Identical bytes in sequence, divided differently.
        AssociatedData::new("value").text("car").text("t").number(7),
        AssociatedData::new("valuec").text("art").number(7),
    ];
    for aad in elsewhere {
        assert_eq!(seals(&[1]).open(&aad, &envelope), Err(OpenError::Broken), "{aad:?}");
    }
    let other_context = Cipher::new(&KeyRing::new(key(1)), b"shop-staging");
    assert_eq!(other_context.open(&aad("cart"), &envelope), Err(OpenError::Broken));
}

#[test]
fn r38_every_key_of_the_ring_opens_and_the_active_one_seals() {
    let old = signed(&[1], b"mine");
    assert_eq!(seals(&[2, 1]).open(&aad("cart"), &old).unwrap(), b"mine");
    assert_eq!(signed(&[2, 1], b"mine")[1], 2);
    assert_eq!(seals(&[2]).open(&aad("cart"), &old), Err(OpenError::UnknownKey));
    // The key's number alone proves nothing.
    let mut renumbered = old;
    renumbered[1] = 2;
    assert_eq!(seals(&[2, 1]).open(&aad("cart"), &renumbered), Err(OpenError::Broken));
}

#[test]
fn the_same_bytes_are_never_sealed_alike() {
    let all: std::collections::HashSet<_> = (0..1000).map(|_| signed(&[1], b"same")[2..26].to_vec()).collect();
    assert_eq!(all.len(), 1000);
}

#[test]
fn r39_seals_show_the_numbers_of_their_keys_alone() {
    assert_eq!(format!("{:?}", seals(&[2, 1])), "Cipher([2, 1])");
}
