use super::{Key, KeyRing};

/// Checks the parser of key rings.
///
/// An input is the value of an environment variable.
///
/// # Panics
/// If a ring does not survive a round trip through its text, or if anything but that text contains
/// a secret.
pub fn key_ring(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    match text.parse::<KeyRing>() {
        Ok(ring) => survives(&ring),
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(["key", "keys"].contains(&error.setting()), "{said}");
            for word in text.split([',', ' ', '\t', '\r', '\n', ':']).filter(|word| word.len() >= 20) {
                assert!(!said.contains(word), "{said}");
            }
        }
    }
}

fn survives(ring: &KeyRing) {
    let written = |ring: &KeyRing| ring.keys().map(|key| key.to_entry().to_string()).collect::<Vec<_>>();
    let keys = written(ring);
    let again = keys.join(",").parse::<KeyRing>();
    assert_eq!(
        again.map(|ring| written(&ring)).ok().as_ref(),
        Some(&keys),
        "a ring survives a round trip through its text"
    );
    let mut numbers: Vec<_> = ring.keys().map(Key::id).collect();
    assert_eq!(ring.active(), numbers[0]);
    let shown = format!("{ring:?}");
    assert!(keys.iter().all(|key| !shown.contains(key.split_once(':').map_or("", |(_, secret)| secret))), "{shown}");
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), keys.len(), "a number names one key");
}
