use std::fmt;

/// What [`conformance`](super::conformance()) found, check by check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a report says nothing until `assert_passed` or its findings are looked at"]
pub struct Report {
    findings: Vec<Finding>,
}

/// One check and how it went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The check: its group and what it promises, such as `commit/a_repeat_is_applied_once`.
    pub name: &'static str,
    /// How it went.
    pub verdict: Verdict,
}

/// How a check went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The store keeps this promise.
    Passed,
    /// It does not, or the check panicked or hung. Says what was seen, and where in the suite.
    Failed(String),
    /// The check does not apply. Says why.
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

    /// Ends a test with the whole report if any check failed.
    ///
    /// # Panics
    /// If any check failed, or none ran.
    #[track_caller]
    pub fn assert_passed(&self) {
        let sound = self.failed().next().is_none() && self.passed().next().is_some();
        assert!(sound, "the store does not keep its contract\n{self}");
    }

    fn names(&self, wanted: impl Fn(&Verdict) -> bool) -> impl Iterator<Item = &'static str> {
        self.findings.iter().filter(move |finding| wanted(&finding.verdict)).map(|finding| finding.name)
    }
}

/// The failures first, then what was skipped, then how many passed.
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
