//! Invalid settings and unusable key rings, and what each error has to name.

use std::time::Duration;

use cloakroom::{LimitPolicy, SessionLimits, Sessions, SessionsBuilder};

/// One builder: why it is rejected, its settings, the setting that the error names, and a part of
/// the remedy.
pub(crate) type Row = (&'static str, fn(SessionsBuilder) -> SessionsBuilder, &'static str, &'static str);

const DAY: u64 = 24 * 60 * 60;
const BELOW_A_SECOND: Duration = Duration::from_millis(999);

pub(crate) const BUILDERS: &[Row] = &[
    ("no idle timeout", |b| b.idle_timeout(Duration::ZERO), "idle_timeout", "1s"),
    ("an idle timeout below a second", |b| b.idle_timeout(BELOW_A_SECOND), "idle_timeout", "1s"),
    ("an idle timeout of 401 days", |b| b.idle_timeout(Duration::from_secs(401 * DAY)), "idle_timeout", "34560000"),
    ("an endless idle timeout", |b| b.idle_timeout(Duration::MAX), "idle_timeout", "34560000"),
    ("no absolute timeout", |b| b.absolute_timeout(Duration::ZERO), "absolute_timeout", "1s"),
    ("an absolute timeout below a second", |b| b.absolute_timeout(BELOW_A_SECOND), "absolute_timeout", "1s"),
    ("a session for 401 days", |b| b.absolute_timeout(Duration::from_secs(401 * DAY)), "absolute_timeout", "34560000"),
    ("an endless session", |b| b.absolute_timeout(Duration::MAX), "absolute_timeout", "34560000"),
    ("a grace of 61 seconds", |b| b.renewal_grace(Duration::from_secs(61)), "renewal_grace", "60"),
    ("an endless grace", |b| b.renewal_grace(Duration::MAX), "renewal_grace", "60"),
    (
        "an idle timeout beyond the absolute one",
        |b| b.idle_timeout(Duration::from_secs(61)).absolute_timeout(Duration::from_secs(60)),
        "idle_timeout",
        "`absolute_timeout` is 60s",
    ),
    (
        "an idle timeout beyond the default for the absolute one",
        |b| b.idle_timeout(Duration::from_secs(2 * DAY)),
        "idle_timeout",
        "`absolute_timeout` is 86400s",
    ),
    (
        "a grace beyond the idle timeout",
        |b| b.idle_timeout(Duration::from_secs(5)).renewal_grace(Duration::from_secs(6)),
        "renewal_grace",
        "`idle_timeout` is 5s",
    ),
    ("packing at once", |b| b.pack_after(Some(Duration::ZERO)), "pack_after", "1s"),
    ("packing below a second", |b| b.pack_after(Some(BELOW_A_SECOND)), "pack_after", "1s"),
    ("packing never, as a number", |b| b.pack_after(Some(Duration::MAX)), "pack_after", "34560000"),
    ("no memory", |b| b.memory_limit(0), "memory_limit", "at least"),
    ("less memory than one session", |b| b.memory_limit(64 << 10), "memory_limit", "at least 69632"),
    (
        "sessions of no size",
        |b| b.session_limits(SessionLimits { bytes: 0, ..SessionLimits::default() }),
        "session_limits.bytes",
        "at least 1",
    ),
    (
        "a session of unlimited size",
        |b| b.session_limits(SessionLimits { bytes: usize::MAX, ..SessionLimits::default() }),
        "session_limits.bytes",
        "4 GiB",
    ),
    (
        "values of no size",
        |b| b.session_limits(SessionLimits { value_bytes: Some(0), ..SessionLimits::default() }),
        "session_limits.value_bytes",
        "at least 1",
    ),
    (
        "a value larger than its session",
        |b| b.session_limits(SessionLimits { value_bytes: Some(65 << 10), ..SessionLimits::default() }),
        "session_limits.value_bytes",
        "`session_limits.bytes`",
    ),
    (
        "a value of unlimited size",
        |b| b.session_limits(SessionLimits { value_bytes: Some(usize::MAX), ..SessionLimits::default() }),
        "session_limits.value_bytes",
        "`session_limits.bytes`",
    ),
    (
        "sessions without values",
        |b| b.session_limits(SessionLimits { values: 0, ..SessionLimits::default() }),
        "session_limits.values",
        "at least 1",
    ),
    ("no loads", |b| b.max_loads(0), "max_loads", "at least 1"),
    ("no loads in a session", |b| b.max_loads_per_session(0), "max_loads_per_session", "at least 1"),
    (
        "no login is allowed",
        |b| b.max_sessions_per_principal(0, LimitPolicy::Reject),
        "max_sessions_per_principal",
        "at least 1",
    ),
    (
        "every login is displaced at once",
        |b| b.max_sessions_per_principal(0, LimitPolicy::EndOldest),
        "max_sessions_per_principal",
        "unlimited_sessions_per_principal",
    ),
];

pub(crate) fn builders() -> impl Iterator<Item = (&'static str, SessionsBuilder, &'static str, &'static str)> {
    BUILDERS.iter().map(|(why, set, setting, remedy)| (*why, set(Sessions::builder()), *setting, *remedy))
}

/// Two SHA-256 digests. Being published here, they are not secret.
const GOOD: &str = "pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=";
const OTHER: &str = "dNLEdjkpKeHImLKqXnnPYYdS0xdxOh8vCCfVf8Y9oBA=";

/// One key ring: why it is rejected, its text as a template of `{good}` and `{other}`, and a part
/// of the error.
pub(crate) const RINGS: &[(&str, &str, &str)] = &[
    ("nothing", "", "`keys` is empty"),
    ("only separators", " ,\t,\n", "`keys` is empty"),
    ("no number", "{good}", "entry 1"),
    ("an empty number", ":{good}", "entry 1"),
    ("a number in words", "one:{good}", "entry 1"),
    ("a negative number", "-1:{good}", "entry 1"),
    ("a number beyond 255", "256:{good}", "entry 1"),
    ("a number in hexadecimal", "0x1:{good}", "entry 1"),
    ("a fraction", "1.0:{good}", "entry 1"),
    ("a number of another alphabet", "١:{good}", "entry 1"),
    ("the number behind", "{good}:1", "entry 1"),
    ("an equals sign for the colon", "1={good}", "entry 1"),
    ("a second entry without a number", "1:{good},{other}", "entry 2"),
    ("quotes around all", "\"1:{good}\"", "entry 1"),
    ("no secret", "1:", "`key` 1 is empty"),
    ("a secret that is not base64", "1:not-a-secret!", "`key` 1 is not base64"),
    ("a secret with a space", "1:pZGm1Av0 IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=", "`key` 1 is shorter than 32 bytes"),
    ("two alphabets in one", "1:-ZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2f+G4=", "`key` 1 is not base64"),
    ("hexadecimal digits", "1:000102030405060708090a0b0c0d0e0f", "`key` 1 is shorter than 32 bytes"),
    ("31 bytes", "1:pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFA==", "`key` 1 is shorter than 32 bytes"),
    ("zeros", "1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "`key` 1 is visibly not random"),
    ("counting up", "1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "`key` 1 is visibly not random"),
    ("a text", "1:Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZSBjb3JyZWN0", "`key` 1 is text"),
    ("a key of RFC 7520", "1:hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg", "`key` 1 is published"),
    ("a key of RFC 8037", "1:nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "`key` 1 is published"),
    ("a number twice", "1:{good},1:{other}", "`key` 1 occurs twice"),
    ("a number twice, far apart", "1:{good} 2:{other}\n1:{other}", "`key` 1 occurs twice"),
    ("a secret twice", "1:{good},2:{good}", "`key` 2 has the same secret as key 1"),
];

/// Each case of `RINGS` with the text filled in. The errors must not repeat the secrets in it.
pub(crate) fn rings() -> impl Iterator<Item = (&'static str, String, &'static str)> {
    let filled = |text: &str| text.replace("{good}", GOOD).replace("{other}", OTHER);
    RINGS.iter().map(move |(why, text, message)| (*why, filled(text), *message))
}
