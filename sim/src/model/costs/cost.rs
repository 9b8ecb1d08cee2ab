//! What one operation costs: a distribution, as it was measured.

use serde::{Deserialize, Serialize};

use crate::random::Stream;

/// Parts into which samples are divided.
pub const PARTS: usize = 20;
/// So many of a sum are drawn one by one; of more the mean stands for the rest, for their spread is small beside it.
const DRAWN_MAX: u64 = 8;

/// How long an operation takes, in nanoseconds: the means of equal parts of all samples, from the fastest part to the
/// slowest.
///
/// A draw is the mean of a part that is drawn evenly, so the mean of all draws is that of all samples, however long their
/// tail. One number says that it always takes the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(from = "Written", into = "Written")]
pub struct Cost {
    parts: Vec<f64>,
    mean: f64,
}

/// As it stands in a file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a number, or a list of some")]
enum Written {
    Always(f64),
    Drawn(Vec<f64>),
}

impl From<Written> for Cost {
    fn from(written: Written) -> Self {
        match written {
            Written::Always(ns) => Cost::of_parts(vec![ns]),
            Written::Drawn(parts) => Cost::of_parts(parts),
        }
    }
}

impl From<Cost> for Written {
    fn from(cost: Cost) -> Self {
        match cost.parts[..] {
            [always] => Written::Always(always),
            _ => Written::Drawn(cost.parts),
        }
    }
}

/// To four digits.
pub fn significant(number: f64) -> f64 {
    if number == 0.0 || !number.is_finite() {
        return number;
    }
    let unit = 10f64.powi(number.abs().log10().floor() as i32 - 3);
    // the last bits of a product would make a long number of a short one
    format!("{:.6e}", (number / unit).round() * unit).parse().unwrap_or(number)
}

impl Cost {
    /// It takes no time.
    pub const NOTHING: Cost = Cost { parts: Vec::new(), mean: 0.0 };

    /// It always takes so long.
    pub fn always(ns: f64) -> Cost {
        Cost::of_parts(vec![ns])
    }

    /// A factor that changes nothing.
    pub fn one() -> Cost {
        Cost::always(1.0)
    }

    /// Whether it is that.
    pub fn is_one(&self) -> bool {
        self.parts == [1.0]
    }

    /// As these samples say, to four digits. None of no samples: there is nothing to draw from.
    pub fn of_samples(mut samples: Vec<f64>) -> Option<Cost> {
        samples.retain(|sample| sample.is_finite());
        samples.sort_by(f64::total_cmp);
        let count = samples.len().min(PARTS);
        let part = |index: usize| {
            let part = &samples[index * samples.len() / count..(index + 1) * samples.len() / count];
            significant(part.iter().sum::<f64>() / part.len() as f64)
        };
        (count > 0).then(|| Cost::of_parts((0..count).map(part).collect()))
    }

    /// The means of equal parts.
    pub fn of_parts(parts: Vec<f64>) -> Cost {
        let mean = parts.iter().sum::<f64>() / parts.len().max(1) as f64;
        Cost { parts, mean }
    }

    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Cost {
        Cost::of_parts(self.parts.iter().map(|part| significant(part * factor)).collect())
    }

    /// The means of equal parts, from the fastest to the slowest.
    pub fn parts(&self) -> &[f64] {
        &self.parts
    }

    /// On average.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The middle part.
    pub fn median(&self) -> f64 {
        self.parts.get(self.parts.len() / 2).copied().unwrap_or(0.0)
    }

    /// The slowest part.
    pub fn slowest(&self) -> f64 {
        self.parts.last().copied().unwrap_or(0.0)
    }

    /// What this share of all draws, from 0 to 1, takes no longer than.
    pub fn at(&self, share: f64) -> f64 {
        let part = (share * self.parts.len() as f64) as usize;
        self.parts.get(part).or(self.parts.last()).copied().unwrap_or(0.0)
    }

