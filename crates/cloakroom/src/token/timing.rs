//! R35: the duration of a comparison does not reveal where a guess was wrong.
//!
//! The method is that of dudect (Reparaz, Balasch, Verbauwhede, 2017): two kinds of guesses in
//! random order, and Welch's t of their times. A comparison that ends at the first difference is
//! measured too, to prove that the measurement can detect a leak.

use std::hint::black_box;
use std::time::Instant;

use super::*;
use crate::random::SplitMix;

/// The number of measurements of each kind.
const TIMES: usize = 4000;
/// The number of comparisons in one measurement, because the clock is coarser than one comparison.
const AT_ONCE: usize = 64;

/// The times of guesses that are wrong in the first byte, and of those that are wrong in the last.
struct Times([Vec<f64>; 2]);

impl Times {
    fn of(mut is_right: impl FnMut(&[u8; 16]) -> bool) -> Self {
        let right = [0x5a; 16];
        let rng = SplitMix::new(35);
        let mut times = Self([Vec::new(), Vec::new()]);
        // Always in the same place in memory, so that its address makes no difference.
        let mut guess = right;
        while times.0.iter().any(|kind| kind.len() < TIMES) {
            let kind = (rng.next() % 2) as usize;
            guess.copy_from_slice(&right);
            guess[kind * 15] ^= 0xff;
            let began = Instant::now();
            for _ in 0..AT_ONCE {
                assert!(!black_box(is_right(black_box(&guess))));
            }
            times.0[kind].push(began.elapsed().as_nanos() as f64);
        }
        times.cropped()
    }

    /// Drops the slowest tenth, which shows what else the machine did.
    fn cropped(mut self) -> Self {
        for kind in &mut self.0 {
            kind.sort_by(f64::total_cmp);
            kind.truncate(kind.len() * 9 / 10);
        }
        self
    }

    fn welch(&self) -> f64 {
        let [first, last] = self.0.each_ref().map(|kind| {
            let count = kind.len() as f64;
            let mean = kind.iter().sum::<f64>() / count;
            let variance = kind.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
            (mean, variance / count)
        });
        (first.0 - last.0) / (first.1 + last.1).sqrt()
    }

    /// The relative difference between the medians of the two kinds, which outliers do not affect.
    fn difference(&self) -> f64 {
        let [first, last] = self.0.each_ref().map(|kind| kind[kind.len() / 2]);
        (first - last).abs() / first.max(last)
    }
}

/// A possible implementation of `==` for slices.
fn until_it_differs(one: &[u8; 16], other: &[u8; 16]) -> bool {
    one.iter().zip(other).all(|(one, other)| black_box(one) == black_box(other))
}

#[test]
fn r35_the_time_of_a_comparison_does_not_say_where_a_guess_was_wrong() {
    let right = black_box([0x5a; 16]);
    let verifier = Verifier::from_bytes(right);
    let constant = Times::of(|guess| verifier == Verifier::from_bytes(*guess));
    let leaking = Times::of(|guess| until_it_differs(&right, guess));
    let report = format!(
        "subtle: t = {:.1}, medians differ by {:.1} %; early exit: t = {:.1}, {:.1} %",
        constant.welch(),
        100.0 * constant.difference(),
        leaking.welch(),
        100.0 * leaking.difference()
    );
    println!("{report}");
    assert!(leaking.difference() > 0.4, "the measurement detects no leak: {report}");
    // Far more than noise, far less than a leak.
    assert!(constant.difference() < 0.2, "{report}");
}
