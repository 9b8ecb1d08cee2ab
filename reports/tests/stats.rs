//! Estimates over seeds: against numbers that anybody can look up, and whatever samples there are.

use reports::stats::{Estimate, ends_over_seeds, mean, median, over_seeds, share};

fn assert_near(estimate: Estimate, value: f64, low: f64, high: f64) {
    let near = |told: f64, right: f64| (told - right).abs() <= 5e-4 * right.abs().max(1.0);
    assert!(
        near(estimate.value, value) && near(estimate.low, low) && near(estimate.high, high),
        "{estimate:?}"
    );
}

#[test]
fn the_mean_has_students_interval() {
    // mean 3, standard deviation √2.5, t(4) = 2.776
    assert_near(mean(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap(), 3.0, 1.0369, 4.9631);
    // 100 samples, half of them 0 and half 1: standard deviation 0.50252, t(99) = 1.984
    let tosses: Vec<f64> = (0..100).map(|index| f64::from(index % 2)).collect();
    assert_near(mean(&tosses).unwrap(), 0.5, 0.4003, 0.5997);
}

/// What curve pages draw as their bands, and say of them.
#[test]
fn few_seeds_have_their_range_and_more_students_interval() {
    for (samples, value, low, high) in [
        (&[7.0][..], 7.0, 7.0, 7.0),
        (&[3.0, 1.0, 2.0], 2.0, 1.0, 3.0),
        (&[1.0, 2.0, 3.0, 6.0], 3.0, 1.0, 6.0),
    ] {
        assert_near(over_seeds(samples).unwrap(), value, low, high);
    }
    let five = [1.0, 2.0, 3.0, 4.0, 5.0];
    assert_eq!(over_seeds(&five), mean(&five));
    assert_eq!(over_seeds(&[]), None);
    for (seeds, said) in [(1, "one seed, so nothing"), (4, "the range over 4 seeds"), (5, "95 % confidence")]
    {
        assert!(ends_over_seeds(seeds).contains(said), "{seeds}: {}", ends_over_seeds(seeds));
    }
}

#[test]
fn one_sample_has_no_spread_and_none_has_no_estimate() {
    assert_eq!(mean(&[7.5]), Some(Estimate { value: 7.5, low: 7.5, high: 7.5, samples: 1 }));
    assert_eq!(median(&[7.5]), mean(&[7.5]));
    assert_eq!((mean(&[]), median(&[]), share(0, 0)), (None, None, None));
    assert_eq!(mean(&[f64::NAN, f64::INFINITY]), None);
}

#[test]
fn the_median_lies_between_two_samples_of_the_sign_test() {
    let samples = |count: u32| -> Vec<f64> { (1..=count).map(f64::from).collect() };
    // ranks as in the tables of the sign test: 6 → 1, 10 → 2, 20 → 6, 50 → 18
    for (count, rank) in [(5, 1.0), (6, 1.0), (10, 2.0), (20, 6.0), (50, 18.0)] {
        let estimate = median(&samples(count)).unwrap();
        assert_eq!((estimate.low, estimate.high), (rank, f64::from(count) + 1.0 - rank), "{count}");
        assert_eq!(estimate.value, f64::from(count + 1) / 2.0);
    }
    // summed up and normal meet: about 0.98 · √n on either side of the middle
    for count in [1_000, 1_001, 5_000] {
        let half = median(&samples(count)).unwrap().high - f64::from(count + 1) / 2.0;
        assert!((half - 0.98 * f64::from(count).sqrt()).abs() < 1.5, "{count}: {half}");
    }
}

#[test]
fn a_share_has_wilsons_interval_down_to_none() {
    assert_near(share(10, 20).unwrap(), 0.5, 0.2993, 0.7007);
    assert_near(share(0, 10).unwrap(), 0.0, 0.0, 0.2775);
    assert_near(share(10, 10).unwrap(), 1.0, 0.7225, 1.0);
    assert_eq!(share(12, 10), share(10, 10));
}

#[test]
fn the_order_of_samples_does_not_matter_and_no_sample_breaks_it() {
    let samples = [3.25, 1e-9, 7.0, 1e9, 0.1, 0.2, 0.3];
    let mut backwards = samples;
    backwards.reverse();
    assert_eq!(mean(&samples), mean(&backwards));
    for odd in [[f64::MAX, f64::MAX], [f64::MIN, f64::MAX], [0.0, f64::MIN_POSITIVE], [-0.0, 0.0]] {
        for estimate in [mean(&odd), median(&odd)].map(Option::unwrap) {
            let Estimate { value, low, high, .. } = estimate;
            assert!(low.is_finite() && high.is_finite() && low <= value && value <= high, "{estimate:?}");
        }
    }
}
