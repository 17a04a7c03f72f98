use std::fmt;

use serde::{Deserialize, Serialize};

/// The median, the minimum and the maximum of several runs.
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

    /// Returns the spreads of the two sides of paired runs.
    pub(crate) fn of_pairs(pairs: &[(f64, f64)]) -> [Self; 2] {
        [Self::of(pairs.iter().map(|pair| pair.0)), Self::of(pairs.iter().map(|pair| pair.1))]
    }

    /// Returns the spread of the differences `second - first` of paired runs.
    pub(crate) fn of_differences(pairs: &[(f64, f64)]) -> Self {
        Self::of(pairs.iter().map(|(first, second)| second - first))
    }

    /// Returns the spread of the ratios `second / first` of paired runs.
    pub(crate) fn of_ratios(pairs: &[(f64, f64)]) -> Self {
        Self::of(pairs.iter().map(|(first, second)| second / first))
    }

    /// Returns the spreads of each element of several samples.
    pub(crate) fn of_each<const N: usize>(samples: &[[f64; N]]) -> [Self; N] {
        std::array::from_fn(|index| Self::of(samples.iter().map(|sample| sample[index])))
    }

    /// Returns the spread of a single measurement.
    pub(crate) const fn once(value: f64) -> Self {
        Self { median: value, min: value, max: value }
    }

    /// Returns the median alone, for tables without room for the spread.
    pub(crate) const fn without_range(self) -> Self {
        Self::once(self.median)
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", format_number(self.median))?;
        if self.min < self.max {
            write!(f, " ({} .. {})", format_number(self.min), format_number(self.max))?;
        }
        Ok(())
    }
}

/// Formats small fractions with two decimals, and everything else with none.
fn format_number(value: f64) -> String {
    match value.abs() {
        small if small < 10.0 && small.fract() > 0.0 => format!("{value:.2}"),
        _ => format!("{value:.0}"),
    }
}
