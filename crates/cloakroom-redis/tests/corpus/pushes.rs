//! Hostile pushes of a server, and the maximum effect of each.
//!
//! | in the template | replaced by |
//! |---|---|
//! | `{alice}` | the key of alice's session |
//! | `{stranger}` | the key of a session that no client has |
//! | `{crowd}` | a list of a hundred thousand keys of sessions that no client has |

/// The effect on the copies of two sessions, alice's and bob's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Both copies are kept.
    Kept,
    /// Alice's copy is dropped.
    AliceDropped,
    /// Both copies are dropped.
    AllDropped,
}

use Expected::{AliceDropped, AllDropped, Kept};

/// One push: the reason why it is hostile, its bytes as a template, and its effect.
pub(crate) const ROWS: &[(&str, &[u8], Expected)] = &[
    ("the usual message", b">2\r\n+invalidate\r\n*1\r\n{alice}", AliceDropped),
    ("about nobody", b">2\r\n+invalidate\r\n*1\r\n{stranger}", Kept),
    ("about many, and alice", b">2\r\n+invalidate\r\n*3\r\n{stranger}{alice}{stranger}", AliceDropped),
    ("about a hundred thousand", b">2\r\n+invalidate\r\n{crowd}", Kept),
    ("about no keys", b">2\r\n+invalidate\r\n*0\r\n", Kept),
    ("the same a thousand times over", b"{thousand}", AliceDropped),
    // Keys that resemble the key of alice's session.
    ("another namespace", b">2\r\n+invalidate\r\n*1\r\n$5\r\nother\r\n", Kept),
    ("an empty key", b">2\r\n+invalidate\r\n*1\r\n$0\r\n\r\n", Kept),
    ("a key that is no UTF-8", b">2\r\n+invalidate\r\n*1\r\n$2\r\n\xff\xfe\r\n", Kept),
    ("a pattern", b">2\r\n+invalidate\r\n*1\r\n$6\r\nshop:*\r\n", Kept),
    ("the index of a user", b">2\r\n+invalidate\r\n*1\r\n$20\r\nshop:principal:alice\r\n", Kept),
    // Invalidations that do not name the changed key.
    ("a flush", b">2\r\n+invalidate\r\n_\r\n", AllDropped),
    ("a flush in the older protocol", b">2\r\n+invalidate\r\n*-1\r\n", AllDropped),
    ("nothing behind the kind", b">1\r\n+invalidate\r\n", AllDropped),
    ("a key without its list", b">2\r\n+invalidate\r\n{alice}", AllDropped),
    ("a number for a list", b">2\r\n+invalidate\r\n:1\r\n", AllDropped),
    ("a map for a list", b">2\r\n+invalidate\r\n%1\r\n{alice}+1\r\n", AllDropped),
    ("a list in a list", b">2\r\n+invalidate\r\n*1\r\n*1\r\n{alice}", AllDropped),
    ("a number among the keys", b">2\r\n+invalidate\r\n*2\r\n{stranger}:1\r\n", AllDropped),
    ("a hundred thousand nils", b">2\r\n+invalidate\r\n{nils}", AllDropped),
    ("an error for a list", b">2\r\n+invalidate\r\n-ERR no\r\n", AllDropped),
    // Push types without a meaning for the store.
    ("a message of a channel", b">3\r\n+message\r\n+shop\r\n{alice}", Kept),
    ("a kind that does not exist", b">2\r\n+remember\r\n{alice}", Kept),
    ("invalidate in upper case", b">2\r\n+INVALIDATE\r\n*1\r\n{alice}", Kept),
    ("an empty message", b">0\r\n", Kept),
    // Invalid messages: the connection is closed, which drops every copy that was loaded over it.
    ("a kind that is a number", b">2\r\n:1\r\n*1\r\n{alice}", AllDropped),
    ("a message that is no protocol", b"\x16\x03\x01", AllDropped),
    ("a kind that is no UTF-8", b">1\r\n$2\r\n\xff\xfe\r\n", AllDropped),
    // Messages that try to add data instead of dropping it.
    ("a record pushed", b">2\r\n+invalidate\r\n%1\r\n+principal\r\n+admin\r\n", AllDropped),
    ("a kind that would fill", b">3\r\n+update\r\n{alice}%1\r\n+principal\r\n+admin\r\n", Kept),
];

/// All pushes, built with the key of alice's session.
pub(crate) fn cases(alice: &str) -> Vec<(&'static str, Vec<u8>, Expected)> {
    let bulk = |key: &str| format!("${}\r\n{key}\r\n", key.len());
    let stranger = |number: u32| bulk(&format!("shop:session:{{{number:032x}}}"));
    let one = format!(">2\r\n+invalidate\r\n*1\r\n{}", bulk(alice));
    let crowd: String = (0..100_000).map(stranger).collect();
    let placeholders = [
        ("{alice}", bulk(alice)),
        ("{stranger}", stranger(7)),
        ("{crowd}", format!("*100000\r\n{crowd}")),
        ("{nils}", format!("*100000\r\n{}", "_\r\n".repeat(100_000))),
        ("{thousand}", one.repeat(1000)),
    ];
    let filled = |template: &[u8]| {
        placeholders.iter().fold(template.to_vec(), |text, (placeholder, with)| {
            replaced(&text, placeholder.as_bytes(), with.as_bytes())
        })
    };
    ROWS.iter().map(|(why, template, expected)| (*why, filled(template), *expected)).collect()
}

fn replaced(text: &[u8], placeholder: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(placeholder.len()).position(|window| window == placeholder) {
        Some(at) => [&text[..at], with, &replaced(&text[at + placeholder.len()..], placeholder, with)].concat(),
        None => text.to_vec(),
    }
}
