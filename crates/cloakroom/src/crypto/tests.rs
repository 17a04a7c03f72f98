use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use hmac::{KeyInit as _, Mac as _};

use crate::random::OsRandom;

/// Random enough, and the same in every run.
fn secret(seed: u8) -> [u8; 32] {
    use sha2::{Digest, Sha256};
    Sha256::digest([seed]).into()
}

fn key(id: u8) -> Key {
    cloakroom_secret_scan::record("key", secret(id));
    Key::new(id, secret(id)).unwrap()
}

fn problem(secret: &[u8]) -> String {
    Key::new(7, secret).unwrap_err().to_string()
}

#[test]
fn r39_a_weak_key_is_refused_with_its_number_and_the_remedy() {
    let repeated: Vec<u8> = b"\x01\x02\x03\x04\x05\x06\x07\x80".repeat(4);
    let cases: [(&[u8], &str); 9] = [
        (b"", "is empty"),
        (&secret(1)[..31], "is shorter than 32 bytes"),
        (&[0; 32], "is visibly not random"),
        (&[0xff; 64], "is visibly not random"),
        (&repeated, "is visibly not random"),
        (&std::array::from_fn::<u8, 32, _>(|index| index as u8), "is visibly not random"),
        (&std::array::from_fn::<u8, 32, _>(|index| 200 - 3 * index as u8), "is visibly not random"),
        (b"your-256-bit-secret-your-256-bit-secret", "is text, not random bytes"),
        (&[0x5a_u8; 1025].map(|byte| byte | 0x80), "is longer than 1024 bytes"),
    ];
    for (secret, expected) in cases {
        let said = problem(secret);
        assert!(said.starts_with(&format!("`key` 7 {expected}")), "{said}");
        assert!(said.ends_with("make one with `head -c 32 /dev/urandom | base64`"), "{said}");
    }
}

