use std::fmt;

/// A result of an inspection, such as `SqliteStoreBuilder::inspect`.
///
/// `Display` prints the detail.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The subject, in a few words: "tables", "rights".
    pub name: &'static str,
    /// Whether something is wrong.
    pub severity: Severity,
    /// The observation. If something is wrong, it ends with the remedy.
    pub detail: String,
}

/// The severity of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Severity {
    /// Nothing is wrong.
    Fine,
    /// An application can use the store, and not as well or as safely as it should.
    Warning,
    /// An application cannot use the store.
    Problem,
}

impl Finding {
    pub(crate) fn fine(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, severity: Severity::Fine, detail: detail.into() }
    }

    pub(crate) fn warning(name: &'static str, detail: impl Into<String>) -> Self {
        Self { name, severity: Severity::Warning, detail: detail.into() }
    }

    pub(crate) fn problem(name: &'static str, error: &impl fmt::Display) -> Self {
        Self { name, severity: Severity::Problem, detail: error.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}
