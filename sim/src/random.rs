//! Named random streams: every random decision of a run, drawn from one seed and a name.
//!
//! A run that drew everything from one generator would change altogether as soon as one consumer drew once more
//! or once less: no scenario could be shrunk, no fault taken out to see what happens without it. So each consumer
//! has a stream of its own, seeded by SHA-256 over the seed and the consumer's name; removing one consumer leaves
//! all others as they were.
//!
//! # Invariants
//! - Same seed and name: same values, on every machine. Logarithms and the like come from `libm`, which is plain
//!   Rust; those of `std` may differ in the last bit between platforms.
//! - Every helper takes a fixed number of values from its stream, whatever it returns.

use std::{convert::Infallible, ops::RangeInclusive};

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;
use sha2::{Digest, Sha256};

/// Keeps these digests apart from every other use of SHA-256.
const DOMAIN: &[u8] = b"noise-sim-random-stream-v1\0";

/// The 99th percentile of the standard normal distribution.
const NORMAL_P99: f64 = 2.326_347_874_040_841;

/// All the random streams of one seed.
///
/// ```
/// use sim::random::Streams;
/// let streams = Streams::new(7);
/// let mut link = streams.stream("network/client/0->handler/0");
/// let _lost = link.chance(0.01);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of a run's seed.
    pub fn new(seed: u64) -> Self {
        Streams { seed }
    }

    /// The seed they all descend from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The stream of that name, from its beginning.
    pub fn stream(&self, name: &str) -> Stream {
        let digest = Sha256::new().chain_update(DOMAIN).chain_update(self.seed.to_be_bytes());
        Stream(ChaCha8Rng::from_seed(digest.chain_update(name).finalize().into()))
    }
}

/// One consumer's random values; it implements [`rand::Rng`].
///
/// It is not `Clone`: two consumers of the same values are a mistake.
#[derive(Debug)]
pub struct Stream(ChaCha8Rng);

impl TryRng for Stream {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.0.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0.try_next_u64()
    }

    fn try_fill_bytes(&mut self, target: &mut [u8]) -> Result<(), Infallible> {
        self.0.try_fill_bytes(target)
    }
}

impl Stream {
    /// A number in `0..count`; 0 if `count` is 0.
    ///
    /// Multiplies instead of rejecting: the bias, below `count / 2^64`, buys one value per draw.
    pub fn below(&mut self, count: u64) -> u64 {
        scale(self.next_u64(), u128::from(count))
    }

    /// A number of that range, both ends included; its start if the range is upside down.
    pub fn within(&mut self, range: RangeInclusive<u64>) -> u64 {
        let (low, high) = range.into_inner();
        low + scale(self.next_u64(), u128::from(high.saturating_sub(low)) + 1)
    }

    /// A point of the whole range: which of several equal parts it lies in, and where in that, it says at once.
    pub fn point(&mut self) -> Point {
        Point(self.next_u64())
    }

    /// A number in `0.0..1.0`, a multiple of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A number of that range of floats.
    pub fn within_f64(&mut self, range: RangeInclusive<f64>) -> f64 {
        let (low, high) = range.into_inner();
        (low + (high - low) * self.unit()).min(high)
    }

    /// True with that probability: never at 0 and below, always at 1 and above.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A waiting time of a Poisson process, by inverse transform: never negative, `mean` on average.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// A value of the standard normal distribution, by the cosine half of Box and Muller's transform.
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }

    /// A value of the log-normal distribution with that median and 99th percentile, both above 0.
    pub fn log_normal(&mut self, median: f64, p99: f64) -> f64 {
        let spread = libm::log(p99 / median) / NORMAL_P99;
        median * libm::exp(spread * self.normal())
    }

    /// A value of the distribution with these quantiles, evenly spaced from the smallest value to the largest.
    pub fn quantile(&mut self, quantiles: &[u64]) -> f64 {
        let Some(last) = quantiles.len().checked_sub(1) else { return 0.0 };
        let place = self.unit() * last as f64;
        let below = (place as usize).min(last);
        let (low, high) = (quantiles[below] as f64, quantiles[(below + 1).min(last)] as f64);
        low + (high - low) * (place - below as f64)
    }

    /// One of the items; nothing if there are none.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let index = self.below(items.len() as u64);
        items.get(index as usize)
    }
}

/// A point of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point(u64);

impl Point {
    /// This share of the range, from 0 to 1.
    pub fn at(share: f64) -> Point {
        Point((share * 2f64.powi(64)) as u64)
    }