#[test]
fn r39_published_keys_are_refused() {
    let url_safe = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let of_rfc_7515 =
        url_safe("AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow");
    let of_rfc_7520 = url_safe("hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg");
    let of_rfc_8037 = url_safe("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
    for published in [of_rfc_7515, of_rfc_7520, of_rfc_8037] {
        assert!(problem(&published).starts_with("`key` 7 is published"), "{}", problem(&published));
    }
}

#[test]
fn what_the_generator_makes_is_never_refused() {
    for _ in 0..10_000 {
        let made = Key::generate(1, &OsRandom).unwrap();
        cloakroom_secret_scan::record("entry of a key ring", &*made.to_entry());
        let again: KeyRing = made.to_entry().parse().unwrap();
        assert!(again.keys().next().unwrap().has_same_secret(&made));
    }
}

#[test]
fn r39_a_number_or_a_secret_is_in_a_ring_once() {
    let twice = KeyRing::new(key(1)).with_previous(key(1)).unwrap_err();
    assert_eq!(twice.to_string(), "`key` 1 occurs twice; give every key a number of its own");
    let same = KeyRing::new(key(1)).with_previous(Key::new(2, secret(1)).unwrap()).unwrap_err();
    assert!(same.to_string().starts_with("`key` 2 has the same secret as key 1"), "{same}");
    assert_eq!((same.setting(), twice.setting()), ("key", "key"));
}

#[test]
fn a_ring_reads_what_the_tools_at_hand_print() {
    let (new, old) = (STANDARD.encode(secret(2)), URL_SAFE_NO_PAD.encode(secret(1)));
    for text in [format!("2:{new},1:{old}"), format!(" 2:{new}\n1:{old}\n"), format!("2:{new}, 1:{old},")] {
        let ring: KeyRing = text.parse().unwrap();
        assert_eq!(ring.active(), 2);
        let secrets: Vec<_> = ring.keys().map(Key::to_entry).collect();
        assert_eq!(secrets, [key(2).to_entry(), key(1).to_entry()]);
    }
}

#[test]
fn a_ring_says_which_entry_does_not_read() {
    let good = STANDARD.encode(secret(1));
    let cases = [
        (String::new(), "`keys` is empty"),
        (" , ".to_owned(), "`keys` is empty"),
        (good.clone(), "`keys` has no number from 0 to 255 with a colon before the secret of entry 1"),
        (
            format!("1:{good},256:{good}"),
            "`keys` has no number from 0 to 255 with a colon before the secret of entry 2",
        ),
        (format!("-1:{good}"), "`keys` has no number"),
        (format!("1:{good}!"), "`key` 1 is not base64"),
        ("1:".to_owned(), "`key` 1 is empty"),
        (format!("1:{good},1:{good}"), "`key` 1 occurs twice"),
    ];
    for (text, expected) in cases {
        let said = text.parse::<KeyRing>().unwrap_err().to_string();
        assert!(said.starts_with(expected), "{said}");
        assert!(!said.contains(&good), "{said}");
    }
}

#[test]
fn r39_no_key_shows_its_secret() {
    let ring = KeyRing::new(key(1)).with_previous(key(2)).unwrap();
    assert_eq!(format!("{ring:?}"), "KeyRing([Key(1), Key(2)])");
    assert_eq!(format!("{:?}", key(1).derive(Purpose::LogId, b"")), "DerivedKey(..)");
}

#[test]
fn r40_keys_differ_by_secret_use_and_context() {
    let derived =
        [key(1).derive(Purpose::LogId, b""), key(2).derive(Purpose::LogId, b""), key(1).derive(Purpose::LogId, b"x")];
    let distinct: std::collections::HashSet<_> = derived.iter().map(|key| *key.as_bytes()).collect();
    assert_eq!(distinct.len(), derived.len());
}

/// RFC 4231 §4.2 has no key that a ring would accept, so this compares with a second computation.
#[test]
fn a_mac_is_hmac_sha_256_under_the_derived_key() {
    let derived = key(1).derive(Purpose::LogId, b"");
    let mut expected = hmac::Hmac::<sha2::Sha256>::new_from_slice(derived.as_bytes()).unwrap();
    expected.update(b"message");
    let mut mac = derived.mac();
    mac.update(b"message");
    assert_eq!(mac.finalize().into_bytes(), expected.finalize().into_bytes());
}

fn macs(ring: &KeyRing) -> MacKeys {
    MacKeys::new(ring, Purpose::Token, b"cookie:a")
}

#[test]
fn a_mac_is_hmac_sha_256_under_the_derived_key_cut_in_half() {
    let ring = KeyRing::new(key(1));
    let whole = key(1).derive(Purpose::Token, b"cookie:a").mac().chain_update(b"text").finalize().into_bytes();
    assert_eq!(macs(&ring).sign(b"text"), whole[..16]);
}

#[test]
fn r35_a_mac_that_differs_in_any_bit_is_forged() {
    let ring = KeyRing::new(key(2)).with_previous(key(1)).unwrap();
    let macs = macs(&ring);
    let mac = macs.sign(b"text");
    assert_eq!(macs.verify(2, b"text", &mac), MacResult::Active);
    for bit in 0..128 {
        let mut other = mac;
        other[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(macs.verify(2, b"text", &other), MacResult::Forged, "bit {bit}");
    }
    assert_eq!(macs.verify(2, b"texts", &mac), MacResult::Forged);
    assert_eq!(macs.verify(1, b"text", &mac), MacResult::Forged);
    assert_eq!(macs.verify(3, b"text", &mac), MacResult::UnknownKey);
}

#[test]
fn r38_a_mac_of_an_accepted_key_is_told_from_one_of_the_active_key() {
    let mac = macs(&KeyRing::new(key(1))).sign(b"text");
    let later = macs(&KeyRing::new(key(2)).with_previous(key(1)).unwrap());
    assert_eq!(later.verify(1, b"text", &mac), MacResult::Accepted);
    assert_eq!(macs(&KeyRing::new(key(2))).verify(1, b"text", &mac), MacResult::UnknownKey);
}

#[test]
fn r40_no_two_purposes_and_contexts_share_a_key() {
    let ring = KeyRing::new(key(1));
    let mac = macs(&ring).sign(b"text");
    for (purpose, context) in [(Purpose::LogId, &b"cookie:a"[..]), (Purpose::Token, b"cookie:b"), (Purpose::Token, b"")]
    {
        assert_ne!(MacKeys::new(&ring, purpose, context).sign(b"text"), mac, "{purpose:?} {context:?}");
    }
}

#[test]
fn r48_what_is_derived_follows_the_ring_at_once() {
    let keys = ActiveKeyRing::new(KeyRing::new(key(1)));
    let live = keys.derive(macs);
    let mac = live.get().sign(b"text");
    let dropped = keys.derive(macs);
    drop(dropped);
    keys.replace(KeyRing::new(key(2)));
    assert_eq!(live.get().verify(1, b"text", &mac), MacResult::UnknownKey);
    assert_eq!(live.get().active(), 2);
    assert_eq!(keys.derive(macs).get().active(), 2);
}

#[test]
fn r55_debug_of_what_is_derived_shows_no_key() {
    let keys = ActiveKeyRing::new(KeyRing::new(key(1)));
    let shown = format!("{keys:?} {:?} {:?}", keys.derive(macs), macs(&KeyRing::new(key(1))));
    assert_eq!(shown, "KeyRing([Key(1)]) FollowsRing(..) MacKeys(active 1)");
}
