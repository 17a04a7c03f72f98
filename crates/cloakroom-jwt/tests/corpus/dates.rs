//! R44: dates that are missing, of the wrong type, extreme or contradictory, with valid signatures.

use super::Expected::{Dates, Expired, Live, Malformed, NotYetValid, TooLongLived};
use super::Row;

pub(super) const ROWS: &[Row] = &[
    ("no exp", |m| m.without("exp"), Dates),
    ("no iat", |m| m.without("iat"), Dates),
    ("no nbf, which is optional beside iat", |m| m.without("nbf"), Live),
    ("exp null", |m| m.with("exp", "null"), Dates),
    ("exp a text", |m| m.with("exp", &format!("\"{}\"", m.now + 60)), Dates),
    ("exp an empty text", |m| m.with("exp", "\"\""), Dates),
    ("exp a date in words", |m| m.with("exp", "\"2099-01-01T00:00:00Z\""), Dates),
    ("exp with a point", |m| m.with("exp", &format!("{}.0", m.now + 60)), Dates),
    ("exp with an exponent", |m| m.with("exp", "1.9e9"), Dates),
    ("exp a huge exponent", |m| m.with("exp", "1e300"), Dates),
    ("exp an exponent beyond all numbers", |m| m.with("exp", "1e999"), Malformed),
    ("exp infinite", |m| m.with("exp", "Infinity"), Malformed),
    ("exp no number", |m| m.with("exp", "NaN"), Malformed),
    ("exp in hexadecimal", |m| m.with("exp", "0x7fffffff"), Malformed),
    ("exp with a leading zero", |m| m.with("exp", &format!("0{}", m.now + 60)), Malformed),
    ("exp with a plus", |m| m.with("exp", &format!("+{}", m.now + 60)), Malformed),
    ("exp true", |m| m.with("exp", "true"), Dates),
    ("exp a list", |m| m.with("exp", &format!("[{}]", m.now + 60)), Dates),
    ("exp an object", |m| m.with("exp", "{}"), Dates),
    ("exp zero", |m| m.with("exp", "0"), Dates),
    ("exp negative", |m| m.with("exp", "-1"), Dates),
    ("exp negative zero", |m| m.with("exp", "-0"), Dates),
    ("exp 2^53 + 1", |m| m.with("exp", "9007199254740993"), Dates),
    ("exp 2^63", |m| m.with("exp", "9223372036854775808"), Dates),
    ("exp 2^64 - 1", |m| m.with("exp", "18446744073709551615"), Dates),
    ("exp 2^64", |m| m.with("exp", "18446744073709551616"), Dates),
    ("exp of a thousand digits", |m| m.with("exp", &"9".repeat(1000)), Malformed),
    ("exp in milliseconds", |m| m.with("exp", &format!("{}", (m.now + 60) * 1000)), TooLongLived),
    ("exp twice, good and long", |m| m.doubled("exp", "4000000000"), Malformed),
    ("exp one second longer than allowed", |m| m.with("exp", &(m.now + m.longest + 1).to_string()), TooLongLived),
    ("exp 2^53", |m| m.with("exp", "9007199254740992"), TooLongLived),
    ("exp as iat", |m| m.with("exp", &m.now.to_string()), Dates),
    ("exp before iat", |m| m.with("exp", &(m.now - 1).to_string()), Dates),
    ("exp before nbf", |m| m.with_both(("iat", m.now - 100), ("exp", m.now - 30)), Dates),
    ("iat in the future, beyond the leeway", |m| m.with("iat", &(m.now + 31).to_string()), NotYetValid),
    ("iat in the future, within the leeway", |m| m.with("iat", &(m.now + 30).to_string()), Live),
    ("iat a text", |m| m.with("iat", &format!("\"{}\"", m.now)), Dates),
    ("iat null", |m| m.with("iat", "null"), Dates),
    ("iat with a point", |m| m.with("iat", &format!("{}.5", m.now)), Dates),
    ("iat zero", |m| m.with("iat", "0"), TooLongLived),
    ("iat negative", |m| m.with("iat", "-1"), Dates),
    ("iat 2^64 - 1", |m| m.with("iat", "18446744073709551615"), Dates),
    ("nbf in the future, beyond the leeway", |m| m.with("nbf", &(m.now + 31).to_string()), NotYetValid),
    ("nbf in the future, within the leeway", |m| m.with("nbf", &(m.now + 30).to_string()), Live),
    ("nbf long ago", |m| m.with("nbf", "0"), Live),
    ("nbf a text", |m| m.with("nbf", &format!("\"{}\"", m.now)), Dates),
    ("nbf null", |m| m.with("nbf", "null"), Dates),
    ("nbf with a point", |m| m.with("nbf", "0.5"), Dates),
    ("nbf negative", |m| m.with("nbf", "-1"), Dates),
    ("nbf an empty object", |m| m.with("nbf", "{}"), Dates),
    ("nbf after exp", |m| m.with("nbf", &(m.now + m.longest + 1).to_string()), Dates),
    ("nbf 2^53 + 1", |m| m.with("nbf", "9007199254740993"), Dates),
    ("issued a whole lifetime ago", expired, Expired),
];

/// Issued a lifetime and the leeway ago, so that it has just expired.
fn expired(mint: &super::Mint) -> Vec<u8> {
    let then = mint.now - mint.longest - 30;
    mint.payload(&mint.claims_at(then))
}
