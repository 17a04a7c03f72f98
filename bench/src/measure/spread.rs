use std::fmt;

use serde::{Deserialize, Serialize};

/// The middle, the smallest and the largest of several runs.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let middle = samples.len() / 2;
        let median = match samples.len() {
            0 => f64::NAN,
            even if even % 2 == 0 => f64::midpoint(samples[middle - 1], samples[middle]),
            _ => samples[middle],
        };
        let end = |sample: Option<&f64>| sample.copied().unwrap_or(f64::NAN);
        Self { median, min: end(samples.first()), max: end(samples.last()) }
    }

    /// Of something that was measured once.
    pub(crate) const fn once(value: f64) -> Self {
        Self { median: value, min: value, max: value }
    }
}

/// As many digits as mean something: none behind the point for what was counted.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 && small.fract() > 0.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", number(self.median))?;
        if self.min < self.max {
            write!(f, " ({} .. {})", number(self.min), number(self.max))?;
        }
        Ok(())
    }
}
