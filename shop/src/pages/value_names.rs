//! What the panel calls the values that a page looks up, in each language.

use crate::language::Language;

/// English and German, by the name in the trace.
const NAMES: [(&str, &str, &str); 23] = [
    ("account", "your name", "Ihr Name"),
    ("cart", "your cart", "Ihr Korb"),
    ("cart (write)", "your cart: changed", "Ihr Korb: geändert"),
    ("catalogue", "the products", "das Sortiment"),
    ("device (sign out)", "your device: signed out", "Ihr Gerät: abgemeldet"),
    ("devices", "your devices", "Ihre Geräte"),
    ("devices (sign out)", "your devices: signed out", "Ihre Geräte: abgemeldet"),
    ("guest-history", "what you viewed: saved", "was Sie angesehen haben: gespeichert"),
    ("guest-preferences", "your preferences: saved", "Ihre Einstellungen: gespeichert"),
    ("history", "what you viewed", "was Sie angesehen haben"),
    ("history (write)", "what you viewed: changed", "was Sie angesehen haben: geändert"),
    ("password", "your password", "Ihr Passwort"),
    ("password (write)", "your password: changed", "Ihr Passwort: geändert"),
    ("preferences", "your preferences", "Ihre Einstellungen"),
    ("preferences (write)", "your preferences: changed", "Ihre Einstellungen: geändert"),
    ("recommendations", "what may suit you", "was zu Ihnen passt"),
    ("roles", "what you may do", "was Sie dürfen"),
    ("roles (write)", "what somebody may do: changed", "was jemand darf: geändert"),
    ("saved cart", "the cart of your last visit", "der Korb Ihres letzten Besuchs"),
    ("session-cache", "your choice of the switch", "Ihre Wahl am Schalter"),
    ("sign-in", "your sign-in", "Ihre Anmeldung"),
    ("sign-in (rotate)", "your sign-in: renewed", "Ihre Anmeldung: erneuert"),
    ("sign-out", "your sign-out", "Ihre Abmeldung"),
];

/// Returns the words for a value; its own name if there are none.
pub(super) fn value_name(name: &'static str, language: Language) -> &'static str {
    let known = NAMES.iter().find(|(known, ..)| *known == name);
    known.map_or(name, |(_, english, german)| match language {
        Language::En => english,
        Language::De => german,
    })
}
