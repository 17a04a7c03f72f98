//! From values to places.

/// The powers of ten around some values, spread over a stretch of pixels.
pub(super) struct Logarithmic {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Logarithmic {
    pub(super) fn over(values: impl Iterator<Item = f64> + Clone, (from, to): (f64, f64)) -> Self {
        let positive = values.filter(|value| *value > 0.0 && value.is_finite());
        let least = positive.clone().fold(f64::INFINITY, f64::min);
        let most = positive.fold(f64::NEG_INFINITY, f64::max);
        if least > most {
            return Self { low: 0.0, high: 1.0, from, to };
        }
        let (low, high) = (least.log10().floor(), most.log10().ceil());
        Self { low, high: high.max(low + 1.0), from, to }
    }

    pub(super) fn place(&self, value: f64) -> f64 {
        let share = (value.max(f64::MIN_POSITIVE).log10() - self.low) / (self.high - self.low);
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Where the grid goes.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> {
        let powers = self.low as i32..=self.high as i32;
        powers.map(|power| 10_f64.powi(power))
    }
}

/// A value as one says it.
pub(super) fn words(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        small if small < 0.1 => trimmed(&format!("{value:.3}")),
        small if small < 10.0 => trimmed(&format!("{value:.2}")),
        middle if middle < 10_000.0 => format!("{value:.0}"),
        large if large < 1e6 => format!("{:.0}k", value / 1e3),
        _ => format!("{}M", trimmed(&format!("{:.1}", value / 1e6))),
    }
}

fn trimmed(number: &str) -> String {
    number.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::{Logarithmic, words};

    #[test]
    fn a_scale_ends_at_powers_of_ten_around_its_values() {
        let scale = Logarithmic::over([30.0, 2000.0, 0.0].into_iter(), (0.0, 300.0));
        assert_eq!(scale.ticks().collect::<Vec<_>>(), [10.0, 100.0, 1000.0, 10_000.0]);
        assert_eq!([10.0, 1000.0, 10_000.0].map(|value| scale.place(value)), [0.0, 200.0, 300.0]);
    }

    #[test]
    fn values_are_said_in_few_letters() {
        let said = [0.0, 0.016, 4.4, 127.4, 12_740.0, 1_500_000.0, 1e7].map(words);
        assert_eq!(said, ["0", "0.016", "4.4", "127", "13k", "1.5M", "10M"]);
    }
}
