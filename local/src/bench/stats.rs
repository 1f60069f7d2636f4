//! Figures out of measurements: a median with its spread, and ratios of what was measured in turns.

use std::time::Duration;

use serde_json::{Value, json};

/// A median and the quartiles around it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    pub(super) median: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Figure {
    pub(super) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let [low, median, high] = [25, 50, 75].map(|percent| percentile(&values, percent));
        Self { median, low, high }
    }

    pub(super) fn json(self) -> Value {
        json!({ "median": round(self.median), "low": round(self.low), "high": round(self.high) })
    }
}

/// Four digits are more than any of these figures deserves.
fn round(value: f64) -> f64 {
    format!("{value:.3e}").parse().unwrap_or(value)
}

/// What was measured of one subject, in microseconds, round by round.
#[derive(Clone, Debug, Default)]
pub(super) struct Rounds(Vec<Vec<f64>>);

impl Rounds {
    pub(super) fn push(&mut self, round: Vec<Duration>) {
        self.0.push(round.iter().map(|took| took.as_secs_f64() * 1e6).collect());
    }

    /// The median of the rounds' medians, and their quartiles.
    pub(super) fn figure(&self) -> Figure {
        Figure::of(self.medians())
    }

    /// Of all that was measured, whatever the round.
    pub(super) fn percentile(&self, percent: usize) -> f64 {
        let mut all: Vec<_> = self.0.iter().flatten().copied().collect();
        all.sort_by(f64::total_cmp);
        percentile(&all, percent)
    }

    /// How many times `base` it took: round by round, so that a slow moment hits both.
    pub(super) fn against(&self, base: &Self) -> Figure {
        let pairs = self.medians().into_iter().zip(base.medians());
        Figure::of(pairs.map(|(this, base)| this / base).collect())
    }

    /// How much longer than `base` it took, likewise.
    pub(super) fn beyond(&self, base: &Self) -> Figure {
        let pairs = self.medians().into_iter().zip(base.medians());
        Figure::of(pairs.map(|(this, base)| this - base).collect())
    }

    fn medians(&self) -> Vec<f64> {
        let median = |round: &Vec<f64>| Figure::of(round.clone()).median;
        self.0.iter().map(median).collect()
    }
}

/// Between two values, what lies there in proportion; of none, no number.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let hundredths = sorted.len().saturating_sub(1) * percent;
    let (at, beyond) = (hundredths / 100, (hundredths % 100) as f64 / 100.0);
    let value = |at: usize| sorted.get(at).copied();
    match (value(at), value(at + 1)) {
        (Some(this), Some(next)) => this + (next - this) * beyond,
        (this, _) => this.unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(values: &[&[u64]]) -> Rounds {
        let mut rounds = Rounds::default();
        for round in values {
            rounds.push(round.iter().map(|&micros| Duration::from_micros(micros)).collect());
        }
        rounds
    }

    #[test]
    fn of_an_even_number_the_median_lies_between_two() {
        let Figure { median, low, high } = Figure::of(vec![40.0, 10.0, 30.0, 20.0]);
        assert_eq!((low, median, high), (17.5, 25.0, 32.5));
        assert_eq!(Figure::of(vec![10.0, 20.0]).median, 15.0);
        assert!(Figure::of(Vec::new()).median.is_nan());
    }

    #[test]
    fn a_slow_moment_hits_both_sides_of_a_ratio() {
        let base = rounds(&[&[10, 10, 11], &[100, 100, 900], &[10, 9, 10]]);
        let twice = rounds(&[&[20, 20, 20], &[200, 200, 200], &[20, 20, 20]]);
        let ratio = twice.against(&base);
        assert_eq!((ratio.low, ratio.median, ratio.high), (2.0, 2.0, 2.0));
        assert_eq!(twice.figure().median, 20.0);
        assert_eq!(base.percentile(100), 900.0);
    }
}
