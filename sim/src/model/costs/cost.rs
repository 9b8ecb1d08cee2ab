//! What one operation costs: a distribution, as it was measured.

use serde::{Deserialize, Serialize};

use crate::random::{Point, Stream};

/// Parts into which samples are divided, and those of the slowest part again, if there are as many of them.
pub const PARTS: usize = 20;
/// So many of a sum are drawn one by one; of more the mean stands for the rest, for their spread is small beside it.
const DRAWN_MAX: u64 = 8;

/// How long an operation takes, in nanoseconds: the means of equal parts of all samples, from the fastest part to the
/// slowest. Where there are enough samples the slowest part is divided again, as all of them were: what takes long is rare, and
/// the mean of a part says nothing of what it takes.
///
/// A draw is the mean of a part that is drawn evenly, so the mean of all draws is that of all samples, however long their
/// tail. One number says that it always takes the same.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Cost {
    parts: Vec<f64>,
    /// The last of these parts, divided.
    tail: Option<Box<Cost>>,
    mean: f64,
}

/// As it stands in a file.
#[derive(Clone, Deserialize, Serialize)]
#[serde(untagged, expecting = "expected a number, or a list of some")]
enum Written {
    Always(f64),
    Drawn(Vec<Written>),
}

impl TryFrom<Written> for Cost {
    type Error = &'static str;

    fn try_from(written: Written) -> Result<Self, Self::Error> {
        let drawn = match written {
            Written::Always(ns) => return Ok(Cost::always(ns)),
            Written::Drawn(drawn) => drawn,
        };
        let mut costs = drawn.into_iter().map(Cost::try_from).collect::<Result<Vec<_>, _>>()?;
        if costs.iter().any(|cost| cost.parts.is_empty()) {
            return Err("a list in a list has a number at least");
        }
        if costs.len() == 1 {
            return Ok(costs.remove(0));
        }
        let divided = costs.iter().position(Cost::varies);
        if divided.is_some_and(|at| at + 1 < costs.len()) {
            return Err("only the last number of a list, the slowest part, can be a list itself");
        }
        let parts = costs.iter().map(Cost::mean).collect();
        Ok(Cost::with_tail(parts, divided.and_then(|_| costs.pop())))
    }
}

