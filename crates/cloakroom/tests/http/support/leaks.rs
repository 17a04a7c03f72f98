//! Encodings in which a secret could leak.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Every usual encoding of some bytes, in lower and upper case where that differs.
///
/// Base64 is included at all three alignments, because the bytes may be in the middle of longer
/// data. The characters at either end that depend on neighboring bytes are left out.
pub(crate) fn encodings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let mut encodings = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    encodings.push(list.trim_matches(['[', ']']).as_bytes().to_vec());
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        for text in [STANDARD.encode(&shifted), URL_SAFE.encode(&shifted)] {
            let complete_len = shifted.len() / 3 * 4;
            encodings.push(text.as_bytes()[if offset == 0 { 0 } else { 4 }..complete_len].to_vec());
        }
    }
    encodings
}
