//! How a secret could look where it must not be.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};

/// Every usual spelling of some bytes, in lower and upper case where that differs.
///
/// The base64 spellings are those at all three alignments, without the characters at either end
/// that depend on the neighbours: the bytes may stand in the middle of something longer.
pub(crate) fn spellings(bytes: &[u8]) -> Vec<Vec<u8>> {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{bytes:?}");
    let mut spellings = vec![bytes.to_vec(), hex.to_uppercase().into_bytes(), hex.into_bytes()];
    spellings.push(list.trim_matches(['[', ']']).as_bytes().to_vec());
    for offset in 0..3 {
        let mut shifted = vec![0; offset];
        shifted.extend_from_slice(bytes);
        for text in [STANDARD.encode(&shifted), URL_SAFE.encode(&shifted)] {
            let whole = shifted.len() / 3 * 4;
            spellings.push(text.as_bytes()[if offset == 0 { 0 } else { 4 }..whole].to_vec());
        }
    }
    spellings
}