    /// In which of so many equal parts it lies, and where in that.
    pub fn among(self, parts: usize) -> (usize, Point) {
        let place = u128::from(self.0) * parts as u128;
        ((place >> 64) as usize, Point(place as u64))
    }
}

/// `value` of 2^64, as the same share of `count`.
fn scale(value: u64, count: u128) -> u64 {
    ((u128::from(value) * count) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Streams::new(1).stream("test")
    }

    fn many(count: usize, mut draw: impl FnMut() -> f64) -> Vec<f64> {
        let mut values: Vec<f64> = (0..count).map(|_| draw()).collect();
        values.sort_by(f64::total_cmp);
        values
    }

    #[test]
    fn a_stream_depends_on_seed_and_name_alone() {
        let first = |seed, name| Streams::new(seed).stream(name).next_u64();
        assert_eq!(first(1, "keys"), first(1, "keys"));
        assert_ne!(first(1, "keys"), first(2, "keys"));
        assert_ne!(first(1, "keys"), first(1, "network/a->b"));
    }

    #[test]
    fn streams_are_the_same_on_every_machine() {
        let mut stream = stream();
        assert_eq!(stream.next_u64(), GOLDEN_INTEGER);
        assert_eq!(stream.exponential(1.0).to_bits(), GOLDEN_EXPONENTIAL);
        assert_eq!(stream.log_normal(300.0, 2000.0).to_bits(), GOLDEN_LOG_NORMAL);
    }

    const GOLDEN_INTEGER: u64 = 11_640_765_547_905_077_169;
    const GOLDEN_EXPONENTIAL: u64 = 4_598_577_076_951_395_687;
    const GOLDEN_LOG_NORMAL: u64 = 4_636_960_207_601_869_004;

    #[test]
    fn within_reaches_both_ends_and_nothing_else() {
        let mut stream = stream();
        let drawn: std::collections::BTreeSet<u64> = (0..1000).map(|_| stream.within(3..=7)).collect();
        assert_eq!(drawn.into_iter().collect::<Vec<_>>(), [3, 4, 5, 6, 7]);
        assert_eq!(stream.within(9..=9), 9);
        #[allow(clippy::reversed_empty_ranges)]
        let upside_down = 9..=3;
        assert_eq!(stream.within(upside_down), 9);
        stream.within(0..=u64::MAX);
    }

    #[test]
    fn within_f64_stays_in_its_range() {
        let mut stream = stream();
        let drawn = many(1000, || stream.within_f64(0.25..=0.5));
        assert!(drawn[0] >= 0.25 && drawn[0] < 0.26 && drawn[999] > 0.49 && drawn[999] <= 0.5);
    }

    #[test]
    fn chance_is_certain_at_its_ends() {
        let mut stream = stream();
        assert!((0..1000).all(|_| !stream.chance(0.0) && stream.chance(1.0)));
        let hits = (0..10_000).filter(|_| stream.chance(0.1)).count();
        assert!((900..1100).contains(&hits), "{hits} of 10000");
    }

    #[test]
    fn exponential_has_its_mean() {
        let mut stream = stream();
        let drawn = many(20_000, || stream.exponential(5.0));
        let mean = drawn.iter().sum::<f64>() / 20_000.0;
        assert!(drawn[0] >= 0.0 && (4.8..5.2).contains(&mean), "mean {mean}");
    }

    #[test]
    fn log_normal_has_its_percentiles() {
        let mut stream = stream();
        let drawn = many(20_000, || stream.log_normal(300.0, 2000.0));
        assert!((290.0..310.0).contains(&drawn[10_000]), "median {}", drawn[10_000]);
        assert!((1800.0..2200.0).contains(&drawn[19_800]), "p99 {}", drawn[19_800]);
        assert!((stream.log_normal(7.0, 7.0) - 7.0).abs() < 1e-12);
    }

    #[test]
    fn quantile_follows_its_quantiles() {
        let mut stream = stream();
        let drawn = many(20_000, || stream.quantile(&[100, 200, 1000]));
        assert!(drawn[0] >= 100.0 && drawn[19_999] <= 1000.0);
        assert!((190.0..215.0).contains(&drawn[10_000]), "median {}", drawn[10_000]);
        assert_eq!((stream.quantile(&[7]), stream.quantile(&[])), (7.0, 0.0));
    }

    #[test]
    fn pick_takes_any_item() {
        let mut stream = stream();
        assert_eq!(stream.pick::<u8>(&[]), None);
        let drawn: std::collections::BTreeSet<_> =
            (0..100).filter_map(|_| stream.pick(&["a", "b"])).collect();
        assert_eq!(drawn.len(), 2);
    }
}