impl From<Cost> for Written {
    fn from(cost: Cost) -> Self {
        match cost.parts[..] {
            [always] => Written::Always(always),
            _ => {
                let mut parts: Vec<Written> = cost.parts.into_iter().map(Written::Always).collect();
                if let (Some(last), Some(tail)) = (parts.last_mut(), cost.tail) {
                    *last = Written::from(*tail);
                }
                Written::Drawn(parts)
            }
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
    pub const NOTHING: Cost = Cost { parts: Vec::new(), tail: None, mean: 0.0 };

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
        (!samples.is_empty()).then(|| Cost::of_range(&samples, 0.0, samples.len() as f64))
    }

    /// Of what lies between two places among sorted samples, the first of which lies from 0 to 1: a sample on a border belongs to
    /// both sides in proportion, or parts would not be equal.
    fn of_range(samples: &[f64], from: f64, to: f64) -> Cost {
        let count = ((to - from) as usize).clamp(1, PARTS);
        let width = (to - from) / count as f64;
        let border = |index: usize| from + width * index as f64;
        let mean = |index: usize| {
            let (from, to) = (border(index), border(index + 1));
            let inside = (from as usize..samples.len()).take_while(|at| (*at as f64) < to);
            let share = |at: usize| to.min(at as f64 + 1.0) - from.max(at as f64);
            significant(inside.map(|at| samples[at] * share(at)).sum::<f64>() / width)
        };
        let tail = (width >= PARTS as f64).then(|| Cost::of_range(samples, border(count - 1), to));
        Cost::with_tail((0..count).map(mean).collect(), tail)
    }

    /// The means of equal parts.
    pub fn of_parts(parts: Vec<f64>) -> Cost {
        Cost::with_tail(parts, None)
    }

    /// The same, and the last of them divided. It takes what that takes.
    fn with_tail(mut parts: Vec<f64>, tail: Option<Cost>) -> Cost {
        if let (Some(last), Some(tail)) = (parts.last_mut(), &tail) {
            *last = tail.mean;
        }
        let mean = parts.iter().sum::<f64>() / parts.len().max(1) as f64;
        Cost { parts, tail: tail.map(Box::new), mean }
    }

    /// So many times as long.
    #[must_use]
    pub fn times(&self, factor: f64) -> Cost {
        let parts = self.parts.iter().map(|part| significant(part * factor)).collect();
        Cost::with_tail(parts, self.tail.as_ref().map(|tail| tail.times(factor)))
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
        self.at_point(Point::at(share))
    }

    fn at_point(&self, point: Point) -> f64 {
        let (part, within) = point.among(self.parts.len());
        match &self.tail {
            Some(tail) if part + 1 == self.parts.len() => tail.at_point(within),
            _ => self.parts.get(part).copied().unwrap_or(0.0),
        }
    }

    /// Whether it does not always take the same.
    pub fn varies(&self) -> bool {
        self.parts.len() > 1
    }

    /// Whether it can be drawn from, and no draw is below zero or beyond a bound.
    pub fn lies_within(&self, bound_ns: f64) -> bool {
        let tail = self.tail.as_ref().is_none_or(|tail| tail.lies_within(bound_ns));
        tail && !self.parts.is_empty() && self.parts.iter().all(|part| (0.0..=bound_ns).contains(part))
    }

    /// One time.
    pub fn draw(&self, random: &mut Stream) -> f64 {
        match self.parts[..] {
            [always] => always,
            _ => self.at_point(random.point()),
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
    fn what_is_rare_is_drawn_as_rarely_as_it_was_measured() {
        // one of a thousand takes long
        let samples = (0..20_000).map(|index| if index % 1000 == 7 { 1e6 } else { 100.0 });
        let cost = Cost::of_samples(samples.collect()).unwrap();
        assert!((cost.mean() / 1099.9 - 1.0).abs() < 1e-3, "{}", cost.mean());
        let mut random = Streams::new(1).stream("costs");
        let long = (0..100_000).filter(|_| cost.draw(&mut random) > 5e5).count();
        assert!((70..=130).contains(&long), "{long}");
        assert_eq!((cost.at(0.5), cost.at(0.9989), cost.at(0.9995)), (100.0, 100.0, 1e6));
        assert_eq!(cost.times(2.0).at(1.0), 2e6);
        assert!(cost.lies_within(1e6) && !cost.lies_within(9e5));
    }

    #[test]
    fn a_divided_part_is_written_as_a_list_in_its_place() {
        let cost = Cost::of_samples((1..=800).map(f64::from).collect()).unwrap();
        let text = serde_json::to_string(&cost).unwrap();
        assert!(text.starts_with("[20.5,60.5,") && text.ends_with(",[761.5,763.5,765.5,767.5,769.5,771.5,773.5,775.5,777.5,779.5,781.5,783.5,785.5,787.5,789.5,791.5,793.5,795.5,797.5,799.5]]"), "{text}");
        assert_eq!(serde_json::from_str::<Cost>(&text).unwrap(), cost);
        let error = serde_json::from_str::<Cost>("[1.0,[2.0,3.0],4.0]").unwrap_err().to_string();
        assert!(error.contains("only the last number of a list"), "{error}");
        let error = serde_json::from_str::<Cost>("[1.0,\"x\"]").unwrap_err().to_string();
        assert!(error.contains("expected a number, or a list of some"), "{error}");
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
        let empty = Cost::try_from(Written::Drawn(Vec::new())).unwrap();
        assert!(!empty.lies_within(1e12) && !Cost::always(-1.0).lies_within(1e12));
        assert!(!Cost::always(f64::INFINITY).lies_within(1e12) && Cost::always(5.0).lies_within(5.0));
    }
}
