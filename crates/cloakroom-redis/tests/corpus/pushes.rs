//! Hostile messages of a server that nobody asked for, and the most that each may do.
//!
//! | in the template | becomes |
//! |---|---|
//! | `{alice}` | the key of alice's session |
//! | `{stranger}` | the key of a session that nobody has |
//! | `{crowd}` | a list of a hundred thousand keys of sessions that nobody has |

/// What became of the copies of two sessions, alice's and bob's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Both are still there.
    Kept,
    /// Alice's was forgotten.
    AliceForgotten,
    /// Both were forgotten.
    AllForgotten,
}

use Expected::{AliceForgotten, AllForgotten, Kept};

/// One message: why it is hostile, its bytes as a template, and what it may do.
pub(crate) const ROWS: &[(&str, &[u8], Expected)] = &[
    ("the usual message", b">2\r\n+invalidate\r\n*1\r\n{alice}", AliceForgotten),
    ("about nobody", b">2\r\n+invalidate\r\n*1\r\n{stranger}", Kept),
    ("about many, and alice", b">2\r\n+invalidate\r\n*3\r\n{stranger}{alice}{stranger}", AliceForgotten),
    ("about a hundred thousand", b">2\r\n+invalidate\r\n{crowd}", Kept),
    ("about no keys", b">2\r\n+invalidate\r\n*0\r\n", Kept),
    ("the same a thousand times over", b"{thousand}", AliceForgotten),
    // Keys that are not quite hers.
    ("another namespace", b">2\r\n+invalidate\r\n*1\r\n$5\r\nother\r\n", Kept),
    ("an empty key", b">2\r\n+invalidate\r\n*1\r\n$0\r\n\r\n", Kept),
    ("a key that is no UTF-8", b">2\r\n+invalidate\r\n*1\r\n$2\r\n\xff\xfe\r\n", Kept),
    ("a pattern", b">2\r\n+invalidate\r\n*1\r\n$6\r\nshop:*\r\n", Kept),
    ("the index of a user", b">2\r\n+invalidate\r\n*1\r\n$20\r\nshop:principal:alice\r\n", Kept),
    // It does not say what has changed.
    ("a flush", b">2\r\n+invalidate\r\n_\r\n", AllForgotten),
    ("a flush in the older protocol", b">2\r\n+invalidate\r\n*-1\r\n", AllForgotten),
    ("nothing behind the kind", b">1\r\n+invalidate\r\n", AllForgotten),
    ("a key without its list", b">2\r\n+invalidate\r\n{alice}", AllForgotten),
    ("a number for a list", b">2\r\n+invalidate\r\n:1\r\n", AllForgotten),
    ("a map for a list", b">2\r\n+invalidate\r\n%1\r\n{alice}+1\r\n", AllForgotten),
    ("a list in a list", b">2\r\n+invalidate\r\n*1\r\n*1\r\n{alice}", AllForgotten),
    ("a number among the keys", b">2\r\n+invalidate\r\n*2\r\n{stranger}:1\r\n", AllForgotten),
    ("a hundred thousand nils", b">2\r\n+invalidate\r\n{nils}", AllForgotten),
    ("an error for a list", b">2\r\n+invalidate\r\n-ERR no\r\n", AllForgotten),
    // Other kinds, which mean nothing here.
    ("a message of a channel", b">3\r\n+message\r\n+shop\r\n{alice}", Kept),
    ("a kind that does not exist", b">2\r\n+remember\r\n{alice}", Kept),
    ("invalidate in upper case", b">2\r\n+INVALIDATE\r\n*1\r\n{alice}", Kept),
    ("an empty message", b">0\r\n", Kept),
    // What is no message: the line is given up, and with it every copy that was read over it.
    ("a kind that is a number", b">2\r\n:1\r\n*1\r\n{alice}", AllForgotten),
    ("a message that is no protocol", b"\x16\x03\x01", AllForgotten),
    ("a kind that is no UTF-8", b">1\r\n$2\r\n\xff\xfe\r\n", AllForgotten),
    // A message that tries to fill instead of to empty.
    ("a record pushed", b">2\r\n+invalidate\r\n%1\r\n+principal\r\n+admin\r\n", AllForgotten),
    ("a kind that would fill", b">3\r\n+update\r\n{alice}%1\r\n+principal\r\n+admin\r\n", Kept),
];

/// All messages, around the key of alice's session.
pub(crate) fn cases(alice: &str) -> Vec<(&'static str, Vec<u8>, Expected)> {
    let bulk = |key: &str| format!("${}\r\n{key}\r\n", key.len());
    let stranger = |number: u32| bulk(&format!("shop:session:{{{number:032x}}}"));
    let one = format!(">2\r\n+invalidate\r\n*1\r\n{}", bulk(alice));
    let crowd: String = (0..100_000).map(stranger).collect();
    let places = [
        ("{alice}", bulk(alice)),
        ("{stranger}", stranger(7)),
        ("{crowd}", format!("*100000\r\n{crowd}")),
        ("{nils}", format!("*100000\r\n{}", "_\r\n".repeat(100_000))),
        ("{thousand}", one.repeat(1000)),
    ];
    let filled = |template: &[u8]| {
        places.iter().fold(template.to_vec(), |text, (place, with)| replaced(&text, place.as_bytes(), with.as_bytes()))
    };
    ROWS.iter().map(|(why, template, expected)| (*why, filled(template), *expected)).collect()
}

fn replaced(text: &[u8], place: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(place.len()).position(|window| window == place) {
        Some(at) => [&text[..at], with, &replaced(&text[at + place.len()..], place, with)].concat(),
        None => text.to_vec(),
    }
}
