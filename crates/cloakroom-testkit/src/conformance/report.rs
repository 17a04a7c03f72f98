use std::fmt;

/// The result of [`conformance`](super::conformance()), check by check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a report has no effect until `assert_passed` is called or its findings are read"]
pub struct Report {
    findings: Vec<Finding>,
}

/// One check and its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The check's group and promise, such as `commit/a_repeat_is_applied_once`.
    pub name: &'static str,
    /// The verdict.
    pub verdict: Verdict,
}

/// The outcome of a check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The store keeps this promise.
    Passed,
    /// The store breaks this promise, or the check panicked or hung. Contains what was observed,
    /// and where in the suite.
    Failed(String),
    /// The check does not apply. Contains the reason.
    Skipped(String),
}

impl Report {
    pub(super) const fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// All checks, in the order of the suite.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The names of the checks that passed.
    pub fn passed(&self) -> impl Iterator<Item = &'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Passed))
    }

    /// The names of the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Failed(_)))
    }

    /// The names of the checks that were skipped.
    pub fn skipped(&self) -> impl Iterator<Item = &'static str> {
        self.names(|verdict| matches!(verdict, Verdict::Skipped(_)))
    }

    /// Panics with the whole report if any check failed.
    ///
    /// # Panics
    /// If any check failed, or none passed.
    #[track_caller]
    pub fn assert_passed(&self) {
        let sound = self.failed().next().is_none() && self.passed().next().is_some();
        assert!(sound, "the store does not keep its contract\n{self}");
    }

    fn names(&self, wanted: impl Fn(&Verdict) -> bool) -> impl Iterator<Item = &'static str> {
        self.findings.iter().filter(move |finding| wanted(&finding.verdict)).map(|finding| finding.name)
    }
}

/// The failures first, then the skipped checks, then the counts.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Finding { name, verdict } in &self.findings {
            if let Verdict::Failed(reason) = verdict {
                writeln!(f, "FAILED   {name}\n         {reason}")?;
            }
        }
        for Finding { name, verdict } in &self.findings {
            if let Verdict::Skipped(reason) = verdict {
                writeln!(f, "skipped  {name}: {reason}")?;
            }
        }
        let (passed, failed, skipped) = (self.passed().count(), self.failed().count(), self.skipped().count());
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}
