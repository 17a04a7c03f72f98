/// Why a row cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the record has the format {0}, which this version does not know; a newer version wrote it")]
    Format(i64),
    #[error("the record's column `{0}` is missing or invalid")]
    Column(&'static str),
    #[error("the record's version would reach 2^63, which no column holds; the session can be ended")]
    Version,
}
