/// The format in which a node writes records. It reads both.
///
/// For a deploy that replaces the nodes one by one: a node of the release before cannot read records
/// of format 2. Deploy first with [`V1`](Self::V1), and then, when no node of that release is left,
/// with the default. Sessions are converted when they are written, and nobody is logged out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordFormat {
    /// The format of version 0.1: a field for each property of the session.
    V1,
    /// One field for everything that a commit compares, which makes a commit cheaper for the
    /// server.
    #[default]
    V2,
}

impl RecordFormat {
    /// Returns the content of the record's field `format`.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::V1 => "1",
            Self::V2 => "2",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::V1, Self::V2].into_iter().find(|format| format.name() == name)
    }
}
