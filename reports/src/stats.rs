//! What many seeds say together: an estimate, and the interval in which the true value lies with 95 % confidence.
//!
//! One seed is an anecdote. A plot shows the mean over seeds within its interval, so that a reader sees whether
//! two lines differ or are noise.
//!
//! - [`mean`]: Student's t interval. It takes the samples for independent, and their mean for about normal; means
//!   over seeds are, save with few seeds and a heavy tail.
//! - [`over_seeds`]: the same from five samples on; of fewer, whose interval would be wider than anything that was measured,
//!   the mean within their range.
//! - [`median`]: from the order of the samples alone (the sign test turned round), whatever their distribution; at
//!   least 95 %, but up to five samples cannot reach that: then it is all of them, and covers less.
//! - [`share`]: Wilson's interval of a proportion, right down to none and up to all.
//!
//! The quantiles of Student's distribution are a table of three decimals, as printed in every textbook, and between
//! its rows interpolated in 1/n. A library computes them with logarithms of the platform, which differ in the
//! last bit from one machine to the next; equal input must give equal bytes.
//!
//! *Invariants*: `low ≤ value ≤ high`; samples that are no finite number count for nothing; the order of the
//! samples does not matter.

use serde::{Deserialize, Serialize};

/// A value that was measured several times.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The mean, the median or the share.
    pub value: f64,
    /// Lower end of the interval. Of one sample alone, the value itself: it says nothing of the spread.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
    /// How many samples it stands on.
    pub samples: u64,
}

/// Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom.
const T: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];
/// The same for more, by degrees of freedom.
const T_BEYOND: [(f64, f64); 5] =
    [(30.0, 2.042), (40.0, 2.021), (60.0, 2.000), (120.0, 1.980), (f64::INFINITY, NORMAL)];
/// The same of the normal distribution.
const NORMAL: f64 = 1.960;
/// Up to so many samples the binomial distribution is summed up; beyond, the normal one is as good.
const SUMMED_MAX: usize = 1_000;

/// The mean, with Student's interval; `None` of no samples.
#[must_use]
pub fn mean(samples: &[f64]) -> Option<Estimate> {
    let samples = sorted(samples);
    let count = samples.len();
    let (&first, &last) = samples.first().zip(samples.last())?;
    let sum: f64 = samples.iter().sum();
    // a sum may be larger than any number, where its parts are not
    let parts = || samples.iter().map(|sample| sample / count as f64).sum();
    let mean = if sum.is_finite() { sum / count as f64 } else { parts() }.clamp(first, last);
    let half = match count {
        1 => 0.0,
        _ => {
            let squares = samples.iter().map(|sample| (sample - mean).powi(2) / (count - 1) as f64);
            t(count - 1) * (squares.sum::<f64>() / count as f64).sqrt()
        }
    };
    let end = |value: f64, beyond: f64| if value.is_finite() { value } else { beyond };
    Some(Estimate {
        value: mean,
        low: end(mean - half, f64::MIN),
        high: end(mean + half, f64::MAX),
        samples: count as u64,
    })
}

/// From so many samples on Student's interval says something.
pub const FEW: u64 = 5;

/// The mean, within Student's interval, or of fewer than [`FEW`] samples within their range; `None` of no samples.
#[must_use]
pub fn over_seeds(samples: &[f64]) -> Option<Estimate> {
    let estimate = mean(samples)?;
    if estimate.samples >= FEW {
        return Some(estimate);
    }
    let samples = sorted(samples);
    let (low, high) = samples.first().zip(samples.last())?;
    Some(Estimate { low: *low, high: *high, ..estimate })
}

/// What the ends of [`over_seeds`] are of so many samples, in words.
#[must_use]
pub fn ends_over_seeds(samples: u64) -> String {
    match samples {
        0 | 1 => "one seed, so nothing is said of the spread".to_owned(),
        few if few < FEW => format!("the ends are the range over {few} seeds"),
        many => format!("the ends are those of a 95 % confidence interval over {many} seeds"),
    }
}

/// The median, with the interval between two of the samples; `None` of no samples.
#[must_use]
pub fn median(samples: &[f64]) -> Option<Estimate> {
    let samples = sorted(samples);
    let count = samples.len();
    let upper = *samples.get(count / 2)?;
    let lower = samples[(count - 1) / 2];
    let outside = outside(count);
    Some(Estimate {
        value: lower / 2.0 + upper / 2.0,
        low: samples[outside],
        high: samples[count - 1 - outside],
        samples: count as u64,
    })
}

/// How large a share `hits` are of `trials`, with Wilson's interval; `None` of no trials. More hits than trials
/// count as all.
#[must_use]
pub fn share(hits: u64, trials: u64) -> Option<Estimate> {
    if trials == 0 {
        return None;
    }
    let count = trials as f64;
    let value = hits.min(trials) as f64 / count;
    let weight = NORMAL * NORMAL / count;
    let middle = (value + weight / 2.0) / (1.0 + weight);
    let half = NORMAL * (value * (1.0 - value) / count + weight / (4.0 * count)).sqrt() / (1.0 + weight);
    let (low, high) = ((middle - half).max(0.0).min(value), (middle + half).min(1.0).max(value));
    Some(Estimate { value, low, high, samples: trials })
}

fn sorted(samples: &[f64]) -> Vec<f64> {
    let mut samples: Vec<f64> = samples.iter().copied().filter(|sample| sample.is_finite()).collect();
    samples.sort_by(f64::total_cmp);
    samples
}

/// The quantile for so many degrees of freedom, at least one.
fn t(freedom: usize) -> f64 {
    if let Some(&quantile) = T.get(freedom - 1) {
        return quantile;
    }
    let inverse = 1.0 / freedom as f64;
    let between = |pair: &[(f64, f64)]| {
        let ((few, high), (many, low)) = (pair[0], pair[1]);
        let (few, many) = (1.0 / few, 1.0 / many);
        (inverse >= many).then(|| low + (high - low) * (inverse - many) / (few - many))
    };
    T_BEYOND.windows(2).find_map(between).unwrap_or(NORMAL)
}

/// How many samples lie outside the interval of the median, on either side: the most for which so few heads or
/// fewer come in `count` tosses with at most 2.5 %.
fn outside(count: usize) -> usize {
    if count > SUMMED_MAX {
        let half = count as f64 / 2.0;
        return (half - NORMAL * (count as f64).sqrt() / 2.0 - 0.5).floor() as usize;
    }
    let mut probability = 0.5_f64.powi(count as i32);
    let mut sum = 0.0;
    for heads in 0..count / 2 {
        sum += probability;
        if sum > 0.025 {
            return heads.saturating_sub(1);
        }
        probability *= (count - heads) as f64 / (heads + 1) as f64;
    }
    0
}
