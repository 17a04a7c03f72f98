//! stand-in
use http::HeaderMap;
pub(super) enum Found<'a> { Absent, One(&'a [u8]), Ambiguous, #[allow(dead_code)] Oversized }
pub(super) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut found = None;
    for field in headers.get_all("cookie") {
        for pair in field.as_bytes().split(|b| *b == b';') {
            let pair = pair.trim_ascii();
            if let Some(v) = pair.strip_prefix(name.as_bytes()).and_then(|r| r.strip_prefix(b"=")) {
                match found { None => found = Some(v), Some(o) if o == v => {}, Some(_) => return Found::Ambiguous }
            }
        }
    }
    found.map_or(Found::Absent, Found::One)
}
