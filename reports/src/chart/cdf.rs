//! Latencies as cumulative distributions: which share of the messages took at most so long.
//!
//! Several systems or settings beside each other, over powers of ten, because what one does in half a
//! millisecond takes another seconds. Where the tail matters most, [`latency`](super::latency) stretches it.
//!
//! *Invariants*: only points with a percentile within 0..100 and a finite latency above zero are drawn.

use super::axis::Axis;
use super::dimension::Dimension;
use super::lines::{Line, Point, draw};
use super::look::Look;
use super::marks::Marks;
use super::unit::Unit;
use super::{ChartError, Heading};
use crate::record::LatencyPoint;

/// The latencies of one system or setting.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    /// What the legend calls it.
    pub name: String,
    /// Its percentiles in any order, as [`Latency::points`](crate::summary::Latency::points) gives them; their kind
    /// does not matter.
    pub points: Vec<LatencyPoint>,
}

/// Draws the share of messages over latency, in µs, ms or s by size.
///
/// # Errors
/// [`ChartError::Draw`], which no input is known to cause.
pub fn cdf(heading: &Heading, distributions: &[Distribution]) -> Result<String, ChartError> {
    let latencies = || {
        distributions
            .iter()
            .flat_map(|one| &one.points)
            .filter(|point| drawable(point))
            .map(|point| point.latency_us)
    };
    let unit = Unit::of_latencies(latencies());
    let x = Dimension::log10(format!("latency ({})", unit.name));
    let x = x.axis(latencies().map(|latency_us| unit.of_us(latency_us)));
    let y = Axis::hundred_percent("share at or below");
    let lines: Vec<Line<'_>> =
        distributions.iter().enumerate().map(|(index, one)| line(index, one, unit)).collect();
    let given: usize = distributions.iter().map(|one| one.points.len()).sum();
    let drawn: usize = lines.iter().map(|line| line.points.len()).sum();
    let footnote = if given > drawn {
        format!("points that are no latency, left out: {}", given - drawn)
    } else {
        String::new()
    };
    draw(heading, (x, y), &lines, &Marks::none(), footnote)
}

fn drawable(point: &LatencyPoint) -> bool {
    (0.0..100.0).contains(&point.percentile) && point.latency_us.is_finite() && point.latency_us > 0.0
}

fn line(index: usize, distribution: &Distribution, unit: Unit) -> Line<'_> {
    let mut points: Vec<&LatencyPoint> = distribution.points.iter().filter(|point| drawable(point)).collect();
    points.sort_by(|one, other| {
        one.percentile.total_cmp(&other.percentile).then(one.latency_us.total_cmp(&other.latency_us))
    });
    let points = points.into_iter().map(|point| Point::exact(unit.of_us(point.latency_us), point.percentile));
    Line { name: &distribution.name, points: points.collect(), look: Look::measured(index) }
}
