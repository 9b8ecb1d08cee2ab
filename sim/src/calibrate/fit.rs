//! Least squares without negative coefficients: what each of a few causes adds to a measured time.
//!
//! There are few causes, so every subset of them is tried, and the best whose coefficients are all positive is
//! taken (Lawson and Hanson, *Solving Least Squares Problems*, chapter 23, find it by steps when there are many).

use crate::model::costs::{Cost, PARTS, significant};

/// What each sample is made to take where none is to outweigh another.
pub const WHOLE_NS: f64 = 1e6;

/// One measurement: how much of each cause there was, and the time.
#[derive(Clone, Copy, Debug)]
pub struct Sample<const CAUSES: usize> {
    /// Of each cause.
    pub causes: [f64; CAUSES],
    /// Nanoseconds.
    pub ns: f64,
}

/// What one of each cause takes.
pub fn fit<const CAUSES: usize>(samples: &[Sample<CAUSES>]) -> [f64; CAUSES] {
    let subsets = 1..(1u32 << CAUSES);
    let fits =
        subsets.filter_map(|subset| solve(samples, subset)).filter(|fit| fit.iter().all(|one| *one >= 0.0));
    fits.min_by(|one, other| error(samples, one).total_cmp(&error(samples, other))).unwrap_or([0.0; CAUSES])
}

/// What is predicted of a sample.
pub fn predict<const CAUSES: usize>(fit: &[f64; CAUSES], sample: &Sample<CAUSES>) -> f64 {
    fit.iter().zip(sample.causes).map(|(each, count)| each * count).sum()
}

fn error<const CAUSES: usize>(samples: &[Sample<CAUSES>], fit: &[f64; CAUSES]) -> f64 {
    samples.iter().map(|sample| (predict(fit, sample) - sample.ns).powi(2)).sum()
}

/// By which factor samples took more or less than was predicted: of parts of equal predicted time, from the part that took
/// the least of it to the one that took the most. Their mean is what was measured for what was predicted, over all.
fn spread<const CAUSES: usize>(fit: &[f64; CAUSES], samples: &[Sample<CAUSES>], parts: usize) -> Vec<f64> {
    let mut all: Vec<(f64, f64)> = samples.iter().map(|sample| (predict(fit, sample), sample.ns)).collect();
    all.retain(|(predicted, _)| *predicted > 0.0);
    all.sort_by(|one, other| (one.1 / one.0).total_cmp(&(other.1 / other.0)));
    let share = all.iter().map(|(predicted, _)| predicted).sum::<f64>() / parts as f64;
    let mut factors = vec![0.0; parts];
    let (mut part, mut room) = (0, share);
    for (predicted, ns) in all {
        let mut left = predicted;
        while left > 0.0 {
            let taken = if part + 1 < parts { left.min(room) } else { left };
            factors[part] += taken / predicted * ns / share;
            (left, room) = (left - taken, room - taken);
            if room <= 0.0 && part + 1 < parts {
                (part, room) = (part + 1, share);
            }
        }
    }
    factors
}

/// The same as a cost to draw from.
pub fn factor<const CAUSES: usize>(fit: &[f64; CAUSES], samples: &[Sample<CAUSES>]) -> Cost {
    Cost::of_parts(spread(fit, samples, PARTS).into_iter().map(significant).collect())
}

/// An equation: what the unknowns are multiplied by, and what comes of it.
type Equation<const CAUSES: usize> = ([f64; CAUSES], f64);

/// The normal equations of these causes alone; none if they do not tell them apart.
fn solve<const CAUSES: usize>(samples: &[Sample<CAUSES>], subset: u32) -> Option<[f64; CAUSES]> {
    let of_subset = |cause: usize| subset & (1 << cause) != 0;
    let mut rows: [Equation<CAUSES>; CAUSES] = [([0.0; CAUSES], 0.0); CAUSES];
    for sample in samples {
        for (one, (row, sum)) in rows.iter_mut().enumerate().filter(|(one, _)| of_subset(*one)) {
            for other in (0..CAUSES).filter(|other| of_subset(*other)) {
                row[other] += sample.causes[one] * sample.causes[other];
            }
            *sum += sample.causes[one] * sample.ns;
        }
    }
    (0..CAUSES).filter(|cause| !of_subset(*cause)).for_each(|cause| rows[cause].0[cause] = 1.0);
    eliminate(rows)
}

/// Gauss and Jordan.
fn eliminate<const CAUSES: usize>(mut rows: [Equation<CAUSES>; CAUSES]) -> Option<[f64; CAUSES]> {
    for column in 0..CAUSES {
        let pivot =
            (column..CAUSES).max_by(|a, b| rows[*a].0[column].abs().total_cmp(&rows[*b].0[column].abs()))?;
        rows.swap(column, pivot);
        let (own, own_sum) = rows[column];
        if own[column].abs() < 1e-9 {
            return None;
        }
        for (_, (row, sum)) in rows.iter_mut().enumerate().filter(|(row, _)| *row != column) {
            let factor = row[column] / own[column];
            row.iter_mut().zip(own).for_each(|(cell, own)| *cell -= factor * own);
            *sum -= factor * own_sum;
        }
    }
    Some(std::array::from_fn(|cause| rows[cause].1 / rows[cause].0[cause]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(of: impl Fn([f64; 3]) -> f64) -> Vec<Sample<3>> {
        let all = (0..60).map(|i: i32| [1.0, f64::from(i % 7), f64::from(i * i % 100)]);
        all.map(|causes| Sample { causes, ns: of(causes) }).collect()
    }

    #[test]
    fn what_each_cause_adds_is_found() {
        let fit = fit(&samples(|[step, inputs, bytes]| 100.0 * step + 30.0 * inputs + 2.0 * bytes));
        for (found, given) in fit.iter().zip([100.0, 30.0, 2.0]) {
            assert!((found - given).abs() < 1e-6, "{fit:?}");
        }
    }

    #[test]
    fn no_cause_takes_time_back() {
        let fit = fit(&samples(|[step, inputs, bytes]| 1000.0 * step + 30.0 * inputs - 2.0 * bytes));
        assert!(fit.iter().all(|one| *one >= 0.0) && fit[2] == 0.0, "{fit:?}");
    }

    #[test]
    fn the_spread_has_the_mean_of_what_was_measured() {
        let samples: Vec<Sample<1>> = (1..=1000)
            .map(|i| Sample { causes: [1.0], ns: if i % 50 == 0 { 5000.0 } else { 10.0 } })
            .collect();
        let spread = spread(&[100.0], &samples, 20);
        assert!(spread.is_sorted(), "{spread:?}");
        let measured = samples.iter().map(|sample| sample.ns).sum::<f64>();
        assert!((spread.iter().sum::<f64>() / 20.0 * 100_000.0 / measured - 1.0).abs() < 1e-9, "{spread:?}");
    }

    #[test]
    fn nothing_measured_costs_nothing() {
        assert_eq!(fit::<3>(&[]), [0.0; 3]);
    }
}
