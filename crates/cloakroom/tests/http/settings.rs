//! R25, R39: invalid settings are rejected at startup, with an error that names the setting and a
//! valid value.

use cloakroom::KeyRing;

#[path = "../corpus/settings.rs"]
pub(super) mod corpus;

use corpus::{builders, rings};

#[test]
fn r25_every_setting_that_cannot_work_is_refused_and_named() {
    let mut count = 0;
    for (why, builder, setting, remedy) in builders() {
        count += 1;
        let error = builder.build().err().unwrap_or_else(|| panic!("{why} was accepted"));
        assert_eq!(error.setting(), setting, "{why}: {error}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("`{setting}` ")) && text.contains(remedy), "{why}: {text}");
    }
    assert!(count >= 20, "{count}");
}

#[test]
fn r39_every_ring_that_must_not_be_used_is_refused_and_its_key_named() {
    let mut count = 0;
    for (why, text, message) in rings() {
        count += 1;
        let error = text.parse::<KeyRing>().err().unwrap_or_else(|| panic!("{why} was accepted"));
        let output = format!("{error} {error:?}");
        assert!(output.starts_with("`key") && output.contains(message), "{why}: {output}");
        for word in text.split([',', ' ', '\n', ':', '"', '=']).filter(|word| word.len() > 12) {
            assert!(!output.contains(word), "{why}: {output}");
        }
    }
    assert!(count >= 25, "{count}");
}
