//! Refuses weak secrets.

use sha2::{Digest, Sha256};

/// The strongest use of a key provides 256 bits.
pub(super) const MIN_BYTES: usize = 32;
const MAX_BYTES: usize = 1024;
/// 32 random bytes have fewer distinct values with a probability of 10^-25.
const MIN_DISTINCT_BYTES: usize = 16;

/// Returns the problem of a weak secret, or `None`.
pub(super) fn check(secret: &[u8]) -> Option<&'static str> {
    if secret.is_empty() {
        return Some("is empty");
    }
    if secret.len() < MIN_BYTES {
        return Some("is shorter than 32 bytes");
    }
    if secret.len() > MAX_BYTES {
        return Some("is longer than 1024 bytes");
    }
    // Text has only a few bits of entropy per character. One random secret in 10^13 looks like
    // text.
    if secret.iter().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')) {
        return Some("is text, not random bytes");
    }
    if distinct_bytes(secret) < MIN_DISTINCT_BYTES || is_sequence(secret) {
        return Some("is visibly not random");
    }
    is_published(secret).then_some("is published in a standard or an example")
}

fn distinct_bytes(secret: &[u8]) -> usize {
    let mut seen = [false; 256];
    for byte in secret {
        seen[usize::from(*byte)] = true;
    }
    seen.iter().filter(|seen| **seen).count()
}

/// Returns `true` for bytes that count up or down in constant steps.
fn is_sequence(secret: &[u8]) -> bool {
    let mut steps = secret.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next();
    steps.all(|step| Some(step) == first)
}

/// Compares digests, so that this file is not a list of secrets to copy.
fn is_published(secret: &[u8]) -> bool {
    let digest: [u8; 32] = Sha256::digest(secret).into();
    PUBLISHED.contains(&u128::from_be_bytes(std::array::from_fn(|index| digest[index])))
}

/// The first halves of the SHA-256 digests of the keys in the cited places.
const PUBLISHED: [u128; 9] = [
    0xc8ec_c936_1a05_e285_f04c_26f9_5721_31a6, // RFC 7515 A.1.1 and RFC 7517 A.3
    0xcfce_f6cf_b631_f2a3_50b7_0a6a_b72b_2069, // RFC 7515 A.3
    0x43e4_b741_3138_5aec_85e1_f076_4d66_93ac, // RFC 7517 A.2
    0xb703_8566_0302_dca8_92f7_4cdb_6d75_f73f, // RFC 6979 A.2.5
    0x73ec_7445_8059_c70c_ae3f_0ade_8663_fe0d, // RFC 7520 §3.5
    0x644d_50ab_6486_4c20_a12b_3c46_56d4_6b4a, // RFC 8032 §7.1, test 1, and RFC 8037 A.1
    0x3d2d_9682_cdba_5296_82a1_52f6_78e2_5c6c, // RFC 8032 §7.1, test 2
    0xd8ec_a0cc_a720_d33b_f6d9_a3e8_0570_53ff, // RFC 8032 §7.1, test 3
    0xb93c_72b7_4bc8_487d_2982_7005_f80d_6359, // NIST SP 800-38A F.1.5
];
