/// Why a row cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the record has the format {0}, which this version does not know; a newer version wrote it")]
    Format(i64),
    #[error("the record's column `{0}` is missing or invalid")]
    Column(&'static str),
}