    /// Whether it does not always take the same.
    pub fn varies(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether it can be drawn from, and no draw is below zero or beyond a bound.
    pub fn lies_within(&self, bound_ns: f64) -> bool {
        !self.parts.is_empty() && self.parts.iter().all(|part| (0.0..=bound_ns).contains(part))
    }

    /// One time.
    pub fn draw(&self, random: &mut Stream) -> f64 {
        match self.parts[..] {
            [always] => always,
            _ => random.pick(&self.parts).copied().unwrap_or(0.0),
        }
    }

    /// So many that take as long as each other, such as the bytes of a step.
    pub fn draw_alike(&self, count: u64, random: &mut Stream) -> f64 {
        if count == 0 { 0.0 } else { count as f64 * self.draw(random) }
    }

    /// So many times together.
    pub fn draw_sum(&self, count: u64, random: &mut Stream) -> f64 {
        if self.parts.len() == 1 {
            return count as f64 * self.mean;
        }
        let drawn: f64 = (0..count.min(DRAWN_MAX)).map(|_| self.draw(random)).sum();
        drawn + count.saturating_sub(DRAWN_MAX) as f64 * self.mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Streams;

    #[test]
    fn draws_have_the_mean_of_the_samples_whatever_their_tail() {
        let samples: Vec<f64> =
            (0..1000).map(|index| if index == 7 { 1e6 } else { f64::from(index) }).collect();
        let mean = samples.iter().sum::<f64>() / 1000.0;
        let cost = Cost::of_samples(samples).unwrap();
        assert!((cost.mean() / mean - 1.0).abs() < 1e-3, "{} is not {mean}", cost.mean());
        let mut random = Streams::new(1).stream("costs");
        let drawn = (0..200_000).map(|_| cost.draw(&mut random)).sum::<f64>() / 200_000.0;
        assert!((drawn / mean - 1.0).abs() < 0.05, "{drawn} is not {mean}");
        assert!(cost.slowest() > 10.0 * cost.median());
    }

    #[test]
    fn a_sum_of_many_is_near_their_mean() {
        let cost = Cost::of_samples((1..=100).map(f64::from).collect()).unwrap();
        let sum = cost.draw_sum(10_000, &mut Streams::new(1).stream("costs"));
        assert!((sum / 10_000.0 / cost.mean() - 1.0).abs() < 0.01);
        assert_eq!(Cost::always(3.0).draw_sum(4, &mut Streams::new(1).stream("costs")), 12.0);
    }

    #[test]
    fn what_goes_together_takes_as_long_as_each_other() {
        let cost = Cost::of_parts(vec![1.0, 5.0]);
        let mut random = Streams::new(1).stream("costs");
        let drawn: Vec<f64> = (0..50).map(|_| cost.draw_alike(100, &mut random)).collect();
        assert!(drawn.contains(&100.0) && drawn.contains(&500.0), "{drawn:?}");
        assert!(drawn.iter().all(|ns| [100.0, 500.0].contains(ns)), "{drawn:?}");
        assert_eq!(cost.draw_alike(0, &mut random), 0.0);
    }

    #[test]
    fn a_share_of_all_draws_is_within_its_part() {
        let cost = Cost::of_parts(vec![1.0, 2.0, 3.0, 4.0]);
        let found = [0.0, 0.2, 0.25, 0.74, 0.75, 1.0].map(|share| cost.at(share));
        assert_eq!(found, [1.0, 1.0, 2.0, 3.0, 4.0, 4.0]);
        assert_eq!((Cost::always(7.0).at(0.5), Cost::NOTHING.at(0.5)), (7.0, 0.0));
    }

    #[test]
    fn nothing_and_nonsense_cannot_be_drawn_from() {
        assert_eq!(Cost::of_samples(vec![f64::NAN]), None);
        let empty: Cost = Written::Drawn(Vec::new()).into();
        assert!(!empty.lies_within(1e12) && !Cost::always(-1.0).lies_within(1e12));
        assert!(!Cost::always(f64::INFINITY).lies_within(1e12) && Cost::always(5.0).lies_within(5.0));
    }
}
